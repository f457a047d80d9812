//! `turno play`: a group on the pure algorithm, without a network and without time, that
//! a script or a person moves a step at a time.
//!
//! ```text
//! line ─ command ─> Command ─ Game ─> Cluster: the programs
//!   └─ suggest: what could have been meant   └─> lines, rows of the diagram, traces
//!
//! file ─ script ─> Session ─> Game            Session: the commands so far, undo, save
//! terminal ─ prompt ─> Session
//! ```
//!
//! The transcripts in `tests/transcripts` are in the same language, and are played by the
//! same code.

mod batch;
mod command;
mod execute;
mod files;
mod game;
mod line_editor;
mod picture;
mod prompt;
mod row;
mod script;
mod session;
mod suggest;

pub use script::{Script, ScriptError};
pub use session::Session;

pub(crate) use batch::{BatchError, Lines, play_script};
pub(crate) use command::{Command, Which};
pub(crate) use game::Game;
pub(crate) use picture::folded;
pub(crate) use prompt::Prompt;
pub(crate) use row::Lane;

#[cfg(test)]
mod tests;
