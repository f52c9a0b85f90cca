//! A case's target directory: accounts, links, taken values.
use hirewire_schema::{AttributeType, ObjectDefinition, Schema};
use serde_json::Value;

use crate::attribute::TargetAttribute;
use crate::compare::{same_text, same_value};
use crate::convert::{Dates, convert};
use crate::target::MatchKey;
use crate::value::{Account, AttributeValue, Attributes};
use crate::{CompiledSchema, Current, Lookup, Neighbours};

/// Everything a case says about the target.
pub(super) struct World {
    accounts: Vec<Account>,
    owners: Vec<(String, String)>,
    references: Vec<(String, String)>,
}

/// The answer to a look-up, owned.
pub(super) enum Answer {
    Nothing,
    Linked(Option<Account>),
    Found(Vec<Vec<Account>>),
}

impl Answer {
    pub(super) fn current(&self) -> Current<'_> {
        match self {
            Self::Nothing => Current::Nothing,
            Self::Linked(account) => Current::Linked(account.as_ref()),
            Self::Found(found) => Current::Found(found),
        }
    }
}

impl World {
    pub(super) fn read(schema: &Schema, vector: &Value) -> Result<Self, String> {
        let main = schema.mappings().into_iter().next();
        let object =
            main.and_then(|(_, rule, mapping)| schema.objects(rule, mapping).1).ok_or("no target object")?;
        let targets = vector["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            accounts: targets.iter().map(|target| account(object, target)).collect::<Result<_, _>>()?,
            owners: pairs(&vector["targetLinks"]),
            references: pairs(&vector["references"]),
        })
    }

    pub(super) fn answer(&self, schema: &CompiledSchema, lookup: Lookup<'_>) -> Answer {
        match lookup {
            Lookup::Nothing => Answer::Nothing,
            Lookup::Anchor(anchor) => {
                Answer::Linked(self.accounts.iter().find(|account| account.anchor == anchor).cloned())
            }
            Lookup::Keys(keys) => Answer::Found(keys.iter().map(|key| self.find(schema, key)).collect()),
        }
    }

    fn find(&self, schema: &CompiledSchema, key: &MatchKey) -> Vec<Account> {
        let holds = |account: &&Account| {
            let attribute = schema.attribute(&key.attribute);
            let held = account.attributes.get(&key.attribute);
            attribute.zip(held).is_some_and(|(attribute, held)| same_value(attribute, held, &key.value))
        };
        self.accounts.iter().filter(holds).cloned().collect()
    }
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pair = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    value.as_object().into_iter().flatten().filter_map(pair).collect()
}

fn account(object: &ObjectDefinition, target: &Value) -> Result<Account, String> {
    let mut attributes = Attributes::new();
    for (name, value) in target["attributes"].as_object().into_iter().flatten() {
        if let Some(value) = attribute_value(object, name, value)? {
            attributes.insert(name.clone(), value);
        }
    }
    Ok(Account {
        anchor: target["anchor"].as_str().unwrap_or_default().to_owned(),
        soft_deleted: target["state"] == "softDeleted",
        attributes,
    })
}

fn attribute_value(
    object: &ObjectDefinition,
    name: &str,
    value: &Value,
) -> Result<Option<AttributeValue>, String> {
    let definition = object.attribute(name);
    let attribute = TargetAttribute {
        name: name.to_owned(),
        kind: definition.map_or(AttributeType::String, |definition| definition.kind),
        case_exact: true,
        multivalued: value.is_array(),
        mutability: hirewire_schema::Mutability::ReadWrite,
        required: false,
        default_value: None,
        container: false,
    };
    let value = match value {
        Value::Null => return Ok(None),
        Value::Bool(flag) => hirewire_expression::Value::Boolean(*flag),
        Value::Number(number) => number.to_string().into(),
        Value::Array(elements) => hirewire_expression::Value::List(
            elements.iter().filter_map(|v| v.as_str()).map(Into::into).collect(),
        ),
        Value::String(text) => text.as_str().into(),
        Value::Object(_) => return Err(format!("{name}: an object is no value of a target attribute")),
    };
    let zone = jiff::tz::TimeZone::UTC;
    convert(&attribute, value, &mut Dates::new(&zone)).map_err(|error| format!("{name}: {error}"))
}

impl Neighbours for World {
    fn owner(&self, target_anchor: &str) -> Option<&str> {
        find(&self.owners, target_anchor)
    }

    fn target_anchor(&self, source_anchor: &str) -> Option<&str> {
        find(&self.references, source_anchor)
    }

    fn is_taken(&self, attribute: &str, value: &str) -> bool {
        self.accounts.iter().any(|account| {
            matches!(account.attributes.get(attribute), Some(AttributeValue::Text(held)) if same_text(held, value, false))
        })
    }
}

fn find<'p>(pairs: &'p [(String, String)], key: &str) -> Option<&'p str> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}
