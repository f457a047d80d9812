//! The views of a node at a terminal: lines, or the whole screen.

mod greetings;
pub(crate) mod plain;
pub(crate) mod screen;
pub(crate) mod top;
