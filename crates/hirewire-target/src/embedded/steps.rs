//! Writing: each step is checked first and then written by one statement, so a refused step leaves nothing behind.
use hirewire_engine::target::{Applied, Change, Step, TargetError};
use hirewire_engine::value::{AttributeValue, Attributes};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::account::{self, DISPLAY_NAME, ENABLED, MANAGER, REQUIRED, SOFT_DELETED, UPN};
use super::codec::{self, Wanted};
use super::database::EmbeddedDirectory;
use super::refusal;

type Answer = Result<Applied, TargetError>;

/// A step as the database takes it; made on the caller's thread.
pub(super) enum Prepared {
    Create(Result<Box<NewUser>, TargetError>),
    Update { anchor: String, changes: Vec<(String, Option<AttributeValue>)> },
    Restore { anchor: String },
    Delete { anchor: String },
}

/// A row to be inserted.
pub(super) struct NewUser {
    id: Uuid,
    row: Columns,
    manager: Option<String>,
    json: String,
}

/// The indexed columns.
struct Columns {
    name: String,
    upn: String,
    employee_id: Option<String>,
    mail: Option<String>,
    mail_nickname: Option<String>,
    display_name: String,
    enabled: bool,
}

pub(super) fn prepare(step: &Step) -> Prepared {
    match step {
        Step::Create { attributes } => Prepared::Create(new_user(attributes).map(Box::new)),
        Step::Update { anchor, changes } => {
            let change = |change: &Change| (change.attribute.clone(), change.new.clone());
            Prepared::Update { anchor: anchor.clone(), changes: changes.iter().map(change).collect() }
        }
        Step::Restore { anchor } => Prepared::Restore { anchor: anchor.clone() },
        Step::Delete { anchor } => Prepared::Delete { anchor: anchor.clone() },
    }
}

fn new_user(attributes: &Attributes) -> Result<NewUser, TargetError> {
    let row = columns(attributes)?;
    let manager = match get(attributes, MANAGER) {
        None => None,
        Some(value) => {
            Some(account::text(value).ok_or_else(|| refusal::wrong_type(MANAGER, "an account"))?.to_owned())
        }
    };
    // A mapping may write what the directory knows by itself; on a new account it says nothing new.
    let kept = attributes.iter().filter(|(name, value)| {
        !account::is_password(name)
            && !name.eq_ignore_ascii_case(MANAGER)
            && !name.eq_ignore_ascii_case(SOFT_DELETED)
            && !is_empty(value)
    });
    Ok(NewUser { id: Uuid::now_v7(), row, manager, json: codec::encode(kept) })
}

/// Checks what every user must have and takes out what is indexed.
fn columns(attributes: &Attributes) -> Result<Columns, TargetError> {
    if let Some(absent) = REQUIRED.iter().find(|name| get(attributes, name).is_none_or(is_empty)) {
        return Err(refusal::missing(absent));
    }
    if let Some((name, _)) = attributes.iter().find(|(name, _)| is_read_only(name)) {
        return Err(refusal::read_only(name));
    }
    let text = |name: &'static str| match get(attributes, name) {
        None => Ok(None),
        Some(value) => account::text(value).map(Some).ok_or_else(|| refusal::wrong_type(name, "text")),
    };
    let folded = |name: &'static str| text(name).map(|value| value.map(account::fold));
    let name = text(UPN)?.unwrap_or_default().to_owned();
    let enabled = get(attributes, ENABLED).and_then(account::truth);
    Ok(Columns {
        upn: account::fold(&name),
        name,
        employee_id: folded("employeeId")?,
        mail: folded("mail")?,
        mail_nickname: folded("mailNickname")?,
        display_name: text(DISPLAY_NAME)?.unwrap_or_default().to_owned(),
        enabled: enabled.ok_or_else(|| refusal::wrong_type(ENABLED, "true or false"))?,
    })
}

