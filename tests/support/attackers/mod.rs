//! What tries to break a group: a bad network, forged datagrams, an outsider.

pub mod forgery;
pub mod outsider;
pub mod relay;
