//! The contents of the panes, except the log and the diagram.

use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{Picture, Place};
use crate::mutex::LockName;
use crate::ui::screen::labels;

impl Picture<'_> {
    /// Our identity, and where the critical section is, if there is room for that.
    pub(super) fn head_line(&self, width: u16) -> Line<'static> {
        let group = self.snapshot.group;
        let (id, members, listen) = (group.id, group.members.len(), group.listen);
        let who = format!(" process {id} of {members} at {listen}");
        let section = format!("critical section {} ", self.snapshot.section);
        let gap = usize::from(width).saturating_sub(who.len() + section.len());
        if gap == 0 {
            return Line::raw(who);
        }
        Line::raw(format!("{who}{:gap$}{section}", ""))
    }

    pub(super) fn badge(&self) -> Span<'static> {
        let state = self.snapshot.member.state(&LockName::default());
        let reversed = Modifier::REVERSED | Modifier::BOLD;
        let style = self.palette.state(state).add_modifier(reversed);
        Span::styled(format!(" {state} "), style)
    }

    pub(super) fn state_lines(&self, width: u16) -> Paragraph<'static> {
        Paragraph::new(vec![
            Line::raw(format!(" {}", labels::state(self.snapshot))),
            Line::raw(format!(" {}", labels::figures(self.snapshot, width))),
        ])
    }

    /// As many peers as fit; those that we wait for, or that wait for us, are chosen first.
    pub(super) fn peer_lines(&self, area: Rect) -> Paragraph<'static> {
        let (snapshot, palette) = (self.snapshot, self.palette);
        let peers = labels::peers(snapshot);
        let room = usize::from(area.height);
        let mut shown: Vec<&labels::Peer> = peers.iter().collect();
        if peers.len() > room {
            shown.sort_by_key(|peer| !peer.is_missing && peer.deferred.is_empty());
            shown.truncate(room.saturating_sub(1));
            shown.sort_by_key(|peer| peer.id);
        }
        let hidden = peers.len() - shown.len();
        let has_addresses = area.width >= 70;
        let widest = shown.iter().map(|peer| peer.reply.len()).max().unwrap_or(0);
        let mut lines: Vec<Line<'static>> = shown
            .into_iter()
            .map(|peer| {
                let address = snapshot.group.address(peer.id).filter(|_| has_addresses);
                let address = address.map_or(String::new(), |address| format!("{address:<21}  "));
                let mut spans = vec![Span::raw(format!(" {:>2}  {address}", peer.id))];
                if widest > 0 {
                    let yellow = peer.is_missing.then(|| palette.colour(Color::Yellow));
                    let reply = format!("{:<widest$}  ", peer.reply);
                    spans.push(Span::styled(reply, yellow.unwrap_or_default()));
                }
                let magenta = palette.colour(Color::Magenta);
                spans.push(Span::styled(peer.deferred.clone(), magenta));
                Line::from(spans)
            })
            .collect();
        if hidden > 0 && room > 0 {
            lines.push(Line::raw(format!("     and {hidden} more")));
        }
        Paragraph::new(lines)
    }

    /// The keys, where there is room; those of the help and of the diagram only if they fit.
    pub(super) fn key_line(&self, place: Place, width: u16) -> Line<'static> {
        let of_diagram = match place {
            Place::Beside | Place::InsteadOfLog => Some("lists"),
            Place::Hidden => Some("draws"),
            Place::NoRoom => None,
        };
        let line = |of_diagram, has_help| {
            let mut spans = vec![Span::raw(" ")];
            for (key, action) in labels::keys(self.snapshot.group.id, of_diagram, has_help) {
                let style = self
                    .palette
                    .colour(Color::Cyan)
                    .add_modifier(Modifier::BOLD);
                spans.push(Span::styled(key, style));
                spans.push(Span::raw(format!(" {action}   ")));
            }
            Line::from(spans)
        };
        // The spaces at the end need no room.
        let fits = |line: &Line<'_>| line.width() <= usize::from(width) + 3;
        let lines = [line(of_diagram, true), line(of_diagram, false)];
        let fitting = lines.into_iter().find(fits);
        fitting.unwrap_or_else(|| line(None, false))
    }
}
