//! Traces: the events of every node of a group, recorded, merged, checked and drawn.
//!
//! `docs/traces.md` describes the format and the commands. A contributor must know:
//!
//! - the format is version 1 ([`VERSION`]); traces stay readable by earlier and later
//!   builds, so the names of fields and kinds in `record.rs` never change;
//! - [`Record`] is all that a library without the `cli` feature needs, with
//!   [`Traced`], which writes it. Everything else is behind `cli`;
//! - dependencies point one way:
//!
//! ```text
//! Traced ─ capture ─> record ─> file
//!
//! file ─> History ─┬─ check ─> Report
//!                  ├─ diagram ─> svg ─> html
//!                  └─ export
//! ```
//!
//! A history keeps each line as numbers of one size, some 140 to 170 bytes an event in
//! all, and reads it again where it is quoted or drawn. The words about an event are
//! made in [`crate::narrate`], as for the plain output.

mod capture;
mod record;
mod recorder;
mod view_record;

#[cfg(feature = "cli")]
mod check;
#[cfg(feature = "cli")]
mod choice;
#[cfg(feature = "cli")]
mod diagram;
#[cfg(feature = "cli")]
mod escape;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "cli")]
mod history;
#[cfg(feature = "cli")]
mod html;
#[cfg(feature = "cli")]
mod run;
#[cfg(feature = "cli")]
mod svg;
#[cfg(feature = "cli")]
mod vector;

pub use record::{EventKind, Header, MessageKind, MessageRecord, Phase, Record, VERSION};
pub use recorder::Traced;
pub use view_record::{JoinedRecord, ViewMessageRecord, ViewRecord};

#[cfg(feature = "cli")]
pub use {
    check::{Fault, check},
    diagram::{Arrow, Diagram, View},
    history::{EventLabel, History},
    run::Run,
    svg::svg,
};
#[cfg(feature = "cli")]
pub(crate) use {
    choice::locks_to_draw,
    export::{mermaid, mermaid_events, shiviz},
    history::Progress,
    html::{filled, html, inert},
    run::write,
    svg::xml,
};

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;
