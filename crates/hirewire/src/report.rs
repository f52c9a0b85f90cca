//! What a person sees when something is wrong: one sentence, the place, what to do next.
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// An error or warning for people: what happened, where, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    message: String,
    place: Option<Box<str>>,
    excerpt: Option<Box<str>>,
    notes: Vec<String>,
    help: Option<String>,
    busy: Option<Box<Path>>,
}

impl Report {
    /// A report with its sentence: lowercase, no full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            excerpt: None,
            notes: Vec::new(),
            help: None,
            busy: None,
        }
    }

    /// What to do next, shown after `help:`.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Another process has the project with this state folder open.
    pub(crate) fn busy_with(mut self, state: PathBuf) -> Self {
        self.busy = Some(state.into_boxed_path());
        self
    }

    /// The state folder that another process has open, if that is what went wrong.
    pub(crate) fn busy(&self) -> Option<&Path> {
        self.busy.as_deref()
    }

    /// One more line of detail.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The file it is about.
    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.place.get_or_insert_with(|| path.display().to_string().into());
        self
    }

    /// The place in a text, with the line shown and marked.
    pub(crate) fn in_text(mut self, path: &Path, text: &str, span: Range<usize>) -> Self {
        let start = span.start.min(text.len());
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let number = text[..start].matches('\n').count() + 1;
        let column = text[line_start..start].chars().count() + 1;
        let width = text[start..span.end.clamp(start, line_end)].chars().count().max(1);
        let line = &text[line_start..line_end];
        let gutter = number.to_string().len();
        self.place = Some(format!("{}:{number}:{column}", path.display()).into());
        self.excerpt = Some(
            format!(
                "{:gutter$} |\n{number} | {line}\n{:gutter$} | {}{}",
                "",
                "",
                " ".repeat(column - 1),
                "^".repeat(width)
            )
            .into(),
        );
        self
    }

    /// A marked excerpt of a text that is not in a file.
    pub(crate) fn excerpt(mut self, text: &str, span: Range<usize>, line: usize, column: usize) -> Self {
        let shown = text.lines().nth(line - 1).unwrap_or_default();
        let width =
            text.get(span).map_or(1, |part| part.lines().next().unwrap_or_default().chars().count().max(1));
        self.excerpt = Some(format!("  {shown}\n  {}{}", " ".repeat(column - 1), "^".repeat(width)).into());
        self
    }

    /// As JSON, for `--output json`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "error": { "message": self.message, "place": self.place, "notes": self.notes, "help": self.help } })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.message.clone();
        if let Some(place) = &self.place {
            let _ = write!(text, "\n  --> {place}");
        }
        if let Some(excerpt) = &self.excerpt {
            let _ = write!(text, "\n{excerpt}");
        }
        for note in &self.notes {
            let _ = write!(text, "\n  {note}");
        }
        if let Some(help) = &self.help {
            let _ = write!(text, "\nhelp: {help}");
        }
        f.write_str(&text)
    }
}

macro_rules! from_error {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Report {
            fn from(error: $error) -> Self {
                let mut report = Self::new(error.to_string());
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    report = report.note(format!("because {cause}"));
                    source = cause.source();
                }
                report
            }
        })+
    };
}

from_error!(
    std::io::Error,
    rusqlite::Error,
    hirewire_store::StoreError,
    hirewire_source::SourceError,
    hirewire_job::JobError,
    serde_json::Error
);

/// A report about a file that could not be read or written.
pub(crate) fn file(path: &Path, what: &str, error: &std::io::Error) -> Report {
    Report::new(format!("{} cannot be {what}: {error}", PathBuf::from(path).display()))
}
