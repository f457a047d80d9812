//! The bars on and below a line: states, and what is deferred.

use std::fmt::{self, Display};

use super::diagram::{Deferral, StateSpan};
use super::record::Phase;
use super::svg::{Escaped, LEFT, UNIT, x};

/// A row of what is deferred.
pub(super) const ROW: f64 = 15.0;
/// A character of what is said beside a bar, at the most in common fonts.
pub(super) const LETTER: f64 = 4.8;

pub(super) fn stay_bar(f: &mut fmt::Formatter<'_>, stay: &StateSpan, y: f64) -> fmt::Result {
    let (class, height) = match stay.phase {
        Phase::Free => return Ok(()),
        Phase::Wait => ("wait", 10.0),
        Phase::Held => ("held", 18.0),
    };
    let (left, width) = (x(stay.from), (stay.to - stay.from) * UNIT);
    let top = y - height / 2.0;
    writeln!(
        f,
        r#"<rect class="{class}" data-event="{}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.0}"><title>{}</title></rect>"#,
        stay.event,
        Number(stay)
    )
}

/// What a bar is, in words.
struct Number<'a>(&'a StateSpan);

impl Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.phase, self.0.number) {
            (Phase::Held, Some(token)) => write!(f, "HELD with token {token}"),
            (Phase::Wait, Some(clock)) => write!(f, "WAIT, requested at clock {clock}"),
            _ => f.write_str("FREE"),
        }
    }
}

pub(super) fn deferral_bar(f: &mut fmt::Formatter<'_>, deferral: &Deferral, y: f64) -> fmt::Result {
    let (left, width) = (x(deferral.from), (deferral.to - deferral.from) * UNIT);
    let (top, peer) = (row(deferral, y), deferral.peer);
    let because = Escaped(&deferral.because);
    writeln!(
        f,
        r#"<rect class="deferral" data-event="{}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="12"><title>the reply to {peer} is deferred: {because}</title></rect>"#,
        deferral.event
    )
}

fn row(deferral: &Deferral, y: f64) -> f64 {
    y + 14.0 + deferral.row as f64 * ROW
}

/// What else is in the row of a deferral.
pub(super) struct Room {
    /// Nothing before it.
    pub(super) is_first: bool,
    /// Where the next one begins, or the drawing ends.
    pub(super) next: f64,
}

/// Why a reply is deferred, in its bar or beside it, as much as there is room for.
/// Where there is none the bar's title still says it.
pub(super) fn reason(
    f: &mut fmt::Formatter<'_>,
    deferral: &Deferral,
    y: f64,
    room: &Room,
) -> fmt::Result {
    let (left, right) = (x(deferral.from), x(deferral.to));
    let whole = format!("{} waits: {}", deferral.peer, deferral.because);
    let peer = deferral.peer.to_string();
    for said in [&whole, &deferral.because, &peer] {
        let width = said.chars().count() as f64 * LETTER;
        let (class, at) = if left + 6.0 + width < right {
            ("said inside", left + 3.0)
        } else if right + 4.0 + width < room.next {
            ("said", right + 4.0)
        } else if room.is_first && LEFT + width < left - 4.0 {
            ("said", left - 4.0 - width)
        } else {
            continue;
        };
        let (said, base) = (Escaped(said), row(deferral, y) + 9.5);
        return writeln!(
            f,
            r#"<text class="{class}" data-event="{}" x="{at:.1}" y="{base:.1}">{said}</text>"#,
            deferral.event
        );
    }
    Ok(())
}
