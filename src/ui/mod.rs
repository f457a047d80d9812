//! What a node's user sees: lines, or the whole terminal.

pub(crate) mod plain;
pub(crate) mod screen;
