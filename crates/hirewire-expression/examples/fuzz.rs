//! Mutates the expressions of the vectors and of our own cases and reports panics and evaluations that take longer than 10 ms.
//!
//! ```text
//! cargo run --release -p hirewire-expression --example fuzz -- SECONDS SEED
//! ```

#![allow(clippy::print_stdout)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use hirewire_expression::pattern::Pattern;
use hirewire_expression::{Context, DateTime, Environment, Expression, Random, SeededRandom, Value};

const SLOW: Duration = Duration::from_millis(10);

/// Pieces that mutations put in.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "\\\\",
    "(",
    ")",
    "[",
    "]",
    ",",
    ", ,",
    "&",
    "=",
    "<>",
    "<=",
    "[a]",
    "[b]",
    "[list]",
    "\"\"",
    "NULL",
    "True",
    "IgnoreAttributeFlow",
    "9223372036854775807",
    "-1",
    "0.5",
    "&HFF",
    "Switch(",
    "IIF(",
    "Replace(",
    "Mid(",
    "Join(",
    "FormatDateTime(",
    "CDate(",
    "DateAdd(",
    "SelectUniqueValue(",
    "(a+)+$",
    "(.*)*",
    "(?<x>",
    "(?(x)",
    "\\\\1",
    "(?=",
    "(?<=",
    "(?>",
    "[a-z-[m]]",
    "{2,}",
    "{0,50}",
    "+",
    "*",
    "?",
    "|",
    "é",
    "😀",
    "ı",
    "\u{301}",
    "\n",
    "yyyy",
    "zzz",
    "%",
    "'",
    "$1",
    "${x}",
    "$`",
    "a",
    "0",
];

struct Dice(SeededRandom);

impl Dice {
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound.max(1) as u64).unwrap_or(0)
    }

    fn pick<'t, T: ?Sized>(&self, items: &[&'t T]) -> &'t T {
        items[self.below(items.len())]
    }

    fn mutated(&self, text: &str, other: &str) -> String {
        let mut chars: Vec<char> = text.chars().take(2_000).collect();
        for _ in 0..=self.below(4) {
            let at = self.below(chars.len() + 1);
            let end = (at + self.below(6)).min(chars.len());
            match self.below(4) {
                0 => drop(chars.drain(at..end)),
                1 => drop(chars.splice(at..end, self.pick(PIECES).chars())),
                2 => {
                    let copy: Vec<char> = chars[at..(at + self.below(30)).min(chars.len())].to_vec();
                    let place = self.below(chars.len() + 1);
                    chars.splice(place..place, copy);
                }
                _ => {
                    let from = self.below(other.chars().count() + 1);
                    chars.splice(at..end, other.chars().skip(from).take(self.below(40)));
                }
            }
        }
        chars.into_iter().collect()
    }
}

fn person(name: &str) -> Value<'static> {
    match name {
        "a" => Value::from("a".repeat(400)),
        "b" => Value::from("2025-03-31T08:00:00+02:00"),
        "list" => Value::List(vec!["a,b".into(), "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab".into(), "".into()]),
        "s" | "userName" => Value::from(format!("{}!", "ab.@é1 ".repeat(300))),
        name if name.len() % 3 == 0 => Value::Null,
        name => Value::from(format!("{name} Zoë (1) +49 30\u{301}")),
    }
}

/// Everything that is done with a mapping.
fn run(text: &str) {
    if let Ok(pattern) = Pattern::new(text) {
        let _ = pattern.is_match("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab OU=a,OU=,DC=b Zoë\n");
    }
    let Ok(expression) = Expression::parse(text) else { return };
    let random = SeededRandom::new(1);
    let Some(now) = DateTime::from_unix_seconds(1_753_833_600) else { return };
    let environment = Environment::new(now, &random).with_default_domain(Some("contoso.com"));
    let _ = expression.evaluate(&person, &environment);
    let _ = expression.check(&Context::default());
    let _ = expression.to_tree();
    let printed = expression.to_string();
    if printed.chars().count() <= hirewire_expression::MAXIMUM_LENGTH {
        assert_eq!(Expression::parse(&printed).map(|again| again.to_string()).ok(), Some(printed));
    }
}

/// The expressions of a file of vectors; none when it cannot be read.
fn expressions(path: &str) -> Vec<String> {
    let json = std::fs::read_to_string(path).unwrap_or_default();
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap_or_default();
    vectors.iter().filter_map(|vector| vector["expression"].as_str()).map(str::to_owned).collect()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (seconds, seed) = (arguments.next().unwrap_or(10), arguments.next().unwrap_or(1));
    let mut corpus: Vec<String> = [
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/expressions.json"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/language.json"),
    ]
    .iter()
    .flat_map(|path| expressions(path))
    .collect();
    corpus.push("[a]".to_owned());
    let dice = Dice(SeededRandom::new(seed));
    let (start, mut count, mut accepted, mut panics, mut slow) = (Instant::now(), 0_u64, 0_u64, 0, 0);
    let mut longest = Duration::ZERO;
    while start.elapsed() < Duration::from_secs(seconds) {
        let text = dice.mutated(&corpus[dice.below(corpus.len())], &corpus[dice.below(corpus.len())]);
        count += 1;
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| run(&text)));
        let mut taken = began.elapsed();
        // On a busy machine a slow run may have been interrupted: the quickest of several tries counts.
        for _ in 0..4 {
            if taken <= SLOW || result.is_err() {
                break;
            }
            let began = Instant::now();
            run(&text);
            taken = taken.min(began.elapsed());
        }
        longest = longest.max(taken);
        if result.is_err() {
            panics += 1;
            println!("panic: {text:?}");
        }
        if taken > SLOW {
            slow += 1;
            println!("{taken:?}: {text:?}");
        }
        if Expression::parse(&text).is_ok() {
            accepted += 1;
            if corpus.len() < 5_000 && dice.below(4) == 0 {
                corpus.push(text);
            }
        }
    }
    println!("{count} inputs, {accepted} accepted, {panics} panics, {slow} over 10 ms, longest {longest:?}");
}
