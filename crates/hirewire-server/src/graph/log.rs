//! `auditLogs/provisioning` (spec/inbound-api.md §8).
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use hirewire_store::JobKey;
use hirewire_store::log::{Comparison, LogEntry, LogField, LogFilter, LogPosition, LogQuery, LogValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::jobs;
use super::tenant::merge;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::log::{self, Systems, translate};
use crate::odata::collection::{next_link, selected};
use crate::odata::{Filter, Page};
use crate::request::Request;

/// Records on a page when nothing is asked, and at most; both [U], a larger `$top` is cut.
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 1_000;

/// `GET /auditLogs/provisioning`.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let query = &request.head.query;
    let filter = filter(app, request)?;
    let after = query.given("skiptoken").map(str::parse::<LogPosition>).transpose()?;
    let top = query.number("top")?.unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
    let count = match query.flag("count")? {
        true => Some(app.store.count_log(Some(&filter))? as usize),
        false => None,
    };
    let page = app.store.log(&LogQuery {
        filter: Some(filter),
        order: translate::order(&query.order()?)?,
        after,
        // A link goes on where the page ended: what was skipped is skipped once.
        skip: if after.is_some() { 0 } else { query.number("skip")?.unwrap_or(0) },
        limit: top,
    })?;
    let select = query.select();
    let value =
        records(app, request, &page.entries)?.into_iter().map(|record| selected(record, &select)).collect();
    let url = format!("{}/auditLogs/provisioning", request.head.root());
    Ok(Answer::ok(
        &Page {
            context: request.head.context("auditLogs/provisioning"),
            count,
            next_link: page
                .next
                .filter(|_| top > 0)
                .map(|position| next_link(&url, query, &position.to_string())),
            value,
        }
        .into_json(),
    ))
}

/// `GET /auditLogs/provisioning/$count`.
pub fn count(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let count = app.store.count_log(Some(&filter(app, request)?))?;
    Ok(Answer::text(count.to_string()))
}

/// `GET /auditLogs/provisioning/{id}`.
pub fn one(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.params.get("id");
    let entry = match id.parse::<Uuid>() {
        Ok(uuid) => app.store.log_entry(uuid)?,
        Err(_) => None,
    };
    let entry = entry.ok_or_else(|| ApiError::no_such_object(id))?;
    let mut body = json!({ "@odata.context": request.head.context("auditLogs/provisioning/$entity") });
    for record in records(app, request, std::slice::from_ref(&entry))? {
        merge(&mut body, selected(record, &request.head.query.select()));
    }
    Ok(Answer::ok(&body))
}

/// What was asked, within the days that are shown.
fn filter(app: &App, request: &Request) -> Result<LogFilter, ApiError> {
    let rules = &app.settings.rules;
    let now = request.head.ids.received;
    let days = SignedDuration::from_hours(24 * i64::from(rules.log_days));
    let since = now.saturating_sub(days).unwrap_or(Timestamp::MIN);
    let time = |comparison, at| LogFilter::Compare(LogField::Time.into(), comparison, LogValue::Time(at));
    let mut parts = vec![time(Comparison::GreaterOrEqual, since)];
    if !rules.log_delay.is_zero() {
        let until = now.saturating_sub(rules.log_delay).unwrap_or(Timestamp::MIN);
        parts.push(time(Comparison::LessOrEqual, until));
    }
    if let Some(text) = request.head.query.given("filter") {
        parts.push(translate::filter(&Filter::parse(text)?, &app.settings.tenant.to_string())?);
    }
    Ok(LogFilter::And(parts))
}

fn records(app: &App, request: &Request, entries: &[LogEntry]) -> Result<Vec<Value>, ApiError> {
    let mut known: HashMap<JobKey, Systems> = HashMap::new();
    let mut records = Vec::with_capacity(entries.len());
    for entry in entries {
        let systems = match known.entry(entry.job) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(systems(app, entry)?),
        };
        records.push(log::record(entry, systems, request.head.version));
    }
    Ok(records)
}

/// The systems of an entry's job; a deleted job's entries are still shown.
fn systems(app: &App, entry: &LogEntry) -> Result<Systems, ApiError> {
    let owner = app.store.app(&entry.service_principal)?;
    let app_id = owner.map(|owner| owner.app_id).unwrap_or_default();
    let on_premises = entry.job_id.to_ascii_uppercase().starts_with("API2AD.");
    let target = if on_premises { translate::ACTIVE_DIRECTORY } else { translate::ENTRA };
    let mut systems = Systems::api(&app.settings.tenant, &app_id, target, !app.settings.rules.is_strict());
    let template = entry.job_id.split('.').next().unwrap_or_default();
    if !jobs::is_api_driven(template) {
        systems.source = template.to_owned();
    }
    Ok(systems)
}
