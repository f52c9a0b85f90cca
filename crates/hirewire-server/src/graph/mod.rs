//! The resources of Microsoft Graph that inbound provisioning needs (spec/inbound-api.md §5).
pub mod apps;
pub mod connections;
pub mod cycles;
pub mod expression;
pub mod jobs;
pub mod log;
pub mod metadata;
pub mod on_demand;
pub mod schema;
pub mod secrets;
pub mod templates;
pub mod tenant;
pub mod upload;
pub mod uploads;
pub mod users;
