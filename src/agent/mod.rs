//! A node for the programs of a machine, which ask for locks on a Unix socket.

pub(crate) mod talk;
