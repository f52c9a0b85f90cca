//! The only place that prints: data to standard output, talk to standard error, colour only for people.
use std::io::{self, Write};

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde_json::Value;

use crate::report::Report;
use crate::session::{self, Out};

/// Standard output. A reader that went away (`hirewire logs | head`) ends the program quietly.
pub(crate) struct Printer {
    out: Out,
}

impl Printer {
    /// The process's standard output; colours fall away where nobody sees them.
    pub(crate) fn new() -> Self {
        Self { out: Out(anstream::stdout()) }
    }

    /// One line of data.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Report> {
        written(writeln!(self.out, "{text}"))
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Report> {
        written(self.out.write_all(text.as_bytes()))
    }

    /// One JSON document.
    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Report> {
        let text = serde_json::to_string_pretty(value)?;
        self.line(&text)
    }

    /// A table as wide as the terminal, or as wide as it needs to be elsewhere.
    pub(crate) fn table(
        &mut self,
        header: &[&str],
        rows: impl Iterator<Item = Vec<String>>,
    ) -> Result<(), Report> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(header.iter().map(|h| Cell::new(h).add_attribute(Attribute::Bold)));
        for row in rows {
            table.add_row(row.iter().map(|cell| plain(cell)));
        }
        for line in table.lines() {
            self.line(line.trim_end())?;
        }
        Ok(())
    }
}

const RESET: &str = "\u{1b}[0m";

/// Green, yellow or red text; never the only carrier of meaning.
pub(crate) fn coloured(text: &str, colour: Colour) -> String {
    let code = match colour {
        Colour::Good => 32,
        Colour::Warning => 33,
        Colour::Bad => 31,
        Colour::Quiet => 2,
        Colour::Strong => 1,
    };
    format!("\u{1b}[{code}m{text}{RESET}")
}

/// What a colour means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    /// Something came to be.
    Good,
    /// Something to look at.
    Warning,
    /// Something goes, or went wrong.
    Bad,
    /// Of less importance.
    Quiet,
    /// A heading.
    Strong,
}

/// Text from outside without control characters: names must not move the cursor or change colours.
pub(crate) fn plain(text: &str) -> String {
    let ours = |c: char| c == '\u{1b}';
    if text.starts_with(ours) {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `1 person`, `2 people`, `3 changes`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    match (count, one) {
        (1, _) => format!("1 {one}"),
        (_, "person") => format!("{count} people"),
        _ => format!("{count} {one}s"),
    }
}

/// Talk to people: standard error.
pub(crate) use crate::session::say;

fn written(result: io::Result<()>) -> Result<(), Report> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !session::is_remote() => {
            std::process::exit(0)
        }
        other => other.map_err(Report::from),
    }
}
