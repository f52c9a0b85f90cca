//! What `apply` of the embedded directory costs beside bare inserts of the same rows.
//!
//! `cargo bench -p hirewire-target --bench embedded -- [FOLDER] [ROUNDS]`
#![allow(clippy::print_stdout, reason = "a bench talks to a person")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use hirewire_engine::target::{Step, Target};
use hirewire_engine::value::{AttributeValue, Attributes};
use hirewire_target::embedded::{EmbeddedDirectory, EmbeddedOptions};
use rusqlite::{Connection, params};

const BATCH: usize = 2_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let given = arguments.next().map(PathBuf::from);
    let rounds: usize = arguments.next().map_or(20, |text| text.parse().expect("ROUNDS"));
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = given.unwrap_or_else(|| scratch.path().into());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("runtime");

    let directory = open(&folder.join("ours.db"));
    drop(open(&folder.join("bare.db")));
    let mut raw = Connection::open(folder.join("bare.db")).expect("open");
    raw.pragma_update(None, "synchronous", "full").expect("full");
    raw.pragma_update(None, "cache_size", -65_536).expect("cache");
    raw.pragma_update(None, "wal_autocheckpoint", 16_384).expect("checkpoint");
    let (mut bare, mut ours) = (0.0, 0.0);
    for round in 0..rounds {
        let people: Vec<Attributes> = (0..BATCH).map(|n| person(round * BATCH + n)).collect();
        let rows: Vec<Row> = people.iter().map(row).collect();
        let steps: Vec<Step> = people.into_iter().map(|attributes| Step::Create { attributes }).collect();
        let mut insert_bare = || {
            let began = Instant::now();
            insert(&mut raw, &rows);
            bare += began.elapsed().as_secs_f64();
        };
        let mut apply = || {
            let began = Instant::now();
            let answers = runtime.block_on(directory.apply(&steps));
            ours += began.elapsed().as_secs_f64();
            assert!(answers.iter().all(Result::is_ok));
        };
        if round % 2 == 0 {
            insert_bare();
            apply();
        } else {
            apply();
            insert_bare();
        }
    }
    let people = (rounds * BATCH) as f64;
    println!("creates in batches of {BATCH}, people/s");
    println!("  bare inserts of the same rows   {:>10.0}", people / bare);
    println!(
        "  apply                           {:>10.0}   cost {:.2} (wanted at most 1.50)",
        people / ours,
        ours / bare
    );
}

fn open(path: &Path) -> EmbeddedDirectory {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
    }
    EmbeddedDirectory::open(path, EmbeddedOptions::default()).expect("open")
}

fn person(n: usize) -> Attributes {
    let names = [
        "displayName",
        "givenName",
        "surname",
        "jobTitle",
        "department",
        "streetAddress",
        "city",
        "postalCode",
        "country",
        "telephoneNumber",
        "mobile",
        "preferredLanguage",
    ];
    let text = |value: String| AttributeValue::Text(value);
    let mut attributes: Attributes =
        names.map(|name| (name.to_owned(), text(format!("{name} of {n}")))).into();
    attributes.insert("accountEnabled".into(), AttributeValue::Boolean(true));
    attributes.insert("employeeId".into(), text(format!("{n:08}")));
    attributes.insert("mail".into(), text(format!("person.{n}@northmere.example")));
    attributes.insert("mailNickname".into(), text(format!("person.{n}")));
    attributes.insert("userPrincipalName".into(), text(format!("person.{n}@northmere.example")));
    attributes
}

/// The columns of one row, ready to be bound.
struct Row {
    id: [u8; 16],
    upn: String,
    employee_id: String,
    nick: String,
    name: String,
    json: String,
}

fn row(attributes: &Attributes) -> Row {
    let text = |name: &str| match attributes.get(name) {
        Some(AttributeValue::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let json: serde_json::Map<String, serde_json::Value> =
        attributes.keys().map(|name| (name.clone(), serde_json::Value::String(text(name)))).collect();
    Row {
        id: uuid::Uuid::now_v7().into_bytes(),
        upn: text("userPrincipalName"),
        employee_id: text("employeeId"),
        nick: text("mailNickname"),
        name: text("displayName"),
        json: serde_json::Value::Object(json).to_string(),
    }
}

fn insert(connection: &mut Connection, rows: &[Row]) {
    let transaction = connection.transaction().expect("begin");
    {
        let sql = "INSERT INTO users (id, upn, employee_id, mail, mail_nickname, display_name, enabled, created, version, \
                   attributes) VALUES (?1, ?2, ?3, ?2, ?4, ?5, 1, 1, 1, ?6)";
        let mut statement = transaction.prepare_cached(sql).expect("prepare");
        for row in rows {
            statement
                .execute(params![row.id.as_slice(), row.upn, row.employee_id, row.nick, row.name, row.json])
                .expect("insert");
        }
    }
    transaction.commit().expect("commit");
}
