//! A page of a collection: `@odata.context`, `@odata.count`, `value`, `@odata.nextLink` (spec/inbound-api.md §5).
use serde_json::{Map, Value, json};

use super::filter::Filter;
use super::query::{Order, Query};
use crate::error::ApiError;

/// Objects on a page of an in-memory collection at most.
const LARGEST_PAGE: usize = 999;
const DEFAULT_PAGE: usize = 100;

/// A finished page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// `@odata.context`.
    pub context: String,
    /// `@odata.count`, when asked for.
    pub count: Option<usize>,
    /// `@odata.nextLink`, when more follows.
    pub next_link: Option<String>,
    /// The objects.
    pub value: Vec<Value>,
}

impl Page {
    /// The JSON body.
    pub fn into_json(self) -> Value {
        let mut body = Map::new();
        body.insert("@odata.context".into(), json!(self.context));
        if let Some(count) = self.count {
            body.insert("@odata.count".into(), json!(count));
        }
        if let Some(link) = self.next_link {
            body.insert("@odata.nextLink".into(), json!(link));
        }
        body.insert("value".into(), Value::Array(self.value));
        Value::Object(body)
    }
}

/// Applies the query options to a collection that is small enough to be held in memory.
#[derive(Debug)]
pub struct Collection {
    /// All objects, in their stable order.
    pub objects: Vec<Value>,
    /// `@odata.context`.
    pub context: String,
    /// The collection's own absolute URL, for the next link.
    pub url: String,
}

impl Collection {
    /// How many objects satisfy `$filter` and `$search`.
    pub fn count(mut self, query: &Query) -> Result<usize, ApiError> {
        retain(&mut self.objects, query)?;
        Ok(self.objects.len())
    }

    /// The page that `query` asks for.
    pub fn page(mut self, query: &Query) -> Result<Page, ApiError> {
        retain(&mut self.objects, query)?;
        sort(&mut self.objects, &query.order()?);
        let count = query.flag("count")?.then_some(self.objects.len());
        let skip = match query.given("skiptoken") {
            Some(token) => token.parse().map_err(|_| {
                ApiError::bad_request("Invalid skip token.").with_detail(
                    "QueryOption",
                    Some("$skiptoken".into()),
                    "it is not one of ours",
                )
            })?,
            None => query.number("skip")?.unwrap_or(0),
        };
        let top = query.number("top")?.unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
        let more = top > 0 && self.objects.len() > skip.saturating_add(top);
        let select = query.select();
        let value =
            self.objects.into_iter().skip(skip).take(top).map(|object| selected(object, &select)).collect();
        let next_link = more.then(|| next_link(&self.url, query, &(skip + top).to_string()));
        Ok(Page { context: self.context, count, next_link, value })
    }
}

/// The URL of the next page: the same options with a new `$skiptoken`.
pub fn next_link(url: &str, query: &Query, token: &str) -> String {
    let rest = query.for_next_page();
    let separator = if rest.is_empty() { "" } else { "&" };
    format!("{url}?{rest}{separator}$skiptoken={token}")
}

/// Keeps the members that `$select` names, and `@odata.*`; all of them when it names none.
pub fn selected(object: Value, select: &[String]) -> Value {
    if select.is_empty() {
        return object;
    }
    let Value::Object(members) = object else { return object };
    let kept = members.into_iter().filter(|(name, _)| {
        name.starts_with("@odata.")
            || select
                .iter()
                .any(|wanted| wanted.split('/').next().is_some_and(|head| head.eq_ignore_ascii_case(name)))
    });
    Value::Object(kept.collect())
}

fn retain(objects: &mut Vec<Value>, query: &Query) -> Result<(), ApiError> {
    if let Some(text) = query.given("filter") {
        let filter = Filter::parse(text)?;
        objects.retain(|object| filter.matches(object));
    }
    if let Some(text) = query.get("search") {
        let text = text.trim().trim_matches('"');
        let (name, wanted) = text.split_once(':').unwrap_or(("displayName", text));
        let wanted = wanted.to_lowercase();
        objects.retain(|object| {
            object[name].as_str().is_some_and(|found| found.to_lowercase().contains(&wanted))
        });
    }
    Ok(())
}

fn sort(objects: &mut [Value], order: &[Order]) {
    objects.sort_by(|left, right| {
        order
            .iter()
            .map(|key| {
                let ordering = text_of(&left[&key.path]).cmp(&text_of(&right[&key.path]));
                if key.descending { ordering.reverse() } else { ordering }
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Collection {
        Collection {
            objects: (0..5)
                .map(|n| json!({ "id": n.to_string(), "displayName": format!("P{}", 4 - n) }))
                .collect(),
            context: "c".into(),
            url: "https://x/v1.0/users".into(),
        }
    }

    #[test]
    fn pages_link_to_the_next_until_the_last() {
        let page = people().page(&Query::parse("$top=2&$orderby=displayName&$count=true")).expect("page");
        assert_eq!(page.count, Some(5));
        assert_eq!(page.value[0]["id"], "4");
        let link = page.next_link.expect("more follows");
        assert_eq!(link, "https://x/v1.0/users?$top=2&$orderby=displayName&$count=true&$skiptoken=2");
        let last = people().page(&Query::parse("$top=2&$skiptoken=4")).expect("page");
        assert_eq!((last.value.len(), last.next_link), (1, None));
    }

    #[test]
    fn select_and_search() {
        let page = people().page(&Query::parse("$search=\"displayName:p3\"&$select=id")).expect("page");
        assert_eq!(page.value, vec![json!({ "id": "1" })]);
        assert!(people().page(&Query::parse("$top=-1")).is_err());
    }
}
