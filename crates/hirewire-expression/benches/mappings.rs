//! The default mappings to Active Directory for one person: ours against minijinja templates, compiled CEL programs
//! and a function written by hand. First the results are compared, then all are measured in turns.
//!
//! The rivals get what helps them: contexts built beforehand, native helpers instead of regular expressions.

#![allow(clippy::print_stdout, missing_docs)]

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hirewire_expression::{DateTime, Environment, Expression, Outcome, SeededRandom, Source, Value};

/// Attributes of a person, in the order of the mappings.
const COLUMNS: [&str; 22] = [
    "externalId",
    "displayName",
    "userName",
    "active",
    "name.givenName",
    "name.familyName",
    "title",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "emails[type eq \"work\"].value",
    "addresses[type eq \"work\"].streetAddress",
    "addresses[type eq \"work\"].locality",
    "addresses[type eq \"work\"].region",
    "addresses[type eq \"work\"].postalCode",
    "addresses[type eq \"work\"].country",
    "addresses[type eq \"work\"].formatted",
    "phoneNumbers[type eq \"work\"].value",
    "phoneNumbers[type eq \"mobile\"].value",
    "preferredLanguage",
    "nickName",
];
const USER_NAME: usize = 2;
const ACTIVE: usize = 3;

type Person = [Option<String>; 22];

/// Takes one result.
type Take<'t> = &'t mut dyn FnMut(Option<Cow<'_, str>>);

/// The mappings: the expression and what it reads, in the order of the document.
enum Reads {
    Column(usize),
    NotActive,
    AccountName,
}

fn people() -> Vec<Person> {
    let names = [
        ("Ana", "Ruiz"),
        ("Łukasz", "Dąbrowski"),
        ("Mary Ann", "O'Neil"),
        ("Jean-Luc", "Étienne-Beaumont"),
        ("Bo", "Li"),
        ("María", "González-López de la Fuente"),
        ("Zoë", "Smith"),
        ("Chris", "van der Hof"),
    ];
    (0..256)
        .map(|index| {
            let (first, last) = names[index % names.len()];
            let local = match index % 5 {
                0 => format!("{first}.{last}{index}").to_lowercase().replace(' ', ""),
                1 => format!("{}{index}", last.to_uppercase()),
                2 => format!("{first}.{last}.the.{index}th").replace(' ', ""),
                3 => format!("u{index:06}"),
                _ => format!("{first}+{index}...").replace(' ', ""),
            };
            let mut person: Person = Default::default();
            for (column, name) in COLUMNS.iter().enumerate() {
                let value = match column {
                    0 => format!("{:06}", index * 37),
                    1 => format!("{first} {last}"),
                    USER_NAME => format!("{local}@contoso.com"),
                    ACTIVE => if index % 7 == 0 { "False" } else { "True" }.to_owned(),
                    4 => first.to_owned(),
                    5 => last.to_owned(),
                    _ => format!("{} {index}", &name[name.len() - 5..]),
                };
                // Some people lack some attributes.
                person[column] = (column < 6 || (index + column) % 6 != 0).then_some(value);
            }
            person
        })
        .collect()
}

/// A person as seen by one expression, whose slots were resolved to columns beforehand.
struct Row<'p> {
    person: &'p Person,
    columns: &'p [usize],
}

impl Source for Row<'_> {
    fn value(&self, slot: usize, _name: &str) -> Value<'_> {
        match &self.person[self.columns[slot]] {
            Some(text) => Value::Text(Cow::Borrowed(text)),
            None => Value::Null,
        }
    }
}

struct Mapping {
    expression: Expression,
    columns: Vec<usize>,
    reads: Reads,
}

fn mappings() -> Vec<Mapping> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/schema/inbound-to-ad.json");
    let json = std::fs::read_to_string(path).expect("samples/schema/inbound-to-ad.json");
    let json: serde_json::Value = serde_json::from_str(&json).expect("a schema document");
    let rows =
        json["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"].as_array().expect("rows");
    rows.iter()
        .map(|row| {
            let expression =
                Expression::parse(row["source"]["expression"].as_str().expect("text")).expect("parses");
            let column =
                |name: &str| COLUMNS.iter().position(|known| *known == name).expect("a known attribute");
            let columns: Vec<usize> = expression.attributes().map(column).collect();
            let reads = match row["source"]["name"].as_str() {
                Some("Not") => Reads::NotActive,
                Some("Replace") => Reads::AccountName,
                _ => Reads::Column(columns[0]),
            };
            Mapping { expression, columns, reads }
        })
        .collect()
}

