//! Ratios of one run: planning beside the bare evaluation of its expressions, an unchanged person beside a changed one,
//! matching a million people beside a bare hash join. `cargo bench -p hirewire-engine`.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use hirewire_engine::index::TargetIndex;
use hirewire_engine::target::MatchKey;
use hirewire_engine::value::{Account, AttributeValue, Attributes};
use hirewire_engine::{
    Action, CompiledSchema, Current, Link, Nobody, Person, Settings, Surroundings, fingerprint,
};
use hirewire_expression::{DateTime, Environment, Expression, SeededRandom, Source, Value};
use hirewire_schema::Document;
use hirewire_scim::AttributePath;
use serde_json::json;

const SCHEMA: &str = include_str!("../../../samples/schema/inbound-to-ad.json");

fn main() {
    let document = Document::parse(SCHEMA.as_bytes()).expect("the sample is a schema");
    let settings =
        Settings { default_container: Some("OU=People,DC=contoso,DC=com".into()), ..Settings::default() };
    let compiled = CompiledSchema::compile(&document.schema(), &settings).expect("the sample compiles");
    changed_person(&compiled, &document);
    million(&compiled);
}

fn record(number: usize, title: &str) -> serde_json::Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": number.to_string(),
        "userName": format!("ida.stone{number}@contoso.com"),
        "active": true,
        "displayName": "Ida Stone",
        "name": {"givenName": "Ida", "familyName": "Stone"},
        "title": title,
        "preferredLanguage": "nb-NO",
        "emails": [{"type": "work", "value": format!("ida.stone{number}@contoso.com")}],
        "addresses": [{"type": "work", "streetAddress": "Storgata 1", "locality": "Oslo", "region": "Oslo", "postalCode": "0155", "country": "NO", "formatted": "HQ"}],
        "phoneNumbers": [{"type": "work", "value": "+47 22 00 10 01"}, {"type": "mobile", "value": "+47 900 10 01"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "division": "Platform", "organization": "Contoso AS", "manager": {"value": "900"}},
    })
}

/// The fastest round of each work; they take turns, so that a busy moment of the machine concerns all of them.
fn fastest_of<const N: usize>(rounds: usize, works: [&dyn Fn(); N]) -> [Duration; N] {
    let mut times = [Duration::MAX; N];
    for _ in 0..rounds {
        for (time, work) in times.iter_mut().zip(works) {
            let start = Instant::now();
            work();
            *time = (*time).min(start.elapsed());
        }
    }
    times
}

fn keep<T>(value: T) {
    black_box(value);
}

/// The plainest caller: paths resolved once, every attribute read, every expression evaluated.
struct Bare {
    rows: Vec<(Expression, Vec<AttributePath>)>,
}

struct Read<'r>(Vec<Value<'r>>);

impl Source for Read<'_> {
    fn value(&self, slot: usize, _name: &str) -> Value<'_> {
        self.0.get(slot).map_or(Value::Null, Value::borrowed)
    }
}

impl Bare {
    /// Expressions of the rows that are evaluated for an existing account: not those of creation only.
    fn new(document: &Document, create: bool) -> Self {
        let schema = document.schema();
        let (_, _, mapping) = schema.main_mapping().expect("a mapping");
        let rows = mapping.attribute_mappings.iter().filter(|row| create || row.flow_type.name() == "Always");
        let rows = rows.filter_map(|row| Expression::parse(&row.source.as_ref()?.expression).ok());
        let paths =
            |expression: &Expression| expression.attributes().map(AttributePath::of_attribute).collect();
        Self { rows: rows.map(|expression| (expression.clone(), paths(&expression))).collect() }
    }

    fn evaluate(&self, record: &serde_json::Value, environment: &Environment<'_>) {
        for (expression, paths) in &self.rows {
            let read = |path: &AttributePath| match path.get(record).value() {
                Some(serde_json::Value::String(text)) => Value::from(text.as_str()),
                Some(serde_json::Value::Bool(flag)) => Value::Boolean(*flag),
                _ => Value::Null,
            };
            let read = Read(paths.iter().map(read).collect());
            let _ = black_box(expression.evaluate(&read, environment));
        }
    }
}

