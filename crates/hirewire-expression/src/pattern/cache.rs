//! Compiled patterns whose text is not constant.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::{Pattern, PatternError};

/// Most patterns kept; the whole cache is dropped when it is full.
const CAPACITY: usize = 64;

/// Longest pattern that is compiled during an evaluation, in bytes; longer ones must be constants.
const MAXIMUM_LENGTH: usize = 500;

/// Compiles a pattern, or takes it from the cache.
pub(crate) fn cached(pattern: &str) -> Result<Arc<Pattern>, PatternError> {
    static CACHE: LazyLock<Mutex<HashMap<Box<str>, Arc<Pattern>>>> = LazyLock::new(Mutex::default);
    if pattern.len() > MAXIMUM_LENGTH {
        let message = format!("a pattern that is not constant may have at most {MAXIMUM_LENGTH} bytes");
        return Err(PatternError::new(message, 0));
    }
    let cache = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = cache().get(pattern) {
        return Ok(Arc::clone(found));
    }
    let compiled = Arc::new(Pattern::new(pattern)?);
    let mut cache = cache();
    if cache.len() >= CAPACITY {
        cache.clear();
    }
    cache.insert(pattern.into(), Arc::clone(&compiled));
    Ok(compiled)
}
