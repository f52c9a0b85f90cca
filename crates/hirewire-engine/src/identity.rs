//! A number that comes back: the same person, or somebody else?
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

/// What to do with a record whose number was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it: go on.
    Same,
    /// Given name, family name and e-mail address all differ: hold for review, so that nobody inherits a stranger's
    /// account.
    Review,
}

/// Compares the last accepted record of a number with the new one.
///
/// Held only when given name, family name and e-mail address are present in both and all three differ after
/// normalisation (NFC, outer and repeated spaces, case). Somebody who marries keeps the given name and is not held.
pub fn same_person(old: &Value, new: &Value) -> Verdict {
    let differs = |read: fn(&Value) -> Option<String>| match (read(old), read(new)) {
        (Some(before), Some(after)) => before != after,
        _ => false,
    };
    let stranger = differs(given_name) && differs(family_name) && differs(email);
    if stranger { Verdict::Review } else { Verdict::Same }
}

/// Equal for records of the same given and family name; `None` where one of them is missing.
pub fn name_key(record: &Value) -> Option<i64> {
    let name = format!("{}\u{1f}{}", given_name(record)?, family_name(record)?);
    let [a, b, c, d, e, f, g, h, ..] = crate::fingerprint(name.as_bytes()).0;
    Some(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// What besides the name makes two records under different numbers probably one person's: the birth date, or, where one
/// of them has none, the e-mail address or the address at home. `None` for everybody else.
pub fn likeness(old: &Value, new: &Value) -> Option<&'static str> {
    if given_name(old)? != given_name(new)? || family_name(old)? != family_name(new)? {
        return None;
    }
    if let (Some(before), Some(after)) = (birth_date(old), birth_date(new)) {
        return (before == after).then_some("birth date");
    }
    let same = |read: fn(&Value) -> Option<String>| read(old).is_some_and(|before| Some(before) == read(new));
    if same(email) {
        Some("e-mail address")
    } else if same(home) {
        Some("home address")
    } else {
        None
    }
}

/// No schema has a standard name for it; it may stand in the record or in one of its extensions.
fn birth_date(record: &Value) -> Option<String> {
    const NAMES: [&str; 4] = ["birthDate", "dateOfBirth", "birthday", "birthdate"];
    let members = record.as_object()?;
    let extensions =
        members.iter().filter(|(name, _)| hirewire_scim::urn::is_urn(name)).map(|(_, inner)| inner);
    std::iter::once(record)
        .chain(extensions)
        .find_map(|object| NAMES.iter().find_map(|name| normal(member(object, name)?)))
}

/// Street and postal code of the address of type `home`; work addresses are everybody's.
fn home(record: &Value) -> Option<String> {
    let addresses = member(record, "addresses")?.as_array()?;
    let home = addresses.iter().find(|address| {
        member(address, "type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("home"))
    })?;
    Some(format!("{} {}", normal(member(home, "streetAddress")?)?, normal(member(home, "postalCode")?)?))
}

fn given_name(record: &Value) -> Option<String> {
    normal(member(member(record, "name")?, "givenName")?)
}

fn family_name(record: &Value) -> Option<String> {
    normal(member(member(record, "name")?, "familyName")?)
}

/// The work address, else the first one, else the user name.
fn email(record: &Value) -> Option<String> {
    let mails = member(record, "emails").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_work = |mail: &&Value| {
        member(mail, "type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("work"))
    };
    let mail = mails.iter().find(is_work).or(mails.first());
    mail.and_then(|mail| normal(member(mail, "value")?)).or_else(|| normal(member(record, "userName")?))
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let members = value.as_object()?;
    members
        .get(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn normal(value: &Value) -> Option<String> {
    let composed: String = value.as_str()?.nfc().collect::<String>().to_lowercase();
    let text = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn person(given: &str, family: &str, mail: &str) -> Value {
        json!({"name": {"givenName": given, "familyName": family}, "emails": [{"type": "work", "value": mail}]})
    }

    #[test]
    fn strangers_are_held_relatives_of_oneself_are_not() {
        let ida = person("Ida", "Stone", "ida.stone@contoso.com");
        let cases = [
            (person("Ida", "Berg", "ida.berg@contoso.com"), Verdict::Same, "marriage"),
            (person(" IDA ", "STONE", "Ida.Stone@Contoso.com"), Verdict::Same, "case and spaces"),
            (person("Bo", "Stone", "bo.stone@contoso.com"), Verdict::Same, "family name is the same"),
            (person("Bo", "Lind", "ida.stone@contoso.com"), Verdict::Same, "address is the same"),
            (person("Bo", "Lind", "bo.lind@contoso.com"), Verdict::Review, "all differ"),
            (json!({"name": {"givenName": "Bo"}}), Verdict::Same, "a delta says nothing"),
            (
                json!({"userName": "bo@x", "Name": {"GivenName": "Bo", "familyname": "Lind"}}),
                Verdict::Review,
                "user name",
            ),
            (json!(null), Verdict::Same, "no record"),
            (json!({"emails": "x", "name": 7}), Verdict::Same, "odd shapes"),
        ];
        for (new, verdict, title) in cases {
            assert_eq!(same_person(&ida, &new), verdict, "{title}");
        }
    }

    #[test]
    fn rehires_are_recognised_namesakes_are_not() {
        let with = |mail: &str, born: Option<&str>, street: &str| {
            let mut record = person("Ida", "Stone", mail);
            record["addresses"] = json!([
                {"type": "work", "streetAddress": "Storgata 1", "postalCode": "0155"},
                {"type": "home", "streetAddress": street, "postalCode": "0150"},
            ]);
            if let Some(born) = born {
                record["urn:contoso:User"] = json!({ "DateOfBirth": born });
            }
            record
        };
        let ida = with("ida@contoso.com", Some("1990-01-02"), "Elm 1");
        let cases = [
            (with("x@contoso.com", Some("1990-01-02"), "Oak 2"), Some("birth date"), "born on the same day"),
            (with("ida@contoso.com", Some("1991-01-02"), "Elm 1"), None, "born on another day"),
            (with("IDA@contoso.com", None, "Oak 2"), Some("e-mail address"), "the same address"),
            (with("x@contoso.com", None, " elm  1"), Some("home address"), "at home in the same place"),
            (with("x@contoso.com", None, "Oak 2"), None, "nothing but the name and the office"),
            (person("Ida", "Berg", "ida@contoso.com"), None, "another name"),
            (json!({"name": "Ida Stone"}), None, "odd shapes"),
        ];
        for (new, expected, title) in cases {
            assert_eq!(likeness(&ida, &new), expected, "{title}");
        }
        assert_eq!(name_key(&ida), name_key(&person(" IDA", "stone", "")));
        assert_ne!(name_key(&ida), name_key(&person("Stone", "Ida", "")));
        assert_eq!(name_key(&json!({"name": {"givenName": "Ida"}})), None);
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        let composed = person("Zo\u{eb}", "M\u{fc}ller", "zoe@x.com");
        let decomposed = person("Zoe\u{308}", "Mu\u{308}ller", "other@x.com");
        assert_eq!(same_person(&composed, &decomposed), Verdict::Same);
    }
}
