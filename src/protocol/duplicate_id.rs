//! Another node that was given this member's id.

use core::time::Duration;

use super::*;

/// How long a sighting of another node with our id counts.
const SIGHTING: Duration = Duration::from_secs(5);

impl Member {
    /// A message with our own id comes from ourselves, through our address in the member
    /// list, or from another node.
    pub(super) fn receive_from_own_id(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        match message.origin {
            Origin::Turno(incarnation) if incarnation == self.config.incarnation => {
                self.mark_synced(self.config.id, effects);
                Ok(())
            }
            Origin::Turno(other) => self.receive_from_duplicate(other, message, reply_to, effects),
            Origin::Original => Err(Rejected::OwnId(message.from)),
        }
    }

    /// An earlier run of ours may have sent the message, and it may arrive late or be
    /// replayed. So only a welcome to this run counts: a hello gets a welcome, which gets
    /// one back, and after that no more, so that both nodes notice.
    fn receive_from_duplicate(
        &mut self,
        other: Incarnation,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let is_last = match message.body {
            Body::Hello => false,
            Body::Welcome { to, again, .. } if to == self.config.incarnation => {
                self.has_duplicate_id = true;
                self.forget_views(effects);
                self.duplicate_sightings += 1;
                let sightings = self.duplicate_sightings;
                effects.push(Effect::SetTimer {
                    timer: Timer::ForgetDuplicate { sightings },
                    after: SIGHTING,
                });
                again
            }
            _ => return Err(Rejected::OwnId(message.from)),
        };
        if !is_last {
            let welcome = Body::Welcome {
                clock: self.clock.now(),
                to: other,
                again: message.body != Body::Hello,
            };
            let to = self.config.id;
            effects.push(self.config.send(to, reply_to, welcome, 0));
        }
        Ok(())
    }

    pub(super) fn forget_duplicate(&mut self, sightings: u64) -> Result<(), Rejected> {
        if sightings != self.duplicate_sightings {
            return Err(Rejected::StaleTimer);
        }
        self.has_duplicate_id = false;
        self.duplicate_sightings = 0;
        Ok(())
    }
}
