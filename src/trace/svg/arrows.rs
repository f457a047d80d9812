//! The datagrams.

use std::fmt::{self, Display};

use super::scale::{UNIT, cross, x, xml};
use crate::trace::diagram::Arrow;

/// Draws an arrow. `lines` is the height of each lane's line.
pub(super) fn arrow(f: &mut fmt::Formatter<'_>, arrow: &Arrow, lines: &[f64]) -> fmt::Result {
    let (from_y, to_y) = (lines[arrow.from], lines[arrow.to]);
    let (from_x, from_y) = match (arrow.sent, arrow.received) {
        (Some((at, _)), _) => (x(at), from_y),
        // The sending is unknown: the arrow begins on the way.
        (None, Some((at, _))) => (x(at) - UNIT * 0.7, to_y + (from_y - to_y) * 0.45),
        (None, None) => return Ok(()),
    };
    let (class, marker) = if arrow.kind.is_question() {
        ("request", "open")
    } else {
        ("reply", "full")
    };
    let again = if arrow.is_repeated { " again" } else { "" };
    let (text, ends) = (xml(&arrow.text), Ends(arrow));
    // Without an arrival it ends on the way: in a cross, if it was lost.
    let (to_x, to_y) = match arrow.received {
        Some((at, _)) => (x(at), to_y),
        None => (from_x + UNIT * 0.7, from_y + (to_y - from_y) * 0.45),
    };
    write!(f, r#"<path class="{class}{again}"{ends}"#)?;
    let path = format!("M{from_x:.1} {from_y:.1}L{to_x:.1} {to_y:.1}");
    if arrow.is_lost {
        writeln!(f, r#" d="{path}"/>"#)?;
        let cross = cross(to_x, to_y, 4.0);
        return writeln!(
            f,
            r#"<path class="lost"{ends} d="{cross}"><title>{text} did not arrive</title></path>"#
        );
    }
    let note = match arrow.received {
        None => ", to a node without a trace",
        Some(_) if arrow.is_repeated => ", again",
        Some(_) => "",
    };
    writeln!(
        f,
        r#" marker-end="url(#{marker})" d="{path}"><title>{text}{note}</title></path>"#
    )
}

/// The names of the events that an arrow joins.
struct Ends<'a>(&'a Arrow);

impl Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, sent)) = self.0.sent {
            write!(f, r#" data-from="{sent}""#)?;
        }
        if let Some((_, received)) = self.0.received {
            write!(f, r#" data-to="{received}""#)?;
        }
        Ok(())
    }
}
