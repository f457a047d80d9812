//! Words about views and the lease.

use super::Line;
#[cfg(feature = "cli")]
use super::Tone;
use super::Tone::{Ignored, Ordinary, Trouble};
use super::account::Account;
use super::listed;
use crate::trace::{JoinedRecord, ViewRecord};

impl Account<'_> {
    /// The lines about an event of the views.
    pub(super) fn about_view(&self) -> Vec<Line> {
        let Some(view) = &self.record.view else {
            return vec![];
        };
        let lost = view.lost.iter().map(|lock| {
            Trouble.line(format!(
                "the lease has ended, and with it the entry in lock {lock:?}"
            ))
        });
        let left = view
            .received
            .iter()
            .filter(|it| it.says.starts_with("leave "));
        let left = left.map(|it| Ordinary.line(format!("{} leaves", it.from)));
        let voted = view.voted.iter();
        let voted = voted.map(|(counter, proposer)| {
            Ignored.line(format!("votes for view {counter}.{proposer}"))
        });
        let joined = view.joined.iter();
        let joined = joined.map(|joined| Ordinary.line(self.joined(view, joined)));
        lost.chain(left).chain(voted).chain(joined).collect()
    }

    /// `view 4.2: members 1, 2, without 3`.
    fn joined(&self, view: &ViewRecord, joined: &JoinedRecord) -> String {
        let (counter, proposer) = view.number.unwrap_or_default();
        let out: Vec<u16> = (1..=self.members)
            .filter(|id| !joined.members.contains(id))
            .collect();
        let mut text = format!(
            "view {counter}.{proposer}: members {}",
            listed(joined.members.iter())
        );
        if !out.is_empty() {
            text += &format!(", without {}", listed(out));
        }
        text
    }

    /// The note about an event of the views.
    #[cfg(feature = "cli")]
    pub(super) fn note_on_view(&self) -> Option<(Tone, String)> {
        let view = self.record.view.as_ref()?;
        let (counter, proposer) = view.number.unwrap_or_default();
        if !view.lost.is_empty() {
            return Some((Trouble, "the lease has ended".to_owned()));
        }
        if let Some(joined) = &view.joined {
            let members = listed(joined.members.iter());
            return Some((Ordinary, format!("view {counter}.{proposer}: {members}")));
        }
        let (counter, proposer) = view.voted?;
        Some((Ignored, format!("votes for view {counter}.{proposer}")))
    }
}