fn changed_person(compiled: &CompiledSchema, document: &Document) {
    /// One batch: records and accounts were just read, as in a run.
    const PEOPLE: usize = 500;
    let random = SeededRandom::new(1);
    let around = Surroundings { neighbours: &Nobody, random: &random };
    let now = "2026-03-02T09:00:00Z".parse().expect("a moment");
    let old: Vec<_> = (0..PEOPLE).map(|number| record(number, "Engineer")).collect();
    let new: Vec<_> = (0..PEOPLE).map(|number| record(number, "Lead")).collect();
    let bytes: Vec<_> = old.iter().map(|record| record.to_string().into_bytes()).collect();
    let anchors: Vec<String> = (0..PEOPLE).map(|number| number.to_string()).collect();

    // The accounts as a first cycle makes them.
    let accounts: Vec<Account> = old
        .iter()
        .zip(&anchors)
        .map(|(record, anchor)| {
            let prepared = compiled.prepare(
                Person { source_anchor: anchor, record: Some(record), link: None },
                now,
                &random,
            );
            let plan = prepared.plan(Current::Found(&[]), &around);
            assert_eq!(plan.action, Action::Create, "{:?} {:?}", plan.reason, plan.detail);
            let attributes = plan.changes.into_iter().filter_map(|c| Some((c.attribute, c.new?))).collect();
            Account { anchor: anchor.clone(), soft_deleted: false, attributes }
        })
        .collect();
    let links: Vec<Link> = anchors
        .iter()
        .map(|anchor| Link { source_anchor: anchor.clone(), target_anchor: anchor.clone(), in_scope: true })
        .collect();

    let moment = DateTime::from_unix_seconds(1_772_442_000).expect("a moment");
    let environment = Environment::new(moment, &random).with_default_domain(Some("contoso.com"));
    let plan_all = |records: &[serde_json::Value], action: Action| {
        for (((record, anchor), account), link) in records.iter().zip(&anchors).zip(&accounts).zip(&links) {
            let person = Person { source_anchor: anchor, record: Some(record), link: Some(link) };
            let plan = compiled.prepare(person, now, &random).plan(Current::Linked(Some(account)), &around);
            assert_eq!(black_box(&plan).action, action);
        }
    };
    let create_all = || {
        for (record, anchor) in old.iter().zip(&anchors) {
            let person = Person { source_anchor: anchor, record: Some(record), link: None };
            keep(compiled.prepare(person, now, &random).plan(Current::Found(&[]), &around));
        }
    };
    let bare_update = Bare::new(document, false);
    let bare_create = Bare::new(document, true);
    let [bare, changed, equal, bare_all, created, by_bytes] = fastest_of(
        300,
        [
            &|| new.iter().for_each(|record| bare_update.evaluate(record, &environment)),
            &|| plan_all(&new, Action::Update),
            &|| plan_all(&old, Action::Skip),
            &|| new.iter().for_each(|record| bare_create.evaluate(record, &environment)),
            &create_all,
            &|| bytes.iter().for_each(|bytes| keep(fingerprint(bytes))),
        ],
    );

    let each = |time: Duration| time.as_nanos() as f64 / PEOPLE as f64 / 1000.0;
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("default AD mappings, {PEOPLE} people, µs each");
    println!("  bare evaluation, existing account  {:8.2}", each(bare));
    println!(
        "  plan, title changed                {:8.2}   {:.2} × bare (wanted ≤ 1.5)",
        each(changed),
        ratio(changed, bare)
    );
    println!("  plan, nothing changed              {:8.2}   {:.2} × bare", each(equal), ratio(equal, bare));
    println!("  bare evaluation, new account       {:8.2}", each(bare_all));
    println!(
        "  plan, new account                  {:8.2}   {:.2} × bare",
        each(created),
        ratio(created, bare_all)
    );
    println!(
        "  unchanged: fingerprint of the bytes{:8.2}   {:.0} × faster than changed (wanted ≥ 10)",
        each(by_bytes),
        ratio(changed, by_bytes)
    );
}

fn million(compiled: &CompiledSchema) {
    const PEOPLE: usize = 1_000_000;
    let attribute = compiled.matching_attributes().next().expect("a matching attribute").name.clone();
    let key = |number: usize| format!("E{:07}", number * 7 % PEOPLE);
    let account = |number: usize| {
        let text = |text: String| AttributeValue::Text(text);
        let attributes: Attributes = [
            (attribute.clone(), text(key(number))),
            ("accountDisabled".into(), AttributeValue::Boolean(false)),
            ("cn".into(), text(format!("Ida Stone {number}"))),
            ("department".into(), text("Research and Development".into())),
            ("displayName".into(), text(format!("Ida Stone {number}"))),
            ("givenName".into(), text("Ida".into())),
            ("mail".into(), text(format!("ida.stone{number}@contoso.com"))),
            ("manager".into(), AttributeValue::Reference("0f3c6a52-6d0e-4b58-8f5e-0d6f4a1b2c3d".into())),
            ("mobile".into(), text("+47 900 10 01".into())),
            ("sAMAccountName".into(), text(format!("ida.stone{number}"))),
            ("sn".into(), text("Stone".into())),
            ("title".into(), text("Engineer".into())),
            ("userPrincipalName".into(), text(format!("ida.stone{number}@contoso.com"))),
        ]
        .into();
        Account { anchor: format!("0f3c6a52-6d0e-4b58-8f5e-{number:012x}"), soft_deleted: false, attributes }
    };
    let mut index = TargetIndex::new(compiled);
    let mut filling = Duration::ZERO;
    for number in 0..PEOPLE {
        let account = account(number);
        let start = Instant::now();
        index.insert(&account);
        filling += start.elapsed();
    }
    let wanted: Vec<MatchKey> = (0..PEOPLE)
        .map(|number| MatchKey {
            attribute: attribute.clone(),
            value: AttributeValue::Text(format!("e{:07}", number * 13 % PEOPLE)),
        })
        .collect();
    let names: Vec<String> = (0..PEOPLE).map(|number| key(number).to_lowercase()).collect();
    let looked: Vec<String> = wanted.iter().map(|key| key.value.log_text()).collect();
    let mut join = hashbrown::HashMap::<String, usize, foldhash::fast::FixedState>::default();
    let start = Instant::now();
    for (number, name) in names.iter().enumerate() {
        join.insert(name.clone(), number);
    }
    let join_filling = start.elapsed();
    let [probe, join_probe] = fastest_of(
        7,
        [&|| assert_eq!(wanted.iter().filter(|key| index.count(key) == 1).count(), PEOPLE), &|| {
            assert_eq!(looked.iter().filter(|name| join.contains_key(*name)).count(), PEOPLE)
        }],
    );

    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("one million accounts");
    println!("  index: filled in {filling:.2?} (bare map of the keys {join_filling:.2?})");
    println!(
        "  a million look-ups {probe:.2?}, bare hash join {join_probe:.2?}: {:.2} × (wanted ≤ 2)",
        ratio(probe, join_probe)
    );
    println!("  {} bytes per account (wanted ≤ 1024)", index.bytes() / PEOPLE);
}
