//! The figures as a Markdown table and an SVG chart.
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

/// One ratio with the limit it is held against.
pub(crate) struct Figure {
    /// What was compared with what.
    pub(crate) name: String,
    /// Ours against the peer.
    pub(crate) ratio: f64,
    /// The limit; `at_most` says which side of it is good.
    pub(crate) limit: f64,
    /// True where a smaller ratio is better.
    pub(crate) at_most: bool,
    /// The measured parts, in words.
    pub(crate) detail: String,
}

impl Figure {
    /// Whether the ratio is on the good side of its limit.
    pub(crate) fn holds(&self) -> bool {
        if self.at_most { self.ratio <= self.limit } else { self.ratio >= self.limit }
    }
}

/// Writes `results.md` and `results.svg` into `folder` and returns the table.
pub(crate) fn write(folder: &Path, figures: &[Figure]) -> Result<String> {
    let mut table =
        String::from("| what | ratio | limit | holds | measured |\n| --- | ---: | ---: | --- | --- |\n");
    for f in figures {
        let sign = if f.at_most { "≤" } else { "≥" };
        let holds = if f.holds() { "yes" } else { "**no**" };
        let _ =
            writeln!(table, "| {} | {:.2} | {sign} {} | {holds} | {} |", f.name, f.ratio, f.limit, f.detail);
    }
    std::fs::write(folder.join("results.md"), &table)?;
    std::fs::write(folder.join("results.svg"), chart(figures))?;
    Ok(table)
}

/// Bars: how much of its limit each ratio uses; past the line is too much.
fn chart(figures: &[Figure]) -> String {
    let height = 40 + 34 * figures.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"20\">Share of the limit that each ratio uses (the line is 100 %)</text>\n"
    );
    for (row, f) in figures.iter().enumerate() {
        let used = if f.at_most { f.ratio / f.limit } else { f.limit / f.ratio };
        let width = (used * 200.0).clamp(1.0, 340.0);
        let y = 40 + 34 * row;
        let colour = if f.holds() { "#2a7" } else { "#c33" };
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{}\">{}</text><rect x=\"400\" y=\"{y}\" width=\"{width:.0}\" height=\"18\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{}\">{:.2}</text>",
            y + 13,
            f.name.replace('&', "&amp;").replace('<', "&lt;"),
            406.0 + width,
            y + 13,
            f.ratio
        );
    }
    let _ = writeln!(svg, "<line x1=\"600\" y1=\"32\" x2=\"600\" y2=\"{height}\" stroke=\"#333\"/>\n</svg>");
    svg
}
