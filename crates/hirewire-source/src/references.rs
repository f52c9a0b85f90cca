//! Who manages whom, once all rows are known: own managers, circles, managers in no row.
//!
//! Only people whose row changed are looked at: a circle can only arise through one of them.

use crate::SourceConfig;
use crate::changes::{Pass, State, push};
use crate::config::Mode;
use crate::finding::{SourceError, Warning, WarningCode};
use crate::layout::{Handle, Layout};
use crate::reader::{Facts, RecordReader};
use crate::row::Row;
use std::collections::{HashMap, HashSet};

const LONGEST_CHAIN: usize = 512;
/// In place of a key when several people share what a reference repeats; no hash is 0.
const SEVERAL: u64 = 0;

/// What references by another column than the key mean.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    /// Hash of the other column → hash of the key, or [`SEVERAL`].
    keys: hashbrown::HashMap<u64, u64>,
    /// Hash of the other column → key, for those who are referred to by a changed row.
    pub(crate) texts: HashMap<u64, String>,
}

impl Handles {
    pub(crate) fn collect(
        files: &[Facts],
        config: &SourceConfig,
        layout: &Layout,
        by: &Handle,
        seed: u64,
        wanted: Option<&HashSet<u64>>,
    ) -> Result<Self, SourceError> {
        let mut handles = Self::default();
        let mut row = Row::default();
        for facts in files {
            let mut reader = RecordReader::open(facts, config)?;
            let (places, _) = reader.places(layout);
            while reader.next()?.is_some() {
                if reader.fill(&mut row, &places, layout).is_err() {
                    continue;
                }
                let (handle, key) = (row.handle_hash(by, seed), row.exact_hash(layout.key, seed));
                if handle == 0 || key == 0 {
                    continue;
                }
                let known = handles.keys.entry(handle).or_insert(key);
                if *known != key {
                    *known = SEVERAL;
                    handles.texts.remove(&handle);
                    continue;
                }
                if wanted.is_none_or(|w| w.contains(&handle)) {
                    handles.texts.insert(handle, row.value(layout.key).to_string());
                }
            }
        }
        Ok(handles)
    }
}

impl Pass<'_> {
    /// Warns about references and marks those that must not be sent.
    pub(crate) fn settle_references(&mut self, files: &[Facts]) -> Result<(), SourceError> {
        let (config, layout, known) = self.parts();
        let Some(column) = layout.reference else { return Ok(()) };
        let wanted: HashSet<u64> = self
            .fresh
            .iter()
            .filter(|f| f.state == State::Good && f.reference != 0)
            .map(|f| f.reference)
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let handles = match &layout.by {
            Some(by) => Some(Handles::collect(files, config, layout, by, known.seed(), Some(&wanted))?),
            None => None,
        };
        let resolve = |reference: u64| match &handles {
            Some(handles) => handles.keys.get(&reference).copied(),
            None => Some(reference).filter(|r| *r != 0),
        };
        let mut rows: hashbrown::HashMap<u64, u32> = hashbrown::HashMap::with_capacity(self.fresh.len());
        for (at, fresh) in self.fresh.iter().enumerate() {
            if matches!(fresh.state, State::Good | State::Same) {
                rows.insert(fresh.key, at as u32);
            }
        }
        let mut done = vec![false; self.fresh.len()];
        let mut path: Vec<u64> = Vec::new();
        let mut findings: Vec<(usize, WarningCode)> = Vec::new();
        for at in 0..self.fresh.len() {
            let fresh = self.fresh[at];
            if fresh.state != State::Good || fresh.reference == 0 || fresh.deleted {
                continue;
            }
            let manager = resolve(fresh.reference);
            if manager == Some(SEVERAL) {
                findings.push((at, WarningCode::ManagerAmbiguous));
                done[at] = true;
                continue;
            }
            if manager == Some(fresh.key) {
                findings.push((at, WarningCode::ManagerSelf));
                done[at] = true;
                continue;
            }
            if !manager.is_some_and(|m| self.is_here(m, &rows, config.mode)) {
                findings.push((at, WarningCode::ManagerUnknown));
            }
            if done[at] {
                continue;
            }
            path.clear();
            let mut person = fresh.key;
            loop {
                if let Some(start) = path.iter().position(|p| *p == person) {
                    for member in &path[start..] {
                        let row = rows.get(member).map(|r| *r as usize);
                        if let Some(row) =
                            row.filter(|r| path.len() - start > 1 && self.fresh[*r].state == State::Good)
                        {
                            findings.push((row, WarningCode::ManagerCycle));
                        }
                    }
                    break;
                }
                path.push(person);
                let row = rows.get(&person).map(|r| *r as usize);
                if row.is_some_and(|r| done[r]) || path.len() > LONGEST_CHAIN {
                    break;
                }
                let reference = match row {
                    Some(row) => self.fresh[row].reference,
                    None => match self.find_key(person) {
                        Some(old) => known.entries()[old as usize].reference,
                        None => break,
                    },
                };
                match resolve(reference).filter(|next| reference != 0 && *next != SEVERAL) {
                    Some(next) => person = next,
                    None => break,
                }
            }
            for person in &path {
                if let Some(row) = rows.get(person) {
                    done[*row as usize] = true;
                }
            }
        }
        for (at, code) in findings {
            // A manager in no row is passed on by its key: the account may be known from before. By any other column it
            // cannot be resolved and is left as it is.
            self.fresh[at].drop_reference |= code != WarningCode::ManagerUnknown || layout.by.is_some();
            let message = match code {
                WarningCode::ManagerSelf => "the person is their own manager; the manager is left as it is",
                WarningCode::ManagerCycle => {
                    "people manage each other in a circle; the manager is left as it is"
                }
                WarningCode::ManagerAmbiguous => {
                    "several people are called like the manager; the manager is left as it is"
                }
                _ => "the manager is in no row; the manager stays as it is until the person appears",
            };
            let fresh = self.fresh[at];
            let warning = Warning {
                at: Some(self.at(fresh.record, fresh.line.into())),
                key: Some(self.key_text(at).to_string()),
                column: Some(layout.name(column).to_string()),
                code,
                message: message.into(),
            };
            push(&mut self.scan.warnings, warning);
        }
        self.scan.managers = handles.unwrap_or_default().texts;
        Ok(())
    }

    fn is_here(&mut self, person: u64, rows: &hashbrown::HashMap<u64, u32>, mode: Mode) -> bool {
        if rows.contains_key(&person) {
            return true;
        }
        match self.find_key(person) {
            Some(old) => mode == Mode::Delta || self.stands(old),
            None => false,
        }
    }
}
