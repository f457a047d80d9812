//! The bars on and below a line: states and deferred replies.

use std::fmt;

use super::scale::{LEFT, LETTER, ROW, UNIT, x, xml};
use crate::narrate::state_text;
use crate::trace::diagram::{Deferral, Lane, StateSpan};
use crate::trace::record::Phase;

/// The bar of a shared entry has another color: several overlap.
const SHARED: &str = r#" style="fill:#2c7a5a;stroke:#174a36""#;

pub(super) fn state_bar(f: &mut fmt::Formatter<'_>, span: &StateSpan, y: f64) -> fmt::Result {
    let (class, height) = match span.phase {
        Phase::Free => return Ok(()),
        Phase::Wait => ("wait", 10.0),
        Phase::Held => ("held", 18.0),
    };
    let (left, width) = (x(span.from), (span.to - span.from) * UNIT);
    let top = y - height / 2.0;
    let (shared, style) = match (span.is_shared, span.phase) {
        (false, _) => ("", ""),
        (true, Phase::Held) => (", shared", SHARED),
        (true, _) => (", shared", ""),
    };
    writeln!(
        f,
        r#"<rect class="{class}"{style} data-event="{}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.0}"><title>{}{shared}</title></rect>"#,
        span.event,
        state_text(span.phase, span.number)
    )
}

/// The least height of a font that can be read, in pixels.
const MIN_FONT: f64 = 6.0;

/// The width of a bold digit, in parts of the height of its font.
const DIGIT: f64 = 0.64;

/// The token of a HELD bar, if the bar is wide enough: smaller in a narrow bar.
pub(super) fn token(f: &mut fmt::Formatter<'_>, span: &StateSpan, y: f64) -> fmt::Result {
    let (left, right) = (x(span.from), x(span.to));
    if span.phase != Phase::Held || span.label.is_empty() {
        return Ok(());
    }
    if right - left < 16.0 {
        return Ok(());
    }
    let (middle, base) = (f64::midpoint(left, right), y + 4.0);
    let token = xml(&span.label);
    let fits = (right - left - 3.0) / (token.len() as f64 * DIGIT);
    let size = match fits {
        11.0.. => String::new(),
        fits => format!(r#" style="font-size:{:.1}px""#, fits.max(MIN_FONT)),
    };
    writeln!(
        f,
        r#"<text class="token"{size} data-event="{}" x="{middle:.1}" y="{base:.1}">{token}</text>"#,
        span.event
    )
}

pub(super) fn deferral_bar(f: &mut fmt::Formatter<'_>, deferral: &Deferral, y: f64) -> fmt::Result {
    let (left, width) = (x(deferral.from), (deferral.to - deferral.from) * UNIT);
    let (top, peer) = (row(deferral, y), deferral.peer);
    let because = xml(&deferral.because);
    writeln!(
        f,
        r#"<rect class="deferral" data-event="{}" x="{left:.1}" y="{top:.1}" width="{width:.1}" height="12"><title>the reply to {peer} is deferred: {because}</title></rect>"#,
        deferral.event
    )
}

fn row(deferral: &Deferral, y: f64) -> f64 {
    y + 14.0 + deferral.row as f64 * ROW
}

/// Why a reply is deferred, in its bar or beside it, as much as there is room for. The
/// title of the bar always shows it. `end` is the right end of the drawing.
pub(super) fn reason(
    f: &mut fmt::Formatter<'_>,
    deferral: &Deferral,
    (lane, y): (&Lane, f64),
    end: f64,
) -> fmt::Result {
    let (left, right) = (x(deferral.from), x(deferral.to));
    let others = || {
        let of_row = lane.deferrals.iter().filter(|d| d.row == deferral.row);
        of_row.filter(|other| !std::ptr::eq(*other, deferral))
    };
    let later = others().filter(|other| other.from >= deferral.to);
    let next = later.map(|other| x(other.from)).fold(end, f64::min);
    let is_first = others().all(|other| other.from > deferral.from);
    let whole = format!("{} waits: {}", deferral.peer, deferral.because);
    let short = format!("{} waits", deferral.peer);
    for text in [&whole, &short] {
        let width = text.chars().count() as f64 * LETTER;
        let (class, at) = if left + 6.0 + width < right {
            ("said inside", left + 3.0)
        } else if right + 4.0 + width < next {
            ("said", right + 4.0)
        } else if is_first && LEFT + width < left - 4.0 {
            ("said", left - 4.0 - width)
        } else {
            continue;
        };
        let (text, base) = (xml(text), row(deferral, y) + 9.5);
        return writeln!(
            f,
            r#"<text class="{class}" data-event="{}" x="{at:.1}" y="{base:.1}">{text}</text>"#,
            deferral.event
        );
    }
    Ok(())
}
