//! Data operations: Select, Query, Join, Table (`spec/workflows.md` §8.7).

use serde_json::{Map, Value as Json, json};

use super::conditions::{holds, type_name};
use super::machine::{Finish, Machine, SpaceId};
use super::scope::View;
use crate::definition::{ActionId, Condition};
use crate::expression::{Evaluator, ExpressionError, Template, Value};

type Outcome = Result<Finish, ExpressionError>;

fn source(
    m: &mut Machine,
    space: SpaceId,
    action: ActionId,
    from: &Template,
    what: &str,
) -> Result<Result<Vec<Json>, Finish>, ExpressionError> {
    let value = m.evaluate(from, space, action)?;
    m.slot(space, action).inputs = Some(json!({"from": value}));
    Ok(match value {
        Json::Array(items) => Ok(items),
        other => {
            let end = if what == "table" {
                "The value must be of type 'Array'."
            } else {
                "The value must be an array."
            };
            let message = format!(
                "The 'from' property value in the '{what}' action inputs is of type '{}'. {end}",
                type_name(&other)
            );
            Err(Finish::failed("BadRequest", "BadRequest", message))
        }
    })
}

fn element<'m>(m: &'m Machine, space: SpaceId, action: ActionId, item: &'m Json) -> View<'m> {
    View { machine: m, space, action: Some(action), element: Some(item) }
}

pub(crate) fn select(
    m: &mut Machine,
    space: SpaceId,
    action: ActionId,
    from: &Template,
    select: &Template,
) -> Outcome {
    let items = match source(m, space, action, from, "select")? {
        Ok(items) => items,
        Err(failure) => return Ok(failure),
    };
    let mut out = Vec::with_capacity(items.len());
    for item in &items {
        out.push(select.to_json(&element(m, space, action, item))?);
    }
    Ok(Finish::ok(json!({"body": out})))
}

pub(crate) fn query(
    m: &mut Machine,
    space: SpaceId,
    action: ActionId,
    from: &Template,
    condition: &Condition,
) -> Outcome {
    let items = match source(m, space, action, from, "query")? {
        Ok(items) => items,
        Err(failure) => return Ok(failure),
    };
    let mut kept = Vec::new();
    for item in items {
        let keep = holds(condition, &Evaluator::new(&element(m, space, action, &item)))?;
        if keep {
            kept.push(item);
        }
    }
    Ok(Finish::ok(json!({"body": kept})))
}

pub(crate) fn join(
    m: &mut Machine,
    space: SpaceId,
    action: ActionId,
    from: &Template,
    with: &Template,
) -> Outcome {
    let items = match source(m, space, action, from, "join")? {
        Ok(items) => items,
        Err(failure) => return Ok(failure),
    };
    let separator = m.evaluate(with, space, action)?;
    let separator = Value::from(&separator).to_text().into_owned();
    let texts: Vec<String> = items.iter().map(|i| Value::from(i).to_text().into_owned()).collect();
    Ok(Finish::ok(json!({"body": texts.join(&separator)})))
}

pub(crate) fn table(
    m: &mut Machine,
    space: SpaceId,
    action: ActionId,
    from: &Template,
    html: bool,
    columns: Option<&[(Template, Template)]>,
) -> Outcome {
    let items = match source(m, space, action, from, "table")? {
        Ok(items) => items,
        Err(failure) => return Ok(failure),
    };
    let text = |value: &Json| Value::from(value).to_text().into_owned();
    let mut rows: Vec<Vec<String>> = Vec::new();
    match columns {
        Some(columns) => {
            let mut head = Vec::new();
            for (header, _) in columns {
                head.push(text(&m.evaluate(header, space, action)?));
            }
            rows.push(head);
            for item in &items {
                let view = element(m, space, action, item);
                let mut row = Vec::new();
                for (_, value) in columns {
                    row.push(text(&value.to_json(&view)?));
                }
                rows.push(row);
            }
        }
        None => {
            if items.iter().any(|i| !i.is_object()) {
                return Ok(Finish::failed(
                    "BadRequest",
                    "BadRequest",
                    "The property 'columns' must be specified unless the 'from' property value is an array of objects.",
                ));
            }
            let mut head: Vec<String> = Vec::new();
            let mut seen: Map<String, Json> = Map::new();
            for key in items.iter().filter_map(Json::as_object).flat_map(Map::keys) {
                if seen.insert(key.clone(), Json::Null).is_none() {
                    head.push(key.clone());
                }
            }
            let cells =
                |item: &Json| head.iter().map(|k| item.get(k).map(text).unwrap_or_default()).collect();
            let body: Vec<Vec<String>> = items.iter().map(cells).collect();
            if !items.is_empty() {
                rows.push(head);
            }
            rows.extend(body);
        }
    }
    let body = if html { to_html(&rows) } else { to_csv(&rows) };
    Ok(Finish::ok(json!({"body": body})))
}

fn to_csv(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for row in rows {
        for (n, cell) in row.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            if cell.contains([',', '"', '\r', '\n']) {
                out.push('"');
                out.push_str(&cell.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(cell);
            }
        }
        out.push_str("\r\n");
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&quot;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if ('\u{a0}'..='\u{ff}').contains(&c) || c > '\u{ffff}' => {
                out.push_str(&format!("&#{};", u32::from(c)))
            }
            c => out.push(c),
        }
    }
    out
}

fn to_html(rows: &[Vec<String>]) -> String {
    let cells = |row: &[String], tag: &str| {
        row.iter().map(|c| format!("<{tag}>{}</{tag}>", escape(c))).collect::<String>()
    };
    let (head, body) = rows.split_first().map_or((&[][..], &[][..]), |(h, b)| (h.as_slice(), b));
    let body: String = body.iter().map(|row| format!("<tr>{}</tr>", cells(row, "td"))).collect();
    format!("<table><thead><tr>{}</tr></thead><tbody>{body}</tbody></table>", cells(head, "th"))
}