fn ours(
    mappings: &[Mapping],
    person: &Person,
    environment: &Environment<'_>,
    mut result: impl FnMut(Option<Cow<'_, str>>),
) {
    for mapping in mappings {
        let row = Row { person, columns: &mapping.columns };
        match mapping.expression.evaluate(&row, environment) {
            Ok(Outcome::Value { value: Value::Text(text), .. }) => result(Some(text)),
            Ok(Outcome::Value { value: Value::Boolean(value), .. }) => {
                result(Some(Cow::Borrowed(if value { "True" } else { "False" })));
            }
            _ => result(None),
        }
    }
}

/// What a careful programmer would write for exactly these mappings.
fn by_hand(mappings: &[Mapping], person: &Person, mut result: impl FnMut(Option<Cow<'_, str>>)) {
    for mapping in mappings {
        match mapping.reads {
            Reads::Column(column) => result(person[column].as_deref().map(Cow::Borrowed)),
            Reads::NotActive => {
                let active = person[ACTIVE].as_deref().is_some_and(|text| text.eq_ignore_ascii_case("True"));
                result(Some(Cow::Borrowed(if active { "False" } else { "True" })));
            }
            Reads::AccountName => result(person[USER_NAME].as_deref().map(account_name)),
        }
    }
}

fn account_name(user_name: &str) -> Cow<'_, str> {
    const FORBIDDEN: [char; 14] = ['/', '\\', '[', ']', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>'];
    let local = user_name.split_once('@').map_or(user_name, |(local, _)| local);
    let end = |text: &str| text.char_indices().nth(20).map_or(text.len(), |(end, _)| end);
    if local.contains(FORBIDDEN) {
        let mut clean: String = local.chars().filter(|c| !FORBIDDEN.contains(c)).collect();
        clean.truncate(end(&clean));
        clean.truncate(clean.trim_end_matches('.').len());
        return Cow::Owned(clean);
    }
    Cow::Borrowed(local[..end(local)].trim_end_matches('.'))
}

fn trim_end_dots(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}

fn templates(mappings: &[Mapping]) -> minijinja::Environment<'static> {
    let mut environment = minijinja::Environment::new();
    environment.add_filter("rdots", |text: &str| trim_end_dots(text));
    for (index, mapping) in mappings.iter().enumerate() {
        let template = match mapping.reads {
            Reads::Column(column) => format!("{{{{ c{column} }}}}"),
            Reads::NotActive => format!("{{{{ 'False' if c{ACTIVE} == 'True' else 'True' }}}}"),
            Reads::AccountName => {
                let forbidden = ["/", "\\\\", "[", "]", ":", ";", "|", "=", ",", "+", "*", "?", "<", ">"];
                let removals: String = forbidden.iter().map(|c| format!("|replace('{c}','')")).collect();
                format!("{{{{ ((c{USER_NAME}|split('@')|first){removals})[:20]|rdots }}}}")
            }
        };
        environment.add_template_owned(format!("t{index}"), template).expect("a template");
    }
    environment
}

fn template_context(person: &Person) -> minijinja::Value {
    let present =
        person.iter().enumerate().filter_map(|(column, value)| Some((format!("c{column}"), value.clone()?)));
    minijinja::Value::from_pairs(present)
}

fn programs(mappings: &[Mapping]) -> Vec<cel_interpreter::Program> {
    let compile = |mapping: &Mapping| {
        let text = match mapping.reads {
            Reads::Column(column) => format!("c{column}"),
            Reads::NotActive => format!("c{ACTIVE} == 'True' ? 'False' : 'True'"),
            Reads::AccountName => format!("c{USER_NAME}.before('@').clean().left20().rdots()"),
        };
        cel_interpreter::Program::compile(&text).expect("a program")
    };
    mappings.iter().map(compile).collect()
}

fn program_context(person: &Person) -> cel_interpreter::Context<'static> {
    use cel_interpreter::extractors::This;
    let mut context = cel_interpreter::Context::default();
    for (column, value) in person.iter().enumerate() {
        let value = value.as_ref().map_or(cel_interpreter::Value::Null, |text| {
            cel_interpreter::Value::String(Arc::new(text.clone()))
        });
        context.add_variable_from_value(format!("c{column}"), value);
    }
    context.add_function("before", |This(text): This<Arc<String>>, sign: Arc<String>| -> String {
        text.split_once(sign.as_str()).map_or(text.as_str(), |(before, _)| before).to_owned()
    });
    context.add_function("clean", |This(text): This<Arc<String>>| -> String {
        text.chars().filter(|c| !"/\\[]:;|=,+*?<>".contains(*c)).collect()
    });
    context.add_function("left20", |This(text): This<Arc<String>>| -> String {
        text.chars().take(20).collect()
    });
    context.add_function("rdots", |This(text): This<Arc<String>>| -> String { trim_end_dots(&text) });
    context
}

