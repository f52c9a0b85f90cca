//! Filters.
use hirewire_scim::Filter;
use serde_json::json;

use super::support::ENTERPRISE;

#[test]
fn filters_hold_as_specified() {
    let user = json!({
        "id": "2819c223",
        "externalId": "AbC",
        "userName": "BJensen@example.com",
        "active": true,
        "nickName": "",
        "age": 42,
        "name": { "familyName": "O'Malley", "givenName": "Ann" },
        "emails": [
            { "type": "work", "value": "ann@example.com", "primary": true },
            { "type": "home", "value": "ann@home.example" }
        ],
        "roles": ["Admin"],
        "meta": { "lastModified": "2026-05-13T04:42:34Z" },
        ENTERPRISE: { "department": "R&D", "manager": { "value": "7" } }
    });
    let cases = [
        (r#"userName eq "bjensen@EXAMPLE.com""#, true),
        (r#"USERNAME Eq "bjensen@example.com""#, true),
        (r#"userName ne "bjensen@example.com""#, false),
        (r#"title ne "x""#, true),
        (r#"externalId eq "abc""#, false),
        (r#"externalId eq "AbC""#, true),
        (r#"name.familyName co "O'Malley""#, true),
        (r#"userName sw "BJ""#, true),
        (r#"userName ew ".org""#, false),
        ("title pr", false),
        ("nickName pr", false),
        ("emails pr", true),
        ("title eq null", true),
        ("userName eq null", false),
        ("active eq true", true),
        (r#"active eq "True""#, true),
        ("active eq False", false),
        ("age gt 41.5 and age le 42", true),
        ("age lt 42 or age ge 43", false),
        (r#"meta.lastModified gt "2026-05-13T04:42:33Z""#, true),
        (r#"emails eq "ANN@home.example""#, true),
        (r#"emails.type eq "home""#, true),
        (r#"emails[type eq "work" and value co "@example.com"]"#, true),
        (r#"emails[type eq "home" and value co "@example.com"]"#, false),
        (r#"emails[type eq "home"].value ew "home.example""#, true),
        (r#"roles eq "admin""#, true),
        (r#"not (active eq true)"#, false),
        (r#"not(title pr) and (userName pr or title pr)"#, true),
        (r#"title pr or userName pr and active eq false"#, false),
        (r#"(title pr or userName pr) and active eq true"#, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "r&d""#, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "7""#, true),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "bj""#, true),
        (r#"userName eq "a\"b""#, false),
    ];
    for (text, expected) in cases {
        let filter = Filter::parse(text).expect(text);
        assert_eq!(filter.matches(&user), expected, "{text}");
    }
    let refused = [
        ("", "an attribute name is expected at character 1"),
        (
            "userName",
            "`eq`, `ne`, `co`, `sw`, `ew`, `gt`, `ge`, `lt`, `le` or `pr` is expected at character 9",
        ),
        (
            "userName eq",
            "a text in double quotes, a number, `true`, `false` or `null` is expected at character 12",
        ),
        (
            "userName eq ada",
            "a text in double quotes, a number, `true`, `false` or `null` is expected at character 13",
        ),
        (r#"userName eq "a" active pr"#, "`and`, `or` or the end of the filter is expected at character 17"),
        ("(userName pr", "`)` is expected at character 13"),
        ("emails[type pr", "`]` is expected at character 15"),
    ];
    for (text, message) in refused {
        assert_eq!(Filter::parse(text).expect_err(text).to_string(), message);
    }
    assert!(Filter::parse(&"(".repeat(5_000)).is_err());
}
