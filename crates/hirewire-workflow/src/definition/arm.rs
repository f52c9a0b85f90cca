//! The part of ARM template expressions that workflow templates use (`spec/workflows.md` §3.1).

use serde_json::{Map, Value as Json, json};

use crate::expression::same_name;

const MAX_DEPTH: usize = 60;

/// Why an ARM expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    /// It needs a call into Azure.
    #[error("`{0}` is a call into Azure and cannot be computed here")]
    NotComputable(String),
    /// A template parameter without a value.
    #[error("the template parameter '{0}' has no value; give it with --param {0}=…")]
    Missing(String),
    /// It is malformed or asks for something unknown.
    #[error("{0}")]
    Invalid(String),
}

/// What ARM expressions see: parameter and variable values and stand-ins for the subscription and the group.
#[derive(Debug, Clone)]
pub struct ArmScope {
    /// Values of template parameters.
    pub parameters: Map<String, Json>,
    /// The template's `variables`, unevaluated.
    pub variables: Map<String, Json>,
    /// The subscription's id.
    pub subscription: String,
    /// The resource group's name.
    pub group: String,
    /// The location.
    pub location: String,
    /// The tenant's id.
    pub tenant: String,
}

impl Default for ArmScope {
    fn default() -> Self {
        Self {
            parameters: Map::new(),
            variables: Map::new(),
            subscription: "00000000-0000-0000-0000-000000000001".into(),
            group: "rg".into(),
            location: "westeurope".into(),
            tenant: "00000000-0000-0000-0000-000000000002".into(),
        }
    }
}

/// Evaluates every ARM expression in a JSON value.
///
/// # Errors
/// The first expression that gives no value.
pub fn evaluate(json: &Json, scope: &ArmScope) -> Result<Json, ArmError> {
    evaluate_at(json, scope, 0)
}

fn evaluate_at(json: &Json, scope: &ArmScope, depth: usize) -> Result<Json, ArmError> {
    if depth > MAX_DEPTH * 2 {
        return Err(ArmError::Invalid("the template is nested too deeply".into()));
    }
    match json {
        Json::String(text) => text_value(text, scope, depth),
        Json::Array(items) => {
            items.iter().map(|i| evaluate_at(i, scope, depth + 1)).collect::<Result<_, _>>().map(Json::Array)
        }
        Json::Object(members) => {
            let mut out = Map::with_capacity(members.len());
            for (name, value) in members {
                let name = match text_value(name, scope, depth)? {
                    Json::String(name) => name,
                    other => other.to_string(),
                };
                out.insert(name, evaluate_at(value, scope, depth + 1)?);
            }
            Ok(Json::Object(out))
        }
        scalar => Ok(scalar.clone()),
    }
}

fn text_value(text: &str, scope: &ArmScope, depth: usize) -> Result<Json, ArmError> {
    if !text.starts_with('[') || !text.ends_with(']') {
        return Ok(Json::from(text));
    }
    if text.starts_with("[[") {
        return Ok(Json::from(&text[1..]));
    }
    let mut parser = Parser { text: &text[1..text.len() - 1], at: 0, scope, depth };
    let value = parser.expression()?;
    parser.skip();
    if parser.at < parser.text.len() {
        return Err(parser.invalid());
    }
    Ok(value)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    scope: &'t ArmScope,
    depth: usize,
}

