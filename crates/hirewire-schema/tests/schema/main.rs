//! Sample documents survive, JSON trees lose nothing, templates are complete, checks find what is wrong.
mod checks;
mod differences;
mod documents;
mod edits;
mod support;
mod templates;
