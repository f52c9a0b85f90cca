//! From the JSON tree to the typed schema. Never fails; what is odd becomes a note.
mod directory;
mod member;
mod rule;
mod source;

use member::{At, Notes};

use crate::json::{Node, Path};
use crate::model::Schema;

/// Members of a document; `@odata.…` is accepted everywhere.
const MEMBERS: &[&str] =
    &["id", "version", "synchronizationRules", "directories", "provisioningTaskIdentifier"];

pub(crate) fn schema(root: &Node) -> Schema {
    let mut notes = Notes::default();
    let Some(at) = At::new(root, Path::root(), &mut notes) else {
        return Schema { notes: notes.0, ..Schema::default() };
    };
    at.note_unknown(MEMBERS, &mut notes);
    Schema {
        id: at.optional_text("id", &mut notes),
        version: at.optional_text("version", &mut notes),
        rules: at.each("synchronizationRules", &mut notes, rule::rule),
        directories: at.each("directories", &mut notes, directory::directory),
        notes: notes.0,
    }
}
