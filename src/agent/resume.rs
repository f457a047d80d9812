//! An agent's node begins with what goes on of earlier runs.

use std::time::Instant;

use super::AgentError;
use super::client::Stay;
use super::record::{Places, Records};
use crate::{LocalNode, Settings};

/// Starts the node, with the entries of earlier runs that go on.
pub(super) fn start_node(
    settings: &Settings,
    records: &Records,
) -> Result<(LocalNode, Vec<Stay>), AgentError> {
    // The state directory is ours from here on, so that nobody else's records are
    // looked at.
    let opened = settings.open()?;
    let places = settings.state.as_deref().map(Places::in_state);
    let mut left = records.left()?;
    if let Some(places) = &places {
        left.extend(places.left_elsewhere(records.folder())?);
    }
    let resumed: Vec<_> = left
        .iter()
        .map(|left| (left.lock.clone(), left.token))
        .collect();
    let (node, guards) = LocalNode::start_inside(settings, opened, &resumed)?;
    if let Some(places) = &places {
        places.write(records.folder(), &left)?;
    }
    let since = Instant::now();
    let stays = left.into_iter().zip(guards).map(|(left, guard)| {
        let record = left.record;
        log::warn!(
            "lock {:?} stays held: what {:?} of an earlier run started goes on",
            record.entry.lock,
            record.entry.command
        );
        Stay {
            record,
            guard,
            since,
        }
    });
    Ok((node, stays.collect()))
}
