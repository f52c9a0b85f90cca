//! The table of everything that is served: path, method, who may, what runs. The router, the permission check, `Allow`
//! and the OpenAPI description are all read from it.
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::{self, Permission};
use crate::path::{self, Params};
use crate::request::Request;

mod table;

pub use table::ROWS;

/// An endpoint that needs no waiting: runs on a thread that may block.
pub type Handler = fn(&App, &Request) -> Result<Answer, ApiError>;

/// How a verb is carried out.
#[derive(Clone, Copy)]
pub enum Run {
    /// On a blocking thread, after the body was read.
    Plain(Handler),
    /// bulkUpload: the body is judged after the checks that need none.
    Upload,
    /// bulkUpload through `$value`.
    UploadValue,
    /// A receipt: may wait or stream.
    Receipt,
    /// `$batch`: calls the other endpoints.
    Batch,
    /// The token endpoint, `v2.0` or the older one.
    Token(identity::TokenStyle),
}

/// Who may call.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// Anybody, without a token.
    Nothing,
    /// Any valid token.
    Token,
    /// A token with one of these.
    One(&'static [Permission]),
    /// Callers on this machine only.
    Loopback,
    /// Callers on this machine, or any valid token.
    LoopbackOrToken,
}

/// Which paths a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Below `/v1.0` and `/beta`.
    Graph,
    /// Below `/beta` only.
    Beta,
    /// At the root.
    Root,
}

/// One method of a path.
#[derive(Clone, Copy)]
pub struct Verb {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Who may.
    pub need: Need,
    /// What runs.
    pub run: Run,
    /// Status of success.
    pub success: u16,
    /// One line for the description.
    pub summary: &'static str,
}

/// One path.
#[derive(Clone, Copy)]
pub struct Row {
    /// Where it stands.
    pub area: Area,
    /// Its pattern: literals and `{names}`.
    pub path: &'static str,
    /// Its methods.
    pub verbs: &'static [Verb],
}

/// A row found for a path.
#[derive(Clone)]
pub struct Found {
    /// The row.
    pub row: &'static Row,
    /// The values of its `{names}`.
    pub params: Params,
}

/// Finds the row of a path below `area`'s root; `beta` says whether rows of beta count.
pub fn find(graph: bool, beta: bool, segments: &[String]) -> Option<Found> {
    ROWS.iter()
        .filter(|row| match row.area {
            Area::Graph => graph,
            Area::Beta => graph && beta,
            Area::Root => !graph,
        })
        .find_map(|row| path::matches(row.path, segments).map(|params| Found { row, params }))
}

/// The first segment that no row knows at its place: what the 400 of §5, row 49, names.
pub fn unknown_segment(segments: &[String]) -> &str {
    for (at, segment) in segments.iter().enumerate() {
        let known = ROWS.iter().filter(|row| row.area != Area::Root).any(|row| {
            let pattern: Vec<&str> = row.path.split('/').collect();
            pattern.len() > at
                && pattern[..=at]
                    .iter()
                    .zip(segments)
                    .all(|(wanted, found)| wanted.starts_with('{') || wanted.eq_ignore_ascii_case(found))
        });
        if !known {
            return segment;
        }
    }
    segments.last().map_or("", String::as_str)
}

impl Row {
    /// The verb of a method.
    pub fn verb(&self, method: &str) -> Option<&'static Verb> {
        let wanted = if method == "HEAD" { "GET" } else { method };
        self.verbs.iter().find(|verb| verb.method == wanted)
    }

    /// The value of `Allow`.
    pub fn allow(&self) -> String {
        self.verbs.iter().map(|verb| verb.method).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_win_over_names() {
        for (path, expected) in [
            ("servicePrincipals/$count", "servicePrincipals/$count"),
            (
                "servicePrincipals/x/synchronization/jobs/validateCredentials",
                "servicePrincipals/{sp}/synchronization/jobs/validateCredentials",
            ),
            ("auditlogs/provisioning/$count", "auditLogs/provisioning/$count"),
            ("auditlogs/provisioning/7", "auditLogs/provisioning/{id}"),
        ] {
            let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(find(true, false, &segments).expect(path).row.path, expected);
        }
        let beta: Vec<String> = "servicePrincipals/x/synchronization/jobs/y/objectConnections/z"
            .split('/')
            .map(str::to_owned)
            .collect();
        assert!(find(true, false, &beta).is_none());
        assert!(find(true, true, &beta).is_some());
    }

    #[test]
    fn the_unknown_segment_is_named() {
        let segments = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(unknown_segment(&segments("mailboxes/x")), "mailboxes");
        assert_eq!(unknown_segment(&segments("servicePrincipals/x/owners")), "owners");
    }

    #[test]
    fn every_path_is_in_the_table_once() {
        let mut seen = std::collections::HashSet::new();
        for row in ROWS {
            assert!(seen.insert(row.path.to_lowercase()), "{} stands twice", row.path);
            assert!(!row.verbs.is_empty());
        }
    }
}
