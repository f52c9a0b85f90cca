//! Where the files of an export go once it was applied: remembered by content, and moved away when no job needs them.
use std::path::{Path, PathBuf};

use hirewire_job::fingerprint_name;
use hirewire_source::content_hash;
use hirewire_store::Pickup;
use jiff::Timestamp;

use crate::commands::sync::stamp;
use crate::context::Context;
use crate::cycle::Feed;
use crate::report::Report;

/// Notes that `job` has taken the files, and moves them to the source's `archive` when every other job that reads the source
/// has taken them too.
pub(crate) fn put_away(context: &Context, job: &str, feed: &Feed<'_>, now: Timestamp) -> Result<(), Report> {
    let others: Vec<String> = (context.project.file.job.iter())
        .filter(|(name, section)| {
            *name != job && context.project.sources_of(section).any(|(source, _)| source == feed.name)
        })
        .map(|(name, _)| fingerprint_name(feed.name, name))
        .collect();
    let shared = feed.config.archive.is_some() && !others.is_empty();
    let files = if shared { hashes(feed)? } else { Vec::new() };
    for (path, content_hash) in &feed.batch.fresh {
        remember(context, feed, path, *content_hash, now)?;
    }
    for (path, content_hash) in files.iter().filter(|(path, _)| !is_fresh(feed, path)) {
        remember(context, feed, path, *content_hash, now)?;
    }
    for other in &others {
        if shared && !has_taken(context, other, feed.export.was_found(), &files)? {
            return Ok(());
        }
    }
    feed.export.archive(&stamp(now))?;
    Ok(())
}

/// The files with their contents. What is read from standard input has no file.
fn hashes(feed: &Feed<'_>) -> Result<Vec<(PathBuf, [u8; 32])>, Report> {
    let files = feed.export.files().iter().filter(|path| path.is_file());
    files.map(|path| Ok((path.clone(), content_hash(path)?))).collect()
}

fn is_fresh(feed: &Feed<'_>, path: &Path) -> bool {
    feed.batch.fresh.iter().any(|(fresh, _)| fresh == path)
}

fn remember(
    context: &Context,
    feed: &Feed<'_>,
    path: &Path,
    content_hash: [u8; 32],
    picked: Timestamp,
) -> Result<(), Report> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    let source = feed.fingerprint_name.clone();
    Ok(context.store.record_pickup(Pickup { source, name, content_hash, size, picked })?)
}

/// Whether another job has taken all these contents. The file of a pattern is taken once; one that is named is read anew each
/// day, so only what was taken last counts.
fn has_taken(
    context: &Context,
    other: &str,
    found: bool,
    files: &[(PathBuf, [u8; 32])],
) -> Result<bool, Report> {
    let last = if found { Vec::new() } else { context.store.pickups(other, files.len())? };
    for (_, hash) in files {
        let taken = match found {
            true => context.store.find_pickup(other, hash)?.is_some(),
            false => last.iter().any(|pickup| pickup.content_hash == *hash),
        };
        if !taken {
            return Ok(false);
        }
    }
    Ok(true)
}