fn main() {
    let (people, mappings) = (people(), mappings());
    let random = SeededRandom::new(1);
    let environment =
        Environment::new(DateTime::from_unix_seconds(1_753_833_600).expect("a moment"), &random);
    let templates = templates(&mappings);
    let templates: Vec<_> = (0..mappings.len())
        .map(|index| templates.get_template(&format!("t{index}")).expect("a template"))
        .collect();
    let programs = programs(&mappings);
    let template_contexts: Vec<_> = people.iter().map(template_context).collect();
    let program_contexts: Vec<_> = people.iter().map(program_context).collect();

    for (index, person) in people.iter().enumerate() {
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        by_hand(&mappings, person, |value| expected.push(value.map(Cow::into_owned)));
        ours(&mappings, person, &environment, |value| got.push(value.map(Cow::into_owned)));
        assert_eq!(got, expected);
        for (column, value) in expected.iter().enumerate() {
            let rendered = templates[column].render(&template_contexts[index]).expect("renders");
            assert_eq!(rendered, value.clone().unwrap_or_default());
            let computed = match programs[column].execute(&program_contexts[index]).expect("runs") {
                cel_interpreter::Value::String(text) => Some(text.to_string()),
                _ => None,
            };
            assert_eq!(&computed, value);
        }
    }

    let length = |value: Option<Cow<'_, str>>| {
        black_box(value.as_deref().map_or(0, str::len));
    };
    // A caller who keeps the results owns them; one who only compares them borrows.
    let kept = |evaluate: &dyn Fn(&Person, Take<'_>)| {
        for person in &people {
            let mut values: Vec<Option<String>> = Vec::with_capacity(mappings.len());
            evaluate(black_box(person), &mut |value| values.push(value.map(Cow::into_owned)));
            black_box(values);
        }
    };
    let mut times: [Vec<Duration>; 6] = Default::default();
    for _ in 0..300 {
        let runs: [&dyn Fn(); 6] = [
            &|| people.iter().for_each(|person| ours(&mappings, black_box(person), &environment, length)),
            &|| people.iter().for_each(|person| by_hand(&mappings, black_box(person), length)),
            &|| {
                for context in &template_contexts {
                    for template in &templates {
                        black_box(template.render(black_box(context)).expect("renders"));
                    }
                }
            },
            &|| {
                for context in &program_contexts {
                    for program in &programs {
                        black_box(program.execute(black_box(context)).expect("runs"));
                    }
                }
            },
            &|| kept(&|person, result| ours(&mappings, person, &environment, result)),
            &|| kept(&|person, result| by_hand(&mappings, person, result)),
        ];
        for (run, times) in runs.iter().zip(&mut times) {
            let start = Instant::now();
            run();
            times.push(start.elapsed());
        }
    }
    // The quickest run of each: what the machine's other work adds is not theirs.
    let quickest = times
        .map(|times| times.into_iter().min().unwrap_or_default().as_secs_f64() / people.len() as f64 * 1e9);
    let [_, _, _, _, ours_kept, by_hand_kept] = quickest;
    println!("{} mappings, {} people, results equal", mappings.len(), people.len());
    println!("{:<24}{:>14}{:>22}", "", "ns per person", "time ÷ ours (goal)");
    let rows = [
        ("hirewire-expression", "1"),
        ("by hand", "≥ 0.4"),
        ("minijinja", "≥ 5"),
        ("cel-interpreter", "≥ 3"),
    ];
    for ((name, goal), time) in rows.iter().zip(quickest) {
        println!("{name:<24}{time:>14.0}{:>14.2} ({goal})", time / quickest[0]);
    }
    println!("results kept: ours     {ours_kept:>14.0}{:>14.2}", 1.0);
    println!("results kept: by hand  {by_hand_kept:>14.0}{:>14.2} (≥ 0.4)", by_hand_kept / ours_kept);
    hostile(&environment);
}

/// How long the worst values take: the quickest of ten tries each, for the machine has other work too.
fn hostile(environment: &Environment<'_>) {
    let person = |name: &str| match name {
        "a" => Value::from(format!("{}b", "a".repeat(3000))),
        _ => Value::from("a".repeat(100)),
    };
    let replace = r#"Replace([a], , "(a+)+\\1$", , "", , )"#;
    let mut long = "Join(\"\", [b]".to_owned();
    while long.len() + 40 < hirewire_expression::MAXIMUM_LENGTH {
        long.push_str(r#", Replace([b], , "(a|aa)+$", , "x", , )"#);
    }
    long.push(')');
    for (name, text) in [("hostile pattern", replace), ("10,000 characters", long.as_str())] {
        let expression = Expression::parse(text).expect(name);
        let quickest = (0..10).map(|_| {
            let start = Instant::now();
            let _ = black_box(expression.evaluate(&person, environment));
            start.elapsed()
        });
        println!("{name:<24}{:>14.2?} (≤ 10 ms)", quickest.min().unwrap_or_default());
    }
}