fn get<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a AttributeValue> {
    attributes.get(name).or_else(|| {
        attributes.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

fn is_empty(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => text.is_empty(),
        AttributeValue::List(items) => items.is_empty(),
        _ => false,
    }
}

fn is_read_only(name: &str) -> bool {
    account::READ_ONLY.iter().any(|other| other.eq_ignore_ascii_case(name))
}

/// Applies all steps in one transaction.
pub(super) fn apply(directory: &EmbeddedDirectory, steps: Vec<Prepared>) -> rusqlite::Result<Vec<Answer>> {
    let now = directory.now();
    let domains = directory.verified_domains();
    directory.write(|connection| {
        let mut writer = Writer::new(connection, domains, now)?;
        let answers =
            steps.into_iter().map(|step| writer.step(step)).collect::<rusqlite::Result<Vec<_>>>()?;
        writer.count(answers.iter().flatten().any(|applied| applied.changed))?;
        Ok(answers)
    })
}

/// A user as it stands before a step.
struct Standing {
    key: i64,
    deleted: Option<i64>,
    manager: Option<Uuid>,
}

struct Writer<'c> {
    connection: &'c Connection,
    domains: Option<&'c [String]>,
    now: i64,
    since: i64,
    version: i64,
    insert: CachedStatement<'c>,
    find: CachedStatement<'c>,
    link: CachedStatement<'c>,
}

impl<'c> Writer<'c> {
    fn new(
        connection: &'c Connection,
        domains: Option<&'c [String]>,
        now: jiff::Timestamp,
    ) -> rusqlite::Result<Self> {
        let version: i64 =
            connection.prepare_cached("SELECT version FROM counter")?.query_row([], |row| row.get(0))?;
        let insert = "INSERT INTO users (id, upn, employee_id, mail, mail_nickname, display_name, enabled, created, \
                      version, manager, attributes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        Ok(Self {
            connection,
            domains,
            now: now.as_microsecond(),
            since: account::bin_since(now),
            version: version + 1,
            insert: connection.prepare_cached(insert)?,
            find: connection.prepare_cached("SELECT key, deleted, manager FROM users WHERE id = ?1")?,
            link: connection.prepare_cached("UPDATE users SET manager = ?2, version = ?3 WHERE key = ?1")?,
        })
    }

    fn count(&self, changed: bool) -> rusqlite::Result<()> {
        if changed {
            self.connection.prepare_cached("UPDATE counter SET version = ?1")?.execute([self.version])?;
        }
        Ok(())
    }

    fn step(&mut self, step: Prepared) -> rusqlite::Result<Answer> {
        match step {
            Prepared::Create(Err(refused)) => Ok(Err(refused)),
            Prepared::Create(Ok(user)) => self.create(&user),
            Prepared::Update { anchor, changes } => self.update(anchor, changes),
            Prepared::Restore { anchor } => self.bin(anchor, false),
            Prepared::Delete { anchor } => self.bin(anchor, true),
        }
    }

    fn create(&mut self, user: &NewUser) -> rusqlite::Result<Answer> {
        if let Err(refused) = check_name(&user.row.name, self.domains) {
            return Ok(Err(refused));
        }
        let manager = match &user.manager {
            None => None,
            Some(anchor) => match self.live(anchor)? {
                Some(id) => Some(id),
                None => return Ok(Err(refusal::no_such_manager())),
            },
        };
        let row = &user.row;
        let inserted = self.insert.execute(params![
            user.id.as_bytes().as_slice(),
            row.upn,
            row.employee_id,
            row.mail,
            row.mail_nickname,
            row.display_name,
            row.enabled,
            self.now,
            self.version,
            manager.as_ref().map(|id| id.as_bytes().as_slice()),
            user.json
        ]);
        match inserted {
            Ok(_) => Ok(Ok(Applied { anchor: user.id.to_string(), changed: true })),
            Err(error) if is_unique(&error) => self.repeated(user),
            Err(error) => Err(error),
        }
    }

    /// The name is taken: by the same create applied before, or by somebody else.
    fn repeated(&self, user: &NewUser) -> rusqlite::Result<Answer> {
        let sql = "SELECT id, attributes FROM users WHERE upn = ?1 AND deleted IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (id, held) = statement.query_row([&user.row.upn], |row| {
            let id = account::read_uuid(row, 0)?.unwrap_or_default();
            Ok((id, account::decode(row.get_ref(1)?.as_str()?, Wanted::All)?))
        })?;
        let asked = account::decode(&user.json, Wanted::All)?;
        if asked.iter().all(|(name, value)| held.get(name) == Some(value)) {
            return Ok(Ok(Applied { anchor: id.to_string(), changed: false }));
        }
        Ok(Err(refusal::name_taken(&user.row.name)))
    }

    /// The id of a live user.
    fn live(&mut self, anchor: &str) -> rusqlite::Result<Option<Uuid>> {
        let Some((id, standing)) = self.standing(anchor)? else { return Ok(None) };
        Ok(standing.deleted.is_none().then_some(id))
    }

    fn standing(&mut self, anchor: &str) -> rusqlite::Result<Option<(Uuid, Standing)>> {
        let Ok(id) = Uuid::parse_str(anchor) else { return Ok(None) };
        let read = |row: &Row<'_>| {
            Ok(Standing { key: row.get(0)?, deleted: row.get(1)?, manager: account::read_uuid(row, 2)? })
        };
        let standing = self.find.query_row([id.as_bytes().as_slice()], read).optional()?;
        let since = self.since;
        Ok(standing.filter(|user| user.deleted.is_none_or(|deleted| deleted >= since)).map(|user| (id, user)))
    }

    fn update(
        &mut self,
        anchor: String,
        mut changes: Vec<(String, Option<AttributeValue>)>,
    ) -> rusqlite::Result<Answer> {
        let Some((_, standing)) = self.standing(&anchor)? else { return Ok(Err(refusal::gone(&anchor))) };
        let mut binned = None;
        changes.retain(|(name, value)| {
            let bin = name.eq_ignore_ascii_case(SOFT_DELETED);
            if bin {
                binned = Some(value.as_ref().and_then(account::truth).unwrap_or(false));
            }
            !bin && !account::is_password(name)
        });
        if standing.deleted.is_some() && binned != Some(false) {
            return Ok(Err(refusal::gone(&anchor)));
        }
        let manager = changes.iter().position(|(name, _)| name.eq_ignore_ascii_case(MANAGER));
        let manager = manager.map(|at| changes.swap_remove(at).1);
        let manager = match self.new_manager(standing.manager, manager)? {
            Ok(manager) => manager,
            Err(refused) => return Ok(Err(refused)),
        };
        let deleted = match binned {
            None => standing.deleted,
            Some(true) => standing.deleted.or(Some(self.now)),
            Some(false) => None,
        };
        let moved = manager != standing.manager;
        if !moved && deleted == standing.deleted && changes.is_empty() {
            return Ok(Ok(Applied { anchor, changed: false }));
        }
        if changes.is_empty() && deleted == standing.deleted {
            let manager = manager.as_ref().map(|id| id.as_bytes().as_slice());
            self.link.execute(params![standing.key, manager, self.version])?;
            return Ok(Ok(Applied { anchor, changed: true }));
        }
        self.rewrite(anchor, &standing, changes, deleted, manager)
    }

    fn new_manager(
        &mut self,
        old: Option<Uuid>,
        change: Option<Option<AttributeValue>>,
    ) -> rusqlite::Result<Result<Option<Uuid>, TargetError>> {
        let value = match change {
            None => return Ok(Ok(old)),
            Some(None) => return Ok(Ok(None)),
            Some(Some(value)) => value,
        };
        let Some(anchor) = account::text(&value) else {
            return Ok(Err(refusal::wrong_type(MANAGER, "an account")));
        };
        Ok(match self.live(anchor)? {
            Some(id) => Ok(Some(id)),
            None => Err(refusal::no_such_manager()),
        })
    }

    fn rewrite(
        &mut self,
        anchor: String,
        standing: &Standing,
        changes: Vec<(String, Option<AttributeValue>)>,
        deleted: Option<i64>,
        manager: Option<Uuid>,
    ) -> rusqlite::Result<Answer> {
        let mut attributes =
            self.connection
                .prepare_cached("SELECT attributes FROM users WHERE key = ?1")?
                .query_row([standing.key], |row| account::decode(row.get_ref(0)?.as_str()?, Wanted::All))?;
        let (row, changed) = match changed_columns(&mut attributes, changes, self.domains) {
            Ok(result) => result,
            Err(refused) => return Ok(Err(refused)),
        };
        if !changed && deleted == standing.deleted && manager == standing.manager {
            return Ok(Ok(Applied { anchor, changed: false }));
        }
        let sql = "UPDATE users SET upn = ?2, employee_id = ?3, mail = ?4, mail_nickname = ?5, display_name = ?6, \
                   enabled = ?7, deleted = ?8, version = ?9, manager = ?10, attributes = ?11 WHERE key = ?1";
        let updated = self.connection.prepare_cached(sql)?.execute(params![
            standing.key,
            row.upn,
            row.employee_id,
            row.mail,
            row.mail_nickname,
            row.display_name,
            row.enabled,
            deleted,
            self.version,
            manager.as_ref().map(|id| id.as_bytes().as_slice()),
            codec::encode(attributes.iter())
        ]);
        match updated {
            Ok(_) => Ok(Ok(Applied { anchor, changed: true })),
            Err(error) if is_unique(&error) => Ok(Err(refusal::name_taken(&row.name))),
            Err(error) => Err(error),
        }
    }

    /// Puts a user into the recycle bin or takes it out.
    fn bin(&mut self, anchor: String, into: bool) -> rusqlite::Result<Answer> {
        let Some((_, standing)) = self.standing(&anchor)? else { return Ok(Err(refusal::gone(&anchor))) };
        if standing.deleted.is_some() == into {
            return Ok(Ok(Applied { anchor, changed: false }));
        }
        let sql = "UPDATE users SET deleted = ?2, version = ?3 WHERE key = ?1";
        let deleted = into.then_some(self.now);
        match self.connection.prepare_cached(sql)?.execute(params![standing.key, deleted, self.version]) {
            Ok(_) => Ok(Ok(Applied { anchor, changed: true })),
            Err(error) if is_unique(&error) => {
                let sql = "SELECT upn FROM users WHERE key = ?1";
                let upn: String = self.connection.query_row(sql, [standing.key], |row| row.get(0))?;
                Ok(Err(refusal::name_taken(&upn)))
            }
            Err(error) => Err(error),
        }
    }
}

