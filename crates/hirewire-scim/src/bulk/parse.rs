//! Reading a bulk request in one pass (spec/inbound-api.md §4.2).
use std::borrow::Cow;

use super::refusal::{Code, Detail, Place, Refusal};
use super::{BulkRequest, MAXIMUM_DEPTH, Mode, Operation, STRICT_MAXIMUM_OPERATIONS};
use crate::syntax::{Fault, Scanner, SyntaxError, decode, unescape};
use crate::urn;

/// Faults that are listed; a request with more is as wrong as one with these.
pub(super) const MAXIMUM_DETAILS: usize = 20;

/// Reads a bulk request: the whole text is checked, no tree is built. Equal names in one object: the last one
/// counts. Equal `bulkId`s are accepted (Microsoft's own tutorials send them).
pub fn parse_bulk(bytes: &[u8], mode: &Mode) -> Result<BulkRequest, Refusal> {
    let text = decode(bytes).map_err(|error| Refusal::new(syntax(&error)))?;
    let mut scanner = Scanner::new(text, MAXIMUM_DEPTH);
    let root = root(&mut scanner, mode).map_err(|error| Refusal::new(syntax(&error)))?;
    let Some(root) = root else { return Err(Refusal::new(not_an_object(text))) };
    Reader { mode, faults: Vec::new(), warnings: Vec::new() }.read(root)
}

/// A value cut out of the text.
type Raw<'t> = &'t str;

#[derive(Default)]
struct RawRoot<'t> {
    schemas: Option<Raw<'t>>,
    operations: Option<RawOperations<'t>>,
}

enum RawOperations<'t> {
    List(Vec<RawOperation<'t>>),
    Other(Raw<'t>),
}

enum RawOperation<'t> {
    Members(RawMembers<'t>),
    Other(Raw<'t>),
}

#[derive(Default)]
struct RawMembers<'t> {
    method: Option<Raw<'t>>,
    path: Option<Raw<'t>>,
    bulk_id: Option<Raw<'t>>,
    data: Option<Raw<'t>>,
    /// What `data` says of itself, when it is an object.
    person: Option<RawPerson<'t>>,
}

#[derive(Default)]
struct RawPerson<'t> {
    schemas: Option<Raw<'t>>,
    external_id: Option<Raw<'t>>,
    extensions: Vec<Cow<'t, str>>,
    misplaced: Vec<&'static str>,
}

/// `None` when the root is no object.
fn root<'t>(scanner: &mut Scanner<'t>, mode: &Mode) -> Result<Option<RawRoot<'t>>, SyntaxError> {
    if scanner.peek() != Some(b'{') {
        scanner.skip()?;
        scanner.end()?;
        return Ok(None);
    }
    let mut root = RawRoot::default();
    scanner.begin_object()?;
    while let Some(name) = scanner.next_member()? {
        if is(&name, "schemas", mode) {
            root.schemas = Some(scanner.skip()?);
        } else if is(&name, "Operations", mode) {
            root.operations = Some(operations(scanner, mode)?);
        } else {
            scanner.skip()?;
        }
    }
    scanner.end()?;
    Ok(Some(root))
}

/// Member names: as documented, in open mode ignoring case.
fn is(name: &str, wanted: &str, mode: &Mode) -> bool {
    match mode {
        Mode::Strict => name == wanted,
        Mode::Open(_) => name.eq_ignore_ascii_case(wanted),
    }
}

fn operations<'t>(scanner: &mut Scanner<'t>, mode: &Mode) -> Result<RawOperations<'t>, SyntaxError> {
    if scanner.peek() != Some(b'[') {
        return Ok(RawOperations::Other(scanner.skip()?));
    }
    let mut list = Vec::new();
    scanner.begin_array()?;
    while scanner.next_element()? {
        list.push(operation(scanner, mode)?);
    }
    Ok(RawOperations::List(list))
}

fn operation<'t>(scanner: &mut Scanner<'t>, mode: &Mode) -> Result<RawOperation<'t>, SyntaxError> {
    if scanner.peek() != Some(b'{') {
        return Ok(RawOperation::Other(scanner.skip()?));
    }
    let mut members = RawMembers::default();
    scanner.begin_object()?;
    while let Some(name) = scanner.next_member()? {
        if is(&name, "method", mode) {
            members.method = Some(scanner.skip()?);
        } else if is(&name, "path", mode) {
            members.path = Some(scanner.skip()?);
        } else if is(&name, "bulkId", mode) {
            members.bulk_id = Some(scanner.skip()?);
        } else if is(&name, "data", mode) {
            let start = scanner.offset();
            members.person = person(scanner, mode)?;
            members.data = Some(match members.person {
                Some(_) => scanner.since(start),
                None => scanner.skip()?,
            });
        } else {
            scanner.skip()?;
        }
    }
    Ok(RawOperation::Members(members))
}

