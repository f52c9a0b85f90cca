//! Equality as the target's attributes have it (`spec/engine.md §7`).
use std::borrow::Cow;

use crate::attribute::{AttributeType, TargetAttribute};
use crate::value::AttributeValue;

/// Whether two texts are equal; without `case_exact`, letters that differ in case alone are.
pub fn same_text(a: &str, b: &str, case_exact: bool) -> bool {
    if a == b {
        return true;
    }
    if case_exact {
        return false;
    }
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().map(fold).eq(b.chars().map(fold))
}

/// The text in the form in which texts of equal letters are equal: the key of an index.
pub fn folded(text: &str, case_exact: bool) -> Cow<'_, str> {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if case_exact || text.bytes().all(is_folded) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(fold).collect())
}

/// Simple case folding as ordinal comparison of .NET and AD has it: one letter for one letter, and the Turkish
/// letters and the long s stay what they are.
fn fold(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    if matches!(letter, '\u{130}' | '\u{131}' | '\u{17f}') {
        return letter;
    }
    single(single(letter, char::to_uppercase), char::to_lowercase)
}

/// The mapped letter when it is one letter, else the letter itself.
fn single<I: Iterator<Item = char>>(letter: char, map: fn(char) -> I) -> char {
    let mut mapped = map(letter);
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

/// Whether the account's value is the wanted one, in the attribute's own equality. Multi-valued: as sets.
pub fn same_value(attribute: &TargetAttribute, held: &AttributeValue, wanted: &AttributeValue) -> bool {
    match (held, wanted) {
        (AttributeValue::List(held), AttributeValue::List(wanted)) => same_set(attribute, held, wanted),
        (AttributeValue::List(held), single) => same_set(attribute, held, std::slice::from_ref(single)),
        (single, AttributeValue::List(wanted)) => same_set(attribute, std::slice::from_ref(single), wanted),
        (held, wanted) => same_single(attribute, held, wanted),
    }
}

/// Whether one value is the other. A target that gives a number as text, or a Boolean as text, is understood.
pub fn same_single(attribute: &TargetAttribute, held: &AttributeValue, wanted: &AttributeValue) -> bool {
    use AttributeValue::{Binary, Boolean, DateTime, Integer, List, Reference, Text};
    match (held, wanted) {
        (Text(a), Text(b)) if attribute.container => same_name(a, b),
        (Text(a), Text(b)) => same_text(a, b, attribute.case_exact),
        (Reference(a) | Text(a), Reference(b)) | (Reference(a), Text(b)) => a == b,
        (Boolean(a), Boolean(b)) => a == b,
        (Integer(a), Integer(b)) => a == b,
        // Directories keep whole seconds, HR systems write 23:59:59.9999999.
        (DateTime(a), DateTime(b)) => {
            a.with().subsec_nanosecond(0).build().ok() == b.with().subsec_nanosecond(0).build().ok()
        }
        (Binary(a), Binary(b)) => a == b,
        (Text(a), Boolean(b)) => a.trim().eq_ignore_ascii_case(if *b { "true" } else { "false" }),
        (Text(a), Integer(b)) => a.trim().parse() == Ok(*b),
        (Integer(a), Text(b)) => a.to_string() == *b,
        (Boolean(a), Text(b)) => b.trim().eq_ignore_ascii_case(if *a { "true" } else { "false" }),
        (List(_), _) | (_, List(_)) => same_value(attribute, held, wanted),
        (Text(_) | Integer(_) | Boolean(_) | DateTime(_) | Binary(_) | Reference(_), _) => false,
    }
}

fn same_set(attribute: &TargetAttribute, a: &[AttributeValue], b: &[AttributeValue]) -> bool {
    let within = |some: &[AttributeValue], all: &[AttributeValue]| {
        some.iter().all(|value| contains(attribute, all, value))
    };
    within(a, b) && within(b, a)
}

/// Whether a set holds a value.
pub fn contains(attribute: &TargetAttribute, values: &[AttributeValue], wanted: &AttributeValue) -> bool {
    values
        .iter()
        .any(|value| !matches!(value, AttributeValue::List(_)) && same_single(attribute, value, wanted))
}

/// Whether two distinguished names name one entry: ignoring case, and spaces around `,` `=` (`spec/engine.md §11`).
fn same_name(a: &str, b: &str) -> bool {
    same_text(a, b, false) || normal_name(a) == normal_name(b)
}

fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    let mut escaped = false;
    let mut part = String::new();
    for letter in name.chars() {
        let separator = !escaped && matches!(letter, ',' | ';' | '+' | '=');
        escaped = !escaped && letter == '\\';
        if separator {
            normal.push_str(trimmed(&part));
            normal.push(if letter == ';' { ',' } else { letter });
            part.clear();
        } else {
            part.push(fold(letter));
        }
    }
    normal.push_str(trimmed(&part));
    normal
}