/// Applies changes to the attributes; returns the new columns and whether anything is different.
fn changed_columns(
    attributes: &mut Attributes,
    changes: Vec<(String, Option<AttributeValue>)>,
    domains: Option<&[String]>,
) -> Result<(Columns, bool), TargetError> {
    let mut changed = false;
    let mut renamed = false;
    for (name, value) in changes {
        if is_read_only(&name) {
            return Err(refusal::read_only(&name));
        }
        let name = match attributes.keys().find(|held| held.eq_ignore_ascii_case(&name)) {
            Some(held) => held.clone(),
            None => name,
        };
        let value = value.filter(|value| !is_empty(value));
        if attributes.get(&name) == value.as_ref() {
            continue;
        }
        changed = true;
        renamed |= name.eq_ignore_ascii_case(UPN);
        match value {
            Some(value) => attributes.insert(name, value),
            None => attributes.remove(&name),
        };
    }
    let row = columns(attributes)?;
    if renamed {
        check_name(&row.name, domains)?;
    }
    Ok((row, changed))
}

/// `alias@domain`, both parts there, of a domain that is ours (spec/targets.md §1.4: 64 before and 48 after the `@`; the
/// lengths are not enforced, since other directories allow more).
fn check_name(name: &str, domains: Option<&[String]>) -> Result<(), TargetError> {
    let unusable = |why| Err(refusal::unusable_name(name, why));
    let Some((alias, domain)) = name.split_once('@') else { return unusable("it has no domain") };
    if alias.is_empty() || domain.is_empty() || domain.contains('@') {
        return unusable("it needs one @ between alias and domain");
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return unusable("it contains blanks");
    }
    let Some(domains) = domains else { return Ok(()) };
    if alias.ends_with('.') {
        return unusable("its alias ends with a full stop");
    }
    let domain = account::fold(domain);
    if domains.iter().any(|verified| account::fold(verified) == domain) {
        return Ok(());
    }
    unusable("its domain is not a verified domain of this directory")
}

fn is_unique(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if failure.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}