/// `None`, and nothing read, when the value is no object.
fn person<'t>(scanner: &mut Scanner<'t>, mode: &Mode) -> Result<Option<RawPerson<'t>>, SyntaxError> {
    if scanner.peek() != Some(b'{') {
        return Ok(None);
    }
    let mut person = RawPerson::default();
    scanner.begin_object()?;
    while let Some(name) = scanner.next_member()? {
        let value = scanner.skip()?;
        if is(&name, "schemas", mode) {
            person.schemas = Some(value);
        } else if is(&name, "externalId", mode) {
            person.external_id = Some(value);
        } else if urn::is_urn(&name) {
            person.extensions.push(name);
        } else if let Some(known) =
            urn::ENTERPRISE_ATTRIBUTES.iter().find(|known| name.eq_ignore_ascii_case(known))
        {
            person.misplaced.push(known);
        }
    }
    Ok(Some(person))
}

/// The text that a JSON string means; `None` for other values.
fn as_text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    Some(unescape(inside))
}

fn is_number(raw: Raw<'_>) -> bool {
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// A member that is not there, or null.
fn given(raw: Option<Raw<'_>>) -> Option<Raw<'_>> {
    raw.filter(|raw| *raw != "null")
}

/// The texts of a list; `None` when it is no list of texts.
fn texts(raw: Raw<'_>) -> Option<Vec<Cow<'_, str>>> {
    let mut scanner = Scanner::new(raw, MAXIMUM_DEPTH);
    let mut list = Vec::new();
    scanner.begin_array().ok()?;
    while scanner.next_element().ok()? {
        list.push(as_text(scanner.skip().ok()?)?);
    }
    Some(list)
}

fn kind(raw: Raw<'_>) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

fn syntax(error: &SyntaxError) -> Detail {
    let code = match error.fault {
        Fault::TooDeep(_) => Code::NestingTooDeep,
        _ => Code::JsonSyntax,
    };
    let help = match error.fault {
        Fault::NotUtf8 => Some("save and send the file as UTF-8"),
        Fault::End(_) => Some("the body may have been cut off on its way"),
        _ => None,
    };
    Detail { code, place: Place::Root(""), message: error.to_string(), help: help.map(str::to_owned) }
}

fn not_an_object(text: &str) -> Detail {
    let found = kind(text.trim_start());
    let help = if text.trim_start().starts_with('[') {
        "put the operations into `{\"schemas\": […], \"Operations\": […]}`"
    } else {
        "send an object with the members `schemas` and `Operations`"
    };
    Detail {
        code: Code::JsonType,
        place: Place::Root(""),
        message: format!("the body is {found}, an object is expected"),
        help: Some(help.to_owned()),
    }
}

struct Reader<'m> {
    mode: &'m Mode,
    faults: Vec<Detail>,
    warnings: Vec<Detail>,
}

impl Reader<'_> {
    fn read(mut self, root: RawRoot<'_>) -> Result<BulkRequest, Refusal> {
        let operations = self.operations(root.operations.as_ref());
        self.root_schemas(root.schemas);
        let mut accepted = Vec::with_capacity(operations.len());
        for (index, operation) in operations.iter().enumerate() {
            if self.faults.len() >= MAXIMUM_DETAILS {
                break;
            }
            accepted.extend(self.operation(index, operation));
        }
        self.faults.truncate(MAXIMUM_DETAILS);
        match Refusal::of(self.faults) {
            Some(refusal) => Err(refusal),
            None => Ok(BulkRequest { operations: accepted, warnings: self.warnings }),
        }
    }

    fn is_strict(&self) -> bool {
        matches!(self.mode, Mode::Strict)
    }

    fn fault(&mut self, code: Code, place: Place, what: &str, help: Option<&str>) {
        let message = format!("{place} {what}");
        self.faults.push(Detail { code, place, message, help: help.map(str::to_owned) });
    }

    /// A fault in strict mode, a warning in open mode.
    fn demand(&mut self, code: Code, place: Place, what: &str, help: Option<&str>) {
        let message = format!("{place} {what}");
        let detail = Detail { code, place, message, help: help.map(str::to_owned) };
        if self.is_strict() { self.faults.push(detail) } else { self.warnings.push(detail) }
    }

    fn operations<'o, 't>(&mut self, found: Option<&'o RawOperations<'t>>) -> &'o [RawOperation<'t>] {
        let list = match found {
            None => {
                let help = "send `{\"schemas\": […], \"Operations\": […]}` with one operation per person";
                self.fault(Code::MissingMember, Place::Root("Operations"), "is missing", Some(help));
                return &[];
            }
            Some(RawOperations::Other(raw)) => {
                let what = format!("is {}, a list is expected", kind(raw));
                let help = flattened(raw);
                self.fault(Code::JsonType, Place::Root("Operations"), &what, help);
                return &[];
            }
            Some(RawOperations::List(list)) => list,
        };
        if list.is_empty() {
            self.fault(Code::NoOperations, Place::Root("Operations"), "is empty", None);
        }
        let limit = match self.mode {
            Mode::Strict => STRICT_MAXIMUM_OPERATIONS,
            Mode::Open(limits) => limits.max_operations,
        };
        if list.len() > limit {
            let what = format!("has {} entries, {limit} are allowed", list.len());
            let help = format!("send them in {} requests", list.len().div_ceil(limit.max(1)));
            self.fault(Code::TooManyOperations, Place::Root("Operations"), &what, Some(&help));
        }
        list
    }

    fn root_schemas(&mut self, raw: Option<Raw<'_>>) {
        self.schemas(Place::Root("schemas"), raw, &[urn::BULK_REQUEST], &[]);
    }

    /// Checks a `schemas` list against the URNs that it must hold.
    fn schemas(&mut self, place: Place, raw: Option<Raw<'_>>, wanted: &[&str], used: &[Cow<'_, str>]) {
        let Some(raw) = given(raw) else {
            let help = format!("add `\"schemas\": [\"{}\"]`", wanted.join("\", \""));
            self.demand(Code::SchemaMissing, place, "is missing", Some(&help));
            return;
        };
        let Some(listed) = texts(raw) else {
            let what = format!("is {}, a list of texts is expected", kind(raw));
            self.demand(Code::JsonType, place, &what, flattened(raw));
            return;
        };
        let wanted = wanted.iter().copied().chain(used.iter().map(AsRef::as_ref));
        for urn in wanted {
            if listed.iter().any(|listed| listed.eq_ignore_ascii_case(urn)) {
                continue;
            }
            self.demand(Code::SchemaMissing, place, &format!("does not list `{urn}`"), None);
            return;
        }
    }

    /// The operation, when nothing is wrong with it.
    fn operation(&mut self, index: usize, raw: &RawOperation<'_>) -> Option<Operation> {
        let members = match raw {
            RawOperation::Members(members) => members,
            RawOperation::Other(raw) => {
                let what = format!("is {}, an object is expected", kind(raw));
                self.fault(Code::JsonType, Place::Operation(index, String::new()), &what, shallow(raw));
                return None;
            }
        };
        let faults = self.faults.len();
        // With another method or path nothing else of the operation is meant for us.
        self.method(index, members.method)?;
        self.path(index, members.path)?;
        let bulk_id = self.bulk_id(index, members.bulk_id);
        let (data, person) = self.data(index, members)?;
        // Open mode does not need the list, so it says nothing about it.
        if self.is_strict() {
            let place = Place::Operation(index, "data.schemas".to_owned());
            let wanted = [urn::CORE_USER, urn::ENTERPRISE_USER];
            self.schemas(place, person.schemas, &wanted, &person.extensions);
        }
        self.misplaced(index, &person.misplaced);
        let external_id = self.external_id(index, person, data)?;
        if self.faults.len() > faults {
            return None;
        }
        Some(Operation { index, bulk_id, external_id, data: data.to_owned() })
    }

    fn method(&mut self, index: usize, raw: Option<Raw<'_>>) -> Option<()> {
        let method = self.text(index, "method", raw, Some("write `\"method\": \"POST\"`"))?;
        let fits = if self.is_strict() { method == "POST" } else { method.eq_ignore_ascii_case("POST") };
        if fits {
            return Some(());
        }
        let what = format!("is `{}`, only `POST` is supported", shorten(&method));
        let help = "every change is a POST; `\"active\": false` disables a person";
        self.fault(Code::MethodNotSupported, Place::Operation(index, "method".into()), &what, Some(help));
        None
    }

    fn path(&mut self, index: usize, raw: Option<Raw<'_>>) -> Option<()> {
        // A public C# client leaves the path out.
        if !self.is_strict() && given(raw).is_none() {
            return Some(());
        }
        let path = self.text(index, "path", raw, Some("write `\"path\": \"/Users\"`"))?;
        let fits = match self.mode {
            Mode::Strict => path == "/Users",
            Mode::Open(_) => path.trim_matches('/').eq_ignore_ascii_case("Users"),
        };
        if fits {
            return Some(());
        }
        let what = format!("is `{}`, only `/Users` is supported", shorten(&path));
        let help = "the person is named by `data.externalId`, not by the path";
        self.fault(Code::PathNotSupported, Place::Operation(index, "path".into()), &what, Some(help));
        None
    }

    /// A required text member of an operation.
    fn text<'t>(
        &mut self,
        index: usize,
        name: &str,
        raw: Option<Raw<'t>>,
        help: Option<&str>,
    ) -> Option<Cow<'t, str>> {
        let place = Place::Operation(index, name.to_owned());
        let Some(raw) = given(raw) else {
            self.fault(Code::MissingMember, place, "is missing", help);
            return None;
        };
        let text = as_text(raw);
        if text.is_none() {
            self.fault(Code::JsonType, place, &format!("is {}, text is expected", kind(raw)), help);
        }
        text
    }

    fn bulk_id(&mut self, index: usize, raw: Option<Raw<'_>>) -> String {
        let place = || Place::Operation(index, "bulkId".to_owned());
        let made = || format!("operation-{index}");
        let Some(raw) = given(raw).filter(|raw| *raw != "\"\"") else {
            let help = "give every operation an id of its own";
            self.demand(Code::MissingMember, place(), "is missing", Some(help));
            return made();
        };
        if let Some(text) = as_text(raw) {
            return text.into_owned();
        }
        self.demand(Code::JsonType, place(), &format!("is {}, text is expected", kind(raw)), None);
        if is_number(raw) { raw.to_owned() } else { made() }
    }

    fn data<'o, 't>(
        &mut self,
        index: usize,
        members: &'o RawMembers<'t>,
    ) -> Option<(Raw<'t>, &'o RawPerson<'t>)> {
        let place = Place::Operation(index, "data".to_owned());
        let Some(raw) = given(members.data) else {
            self.fault(Code::MissingMember, place, "is missing", Some("it holds the person's attributes"));
            return None;
        };
        match &members.person {
            Some(person) => Some((raw, person)),
            None => {
                let what = format!("is {}, an object is expected", kind(raw));
                self.fault(Code::JsonType, place, &what, shallow(raw));
                None
            }
        }
    }

    fn misplaced(&mut self, index: usize, names: &[&'static str]) {
        if self.is_strict() {
            return;
        }
        for name in names {
            let place = Place::Operation(index, format!("data.{name}"));
            let message = format!("{place} is no attribute of the core schema");
            let help = format!("put `{name}` into the object `{}`", urn::ENTERPRISE_USER);
            self.warnings.push(Detail { code: Code::Misplaced, place, message, help: Some(help) });
        }
    }

    fn external_id(&mut self, index: usize, person: &RawPerson<'_>, data: Raw<'_>) -> Option<String> {
        let place = Place::Operation(index, "data.externalId".to_owned());
        let Some(raw) = given(person.external_id) else { return self.other_key(place, data) };
        if let Some(text) = as_text(raw) {
            if text.trim().is_empty() {
                return self.other_key(place, data);
            }
            return Some(text.into_owned());
        }
        let what = format!("is {}, text is expected", kind(raw));
        if is_number(raw) {
            self.demand(Code::JsonType, place, &what, Some("write it in double quotes"));
            return Some(raw.to_owned());
        }
        self.fault(Code::JsonType, place, &what, None);
        None
    }

    /// The job's matching attribute instead of a missing `externalId`, in open mode.
    fn other_key(&mut self, place: Place, data: Raw<'_>) -> Option<String> {
        if let Mode::Open(limits) = self.mode
            && let Some(key) = &limits.key
            && let Ok(record) = serde_json::from_str(data)
            && let Some(text) = key.get_text(&record).filter(|text| !text.trim().is_empty())
        {
            return Some(text.into_owned());
        }
        let help = "give the person's immutable key, such as the employee number";
        self.fault(Code::ExternalIdMissing, place, "is missing", Some(help));
        None
    }
}

/// At most 40 characters of what somebody sent.
fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The cause of a list that arrives as its only element.
fn flattened(raw: Raw<'_>) -> Option<&'static str> {
    match raw.as_bytes().first() {
        Some(b'"' | b'{') => Some(
            "write it in brackets; PowerShell 5.1 turns a list of one into its element: wrap it as `@(,$list)`",
        ),
        _ => None,
    }
}

/// The cause of an object that arrives as text.
fn shallow(raw: Raw<'_>) -> Option<&'static str> {
    (raw.starts_with("\"@{") || raw.starts_with("\"System.Collections"))
        .then_some("PowerShell's ConvertTo-Json stops at depth 2: call it with `-Depth 10`")
}
