//! What only several people together, or several plans after one another, can show.
use hirewire_engine::index::TargetIndex;
use hirewire_engine::safety::Exemption;
use hirewire_engine::target::{Change, MatchKey, Step};
use hirewire_engine::undo::{Done, Kept, KeptBecause, undo};
use hirewire_engine::uniqueness::Reservations;
use hirewire_engine::value::{Account, AttributeValue};
use hirewire_engine::{
    Action, CompiledSchema, Current, Link, Lookup, Neighbours, Nobody, Person, Plan, Reason, ReferenceStatus,
    Settings, Surroundings, Why,
};
use hirewire_expression::SeededRandom;
use hirewire_schema::Document;
use serde_json::{Value, json};

fn schema(settings: Settings) -> CompiledSchema {
    let text = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let row = |target: &str, expression: &str| json!({"targetAttributeName": target, "source": {"expression": expression}});
    let mut matching = row("employeeID", "[externalId]");
    matching["matchingPriority"] = json!(1);
    let document = json!({
        "synchronizationRules": [{
            "name": "r", "sourceDirectoryName": "S", "targetDirectoryName": "T",
            "objectMappings": [{
                "enabled": true, "flowTypes": "Add, Update, Delete", "sourceObjectName": "s", "targetObjectName": "t",
                "attributeMappings": [
                    matching,
                    row("login", r#"SelectUniqueValue([userName], Append([userName], "2"), Append([userName], "3"))"#),
                    row("accountDisabled", "Not([active])"),
                    row("title", "[title]"),
                    row("pin", r#"Redact([nickName])"#),
                    row("manager", "[urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager]"),
                ],
            }],
        }],
        "directories": [
            {"name": "S", "objects": [{"name": "s", "attributes": []}]},
            {"name": "T", "objects": [{"name": "t", "attributes": [
                text("employeeID", "String"), text("login", "String"), text("accountDisabled", "Boolean"),
                text("title", "String"), text("pin", "String"), text("manager", "Reference"),
            ]}]},
        ],
    });
    let document = Document::parse(document.to_string().as_bytes()).expect("a document");
    CompiledSchema::compile(&document.schema(), &settings).expect("a schema that compiles")
}

fn person(number: &str, name: &str) -> Value {
    json!({"externalId": number, "userName": name, "active": true, "title": "Engineer", "nickName": "4711"})
}

fn now() -> jiff::Timestamp {
    "2026-03-02T09:00:00Z".parse().expect("a moment")
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

/// Plans joiners one after the other without writing, as a batch does.
fn batch(schema: &CompiledSchema, records: &[(&str, Value)], neighbours: &dyn Neighbours) -> Vec<Plan> {
    let random = SeededRandom::new(1);
    let mut reservations = Reservations::new();
    records
        .iter()
        .map(|(anchor, record)| {
            let prepared = schema.prepare(
                Person { source_anchor: anchor, record: Some(record), link: None },
                now(),
                &random,
            );
            let reserved = reservations.over(schema, neighbours);
            let plan =
                prepared.plan(Current::Found(&[]), &Surroundings { neighbours: &reserved, random: &random });
            reservations.reserve(&prepared, &plan);
            plan
        })
        .collect()
}

fn new_value<'p>(plan: &'p Plan, attribute: &str) -> Option<&'p AttributeValue> {
    plan.changes.iter().find(|change| change.attribute == attribute)?.new.as_ref()
}

#[test]
fn joiners_of_one_batch_never_get_one_name() {
    let schema = schema(Settings::default());
    let people = ["1", "2", "3", "4"]
        .map(|number| (number, person(number, if number == "2" { "IDA" } else { "ida" })));
    let plans = batch(&schema, &people, &Nobody);
    let logins: Vec<_> = plans.iter().map(|plan| new_value(plan, "login")).collect();
    assert_eq!(logins, [Some(&text("ida")), Some(&text("IDA2")), Some(&text("ida3")), None]);
    assert_eq!(plans[3].reason, Some(Reason::UniqueValuesExhausted));
}

#[test]
fn joiners_of_one_batch_with_one_matching_value_are_a_conflict() {
    let schema = schema(Settings::default());
    let plans = batch(&schema, &[("1", person("7", "ida")), ("2", person("7", "bo"))], &Nobody);
    assert_eq!((plans[0].action, plans[1].reason), (Action::Create, Some(Reason::DuplicateSourceEntries)));
}

#[test]
fn one_account_is_matched_by_one_person_of_a_batch() {
    let schema = schema(Settings::default());
    let random = SeededRandom::new(1);
    let account = Account {
        anchor: "T1".into(),
        soft_deleted: false,
        attributes: [("employeeID".into(), text("7"))].into(),
    };
    let mut reservations = Reservations::new();
    let records = [("1", person("7", "ida")), ("2", person("7", "bo"))];
    let reasons: Vec<_> = records
        .iter()
        .map(|(anchor, record)| {
            let prepared = schema.prepare(
                Person { source_anchor: anchor, record: Some(record), link: None },
                now(),
                &random,
            );
            let reserved = reservations.over(&schema, &Nobody);
            let around = Surroundings { neighbours: &reserved, random: &random };
            let plan = prepared.plan(Current::Found(&[vec![account.clone()]]), &around);
            reservations.reserve(&prepared, &plan);
            (plan.action, plan.reason, plan.matched_by)
        })
        .collect();
    assert_eq!(reasons[0], (Action::Update, None, Some("employeeID".into())));
    assert_eq!(reasons[1], (Action::Fail, Some(Reason::DuplicateSourceEntries), None));
}

#[test]
fn candidates_are_known_before_anything_is_asked() {
    let schema = schema(Settings::default());
    let random = SeededRandom::new(1);
    let record = person("1", "ida");
    let prepared =
        schema.prepare(Person { source_anchor: "1", record: Some(&record), link: None }, now(), &random);
    let candidates: Vec<_> = prepared.unique_candidates(&random).into_iter().map(|key| key.value).collect();
    assert_eq!(candidates, [text("ida"), text("ida2"), text("ida3")]);
}

#[test]
fn an_index_answers_look_ups_and_taken_names() {
    let schema = schema(Settings::default());
    let mut index = TargetIndex::new(&schema);
    index.insert(&Account {
        anchor: "T1".into(),
        soft_deleted: false,
        attributes: [("employeeID".into(), text("1")), ("login".into(), text("Ida"))].into(),
    });
    struct Directory<'i>(&'i TargetIndex);
    impl Neighbours for Directory<'_> {
        fn owner(&self, _target_anchor: &str) -> Option<&str> {
            None
        }
        fn target_anchor(&self, _source_anchor: &str) -> Option<&str> {
            None
        }
        fn is_taken(&self, attribute: &str, value: &str) -> bool {
            self.0.holds(attribute, value)
        }
    }
    let plans = batch(&schema, &[("2", person("2", "ida"))], &Directory(&index));
    assert_eq!(new_value(&plans[0], "login"), Some(&text("ida2")));
    assert_eq!(index.find(&MatchKey { attribute: "employeeID".into(), value: text("1") }).len(), 1);
}

