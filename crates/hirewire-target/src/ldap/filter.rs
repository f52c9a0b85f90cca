//! Search filters (RFC 4515) in which no value can change the meaning.

/// `(attribute=value)` with every byte that is no plain letter, digit or harmless sign escaped; binary values too.
pub(crate) fn equal(attribute: &str, value: &[u8]) -> String {
    let mut filter = format!("({}=", description(attribute));
    for &byte in value {
        if byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.' | b'_' | b'@' | b',' | b'=') {
            filter.push(char::from(byte));
        } else {
            filter.push_str(&format!("\\{byte:02x}"));
        }
    }
    filter.push(')');
    filter
}

/// `(|…)`, or the only part.
pub(crate) fn any(parts: &[String]) -> String {
    match parts {
        [only] => only.clone(),
        parts => format!("(|{})", parts.concat()),
    }
}

/// An attribute name can hold nothing but what RFC 4512 allows.
fn description(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::{any, equal};

    #[test]
    fn values_cannot_leave_their_place() {
        for (value, expected) in [
            ("1001", "(employeeID=1001)"),
            ("*)(objectClass=*", "(employeeID=\\2a\\29\\28objectClass=\\2a)"),
            ("a\\b\0", "(employeeID=a\\5cb\\00)"),
            ("Müller", "(employeeID=M\\c3\\bcller)"),
            ("", "(employeeID=)"),
        ] {
            assert_eq!(equal("employeeID", value.as_bytes()), expected);
        }
        assert_eq!(equal("objectGUID", &[0xff, 0x19]), "(objectGUID=\\ff\\19)");
        assert_eq!(equal("a)(b", b"x"), "(ab=x)");
        let parts = ["(a=1)".to_owned(), "(b=2)".to_owned()];
        assert_eq!((any(&parts), any(&parts[..1])), ("(|(a=1)(b=2))".into(), "(a=1)".into()));
    }
}
