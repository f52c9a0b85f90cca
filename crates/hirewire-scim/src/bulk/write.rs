//! The JSON text of bulk requests.
use crate::syntax::push_string;
use crate::urn;

/// Collects operations and hands out bulk requests of at most `limit` of them.
///
/// ```
/// use hirewire_scim::BulkRequestWriter;
///
/// let mut writer = BulkRequestWriter::new(50);
/// let full = writer.push("row-2", r#"{"externalId":"1001"}"#);
/// assert_eq!(full, None);
/// let request = writer.finish().unwrap_or_default();
/// assert!(request.starts_with(r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]"#));
/// ```
#[derive(Debug, Clone)]
pub struct BulkRequestWriter {
    limit: usize,
    count: usize,
    text: String,
}

impl BulkRequestWriter {
    /// A writer of requests of at most `limit` operations (at least one).
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), count: 0, text: String::new() }
    }

    /// Adds one person: `data` is the record's JSON text. Gives the request when it is full.
    pub fn push(&mut self, bulk_id: &str, data: &str) -> Option<String> {
        self.push_with(bulk_id, |out| out.push_str(data))
    }

    /// As [`push`](Self::push), with a function that appends the record's JSON text itself.
    pub fn push_with(&mut self, bulk_id: &str, data: impl FnOnce(&mut String)) -> Option<String> {
        if self.count == 0 {
            self.text.push_str("{\"schemas\":[\"");
            self.text.push_str(urn::BULK_REQUEST);
            self.text.push_str("\"],\"Operations\":[");
        } else {
            self.text.push(',');
        }
        self.text.push_str("{\"method\":\"POST\",\"bulkId\":");
        push_string(&mut self.text, bulk_id);
        self.text.push_str(",\"path\":\"/Users\",\"data\":");
        data(&mut self.text);
        self.text.push('}');
        self.count += 1;
        if self.count < self.limit { None } else { self.finish() }
    }

    /// Operations of the request that is being filled.
    pub fn pending(&self) -> usize {
        self.count
    }

    /// The last, partly filled request; `None` when nothing is pending. The writer can be used again.
    pub fn finish(&mut self) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        self.count = 0;
        let next = String::with_capacity(self.text.capacity());
        let mut text = std::mem::replace(&mut self.text, next);
        text.push_str("],\"failOnErrors\":null}");
        Some(text)
    }
}
