//! The body of the HiBob example for 100,000 employees, against minijinja; a loop of twenty actions, against its expressions
//! alone. Prints ratios.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use hirewire_workflow::definition::{Status, compile};
use hirewire_workflow::expression::{DateTime, Evaluator, JsonProgram, Scope, Template, Value};
use hirewire_workflow::host::{Drive, Driver, FileJournal, HttpClient, RealOutside};
use hirewire_workflow::run::{Command, Event, Machine, RunOptions, Start, TriggerRecord, What};
use serde_json::{Map, Value as Json, json};

struct Person<'p>(&'p Json);

impl Scope for Person<'_> {
    fn parameter(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn variable(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn trigger(&self) -> Option<Value<'_>> {
        None
    }
    fn trigger_outputs(&self) -> Value<'_> {
        Value::Null
    }
    fn action(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn outputs(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn item(&self) -> Option<Value<'_>> {
        Some(Value::from(self.0))
    }
    fn items(&self, _: &str) -> Option<Value<'_>> {
        Some(Value::from(self.0))
    }
    fn iteration_index(&self, _: &str) -> Option<i64> {
        None
    }
    fn result(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn workflow(&self) -> Option<Value<'_>> {
        None
    }
    fn now(&self) -> DateTime {
        DateTime::from_unix_nanoseconds(0)
    }
    fn random(&self) -> u128 {
        7
    }
}

fn people(count: usize) -> Vec<Json> {
    (0..count)
        .map(|n| json!({"id": n.to_string(), "email": format!("person{n}@contoso.example"), "firstName": format!("First{n}"), "surname": "O'Neil \"Ann\"",
            "work": {"title": "Engineer", "department": "R&D", "startDate": "2024-03-01", "reportsTo": {"email": "boss@contoso.example"}}, "internal": {"status": "Active"}}))
        .collect()
}

