//! The body of the HiBob example for 100,000 employees, against minijinja. Prints ratios.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use hirewire_workflow::definition::compile;
use hirewire_workflow::expression::{DateTime, Evaluator, JsonProgram, Scope, Template, Value};
use hirewire_workflow::offline::run_offline;
use hirewire_workflow::run::{Answer, Machine, RunOptions, Start, TriggerRecord};
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

fn best(mut run: impl FnMut() -> usize) -> f64 {
    (0..3)
        .map(|_| {
            let start = Instant::now();
            assert!(run() > 0);
            start.elapsed().as_secs_f64()
        })
        .fold(f64::MAX, f64::min)
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

    let text = best(|| {
        people
            .iter()
            .map(|p| {
                let mut out = Vec::with_capacity(1_024);
                program.write(&Evaluator::new(&Person(p)), &mut out).expect("ours");
                out.len()
            })
            .sum()
    });
    let tree =
        best(|| people.iter().filter(|p| template.to_json(&Person(p)).expect("ours").is_object()).count());
    let jinja_text = best(|| {
        people
            .iter()
            .map(|p| {
                jinja
                    .render(minijinja::context!(p => minijinja::Value::from(minijinja::value::Serde(p))))
                    .expect("theirs")
                    .len()
            })
            .sum()
    });
    let prepared: Vec<minijinja::Value> = people
        .iter()
        .map(|p| minijinja::context!(p => minijinja::Value::from(minijinja::value::Serde(p))))
        .collect();
    let jinja_ready = best(|| prepared.iter().map(|p| jinja.render(p).expect("theirs").len()).sum());
    let jinja_tree = best(|| {
        people
            .iter()
            .filter(|p| {
                serde_json::from_str::<Json>(
                    &jinja
                        .render(minijinja::context!(p => minijinja::Value::from(minijinja::value::Serde(p))))
                        .expect("theirs"),
                )
                .expect("JSON")
                .is_object()
            })
            .count()
    });
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
    let workflow = Arc::new(compile("bench", &definition, false).0.expect("workflow"));
    let start = Instant::now();
    let trigger = TriggerRecord {
        name: "t".into(),
        outputs: json!({"body": people}),
        scheduled: None,
        client_tracking_id: String::new(),
    };
    let mut machine = Machine::new(
        workflow,
        Start { run: "r".into(), base_id: String::new(), trigger },
        RunOptions { parameters: Map::new(), ..RunOptions::default() },
    );
    let run = run_offline(&mut machine, 0, |_| Answer::Value(Json::Null));
    println!(
        "a Foreach with a Compose over {count} employees: {:.3} s, {} records, {} iterations held at the end",
        start.elapsed().as_secs_f64(),
        run.records.len(),
        machine.live_spaces() - 1
    );
}
