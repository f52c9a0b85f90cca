//! Plays the part of Microsoft Graph that the SharePoint connector uses: token, site, drive and list items.
//!
//! A stand-in, because the real service cannot be had for tests; it answers in Graph's documented shapes.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value as Json, json};

/// What the site holds.
#[derive(Default)]
pub(crate) struct Site {
    /// Path in the library → content, version.
    pub(crate) files: BTreeMap<String, (Vec<u8>, u64)>,
    /// List items: fields and version, by id from 1.
    pub(crate) items: Vec<(Json, u64)>,
    /// Requests as `METHOD path?query`.
    pub(crate) seen: Vec<String>,
}

type Shared = Arc<Mutex<Site>>;

/// Starts it; the address of the server.
pub(crate) async fn start() -> (String, Shared) {
    let site = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("address"));
    let router = Router::new().fallback(answer).with_state((address.clone(), Arc::clone(&site)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, site)
}

fn json_answer(status: StatusCode, body: Json) -> Response {
    (status, [("Content-Type", "application/json")], body.to_string()).into_response()
}

fn missing() -> Response {
    json_answer(StatusCode::NOT_FOUND, json!({"error": {"code": "itemNotFound", "message": "not there"}}))
}

async fn answer(State((address, site)): State<(String, Shared)>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let path = decode(head.uri.path());
    let query = decode(head.uri.query().unwrap_or_default());
    let mut site = site.lock().expect("lock");
    site.seen.push(format!("{} {path}?{query}", head.method));
    if path.ends_with("/oauth2/v2.0/token") {
        let form = decode(&String::from_utf8_lossy(&body));
        if !form.contains("client_secret=right") {
            return json_answer(
                StatusCode::UNAUTHORIZED,
                json!({"error": "invalid_client", "error_description": "AADSTS7000215"}),
            );
        }
        return json_answer(StatusCode::OK, json!({"access_token": "the-token", "expires_in": 3600}));
    }
    if let Some(file) = path.strip_prefix("/download/") {
        // The address is the permission; a token must not come along.
        if head.headers.contains_key("authorization") {
            return StatusCode::BAD_REQUEST.into_response();
        }
        return site.files.get(file).map_or_else(missing, |(content, _)| content.clone().into_response());
    }
    if !authorized(&head.headers) {
        return json_answer(
            StatusCode::UNAUTHORIZED,
            json!({"error": {"code": "InvalidAuthenticationToken", "message": "no"}}),
        );
    }
    graph(&address, &mut site, head.method.as_str(), &path, &query, &body)
}

fn authorized(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|v| v == "Bearer the-token")
}

fn graph(address: &str, site: &mut Site, method: &str, path: &str, query: &str, body: &Bytes) -> Response {
    let path = path.strip_prefix("/v1.0").unwrap_or(path);
    if path == "/sites/contoso.example:/sites/HR" {
        return json_answer(StatusCode::OK, json!({"id": "contoso.example,1,2"}));
    }
    if path == "/sites/contoso.example,1,2/drives" {
        return json_answer(
            StatusCode::OK,
            json!({"value": [{"id": "d!1", "name": "Documents", "webUrl": "https://contoso.example/sites/HR/Shared%20Documents"}]}),
        );
    }
    if let Some(rest) = path.strip_prefix("/drives/d!1/root") {
        return drive(address, site, method, rest, query, body);
    }
    match path.strip_prefix("/sites/contoso.example,1,2/lists/Employees/items") {
        Some(rest) => list(address, site, method, rest.trim_start_matches('/'), query, body),
        None => missing(),
    }
}

fn file_json(path: &str, version: u64, size: usize) -> Json {
    let name = path.rsplit('/').next().unwrap_or_default();
    json!({"name": name, "size": size, "eTag": format!("\"{version}\""), "file": {}, "lastModifiedDateTime": format!("2026-01-01T00:00:{version:02}Z")})
}

