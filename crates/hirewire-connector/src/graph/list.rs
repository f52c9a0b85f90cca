//! Items of a site's lists and libraries: read, create, change, and the triggers "created", "created or modified".

use hirewire_workflow::expression::{Value, member};
use hirewire_workflow::host::{ConnectorCall, PollFrom, Polled, firing, unknown_trigger};
use hirewire_workflow::run::Answer;
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

use super::drive::encode_site;
use super::session::{Session, encode};
use crate::failure::{Failure, done, respond};
use crate::file::trigger::{Cursor, due};
use crate::file::{Entry, MAX_ENTRIES, clean, ticks};
use crate::sql::managed;

/// Items of one firing.
const BATCH: usize = 100;

fn query(call: &ConnectorCall, key: &str) -> Option<String> {
    member(&call.queries, key).map(|v| Value::from(v).to_text().into_owned()).filter(|t| !t.is_empty())
}

/// The list's address in Graph; only lists that the connection names.
async fn address(session: &Session, list: &str) -> Result<String, Failure> {
    let allowed = session.config.lists.iter().any(|l| l.eq_ignore_ascii_case(list))
        // A library whose folder is allowed is a list, too.
        || session.config.folders.iter().any(|f| f.trim_matches('/').eq_ignore_ascii_case(list));
    if !allowed {
        return Err(Failure::forbidden(format!(
            "the list '{list}' is not one of this connection ({}); add it to its `lists` in hirewire.toml",
            session.config.lists.join(", ")
        )));
    }
    Ok(format!("/sites/{}/lists/{}", encode_site(session.site().await?), encode(list)))
}

/// Runs an operation on list items.
pub(crate) async fn run(session: &Session, call: &ConnectorCall) -> Result<Answer, Failure> {
    let parts = managed(&call.path).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let fields = || {
        let body = call.body.as_ref().and_then(Json::as_object);
        body.map(to_fields).ok_or_else(|| Failure::bad("the body is no JSON object"))
    };
    match (call.method.as_str(), &parts[..]) {
        ("GET", ["tables", list, "items"]) => items(session, &address(session, list).await?, call).await,
        ("GET", ["tables", list, "items", id]) => {
            let list = address(session, list).await?;
            let found = session.get(&format!("{list}/items/{}?expand=fields", encode(id))).await?;
            Ok(done(item(&found)))
        }
        ("POST", ["tables", list, "items"]) => {
            let list = address(session, list).await?;
            let body = json!({"fields": fields()?}).to_string().into_bytes();
            let to = format!("{list}/items");
            let made = session.send(Method::POST, &to, Some((body, "application/json"))).await?;
            let made: Json = made.json().await.map_err(|_| Failure::broken("Graph's answer is no JSON"))?;
            Ok(done(item(&made)))
        }
        ("PATCH", ["tables", list, "items", id]) => {
            let list = address(session, list).await?;
            let body = fields()?.to_string().into_bytes();
            let to = format!("{list}/items/{}/fields", encode(id));
            session.send(Method::PATCH, &to, Some((body, "application/json"))).await?;
            let found = session.get(&format!("{list}/items/{}?expand=fields", encode(id))).await?;
            Ok(done(item(&found)))
        }
        ("DELETE", ["tables", list, "items", id]) => {
            let list = address(session, list).await?;
            session.send(Method::DELETE, &format!("{list}/items/{}", encode(id)), None).await?;
            Ok(respond(200, "application/json", None))
        }
        _ => Err(Failure::missing(format!("the operation {} {} is not known here", call.method, call.path))),
    }
}

async fn items(session: &Session, list: &str, call: &ConnectorCall) -> Result<Answer, Failure> {
    let mut path = format!("{list}/items?expand=fields");
    if let Some(filter) = query(call, "$filter") {
        path.push_str(&format!("&$filter={}", encode(&on_fields(&filter))));
    }
    if let Some(order) = query(call, "$orderby") {
        path.push_str(&format!("&$orderby={}", encode(&on_fields(&order))));
    }
    let top: Option<usize> = query(call, "$top").and_then(|t| t.trim().parse().ok());
    if let Some(top) = top {
        path.push_str(&format!("&$top={}", top.clamp(1, 999)));
    }
    // Without a wish the service gives a first page of 100; its pages are followed here at once.
    let found = session.all(&path, top.unwrap_or(MAX_ENTRIES)).await?;
    Ok(done(json!({"value": found.iter().map(item).collect::<Vec<_>>()})))
}

