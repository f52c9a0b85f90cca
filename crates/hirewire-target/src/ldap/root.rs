//! The server's own description: rootDSE and schema.
use std::sync::Arc;

use hirewire_engine::target::TargetError;
use ldap3::Scope;

use super::LdapTarget;
use super::connection::Query;
use super::entry::Entry;
use super::error::{Doing, Failure, named, refused, to_target};
use super::schema::{AD_ATTRIBUTES, AttributeType, Schema};

/// Post-read control (RFC 4527): the add's answer carries the new object's key.
const POST_READ: &str = "1.3.6.1.1.13.2";

/// What of the rootDSE does not change while the server runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root {
    /// Active Directory: where `attributeSchema` objects are.
    pub(crate) schema_context: Option<String>,
    /// Active Directory: the domain.
    pub(crate) domain: Option<String>,
    /// RFC 4512: the object that holds the schema.
    pub(crate) subschema: Option<String>,
    /// The server answers an add with the new object's key.
    pub(crate) post_read: bool,
}

impl LdapTarget {
    /// Reads attributes of the rootDSE afresh.
    pub(crate) async fn read_root(&self, attributes: &[&str]) -> Result<Entry, Failure> {
        let attributes: Vec<String> = attributes.iter().map(|a| (*a).to_owned()).collect();
        Ok(self.read_object("", &attributes).await?.unwrap_or_default())
    }

    /// Reads one object by name; `None` when it is not there.
    pub(crate) async fn read_object(
        &self,
        dn: &str,
        attributes: &[String],
    ) -> Result<Option<Entry>, Failure> {
        let query = Query {
            base: dn,
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes,
            limit: 0,
            controls: vec![],
        };
        match self.pool.search(query).await {
            Ok(found) => Ok(found.into_iter().next()),
            Err(failure) if failure.code() == Some(super::error::code::NO_SUCH_OBJECT) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The remembered part of the rootDSE.
    pub(crate) async fn root(&self) -> Result<&Root, TargetError> {
        let read = || async {
            let names =
                ["schemaNamingContext", "defaultNamingContext", "subschemaSubentry", "supportedControl"];
            let entry = self.read_root(&names).await?;
            let text = |name| entry.text(name).map(str::to_owned);
            Ok::<_, Failure>(Root {
                schema_context: text("schemaNamingContext"),
                domain: text("defaultNamingContext"),
                subschema: text("subschemaSubentry"),
                post_read: entry.values("supportedControl").iter().any(|oid| oid == POST_READ.as_bytes()),
            })
        };
        self.root.get_or_try_init(read).await.map_err(|failure| self.error(failure, Doing::Search, ""))
    }

    /// The schema, read once.
    pub(crate) async fn schema(&self) -> Result<Arc<Schema>, TargetError> {
        if let Some(schema) = &*self.schema.read().await {
            return Ok(schema.clone());
        }
        self.reload_schema().await
    }

    /// Reads the schema again, after somebody extended it.
    pub(crate) async fn reload_schema(&self) -> Result<Arc<Schema>, TargetError> {
        let mut slot = self.schema.write().await;
        let schema = Arc::new(Box::pin(self.read_schema()).await?);
        *slot = Some(schema.clone());
        Ok(schema)
    }

    async fn read_schema(&self) -> Result<Schema, TargetError> {
        let root = self.root().await?;
        let mut schema = Schema::default();
        if let Some(context) = root.schema_context.as_deref().filter(|_| self.dialect.is_ad()) {
            let attributes = AD_ATTRIBUTES.map(str::to_owned);
            let mut take = |entry: Entry| schema.add_active_directory(&entry);
            self.pool
                .search_paged(context, "(objectClass=attributeSchema)", &attributes, vec![], &mut take)
                .await
                .map_err(|failure| self.error(failure, Doing::Search, context))?;
        } else if let Some(subschema) = &root.subschema {
            let attributes = ["attributeTypes".to_owned()];
            let entry = self
                .read_object(subschema, &attributes)
                .await
                .map_err(|f| self.error(f, Doing::Search, subschema))?;
            schema.add_descriptions(entry.unwrap_or_default().values("attributeTypes"));
        }
        Ok(schema)
    }

    /// The types of some attributes, by the schema of now.
    ///
    /// # Errors
    /// Names the first attribute the directory does not have.
    pub(crate) async fn schema_with(&self, names: &[&str]) -> Result<Arc<Schema>, TargetError> {
        let schema = self.schema().await?;
        if names.iter().all(|name| schema.get(name).is_some()) {
            return Ok(schema);
        }
        let schema = self.reload_schema().await?;
        match names.iter().find(|name| schema.get(name).is_none()) {
            None => Ok(schema),
            Some(missing) => Err(self.no_attribute(missing)),
        }
    }

    /// The type of one attribute of a schema at hand.
    pub(crate) fn kind<'a>(&self, schema: &'a Schema, name: &str) -> Result<&'a AttributeType, TargetError> {
        schema.get(name).ok_or_else(|| self.no_attribute(name))
    }

    fn no_attribute(&self, name: &str) -> TargetError {
        let code = named(self.dialect.name, "CannotFindAttribute", "SchemaAttributeNotFound");
        refused(&code, format!("the directory's schema has no attribute `{name}`"), Some(name))
    }

    /// A failure in the engine's terms.
    pub(crate) fn error(&self, failure: Failure, doing: Doing, name: &str) -> TargetError {
        to_target(failure, doing, name, self.dialect.name)
    }
}
