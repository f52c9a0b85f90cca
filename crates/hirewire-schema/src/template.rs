//! The built-in schemas that new jobs start with.
use std::sync::LazyLock;

use crate::document::{Document, DocumentError};

/// A complete schema document for one kind of target (spec/engine.md §12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// `templateId` of jobs: Entra's own ids for its two apps, ours for the others.
    pub id: &'static str,
    /// For lists.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
    text: &'static str,
}

/// All templates, Entra's two first.
pub const TEMPLATES: [Template; 5] = [
    Template {
        id: "API2AAD",
        name: "API-driven provisioning to Microsoft Entra ID",
        description: "The default mappings of Entra's gallery app, matched by employeeId.",
        text: include_str!("../templates/entra-id.json"),
    },
    Template {
        id: "API2AD",
        name: "API-driven provisioning to on-premises Active Directory",
        description: "The default mappings of Entra's gallery app, matched by employeeID.",
        text: include_str!("../templates/active-directory.json"),
    },
    Template {
        id: "API2LDAP",
        name: "API-driven provisioning to an LDAP directory",
        description: "inetOrgPerson entries as OpenLDAP keeps them, matched by employeeNumber. Account state is the \
                      virtual attribute accountDisabled, for which the target writes its configured lock attribute.",
        text: include_str!("../templates/openldap.json"),
    },
    Template {
        id: "API2SCIM",
        name: "API-driven provisioning to a SCIM 2.0 service",
        description: "Core and enterprise user, matched by userName, then externalId.",
        text: include_str!("../templates/scim.json"),
    },
    Template {
        id: "API2EMBEDDED",
        name: "API-driven provisioning to the embedded directory",
        description: "Entra's attributes, matched by employeeId, then userPrincipalName.",
        text: include_str!("../templates/embedded-directory.json"),
    },
];

impl Template {
    /// The template of this id, ignoring case.
    pub fn find(id: &str) -> Option<&'static Self> {
        TEMPLATES.iter().find(|template| template.id.eq_ignore_ascii_case(id))
    }

    /// Its schema document.
    pub fn document(&self) -> Result<Document, DocumentError> {
        static READ: LazyLock<Vec<Result<Document, DocumentError>>> = LazyLock::new(|| {
            TEMPLATES.iter().map(|template| Document::parse(template.text.as_bytes())).collect()
        });
        let read =
            TEMPLATES.iter().position(|template| template.id == self.id).and_then(|index| READ.get(index));
        read.cloned().unwrap_or(Err(DocumentError::NoRules))
    }
}
