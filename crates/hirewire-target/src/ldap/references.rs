//! Names ⇄ anchors: the directory stores the name of a manager, the engine knows the anchor.
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use hirewire_engine::target::TargetError;

use super::LdapTarget;
use super::dn::Dn;
use super::entry::{Entry, guid_text};
use super::error::{Doing, Failure};

/// Names that were seen, with their anchors. Names can change hands, so the memory is short.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: Mutex<Option<(Instant, HashMap<String, String>)>>,
}

const MEMORY: Duration = Duration::from_secs(600);
const MOST: usize = 500_000;

impl Names {
    /// The anchor of a name, when it was seen lately.
    pub(crate) fn anchor(&self, key: &str) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (since, names) = known.as_ref()?;
        if since.elapsed() > MEMORY { None } else { names.get(key).cloned() }
    }

    /// Remembers a name.
    pub(crate) fn put(&self, key: String, anchor: String) {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh =
            known.as_ref().is_some_and(|(since, names)| since.elapsed() <= MEMORY && names.len() < MOST);
        if !fresh {
            *known = Some((Instant::now(), HashMap::new()));
        }
        if let Some((_, names)) = known.as_mut() {
            names.insert(key, anchor);
        }
    }

    /// Forgets a name: its object was renamed or deleted.
    pub(crate) fn forget(&self, dn: &str) {
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((_, names)) = known.as_mut() {
            names.remove(&name_key(dn));
        }
    }
}

/// The form of a name under which it is remembered.
pub(crate) fn name_key(dn: &str) -> String {
    Dn::parse(dn).map_or_else(|_| dn.to_owned(), |dn| dn.key())
}

impl LdapTarget {
    /// The anchor of an object at hand.
    pub(crate) fn anchor_of(&self, entry: &Entry) -> Option<String> {
        let value = entry.values(self.dialect.anchor).first()?;
        if self.dialect.is_ad() {
            guid_text(value)
        } else {
            std::str::from_utf8(value).ok().map(str::to_owned)
        }
    }

    /// Looks names up that are not remembered; names of nothing, or of what we may not see, stay unknown.
    pub(crate) async fn learn_names(&self, names: Vec<String>) -> Result<(), TargetError> {
        let mut missing: HashMap<String, String> = HashMap::new();
        for name in names {
            let key = name_key(&name);
            if self.names.anchor(&key).is_none() {
                missing.insert(key, name);
            }
        }
        let attributes = [self.dialect.anchor.to_owned()];
        let searches: Vec<_> =
            missing.into_iter().map(|(key, name)| self.read_named(key, name, &attributes)).collect();
        let mut answers = stream::iter(searches).buffer_unordered(self.config.width);
        while let Some((key, answer)) = answers.next().await {
            match answer {
                Ok(Some(entry)) => {
                    if let Some(anchor) = self.anchor_of(&entry) {
                        self.names.put(key, anchor);
                    }
                }
                Ok(None) => {}
                Err(failure) if failure.code().is_some() => {
                    tracing::debug!(?failure, "a referenced object cannot be read");
                }
                Err(failure) => return Err(self.error(failure, Doing::Search, "")),
            }
        }
        Ok(())
    }

    async fn read_named(
        &self,
        key: String,
        name: String,
        attributes: &[String],
    ) -> (String, Result<Option<Entry>, Failure>) {
        (key, self.read_object(&name, attributes).await)
    }

    /// The present names of objects by anchor; those that are gone are missing.
    pub(crate) async fn names_of(&self, anchors: &[String]) -> Result<HashMap<String, String>, TargetError> {
        let entries = self.objects_by_anchor(anchors, &[]).await?;
        Ok(entries.into_iter().map(|(anchor, entry)| (anchor, entry.dn)).collect())
    }
}
