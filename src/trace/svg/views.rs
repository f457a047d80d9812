//! Views: bands behind the lines, votes, lapses and takeovers.

use std::fmt;

use super::scale::{LETTER, x};
use crate::trace::diagram::{Band, Lane, MarkKind, Takeover};

/// How much higher a lane is for the text about views.
pub(super) const ROOM: f64 = 18.0;

/// How many shades of bands there are.
const SHADES: usize = 3;

pub(super) const STYLE: &str = "\
.view0{fill:#eaf2fd}\
.view1{fill:#e9f7e6}\
.view2{fill:#fdf0e2}\
.without{fill:url(#none)}\
.joined{stroke:#555;stroke-width:1}\
.view{font-size:10px;font-weight:bold;fill:#444}\
.vote{fill:none;stroke:#222;stroke-width:1.2}\
.mark{font-size:10px;text-anchor:middle;fill:#333}\
.over{stroke:#c01515;stroke-width:1.6;stroke-dasharray:3 2;fill:none}\
.takeover{stroke:#17171c;stroke-width:2;stroke-dasharray:1 4;stroke-linecap:round;fill:none}";

pub(super) const PATTERN: &str = r##"<pattern id="none" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><rect width="7" height="7" fill="#fff"/><path d="M0 0V7" stroke="#ccc" stroke-width="3"/></pattern>"##;

/// Draws the views of a lane from its top to its bottom. `numbers` are the views of all
/// lanes, in order.
pub(super) fn bands(
    f: &mut fmt::Formatter<'_>,
    lane: &Lane,
    (top, bottom): (f64, f64),
    numbers: &[(u64, u16)],
) -> fmt::Result {
    for band in &lane.bands {
        let (left, right) = (x(band.from), x(band.to));
        let index = numbers.iter().position(|number| *number == band.view);
        let shade = index.unwrap_or(0) % SHADES;
        let class = match band.is_leased {
            true => format!("view{shade}"),
            false => "without".to_owned(),
        };
        let lease = if band.is_leased {
            ""
        } else {
            ", without a lease"
        };
        // It names no event: it is behind everything, and a pointer is always on one.
        writeln!(
            f,
            r#"<rect class="{class}" x="{left:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"><title>node {}, {}{lease}</title></rect>"#,
            right - left,
            bottom - top,
            lane.id,
            name(band),
        )?;
    }
    let joins = lane.marks.iter().filter(|mark| mark.kind == MarkKind::Join);
    for mark in joins {
        writeln!(
            f,
            r#"<path class="joined" data-event="{}" d="M{:.1} {top:.1}V{bottom:.1}"/>"#,
            mark.event,
            x(mark.at)
        )?;
    }
    Ok(())
}

/// `view 1.3: 2, 3`.
fn name(band: &Band) -> String {
    let members: Vec<String> = band.members.iter().map(ToString::to_string).collect();
    format!(
        "view {}.{}: {}",
        band.view.0,
        band.view.1,
        members.join(", ")
    )
}

/// The names of the views, the votes and the lapses of a lane with this line.
pub(super) fn marks(
    f: &mut fmt::Formatter<'_>,
    lane: &Lane,
    y: f64,
    (top, bottom): (f64, f64),
) -> fmt::Result {
    let mut end = 0.0;
    for band in &lane.bands {
        let left = x(band.from).max(end) + 4.0;
        let text = match band.is_leased {
            true => name(band),
            false => "no lease".to_owned(),
        };
        let width = text.chars().count() as f64 * (LETTER + 0.5);
        if left + width > x(band.to) + 8.0 {
            continue;
        }
        end = left + width;
        let base = top + 12.0;
        writeln!(
            f,
            r#"<text class="view" data-event="{}" x="{left:.1}" y="{base:.1}">{text}</text>"#,
            band.event
        )?;
    }
    let mut end = 0.0;
    for mark in &lane.marks {
        let (at, event, number) = (x(mark.at), mark.event, &mark.number);
        let (whole, short) = match mark.kind {
            MarkKind::Join => continue,
            MarkKind::Vote => (format!("vote {number}"), number.clone()),
            // The name of the band that follows says it.
            MarkKind::Lapse => (String::new(), String::new()),
        };
        match mark.kind {
            MarkKind::Vote => writeln!(
                f,
                r#"<circle class="vote" data-event="{event}" cx="{at:.1}" cy="{y:.1}" r="6"><title>node {} votes for view {number}</title></circle>"#,
                lane.id
            )?,
            _ => writeln!(
                f,
                r#"<path class="over" data-event="{event}" d="M{at:.1} {top:.1}V{bottom:.1}"><title>the lease of node {} ends</title></path>"#,
                lane.id
            )?,
        }
        let half = |text: &str| text.chars().count() as f64 * LETTER / 2.0;
        let texts = [&whole, &short].into_iter();
        let fits = texts.filter(|text| !text.is_empty() && at - half(text) > end);
        if let Some(text) = fits.take(1).next() {
            end = at + half(text) + 1.0;
            let base = y - 30.0;
            writeln!(
                f,
                r#"<text class="mark" x="{at:.1}" y="{base:.1}">{text}</text>"#
            )?;
        }
    }
    Ok(())
}

pub(super) fn takeover(
    f: &mut fmt::Formatter<'_>,
    takeover: &Takeover,
    lines: &[f64],
) -> fmt::Result {
    let point = |(lane, at): (usize, f64)| (x(at), lines[lane]);
    let ((from_x, from_y), (to_x, to_y)) = (point(takeover.from), point(takeover.to));
    writeln!(
        f,
        r#"<path class="takeover" data-to="{}" d="M{from_x:.1} {from_y:.1}L{to_x:.1} {to_y:.1}"><title>the next entry, in a view without the last holder</title></path>"#,
        takeover.event
    )
}

/// The line of the legend about views.
pub(super) fn legend(f: &mut fmt::Formatter<'_>, y: f64) -> fmt::Result {
    let line = y - 4.0;
    writeln!(
        f,
        r##"<g><rect class="view0" x="12" y="{}" width="28" height="13"/><text x="46" y="{y}">in this view</text><rect class="without" x="120" y="{}" width="28" height="13"/><text x="154" y="{y}">without a lease</text><circle class="dot" cx="262" cy="{line}" r="2.6"/><circle class="vote" cx="262" cy="{line}" r="6"/><text x="274" y="{y}">vote</text><path class="joined" d="M312 {}v14"/><text x="320" y="{y}">joins the view</text><path class="over" d="M408 {}v14"/><text x="416" y="{y}">lease ends</text><path class="takeover" d="M486 {line}h28"/><text x="520" y="{y}">takeover</text></g>"##,
        y - 11.0,
        y - 11.0,
        y - 11.0,
        y - 11.0
    )
}