fn planned(schema: &CompiledSchema, record: Option<&Value>, link: &Link, account: Option<&Account>) -> Plan {
    let random = SeededRandom::new(1);
    let around = Surroundings { neighbours: &Nobody, random: &random };
    let person = Person { source_anchor: "1", record, link: Some(link) };
    hirewire_engine::plan(schema, person, now(), &around, |lookup| match lookup {
        Lookup::Anchor(_) => Current::Linked(account),
        Lookup::Nothing | Lookup::Keys(_) => Current::Nothing,
    })
}

fn ida() -> (Link, Account) {
    let link = Link { source_anchor: "1".into(), target_anchor: "T1".into(), in_scope: true };
    let attributes = [
        ("employeeID".into(), text("1")),
        ("title".into(), text("Engineer")),
        ("accountDisabled".into(), AttributeValue::Boolean(false)),
        ("pin".into(), text("4711")),
        ("login".into(), text("ida")),
    ];
    (link, Account { anchor: "T1".into(), soft_deleted: false, attributes: attributes.into() })
}

#[test]
fn exempt_accounts_are_updated_but_never_taken_away() {
    let rule = Exemption { attribute: "title".into(), value: "engineer".into() };
    let schema = schema(Settings { exempt: vec![rule], ..Settings::default() });
    let (link, account) = ida();
    let leaver = json!({"externalId": "1", "active": false});
    let mover = json!({"externalId": "1", "active": true, "title": "Lead"});
    let outcome = |record| {
        let plan = planned(&schema, record, &link, Some(&account));
        (plan.action, plan.reason, plan.changes.len())
    };
    assert_eq!(outcome(Some(&leaver)), (Action::Skip, Some(Reason::AccountExempt), 0));
    assert_eq!(outcome(None), (Action::Skip, Some(Reason::AccountExempt), 0));
    assert_eq!(outcome(Some(&mover)), (Action::Update, None, 1));
}