impl Parser<'_> {
    fn invalid(&self) -> ArmError {
        ArmError::Invalid(format!(
            "the ARM expression '[{}]' is malformed at position {}",
            self.text,
            self.at + 1
        ))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn skip(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, c: char) -> bool {
        self.skip();
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn word(&mut self) -> String {
        let end = self
            .rest()
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or(self.rest().len());
        let word = self.rest()[..end].to_owned();
        self.at += end;
        word
    }

    fn expression(&mut self) -> Result<Json, ArmError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH * 3 {
            return Err(ArmError::Invalid("the ARM expression is nested too deeply".into()));
        }
        self.skip();
        let value = match self.rest().chars().next() {
            Some('\'') => Json::String(self.string()?),
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let start = self.at;
                self.at += 1;
                while self.rest().starts_with(|c: char| c.is_ascii_digit()) {
                    self.at += 1;
                }
                self.text[start..self.at].parse::<i64>().map(Json::from).map_err(|_| self.invalid())?
            }
            Some(c) if c.is_alphabetic() => {
                let name = self.word();
                if !self.take('(') {
                    return Err(self.invalid());
                }
                let value = self.call(&name)?;
                self.accessors(value)?
            }
            _ => return Err(self.invalid()),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn string(&mut self) -> Result<String, ArmError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(end) = self.rest().find('\'') else { return Err(self.invalid()) };
            out.push_str(&self.rest()[..end]);
            self.at += end + 1;
            if !self.rest().starts_with('\'') {
                return Ok(out);
            }
            out.push('\'');
            self.at += 1;
        }
    }

    fn accessors(&mut self, mut value: Json) -> Result<Json, ArmError> {
        loop {
            if self.take('.') {
                let start = self.at;
                let end = self
                    .rest()
                    .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .unwrap_or(self.rest().len());
                self.at += end;
                let name = &self.text[start..start + end];
                value = value
                    .as_object()
                    .and_then(|o| crate::expression::member(o, name))
                    .cloned()
                    .ok_or_else(|| self.invalid())?;
            } else if self.take('[') {
                let key = self.expression()?;
                if !self.take(']') {
                    return Err(self.invalid());
                }
                let found = match (&value, &key) {
                    (Json::Array(items), Json::Number(n)) => n.as_u64().and_then(|n| items.get(n as usize)),
                    (Json::Object(members), Json::String(name)) => crate::expression::member(members, name),
                    _ => None,
                };
                value = found.cloned().ok_or_else(|| self.invalid())?;
            } else {
                return Ok(value);
            }
        }
    }

    fn call(&mut self, name: &str) -> Result<Json, ArmError> {
        let mut args = Vec::new();
        let lazy = name.eq_ignore_ascii_case("if");
        if !self.take(')') {
            loop {
                match self.expression() {
                    Ok(value) => args.push(value),
                    // The branch of an `if` that is not taken may be something that cannot be computed.
                    Err(ArmError::NotComputable(_)) if lazy && !args.is_empty() => {
                        return Err(ArmError::NotComputable(name.into()));
                    }
                    Err(other) => return Err(other),
                }
                if self.take(')') {
                    break;
                }
                if !self.take(',') {
                    return Err(self.invalid());
                }
            }
        }
        self.function(name, args)
    }

    fn function(&self, name: &str, args: Vec<Json>) -> Result<Json, ArmError> {
        let scope = self.scope;
        let invalid = || ArmError::Invalid(format!("the ARM function '{name}' cannot take these arguments"));
        let arg = |n: usize| args.get(n).ok_or_else(invalid);
        let text = |n: usize| arg(n)?.as_str().ok_or_else(invalid);
        let int = |n: usize| arg(n)?.as_i64().ok_or_else(invalid);
        let whole = |json: &Json| match json {
            Json::String(text) => text.clone(),
            Json::Bool(b) => {
                if *b {
                    "True".into()
                } else {
                    "False".into()
                }
            }
            Json::Null => String::new(),
            other => other.to_string(),
        };
        let group = format!("/subscriptions/{}/resourceGroups/{}", scope.subscription, scope.group);
        Ok(match name.to_lowercase().as_str() {
            "parameters" => {
                let key = text(0)?;
                let found = scope.parameters.iter().find(|(k, _)| same_name(k, key)).map(|(_, v)| v);
                found.cloned().ok_or_else(|| ArmError::Missing(key.to_owned()))?
            }
            "variables" => {
                let key = text(0)?;
                let found = scope.variables.iter().find(|(k, _)| same_name(k, key)).map(|(_, v)| v);
                evaluate_at(found.ok_or_else(|| ArmError::Missing(key.to_owned()))?, scope, self.depth + 10)?
            }
            "concat" if args.iter().all(Json::is_array) && !args.is_empty() => {
                args.iter().filter_map(Json::as_array).flatten().cloned().collect()
            }
            "concat" => args.iter().map(whole).collect::<String>().into(),
            "format" => {
                let mut out = text(0)?.to_owned();
                for (n, value) in args.iter().enumerate().skip(1) {
                    out = out.replace(&format!("{{{}}}", n - 1), &whole(value));
                }
                out.into()
            }
            "resourceid" | "subscriptionresourceid" | "extensionresourceid" => {
                let at = args
                    .iter()
                    .position(|a| a.as_str().is_some_and(|t| t.contains('/') && !t.starts_with('/')))
                    .ok_or_else(invalid)?;
                let base = match (name.to_lowercase().as_str(), at) {
                    ("subscriptionresourceid", 0) => format!("/subscriptions/{}", scope.subscription),
                    ("subscriptionresourceid", _) => format!("/subscriptions/{}", text(0)?),
                    (_, 1) => format!("/subscriptions/{}/resourceGroups/{}", scope.subscription, text(0)?),
                    (_, 2) => format!("/subscriptions/{}/resourceGroups/{}", text(0)?, text(1)?),
                    _ => group,
                };
                let mut parts = text(at)?.split('/');
                let mut out = format!("{base}/providers/{}", parts.next().unwrap_or_default());
                for (n, kind) in parts.enumerate() {
                    out.push_str(&format!("/{kind}/{}", args.get(at + 1 + n).map(whole).unwrap_or_default()));
                }
                out.into()
            }
            "subscription" => {
                json!({"id": format!("/subscriptions/{}", scope.subscription), "subscriptionId": scope.subscription, "tenantId": scope.tenant, "displayName": "Hirewire"})
            }
            "resourcegroup" => {
                json!({"id": group, "name": scope.group, "location": scope.location, "type": "Microsoft.Resources/resourceGroups", "tags": {}})
            }
            "tenant" => json!({"tenantId": scope.tenant}),
            "deployment" => json!({"name": "hirewire", "properties": {}}),
            "environment" => {
                json!({"name": "AzureCloud", "authentication": {"loginEndpoint": "https://login.microsoftonline.com/", "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"]}, "resourceManager": "https://management.azure.com/", "suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net", "sqlServerHostname": ".database.windows.net"}})
            }
            "tolower" => text(0)?.to_lowercase().into(),
            "toupper" => text(0)?.to_uppercase().into(),
            "trim" => text(0)?.trim().into(),
            "replace" => text(0)?.replace(text(1)?, text(2)?).into(),
            "split" => text(0)?.split(text(1)?).collect::<Vec<_>>().into(),
            "substring" => {
                let from = usize::try_from(int(1)?).map_err(|_| invalid())?;
                let all: Vec<char> = text(0)?.chars().collect();
                let count = if args.len() > 2 {
                    usize::try_from(int(2)?).map_err(|_| invalid())?
                } else {
                    all.len().saturating_sub(from)
                };
                all.get(from..from.saturating_add(count))
                    .ok_or_else(invalid)?
                    .iter()
                    .collect::<String>()
                    .into()
            }
            "string" => match arg(0)? {
                Json::String(text) => text.as_str().into(),
                other => whole(other).into(),
            },
            "int" => match arg(0)? {
                Json::String(text) => text.trim().parse::<i64>().map_err(|_| invalid())?.into(),
                number => number.as_i64().ok_or_else(invalid)?.into(),
            },
            "bool" => match arg(0)? {
                Json::Bool(b) => (*b).into(),
                Json::Number(n) => (n.as_i64() != Some(0)).into(),
                other => other.as_str().is_some_and(|t| t.eq_ignore_ascii_case("true")).into(),
            },
            "if" => arg(if arg(0)?.as_bool().ok_or_else(invalid)? { 1 } else { 2 })?.clone(),
            "equals" => (arg(0)? == arg(1)?).into(),
            "not" => (!arg(0)?.as_bool().ok_or_else(invalid)?).into(),
            "and" => args.iter().all(|a| a == &Json::Bool(true)).into(),
            "or" => args.iter().any(|a| a == &Json::Bool(true)).into(),
            "empty" => match arg(0)? {
                Json::Null => true,
                Json::String(t) => t.is_empty(),
                Json::Array(a) => a.is_empty(),
                Json::Object(o) => o.is_empty(),
                _ => false,
            }
            .into(),
            "coalesce" => args.iter().find(|a| !a.is_null()).cloned().unwrap_or(Json::Null),
            "createarray" => Json::Array(args),
            "createobject" => args
                .chunks(2)
                .filter(|p| p.len() == 2)
                .map(|p| (whole(&p[0]), p[1].clone()))
                .collect::<Map<_, _>>()
                .into(),
            "union" if args.iter().all(Json::is_object) => args
                .iter()
                .filter_map(Json::as_object)
                .flatten()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<Map<_, _>>()
                .into(),
            "union" => {
                let mut out: Vec<Json> = Vec::new();
                for item in args.iter().filter_map(Json::as_array).flatten() {
                    if !out.contains(item) {
                        out.push(item.clone());
                    }
                }
                out.into()
            }
            "contains" => match (arg(0)?, arg(1)?) {
                (Json::String(t), Json::String(p)) => t.contains(p.as_str()),
                (Json::Array(items), wanted) => items.contains(wanted),
                (Json::Object(members), Json::String(k)) => members.contains_key(k),
                _ => return Err(invalid()),
            }
            .into(),
            "length" => match arg(0)? {
                Json::String(t) => t.chars().count(),
                Json::Array(a) => a.len(),
                Json::Object(o) => o.len(),
                _ => return Err(invalid()),
            }
            .into(),
            "first" => arg(0)?.as_array().and_then(|a| a.first()).cloned().unwrap_or(Json::Null),
            "last" => arg(0)?.as_array().and_then(|a| a.last()).cloned().unwrap_or(Json::Null),
            "add" => int(0)?.checked_add(int(1)?).ok_or_else(invalid)?.into(),
            "sub" => int(0)?.checked_sub(int(1)?).ok_or_else(invalid)?.into(),
            "mul" => int(0)?.checked_mul(int(1)?).ok_or_else(invalid)?.into(),
            "json" => serde_json::from_str(text(0)?).map_err(|_| invalid())?,
            "null" => Json::Null,
            "true" => true.into(),
            "false" => false.into(),
            "base64" => {
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.encode(text(0)?).into()
            }
            "uri" => {
                format!("{}/{}", text(0)?.trim_end_matches('/'), text(1)?.trim_start_matches('/')).into()
            }
            "uricomponent" => crate::expression::percent_encode(text(0)?).into(),
            // Stable texts in the service's shapes; the service's own hash is not published `[U]`.
            "uniquestring" => stable(&args.iter().map(whole).collect::<String>())[..13].into(),
            "guid" | "newguid" => {
                let h = stable(&args.iter().map(whole).collect::<String>());
                format!("{}-{}-4{}-8{}-{}", &h[..8], &h[8..12], &h[13..16], &h[17..20], &h[20..32]).into()
            }
            "utcnow" => "2026-01-01T00:00:00Z".into(),
            "reference" | "listkeys" | "listcallbackurl" | "listsecrets" | "listaccountsas" | "getsecret" => {
                return Err(ArmError::NotComputable(name.to_owned()));
            }
            _ => return Err(ArmError::Invalid(format!("the ARM function '{name}' is not known"))),
        })
    }
}

fn stable(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