/// Members in the connector's words as Graph's fields: names in braces are the connector's own.
fn to_fields(body: &Map<String, Json>) -> Json {
    let own = |name: &str| name.starts_with('{') || name.eq_ignore_ascii_case("ID") || name.contains('#');
    Json::Object(body.iter().filter(|(name, _)| !own(name)).map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// Column names of a filter or an order as Graph wants them: `fields/Name`.
fn on_fields(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            let end = rest[1..].find('\'').map_or(rest.len(), |n| n + 2);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        if c.is_alphabetic() || c == '_' {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '/')).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = &rest[end..];
            let known = [
                "eq", "ne", "gt", "ge", "lt", "le", "and", "or", "not", "null", "true", "false", "asc",
                "desc",
            ];
            let function = rest.starts_with('(');
            let literal = rest.starts_with('\'');
            if !(function
                || literal
                || known.contains(&word.to_ascii_lowercase().as_str())
                || word.contains('/'))
            {
                out.push_str("fields/");
            }
            out.push_str(word);
            continue;
        }
        if c.is_ascii_digit() {
            // Numbers and moments hold letters that are no names.
            let end = rest.find(|c: char| c.is_whitespace() || c == ')' || c == ',').unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// An item in the connector's words (`spec/workflows.md` §11.2).
fn item(found: &Json) -> Json {
    let text = |key: &str| found.get(key).cloned().unwrap_or(Json::Null);
    let mut out = Map::new();
    let fields = found.get("fields").and_then(Json::as_object).cloned().unwrap_or_default();
    let id = found.get("id").and_then(Json::as_str).unwrap_or_default();
    out.insert("@odata.etag".into(), text("eTag"));
    out.insert("ItemInternalId".into(), Json::from(id));
    out.insert("ID".into(), id.parse::<i64>().map_or_else(|_| Json::from(id), Json::from));
    out.extend(
        fields
            .iter()
            .filter(|(k, _)| !k.starts_with('@') && k.as_str() != "id")
            .map(|(k, v)| (k.clone(), v.clone())),
    );
    out.insert("Created".into(), text("createdDateTime"));
    out.insert("Modified".into(), text("lastModifiedDateTime"));
    let url = found.get("webUrl").and_then(Json::as_str).unwrap_or_default();
    out.insert("{Link}".into(), Json::from(url));
    out.insert(
        "{IsFolder}".into(),
        Json::from(fields.get("ContentType").and_then(Json::as_str) == Some("Folder")),
    );
    if let Some(file) = fields.get("FileLeafRef").and_then(Json::as_str) {
        let path = path_of(url);
        out.insert("{FilenameWithExtension}".into(), Json::from(file));
        out.insert("{Name}".into(), Json::from(file.rsplit_once('.').map_or(file, |(name, _)| name)));
        out.insert("{FullPath}".into(), Json::from(path.as_str()));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        out.insert("{Path}".into(), Json::from(format!("{folder}/")));
        out.insert("{Identifier}".into(), Json::from(encode(&format!("/{path}")).replace('%', "%25")));
    }
    Json::Object(out)
}

/// `https://contoso.sharepoint.com/sites/HR/Shared%20Documents/in/x.csv` → `Shared Documents/in/x.csv`.
fn path_of(url: &str) -> String {
    let path = url::Url::parse(url).map(|u| crate::sql::percent(u.path())).unwrap_or_default();
    let path = path.trim_start_matches('/');
    let inner = path.strip_prefix("sites/").or_else(|| path.strip_prefix("teams/"));
    inner.and_then(|rest| rest.split_once('/')).map_or(path, |(_, rest)| rest).to_owned()
}

/// Looks for items that are new or changed since `from`.
pub(crate) async fn poll(session: &Session, call: &ConnectorCall, from: PollFrom) -> Result<Polled, Answer> {
    let parts = managed(&call.path).unwrap_or_default();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (list, new_only, files) = match &parts[..] {
        ["tables", list, operation] => match operation.to_ascii_lowercase().as_str() {
            "onnewitems" => (*list, true, false),
            "onupdateditems" => (*list, false, false),
            "onnewfileitems" => (*list, true, true),
            "onupdatedfileitems" => (*list, false, true),
            _ => return Err(unknown_trigger(call)),
        },
        _ => return Err(unknown_trigger(call)),
    };
    let address = address(session, list).await?;
    let found = session.all(&format!("{address}/items?expand=fields&$top=999"), MAX_ENTRIES).await?;
    let folder = query(call, "folderPath").map(|f| clean(&f)).transpose()?;
    let inside = |one: &Json| {
        let Some(folder) = &folder else { return true };
        let path = path_of(one.get("webUrl").and_then(Json::as_str).unwrap_or_default()).to_lowercase();
        format!("/{path}").starts_with(&format!("{}/", folder.trim_end_matches('/').to_lowercase()))
    };
    let is_folder = |one: &Json| {
        one.get("fields").and_then(|f| f.get("ContentType")).and_then(Json::as_str) == Some("Folder")
    };
    let wanted: Vec<&Json> = found.iter().filter(|one| !files || (inside(one) && !is_folder(one))).collect();
    let entries: Vec<Entry> = wanted.iter().map(|one| entry(one)).collect();
    let (due, cursor, more) = match from {
        PollFrom::Activation => (Vec::new(), json!(Cursor::behind(&entries)), false),
        PollFrom::Latest => {
            let latest = entries.iter().max_by_key(|e| e.modified).cloned();
            (latest.into_iter().collect(), Json::Null, false)
        }
        PollFrom::After(cursor) => {
            let (due, cursor, more) = due(new_only, BATCH, &Cursor::read(cursor)?, &entries, |_| false);
            (due, json!(cursor), more)
        }
    };
    let items: Vec<Json> = due
        .iter()
        .filter_map(|e| wanted.iter().find(|one| entry(one).path == e.path))
        .map(|one| item(one))
        .collect();
    let firings =
        if items.is_empty() { Vec::new() } else { vec![firing(Map::new(), Some(json!({"value": items})))] };
    Ok(Polled { firings, cursor, more })
}

/// An item as the file triggers compare things: by id and version.
fn entry(one: &Json) -> Entry {
    let modified = one.get("lastModifiedDateTime").and_then(Json::as_str);
    let modified = modified.and_then(|t| t.parse::<jiff::Timestamp>().ok());
    Entry {
        path: one.get("id").and_then(Json::as_str).unwrap_or_default().to_owned(),
        folder: false,
        size: 0,
        modified: modified.map_or(0, |t| ticks(t.as_second(), 0)),
        etag: one.get("eTag").and_then(Json::as_str).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::{on_fields, path_of};

    #[test]
    fn filters_name_fields() {
        for (given, wanted) in [
            ("Title eq 'a eq b'", "fields/Title eq 'a eq b'"),
            (
                "startswith(Name, 'x') and Active eq true",
                "startswith(fields/Name, 'x') and fields/Active eq true",
            ),
            ("Modified ge 2026-01-01T00:00:00Z", "fields/Modified ge 2026-01-01T00:00:00Z"),
            ("Hire desc, ID asc", "fields/Hire desc, fields/ID asc"),
            ("a eq 'unterminated", "fields/a eq 'unterminated"),
        ] {
            assert_eq!(on_fields(given), wanted);
        }
    }

    #[test]
    fn addresses_become_paths() {
        let url = "https://contoso.sharepoint.com/sites/HR/Shared%20Documents/in/x.csv";
        assert_eq!(path_of(url), "Shared Documents/in/x.csv");
        assert_eq!(path_of(""), "");
    }
}
