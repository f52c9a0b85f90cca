//! From an export into the inbox: people who are new or changed become operations of bulk requests.
use hirewire_source::{Entry, Export, Fingerprints, Reading, Reject, Scan, SourceError};
use hirewire_store::{Deduplicate, JobKey, NewOperation, NewUpload, Store};
use jiff::Timestamp;

use crate::error::JobError;

/// Operations of one bulk request from a file: many enough for a cheap commit, few enough for little memory.
const OPERATIONS: usize = 1000;

/// Segments after which the fingerprints are written anew, beyond those that a first load leaves behind: writing them
/// takes memory, and reading many small ones does not.
const SEGMENTS: u64 = 64;

/// People in one stored segment.
const SEGMENT: usize = 1 << 15;

/// Under which name a job's fingerprints of a source are kept: each job remembers for itself what it has seen.
pub fn fingerprint_name(source: &str, job: &str) -> String {
    format!("{source}/{job}")
}

/// What the source's people looked like when this job last took them.
pub fn fingerprints(store: &Store, name: &str) -> Result<Fingerprints, JobError> {
    let (bytes, segments) = store.fingerprint_size(name)?;
    if segments == 0 {
        return Ok(Fingerprints::default());
    }
    let mut reading = Reading::with_capacity(usize::try_from(bytes).unwrap_or(0));
    let mut read = Ok(());
    store.fingerprints(name, |segment| {
        if read.is_ok() {
            read = reading.absorb(segment);
        }
    })?;
    read?;
    let known = reading.finish();
    if segments > SEGMENTS + (known.len() * 2 / OPERATIONS) as u64 {
        keep_fingerprints(store, name, &known)?;
    }
    Ok(known)
}

/// Writes a source's fingerprints anew.
fn keep_fingerprints(store: &Store, name: &str, known: &Fingerprints) -> Result<(), JobError> {
    Ok(store.replace_fingerprints(name, known.segments(SEGMENT))?)
}

/// One source's people on their way into one job's inbox.
pub struct Feed<'a> {
    /// The store.
    pub store: &'a Store,
    /// The job.
    pub job: JobKey,
    /// The source's name, for receipts.
    pub source: &'a str,
    /// See [`fingerprint_name`].
    pub fingerprint_name: &'a str,
    /// What was known before.
    pub known: &'a Fingerprints,
    /// Now.
    pub now: Timestamp,
}

impl Feed<'_> {
    /// Accepts everybody who is new or changed, and `leavers`: operations for people who are no longer in the export.
    /// Operations and the fingerprints that say "seen" are on disk together, so a crash between two chunks repeats nothing
    /// and loses nothing. `progress` is told how many were accepted. Gives back the rows whose mapping failed.
    pub fn accept(
        &self,
        export: &Export,
        scan: &Scan,
        leavers: Vec<NewOperation>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<Reject>, JobError> {
        let mut chunk = Chunk::default();
        let mut accepted = 0;
        let rejects = export.records(scan, |mapped| {
            chunk.size += mapped.scim_json.len() as u64;
            chunk.operations.push(NewOperation {
                bulk_id: None,
                anchor: mapped.key.to_owned(),
                data: mapped.scim_json.to_owned(),
                origin: Some(origin(export, &mapped)),
            });
            chunk.entries.push(mapped.entry);
            if chunk.operations.len() == OPERATIONS {
                accepted += self.send(std::mem::take(&mut chunk)).map_err(caller)?;
                progress(accepted);
            }
            Ok(())
        })?;
        chunk.entries.extend(scan.refreshed.iter().copied());
        chunk.size += leavers.iter().map(|leaver| leaver.data.len() as u64).sum::<u64>();
        chunk.operations.extend(leavers);
        if !chunk.operations.is_empty() {
            accepted += self.send(chunk)?;
            progress(accepted);
        } else if !chunk.entries.is_empty() {
            self.store.append_fingerprints(self.fingerprint_name, self.known.segment(&chunk.entries))?;
        }
        Ok(rejects)
    }

    fn send(&self, chunk: Chunk) -> Result<u64, JobError> {
        let count = chunk.operations.len() as u64;
        self.store.accept(NewUpload {
            job: self.job,
            request_id: uuid::Uuid::now_v7().to_string(),
            client_request_id: None,
            received: self.now,
            app_id: None,
            source: self.source.to_owned(),
            size: chunk.size,
            operations: chunk.operations,
            warnings: Vec::new(),
            content_hash: None,
            deduplicate: Deduplicate::Never,
            fingerprint_segment: Some((self.fingerprint_name.to_owned(), self.known.segment(&chunk.entries))),
        })?;
        Ok(count)
    }
}

#[derive(Default)]
struct Chunk {
    operations: Vec<NewOperation>,
    entries: Vec<Entry>,
    size: u64,
}

/// `people.csv:17`: the file and the line that a person's values came from.
pub fn origin(export: &Export, mapped: &hirewire_source::Mapped<'_>) -> String {
    let file = export.files().get(mapped.at.file as usize);
    let name =
        file.and_then(|path| path.file_name()).map_or_else(|| "-".into(), |name| name.to_string_lossy());
    format!("{name}:{}", mapped.at.line)
}

fn caller(error: JobError) -> SourceError {
    SourceError::Caller(error.to_string())
}