/// Without outer spaces, except an escaped one at the end.
fn trimmed(part: &str) -> &str {
    let start = part.trim_start();
    let end = start.trim_end();
    let cut_into_escape = end.ends_with('\\') && !end.ends_with("\\\\") && end.len() < start.len();
    if cut_into_escape { &start[..end.len() + 1] } else { end }
}

/// Whether the value is one that says nothing: empty text, empty list (`spec/engine.md §7`).
pub fn is_empty(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => text.is_empty(),
        AttributeValue::List(values) => values.iter().all(is_empty),
        AttributeValue::Binary(bytes) => bytes.is_empty(),
        AttributeValue::Boolean(_) | AttributeValue::Integer(_) | AttributeValue::DateTime(_) => false,
    }
}

/// The Boolean a value says, also when a target gives it as text.
pub fn as_boolean(value: &AttributeValue) -> Option<bool> {
    match value {
        AttributeValue::Boolean(flag) => Some(*flag),
        AttributeValue::Text(text) => boolean_text(text),
        AttributeValue::Integer(_)
        | AttributeValue::DateTime(_)
        | AttributeValue::Binary(_)
        | AttributeValue::Reference(_)
        | AttributeValue::List(_) => None,
    }
}

/// `True` or `False` in any case.
pub fn boolean_text(text: &str) -> Option<bool> {
    let text = text.trim();
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// Whether the attribute's values are texts that fold in an index.
pub fn is_text(kind: AttributeType) -> bool {
    matches!(kind, AttributeType::String | AttributeType::Reference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::Mutability;

    fn attribute(kind: AttributeType, container: bool) -> TargetAttribute {
        TargetAttribute {
            name: "x".into(),
            kind,
            case_exact: false,
            multivalued: false,
            mutability: Mutability::ReadWrite,
            required: false,
            default_value: None,
            container,
        }
    }

    #[test]
    fn letters_of_any_script_fold_one_by_one() {
        let cases = [
            ("Engineer", "ENGINEER", true),
            ("Müller", "MÜLLER", true),
            ("Łódź", "łÓDŹ", true),
            ("Ἀθῆναι", "ἀθῆναι", true),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς", true),
            ("Straße", "STRASSE", false),
            ("ıda", "IDA", false),
            ("İda", "ida", false),
            ("ſ", "s", false),
            ("é", "e\u{301}", false),
            ("a", "ab", false),
        ];
        for (a, b, same) in cases {
            assert_eq!(same_text(a, b, false), same, "{a} {b}");
            assert_eq!(folded(a, false) == folded(b, false), same, "{a} {b}");
            assert!(!same_text(a, b, true), "{a} {b}");
        }
    }

    #[test]
    fn names_of_containers() {
        let name = attribute(AttributeType::String, true);
        let cases = [
            ("OU=Oslo,DC=contoso,DC=com", "ou=oslo, dc=contoso , dc = com", true),
            ("OU=Oslo,DC=contoso,DC=com", "OU=Oslo;DC=contoso;DC=com", true),
            ("OU=A\\, B,DC=x", "ou=a\\, b, dc=x", true),
            ("OU=A\\, B,DC=x", "OU=A,B,DC=x", false),
            ("OU=A\\ ,DC=x", "OU=A,DC=x", false),
            ("OU=A,DC=x", "OU=B,DC=x", false),
        ];
        for (a, b, same) in cases {
            let (a, b) = (AttributeValue::Text(a.into()), AttributeValue::Text(b.into()));
            assert_eq!(same_value(&name, &a, &b), same, "{a:?} {b:?}");
        }
    }

    #[test]
    fn moments_to_the_second_and_targets_that_speak_text() {
        let moment = |text: &str| AttributeValue::DateTime(text.parse().expect("a moment"));
        let text = |text: &str| AttributeValue::Text(text.into());
        let date = attribute(AttributeType::DateTime, false);
        assert!(same_value(&date, &moment("9999-12-31T23:59:59"), &moment("9999-12-31T23:59:59.9999999")));
        assert!(!same_value(&date, &moment("2026-01-01T00:00:01"), &moment("2026-01-01T00:00:00")));
        let number = attribute(AttributeType::Integer, false);
        assert!(same_value(&number, &text("578"), &AttributeValue::Integer(578)));
        let flag = attribute(AttributeType::Boolean, false);
        assert!(same_value(&flag, &text("TRUE"), &AttributeValue::Boolean(true)));
        assert!(!same_value(&flag, &text("1"), &AttributeValue::Boolean(true)));
    }

    #[test]
    fn sets_and_single_values() {
        let mails = attribute(AttributeType::String, false);
        let list = |values: &[&str]| {
            AttributeValue::List(values.iter().map(|v| AttributeValue::Text((*v).to_owned())).collect())
        };
        assert!(same_value(&mails, &list(&["a", "b"]), &list(&["B", "a", "b"])));
        assert!(!same_value(&mails, &list(&["a", "b"]), &list(&["a"])));
        assert!(same_value(&mails, &AttributeValue::Text("A".into()), &list(&["a"])));
        assert!(is_empty(&list(&[])) && is_empty(&list(&[""])) && !is_empty(&list(&["a"])));
    }
}
