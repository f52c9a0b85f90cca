//! The built-in documents.
use hirewire_expression::Expression;
use hirewire_schema::json::Layout;
use hirewire_schema::{AttributeType, FlowType, TEMPLATES, Template};

/// `spec/inbound-api.md §13`.
const SOURCE_ATTRIBUTES: [&str; 39] = [
    "id",
    "externalId",
    "userName",
    "active",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "password",
    "name.formatted",
    "name.familyName",
    "name.givenName",
    "name.middleName",
    "name.honorificPrefix",
    "name.honorificSuffix",
    r#"emails[type eq "work"].value"#,
    r#"phoneNumbers[type eq "work"].value"#,
    r#"phoneNumbers[type eq "mobile"].value"#,
    r#"phoneNumbers[type eq "fax"].value"#,
    r#"addresses[type eq "work"].formatted"#,
    r#"addresses[type eq "work"].streetAddress"#,
    r#"addresses[type eq "work"].locality"#,
    r#"addresses[type eq "work"].region"#,
    r#"addresses[type eq "work"].postalCode"#,
    r#"addresses[type eq "work"].country"#,
    "roles",
    "entitlements",
    "ims",
    "photos",
    "groups",
    "x509Certificates",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
];

#[test]
fn every_template_is_complete_and_in_export_form() {
    for template in &TEMPLATES {
        let document = template.document().expect(template.id);
        let schema = document.schema();
        assert_eq!(schema.notes, [], "{}", template.id);
        assert_eq!(schema.id.as_deref(), Some(template.id));
        let (_, rule, mapping) = schema.main_mapping().expect("a mapping");
        let (source, target) = schema.objects(rule, mapping);
        let (source, target) = (source.expect("a source"), target.expect("a target"));
        // Published scripts take the first directory as the source (spec/inbound-api.md §11.2).
        assert_eq!(rule.source_directory_name, schema.directories[0].name);
        for name in SOURCE_ATTRIBUTES {
            assert!(source.attribute(name).is_some(), "{}: {name}", template.id);
        }
        let manager = source.attribute("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager");
        assert_eq!(manager.map(|manager| manager.kind), Some(AttributeType::Reference));
        assert_eq!(source.attribute("active").map(|active| active.kind), Some(AttributeType::Boolean));
        assert_eq!(
            source.anchor().map(|anchor| (anchor.name.as_str(), anchor.required)),
            Some(("externalId", true))
        );

        assert!(target.anchor().is_some(), "{}", template.id);
        let state = target.account_state().expect("an account state");
        assert!(mapping.row(state.attribute).is_some(), "{}", template.id);
        for row in &mapping.attribute_mappings {
            let name = &row.target_attribute_name;
            assert!(target.attribute(name).is_some(), "{}: {name}", template.id);
            let expression =
                Expression::parse(&row.source.as_ref().expect("a source").expression).expect("parses");
            for attribute in expression.attributes() {
                assert!(source.attribute(attribute).is_some(), "{}: {attribute}", template.id);
            }
        }
        for required in target.attributes.iter().filter(|attribute| attribute.required) {
            assert!(mapping.row(&required.name).is_some(), "{}: {}", template.id, required.name);
        }
        let text = document.to_text(Layout::Indented);
        let again =
            hirewire_schema::Document::parse(text.as_bytes()).expect("exported").to_text(Layout::Indented);
        assert_eq!(text, again);
    }
}

#[test]
fn rows_match_and_flow_as_specified() {
    let rows = |id: &str| {
        let schema = Template::find(id).expect("a template").document().expect("a document").schema();
        let (_, _, mapping) = schema.main_mapping().expect("a mapping");
        mapping.clone()
    };
    let cases: [(&str, usize, &[&str], &[&str]); 5] = [
        ("API2AAD", 20, &["employeeId"], &["userPrincipalName", "mailNickname"]),
        ("api2ad", 23, &["employeeID"], &["cn", "userPrincipalName", "sAMAccountName"]),
        ("API2LDAP", 21, &["employeeNumber"], &["uid"]),
        ("API2SCIM", 27, &["userName", "externalId"], &[]),
        ("API2EMBEDDED", 27, &["employeeId", "userPrincipalName"], &["userPrincipalName", "mailNickname"]),
    ];
    for (id, count, matching, only_on_create) in cases {
        let mapping = rows(id);
        assert_eq!(mapping.attribute_mappings.len(), count, "{id}");
        let found: Vec<_> = mapping.matching_rows().map(|row| row.target_attribute_name.as_str()).collect();
        assert_eq!(found, matching, "{id}");
        let found: Vec<_> = mapping
            .attribute_mappings
            .iter()
            .filter(|row| row.flow_type == FlowType::ObjectAddOnly)
            .map(|row| row.target_attribute_name.as_str())
            .collect();
        assert_eq!(found, only_on_create, "{id}");
        assert!(mapping.scope.is_empty(), "{id}");
    }
    assert_eq!(Template::find("API2NOTHING"), None);
}