fn drive(address: &str, site: &mut Site, method: &str, rest: &str, query: &str, body: &Bytes) -> Response {
    let rest = rest.trim_start_matches(":/");
    let (file, operation) = rest.rsplit_once(":/").unwrap_or((rest, ""));
    match (method, operation) {
        ("GET", "content") => {
            if !site.files.contains_key(file) {
                return missing();
            }
            let at = format!("{address}/download/{}", file.replace(' ', "%20"));
            (StatusCode::FOUND, [("Location", at)]).into_response()
        }
        ("PUT", "content") => {
            if query.contains("conflictBehavior=fail") && site.files.contains_key(file) {
                return json_answer(
                    StatusCode::CONFLICT,
                    json!({"error": {"code": "nameAlreadyExists", "message": "there"}}),
                );
            }
            let version = site.files.get(file).map_or(1, |(_, v)| v + 1);
            site.files.insert(file.to_owned(), (body.to_vec(), version));
            json_answer(StatusCode::CREATED, file_json(file, version, body.len()))
        }
        ("GET", "children") => {
            let inside =
                |path: &&String| path.strip_prefix(&format!("{file}/")).is_some_and(|r| !r.contains('/'));
            let list: Vec<Json> = site
                .files
                .keys()
                .filter(inside)
                .map(|p| file_json(p, site.files[p].1, site.files[p].0.len()))
                .collect();
            json_answer(StatusCode::OK, json!({"value": list}))
        }
        ("GET", "") => match site.files.get(file) {
            Some((content, version)) => json_answer(StatusCode::OK, file_json(file, *version, content.len())),
            None if site.files.keys().any(|p| p.starts_with(&format!("{file}/"))) => {
                json_answer(StatusCode::OK, json!({"name": file, "folder": {}}))
            }
            None => missing(),
        },
        ("DELETE", "") => match site.files.remove(file) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => missing(),
        },
        _ => missing(),
    }
}

fn item_json(n: usize, fields: &Json, version: u64) -> Json {
    json!({"id": (n + 1).to_string(), "eTag": format!("\"{n},{version}\""), "createdDateTime": "2026-01-01T00:00:00Z",
        "lastModifiedDateTime": format!("2026-01-01T00:00:{version:02}Z"), "webUrl": format!("https://contoso.example/sites/HR/Lists/Employees/{}_.000", n + 1), "fields": fields})
}

fn list(address: &str, site: &mut Site, method: &str, rest: &str, query: &str, body: &Bytes) -> Response {
    let (id, operation) = rest.split_once('/').unwrap_or((rest, ""));
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    let number = id.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    match (method, number, operation) {
        ("GET", None, "") if id.is_empty() => {
            // Pages of two.
            let skip = query
                .split('&')
                .find_map(|p| p.strip_prefix("$skiptoken="))
                .and_then(|s| s.parse().ok())
                .unwrap_or(0);
            let wanted = |fields: &Json| {
                !query.contains("fields/Department eq 'Sales'") || fields["Department"] == "Sales"
            };
            let all: Vec<Json> = site
                .items
                .iter()
                .enumerate()
                .filter(|(_, (f, _))| wanted(f))
                .map(|(n, (f, v))| item_json(n, f, *v))
                .collect();
            let page: Vec<&Json> = all.iter().skip(skip).take(2).collect();
            let mut out = json!({"value": page});
            if skip + 2 < all.len() {
                out["@odata.nextLink"] = json!(format!(
                    "{address}/v1.0/sites/contoso.example,1,2/lists/Employees/items?$skiptoken={}&{query}",
                    skip + 2
                ));
            }
            json_answer(StatusCode::OK, out)
        }
        ("POST", None, "") => {
            site.items.push((body["fields"].clone(), 1));
            let n = site.items.len() - 1;
            json_answer(StatusCode::CREATED, item_json(n, &site.items[n].0, 1))
        }
        ("GET", Some(n), "") if n < site.items.len() => {
            json_answer(StatusCode::OK, item_json(n, &site.items[n].0, site.items[n].1))
        }
        ("PATCH", Some(n), "fields") if n < site.items.len() => {
            for (key, value) in body.as_object().into_iter().flatten() {
                site.items[n].0[key] = value.clone();
            }
            site.items[n].1 += 1;
            json_answer(StatusCode::OK, site.items[n].0.clone())
        }
        _ => missing(),
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