fn body() -> Json {
    json!({"method": "POST", "bulkId": "@{items('Each')?['id']}", "path": "/Users", "data": {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "externalId": "@{items('Each')?['id']}", "userName": "@{items('Each')?['email']}",
        "displayName": "@{items('Each')?['firstName']} @{items('Each')?['surname']}",
        "name": {"givenName": "@{items('Each')?['firstName']}", "familyName": "@{items('Each')?['surname']}"},
        "title": "@items('Each')?['work']?['title']", "active": "@equals(items('Each')?['internal']?['status'],'Active')",
        "emails": [{"type": "work", "value": "@{toLower(items('Each')?['email'])}"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "@{items('Each')?['work']?['department']}", "employeeNumber": "@{items('Each')?['id']}",
            "manager": {"value": "@{items('Each')?['work']?['reportsTo']?['email']}"}}}})
}

const JINJA: &str = r#"{"method":"POST","bulkId":{{ p.id|tojson }},"path":"/Users","data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":{{ p.id|tojson }},"userName":{{ p.email|tojson }},"displayName":{{ (p.firstName ~ " " ~ p.surname)|tojson }},"name":{"givenName":{{ p.firstName|tojson }},"familyName":{{ p.surname|tojson }}},"title":{{ p.work.title|tojson }},"active":{{ (p.internal.status == "Active")|tojson }},"emails":[{"type":"work","value":{{ (p.email|lower)|tojson }}}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":{{ p.work.department|tojson }},"employeeNumber":{{ p.id|tojson }},"manager":{"value":{{ p.work.reportsTo.email|tojson }}}}}}"#;

/// Seconds of one go.
fn once(run: impl FnOnce() -> usize) -> f64 {
    let start = Instant::now();
    assert!(run() > 0);
    start.elapsed().as_secs_f64()
}

fn main() {
    let count = 100_000;
    let people = people(count);
    let template = Template::parse(&body()).expect("template");
    let program = JsonProgram::new(&template);
    let mut environment = minijinja::Environment::new();
    environment.add_template("body", JINJA).expect("template");
    let jinja = environment.get_template("body").expect("template");
    let (ours, theirs) = (
        template.to_json(&Person(&people[1])).expect("ours"),
        jinja
            .render(minijinja::context!(p => minijinja::Value::from(minijinja::value::Serde(&people[1]))))
            .expect("theirs"),
    );
    assert_eq!(ours, serde_json::from_str::<Json>(&theirs).expect("JSON"));

    let mut written = Vec::new();
    program.write(&Evaluator::new(&Person(&people[1])), &mut written).expect("ours");
    assert_eq!(serde_json::from_slice::<Json>(&written).expect("JSON"), ours);

    let prepared: Vec<minijinja::Value> = people
        .iter()
        .map(|p| minijinja::context!(p => minijinja::Value::from(minijinja::value::Serde(p))))
        .collect();
    let render = |p: &Json| {
        jinja
            .render(minijinja::context!(p => minijinja::Value::from(minijinja::value::Serde(p))))
            .expect("theirs")
    };
    // In turns, so that a busy machine is as unkind to one as to the other.
    let [mut text, mut tree, mut jinja_text, mut jinja_ready, mut jinja_tree] = [f64::MAX; 5];
    for _ in 0..3 {
        text = text.min(once(|| {
            people
                .iter()
                .map(|p| {
                    let mut out = Vec::with_capacity(1_024);
                    program.write(&Evaluator::new(&Person(p)), &mut out).expect("ours");
                    out.len()
                })
                .sum()
        }));
        jinja_text = jinja_text.min(once(|| people.iter().map(|p| render(p).len()).sum()));
        jinja_ready =
            jinja_ready.min(once(|| prepared.iter().map(|p| jinja.render(p).expect("theirs").len()).sum()));
        tree = tree.min(once(|| {
            people.iter().filter(|p| template.to_json(&Person(p)).expect("ours").is_object()).count()
        }));
        jinja_tree = jinja_tree.min(once(|| {
            let read = |p| serde_json::from_str::<Json>(&render(p)).expect("JSON").is_object();
            people.iter().filter(|p| read(p)).count()
        }));
    }
    println!(
        "{count} employees, seconds: ours as text {text:.3}, as tree {tree:.3}; minijinja as text {jinja_text:.3} (values prepared {jinja_ready:.3}), as tree {jinja_tree:.3}"
    );
    println!(
        "ratio text {:.1}  text against prepared values {:.1}  tree {:.1}",
        jinja_text / text,
        jinja_ready / text,
        jinja_tree / tree
    );

    let definition = json!({"actions": {"Each": {"type": "Foreach", "foreach": "@triggerBody()", "actions": {"User": {"type": "Compose", "inputs": body()}}}}});
    let (seconds, held, records) = without_history(&definition, json!(people));
    println!(
        "a Foreach with a Compose over {count} employees: {seconds:.3} s, {records} records, {held} iterations held at the end"
    );
    twenty_actions();
}

/// The inputs of twenty actions that make a person's record step by step, each reading what came before.
fn steps() -> Vec<Json> {
    let mut out = vec![json!("@items('Each')?['email']")];
    for n in 1..20 {
        out.push(match n % 5 {
            0 => json!({"id": "@{items('Each')?['id']}", "mail": format!("@toLower(outputs('A{}'))", n - 1), "at": {"department": "@items('Each')?['work']?['department']"}}),
            1 => json!(format!("@{{items('Each')?['firstName']}}.@{{replace(items('Each')?['surname'],' ','-')}}@contoso.example")),
            2 => json!(format!("@if(equals(items('Each')?['internal']?['status'],'Active'),concat(outputs('A{}'),'-on'),'off')", n - 1)),
            3 => json!({"name": {"givenName": "@{items('Each')?['firstName']}", "familyName": "@{items('Each')?['surname']}"}, "title": "@coalesce(items('Each')?['work']?['title'],'none')"}),
            _ => json!(format!("@toUpper(concat(outputs('A{}')?['name']?['givenName'],'-',substring(items('Each')?['email'],0,6)))", n - 1)),
        });
    }
    out
}

/// Twenty actions over ten thousand items: the expressions alone, a run whose history is dropped, a run with durable history.
fn twenty_actions() {
    let people = people(10_000);
    let mut actions = Map::new();
    for (n, inputs) in steps().into_iter().enumerate() {
        let after = if n == 0 { json!({}) } else { json!({format!("A{}", n - 1): ["Succeeded"]}) };
        actions.insert(format!("A{n}"), json!({"type": "Compose", "inputs": inputs, "runAfter": after}));
    }
    let definition =
        json!({"actions": {"Each": {"type": "Foreach", "foreach": "@triggerBody()", "actions": actions}}});
    let templates: Vec<Template> = steps().iter().map(|s| Template::parse(s).expect("template")).collect();
    let expressions = || {
        people
            .iter()
            .map(|person| {
                let mut outputs: Vec<Json> = Vec::with_capacity(20);
                for template in &templates {
                    let value = template.to_json(&Step { person, outputs: &outputs }).expect("a value");
                    outputs.push(value);
                }
                outputs.len()
            })
            .sum()
    };
    let body = json!(people);
    let [mut bare, mut off, mut durable] = [f64::MAX; 3];
    for _ in 0..3 {
        bare = bare.min(once(expressions));
        off = off.min(without_history(&definition, body.clone()).0);
        durable = durable.min(with_history(&definition, body.clone()));
    }
    println!(
        "20 actions over {} items, seconds: expressions alone {bare:.3}, history off {off:.3} ({:.1} x), durable history {durable:.3} ({:.1} x)",
        people.len(),
        off / bare,
        durable / bare
    );
}

struct Step<'s> {
    person: &'s Json,
    outputs: &'s [Json],
}