#[test]
fn a_pending_reference_is_written_when_its_person_is_known() {
    let schema = schema(Settings::default());
    let (link, account) = ida();
    let mut record = person("1", "ida");
    record["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] =
        json!({"manager": {"value": "900"}});
    let plan = planned(&schema, Some(&record), &link, Some(&account));
    assert_eq!(plan.references[0].status, ReferenceStatus::Pending);
    assert_eq!(plan.reference_step("T1", |_| None), None);
    let known = |source: &str| (source == "900").then(|| "T9".to_owned());
    let changes = vec![Change {
        attribute: "manager".into(),
        old: None,
        new: Some(AttributeValue::Reference("T9".into())),
    }];
    assert_eq!(plan.reference_step("T1", known), Some(Step::Update { anchor: "T1".into(), changes }));
}

#[test]
fn traces_tell_every_row_and_hide_what_is_redacted() {
    let schema = schema(Settings::default());
    let (link, account) = ida();
    let random = SeededRandom::new(1);
    let mut record = person("1", "ida");
    record["title"] = json!("Lead");
    record["nickName"] = json!("1234");
    let prepared = schema.prepare(
        Person { source_anchor: "1", record: Some(&record), link: Some(&link) },
        now(),
        &random,
    );
    let around = Surroundings { neighbours: &Nobody, random: &random };
    let plan = prepared.plan(Current::Linked(Some(&account)), &around);
    let traces = prepared.traces(&plan, Some(&account));
    let trace = |attribute: &str| traces.iter().find(|trace| trace.attribute == attribute).expect("a trace");
    let title = trace("title");
    assert_eq!(
        (title.why, &title.old, &title.new),
        (Why::Changed, &Some(text("Engineer")), &Some(text("Lead")))
    );
    assert_eq!(title.inputs, [("title".to_owned(), Some("Lead".to_owned()))]);
    assert_eq!(title.expression.as_deref(), Some("[title]"));
    assert_eq!(trace("login").why, Why::FlowOnlyOnCreate);
    assert_eq!(trace("manager").why, Why::NullNotFlowed);
    let pin = trace("pin");
    assert!(
        pin.redacted && !format!("{pin:?}").contains("1234") && !format!("{pin:?}").contains("4711"),
        "{pin:?}"
    );
}

#[test]
fn failures_name_the_row_and_not_the_value() {
    let schema = schema(Settings::default());
    let (link, account) = ida();
    let record = json!({"externalId": "1", "active": true, "title": ["perhaps", "not"]});
    let plan = planned(&schema, Some(&record), &link, Some(&account));
    assert_eq!(plan.action, Action::Fail);
    let detail = plan.detail.unwrap_or_default();
    assert!(detail.contains("title") && !detail.contains("perhaps"), "{detail}");
}

#[test]
fn undo_reverses_what_stands_and_keeps_what_changed_since() {
    let schema = schema(Settings::default());
    let (_, account) = ida();
    let change = |attribute: &str, old: Option<&str>, new: Option<&str>| Change {
        attribute: attribute.into(),
        old: old.map(text),
        new: new.map(text),
    };
    let done = |action, changes| Done { action, changes, restored: false };
    let update = [
        change("title", Some("Trainee"), Some("ENGINEER")),
        change("login", None, Some("bo")),
        change("pin", Some("4711"), Some("9")),
    ];
    let create = [change("employeeID", None, Some("1")), change("title", None, Some("Engineer"))];
    let touched = [change("employeeID", None, Some("1")), change("title", None, Some("Lead"))];
    let gone = Account { soft_deleted: true, ..account.clone() };

    let undone = undo(&[done(Action::Update, &update)], "T1", Some(&account), &schema);
    let back = Change { attribute: "title".into(), old: Some(text("Engineer")), new: Some(text("Trainee")) };
    assert_eq!(undone.steps, [Step::Update { anchor: "T1".into(), changes: vec![back] }]);
    let kept = |attribute: &str, why| Kept { attribute: Some(attribute.into()), why };
    assert_eq!(
        undone.kept,
        [kept("login", KeptBecause::ChangedSince), kept("pin", KeptBecause::AlreadyBack)]
    );

    let undone = undo(&[done(Action::Create, &create)], "T1", Some(&account), &schema);
    assert_eq!(undone.steps, [Step::Delete { anchor: "T1".into() }]);
    let undone = undo(&[done(Action::Create, &touched)], "T1", Some(&account), &schema);
    assert_eq!((undone.steps.len(), undone.kept[0].why), (0, KeptBecause::ChangedSince));
    let undone = undo(&[done(Action::Delete, &[])], "T1", Some(&gone), &schema);
    assert_eq!(undone.steps, [Step::Restore { anchor: "T1".into() }]);
    let undone = undo(&[done(Action::Delete, &[])], "T1", None, &schema);
    assert_eq!((undone.steps.len(), undone.kept[0].why), (0, KeptBecause::Gone));
    // A create and a later update of the same account, taken back together.
    let later = [change("title", Some("Engineer"), Some("Lead"))];
    let now = Account {
        attributes: [("employeeID".into(), text("1")), ("title".into(), text("Lead"))].into(),
        ..account
    };
    let undone =
        undo(&[done(Action::Create, &create), done(Action::Update, &later)], "T1", Some(&now), &schema);
    assert_eq!(undone.steps, [Step::Delete { anchor: "T1".into() }]);
}

#[test]
fn what_cannot_run_does_not_compile() {
    let document = json!({
        "synchronizationRules": [{
            "name": "r", "sourceDirectoryName": "S", "targetDirectoryName": "T",
            "objectMappings": [{
                "enabled": true, "flowTypes": "Add", "sourceObjectName": "s", "targetObjectName": "t",
                "attributeMappings": [
                    {"targetAttributeName": "a", "source": {"expression": "Jion([x])"}},
                    {"targetAttributeName": "b", "source": {"expression": "[x]"}},
                    {"targetAttributeName": "b", "source": {"expression": "[y]"}},
                    {"targetAttributeName": "n", "source": {"expression": "[x]"}, "defaultValue": "many"},
                ],
                "scope": {"groups": [{"name": "g", "clauses": [
                    {"operatorName": "LIKE", "sourceOperandName": "x", "targetOperand": {"values": ["a"]}},
                    {"operatorName": "REGEX MATCH", "sourceOperandName": "x", "targetOperand": {"values": ["("]}},
                ]}]},
            }],
        }],
        "directories": [{"name": "T", "objects": [{"name": "t", "attributes": [{"name": "n", "type": "Integer"}]}]}],
    });
    let document = Document::parse(document.to_string().as_bytes()).expect("a document");
    let findings =
        CompiledSchema::compile(&document.schema(), &Settings::default()).err().unwrap_or_default();
    let rules: Vec<&str> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(
        rules,
        ["expression", "duplicate-target-attribute", "default-value", "filter-clause", "filter-clause"]
    );
    assert!(findings[3].path.ends_with("scope.groups[0].clauses[0]"), "{}", findings[3].path);
}

#[test]
fn a_compiled_schema_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&schema(Settings::default()));
}
