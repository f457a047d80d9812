//! What decides whether a run was correct.

pub mod judge;
