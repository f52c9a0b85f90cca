//! One module per command, or per family of commands.
pub(crate) mod app;
mod codes;
pub(crate) mod control;
pub(crate) mod demo;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod review;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod target;
pub(crate) mod test;
pub(crate) mod users;
pub(crate) mod workflow;
pub(crate) mod workflow_run;