impl Scope for Step<'_> {
    fn parameter(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn variable(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn trigger(&self) -> Option<Value<'_>> {
        None
    }
    fn trigger_outputs(&self) -> Value<'_> {
        Value::Null
    }
    fn action(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn outputs(&self, name: &str) -> Option<Value<'_>> {
        self.outputs.get(name[1..].parse::<usize>().ok()?).map(Value::from)
    }
    fn item(&self) -> Option<Value<'_>> {
        Some(Value::from(self.person))
    }
    fn items(&self, _: &str) -> Option<Value<'_>> {
        Some(Value::from(self.person))
    }
    fn iteration_index(&self, _: &str) -> Option<i64> {
        None
    }
    fn result(&self, _: &str) -> Option<Value<'_>> {
        None
    }
    fn workflow(&self) -> Option<Value<'_>> {
        None
    }
    fn now(&self) -> DateTime {
        DateTime::from_unix_nanoseconds(0)
    }
    fn random(&self) -> u128 {
        7
    }
}

fn start(body: Json) -> Start {
    let trigger = TriggerRecord {
        name: "t".into(),
        outputs: json!({"body": body}),
        scheduled: None,
        client_tracking_id: String::new(),
    };
    Start { run: "r".into(), base_id: String::new(), trigger }
}

/// Runs to the end and drops every record: seconds, iterations held at the end, records.
fn without_history(definition: &Json, body: Json) -> (f64, usize, usize) {
    let workflow = Arc::new(compile("bench", definition, false).0.expect("workflow"));
    let mut machine = Machine::new(workflow, start(body), RunOptions::default());
    let began = Instant::now();
    let mut records = 0;
    let mut what = What::Start;
    while machine.result().is_none() {
        for command in machine.step(&Event { at: 1, seed: 1, what }) {
            records += usize::from(matches!(command, Command::Record(_)));
        }
        what = What::Continue;
    }
    (began.elapsed().as_secs_f64(), machine.live_spaces() - 1, records)
}

/// Runs to the end with a journal that is synced to disk at each append.
fn with_history(definition: &Json, body: Json) -> f64 {
    let workflow = Arc::new(compile("bench", definition, false).0.expect("workflow"));
    let folder = tempfile::tempdir().expect("a folder");
    let journal = Arc::new(FileJournal::open(folder.path()).expect("a journal"));
    let outside = RealOutside {
        http: HttpClient::new().expect("client"),
        connections: HashMap::new(),
        children: None,
        functions: HashMap::new(),
        dry_run: false,
    };
    let driver = Driver::new(Arc::new(outside), journal);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let began = Instant::now();
    let drive = Drive { workflow, options: RunOptions::default(), signals: None };
    let result = runtime.block_on(driver.start(start(body), drive, &mut ())).expect("a result");
    assert_eq!(result.status, Status::Succeeded);
    began.elapsed().as_secs_f64()
}
