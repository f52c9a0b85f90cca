//! Decides: scope, match, map, diff, references, safety, cycles, quarantine, retries.
//!
//! ```text
//! record ─▶ dates ─▶ filters ─▶ matching values ─▶ scope ─┐ prepare
//!                                          target.find ◀──┤
//! account ─▶ rows ─▶ compare ─▶ account state ─▶ references ─▶ Plan
//! ```
//!
//! Planning is a function of its arguments: no clock, no randomness, no I/O. Applying a plan and planning again gives
//! an empty plan. The rules are those of `spec/engine.md`; each module names its section.
//!
//! A runtime works in batches: prepare everybody, ask the target once, plan everybody, write, then the references.
//!
//! ```
//! use hirewire_engine::{Action, CompiledSchema, Current, Lookup, Nobody, Person, Settings, Surroundings};
//! use hirewire_engine::uniqueness::Reservations;
//! use hirewire_expression::SeededRandom;
//!
//! let document = hirewire_schema::Document::parse(include_bytes!("../../../samples/schema/inbound-to-entra.json"))?;
//! let settings = Settings { default_domain: Some("contoso.com".into()), ..Settings::default() };
//! let schema = CompiledSchema::compile(&document.schema(), &settings).map_err(|findings| format!("{findings:?}"))?;
//! let record = serde_json::json!({
//!     "externalId": "1001", "userName": "ida@contoso.com", "displayName": "Ida Stone", "active": true,
//! });
//! let (now, random) = ("2026-03-02T09:00:00Z".parse()?, SeededRandom::new(1));
//!
//! let people = [Person { source_anchor: "1001", record: Some(&record), link: None }];
//! let prepared: Vec<_> = people.into_iter().map(|person| schema.prepare(person, now, &random)).collect();
//! // Collect the keys of all `Lookup::Keys` for `Target::find`, the anchors of all `Lookup::Anchor` for `Target::read`.
//! assert!(matches!(prepared[0].lookup(), Lookup::Keys(keys) if keys[0].attribute == "employeeId"));
//! let found = [vec![]];
//!
//! let mut reservations = Reservations::new();
//! for person in &prepared {
//!     let neighbours = reservations.over(&schema, &Nobody);
//!     let plan = person.plan(Current::Found(&found), &Surroundings { neighbours: &neighbours, random: &random });
//!     reservations.reserve(person, &plan);
//!     assert_eq!((plan.action, plan.steps().len()), (Action::Create, 1));
//!     // After `Target::apply`: store the link, then `plan.reference_step(anchor, |source| …)` as a second apply.
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
pub mod attribute;
pub mod compare;
mod compile;
mod compiled;
mod convert;
mod decide;
mod evidence;
mod fingerprint;
pub mod identity;
pub mod index;
pub mod lifecycle;
mod link;
mod mapping;
mod neighbours;
pub mod order;
mod person;
mod plan;
pub mod quarantine;
pub mod reason;
mod record;
mod reference;
pub mod remember;
pub mod restart;
pub mod retry;
pub mod safety;
pub mod scope;
mod settings;
pub mod target;
pub mod undo;
pub mod uniqueness;
pub mod value;
#[cfg(feature = "vectors")]
pub mod vectors;

pub use compiled::{CompiledSchema, Row};
pub use decide::plan;
pub use evidence::ValueTrace;
pub use fingerprint::{Fingerprint, fingerprint};
pub use link::Link;
pub use neighbours::{Neighbours, Nobody};
pub use person::{Current, Lookup, Person, Prepared, Surroundings};
pub use plan::{Action, Plan, ReferenceChange, ReferenceStatus, RowOutcome, Warning, WarningCode, Why};
pub use reason::Reason;
pub use settings::{MissingActive, Settings};
