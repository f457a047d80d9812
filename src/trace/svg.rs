//! A diagram in ink. Print-worthy: nothing depends on colour alone, and the text
//! is text. What is drawn of an event names it, `data-event="RUN-RECORD"`, and an
//! arrow the events of both its ends: so that a viewer finds them.

use std::fmt::{self, Display, Write};

use super::bars::{LETTER, ROW, Room, deferral_bar, reason, stay_bar};
use super::diagram::{Arrow, Diagram, Ending, Lane};
use super::record::{MessageKind, Phase};

/// Pixels of a unit of the diagram.
pub(super) const UNIT: f64 = 34.0;
/// Left of the lines, where the names are.
pub(super) const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 34.0;
/// From a lane to the next, without the rows of what it defers.
const LANE: f64 = 84.0;
const LEGEND: f64 = 66.0;
/// From so many arrows on they are paler, so that what is said can be read.
const MANY: usize = 150;

const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#222}\
.name{font-weight:bold;font-size:14px}\
text{paint-order:stroke;stroke:#fff;stroke-width:2px;stroke-linejoin:round}\
.clock{font-size:9px;fill:#444;text-anchor:middle}\
.said{font-size:9px;fill:#333}\
.inside{stroke:#f1e3f5}\
.token{font-weight:bold;fill:#fff;stroke:#1f4e8c;stroke-width:3px;text-anchor:middle}\
.life{stroke:#777;stroke-width:1.5}\
.wait{fill:url(#hatch);stroke:#a36a00}\
.held{fill:#1f4e8c;stroke:#12315a}\
.deferral{fill:#f1e3f5;stroke:#7b3f91}\
.dot{fill:#222;stroke:#fff;stroke-width:.7}\
.many{opacity:.45}\
.request{stroke:#b3540d;stroke-width:1.3;fill:none}\
.reply{stroke:#1b7340;stroke-width:1.3;fill:none;stroke-dasharray:6 3}\
.again{stroke-dasharray:1 3}\
.lost{stroke:#c01515;stroke-width:1.6;fill:none}";

/// The diagram as one SVG file.
#[must_use]
pub fn svg(diagram: &Diagram) -> String {
    let mut lines = Vec::new();
    let mut y = TOP;
    for lane in &diagram.lanes {
        y += LANE / 2.0;
        lines.push(y);
        y += LANE / 2.0 + rows(lane) as f64 * ROW;
    }
    let width = LEFT + diagram.length * UNIT + RIGHT;
    let page = Page {
        diagram,
        lines,
        width: width.max(620.0),
        height: y + LEGEND,
    };
    page.to_string()
}

fn rows(lane: &Lane) -> usize {
    lane.deferrals
        .iter()
        .map(|deferral| deferral.row + 1)
        .max()
        .unwrap_or(0)
}

pub(super) fn x(at: f64) -> f64 {
    LEFT + at * UNIT
}

struct Page<'a> {
    diagram: &'a Diagram,
    /// The height of each lane's line.
    lines: Vec<f64>,
    width: f64,
    height: f64,
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = (self.width, self.height);
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}">"#
        )?;
        writeln!(f, "<title>turno: {}</title>", self.title())?;
        writeln!(f, "<style>{STYLE}</style>")?;
        writeln!(
            f,
            r##"<defs><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="#fff3d6"/><path d="M0 0V5" stroke="#e0a93b" stroke-width="2"/></pattern><marker id="open" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto"><path d="M1 1L8 4L1 7" fill="none" stroke="#b3540d"/></marker><marker id="full" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto"><path d="M1 1L8 4L1 7Z" fill="#1b7340"/></marker></defs>"##
        )?;
        writeln!(f, r##"<rect width="100%" height="100%" fill="#fff"/>"##)?;
        for (lane, y) in self.diagram.lanes.iter().zip(&self.lines) {
            self.lane(f, lane, *y)?;
        }
        let many = if self.diagram.arrows.len() < MANY {
            ""
        } else {
            r#" class="many""#
        };
        writeln!(f, "<g{many}>")?;
        for arrow in &self.diagram.arrows {
            self.arrow(f, arrow)?;
        }
        writeln!(f, "</g>")?;
        for (lane, y) in self.diagram.lanes.iter().zip(&self.lines) {
            self.dots(f, lane, *y)?;
            self.said(f, lane, *y)?;
        }
        self.legend(f)?;
        writeln!(f, "</svg>")
    }
}

impl Page<'_> {
    fn title(&self) -> String {
        let nodes = self.diagram.lanes.len();
        match self.diagram.lock.as_str() {
            "" => format!("{nodes} nodes"),
            lock => format!("{nodes} nodes, lock {}", Escaped(lock)),
        }
    }

    fn lane(&self, f: &mut fmt::Formatter<'_>, lane: &Lane, y: f64) -> fmt::Result {
        let id = lane.id;
        writeln!(
            f,
            r#"<g id="node-{id}"><text class="name" x="12" y="{:.1}">{id}</text>"#,
            y + 5.0
        )?;
        for (from, to, ending) in &lane.runs {
            let (from, to) = (x(*from), x(*to));
            writeln!(f, r#"<path class="life" d="M{from:.1} {y:.1}H{to:.1}"/>"#)?;
            if *ending == Ending::Crashed {
                let (left, right, top, bottom) = (to - 5.0, to + 5.0, y - 5.0, y + 5.0);
                writeln!(
                    f,
                    r#"<path class="lost" d="M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}"><title>node {id} crashes</title></path>"#
                )?;
            }
        }
        for stay in &lane.stays {
            stay_bar(f, stay, y)?;
        }
        for deferral in &lane.deferrals {
            deferral_bar(f, deferral, y)?;
        }
        writeln!(f, "</g>")
    }

    fn dots(&self, f: &mut fmt::Formatter<'_>, lane: &Lane, y: f64) -> fmt::Result {
        // Where the last clock ends, at each of the heights that there are.
        let mut ends = [0.0; 2];
        for dot in &lane.dots {
            let at = x(dot.at);
            write!(
                f,
                r#"<circle class="dot" data-event="{}" cx="{at:.1}" cy="{y:.1}" r="2.6"><title>node {}, clock {}: {}</title></circle>"#,
                dot.event,
                lane.id,
                dot.clock,
                Escaped(&dot.text),
            )?;
            let clock = dot.clock.to_string();
            let half = clock.len() as f64 * LETTER / 2.0 + 1.0;
            // Where there is no room at all, the dot's title still says it.
            if let Some(height) = ends.iter().position(|end| *end < at - half) {
                ends[height] = at + half;
                let above = y - 14.0 - height as f64 * 9.0;
                write!(
                    f,
                    r#"<text class="clock" x="{at:.1}" y="{above:.1}">{clock}</text>"#
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    /// The tokens, and why replies are deferred: above all that might cross it.
    fn said(&self, f: &mut fmt::Formatter<'_>, lane: &Lane, y: f64) -> fmt::Result {
        for stay in &lane.stays {
            let (left, right) = (x(stay.from), x(stay.to));
            if let (Phase::Held, Some(token)) = (stay.phase, stay.number)
                && right - left >= 16.0
            {
                let middle = f64::midpoint(left, right);
                writeln!(
                    f,
                    r#"<text class="token" data-event="{}" x="{middle:.1}" y="{:.1}">{token}</text>"#,
                    stay.event,
                    y + 4.0
                )?;
            }
        }
        for deferral in &lane.deferrals {
            let others = || {
                let of_row = lane.deferrals.iter().filter(|d| d.row == deferral.row);
                of_row.filter(|other| !std::ptr::eq(*other, deferral))
            };
            let later = others().filter(|other| other.from >= deferral.to);
            let room = Room {
                is_first: others().all(|other| other.from > deferral.from),
                next: later.map(|other| x(other.from)).fold(self.width, f64::min),
            };
            reason(f, deferral, y, &room)?;
        }
        Ok(())
    }

    fn arrow(&self, f: &mut fmt::Formatter<'_>, arrow: &Arrow) -> fmt::Result {
        let (from_lane, leaves) = arrow.from;
        let (to_lane, arrives) = arrow.to;
        let (from_y, to_y) = (self.lines[from_lane], self.lines[to_lane]);
        let (from_x, from_y) = match (leaves, arrives) {
            (Some(at), _) => (x(at), from_y),
            // It comes from there, but nothing is known of when.
            (None, Some(at)) => (x(at) - UNIT * 0.7, to_y + (from_y - to_y) * 0.45),
            (None, None) => return Ok(()),
        };
        let (class, marker) = match arrow.kind {
            MessageKind::Request | MessageKind::Hello => ("request", "open"),
            _ => ("reply", "full"),
        };
        let again = if arrow.is_repeated { " again" } else { "" };
        let text = Escaped(&arrow.text);
        let ends = Ends(arrow);
        let Some(at) = arrives else {
            // It ends on the way; in a cross, if it did not arrive.
            let (end_x, end_y) = (from_x + UNIT * 0.7, from_y + (to_y - from_y) * 0.45);
            let (left, right, top, bottom) = (end_x - 4.0, end_x + 4.0, end_y - 4.0, end_y + 4.0);
            if !arrow.is_lost {
                return writeln!(
                    f,
                    r#"<path class="{class}{again}"{ends} marker-end="url(#{marker})" d="M{from_x:.1} {from_y:.1}L{end_x:.1} {end_y:.1}"><title>{text}, to a node without a trace</title></path>"#
                );
            }
            writeln!(
                f,
                r#"<path class="{class}{again}"{ends} d="M{from_x:.1} {from_y:.1}L{end_x:.1} {end_y:.1}"/>"#
            )?;
            return writeln!(
                f,
                r#"<path class="lost"{ends} d="M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}"><title>{text} did not arrive</title></path>"#
            );
        };
        let (to_x, note) = (x(at), if arrow.is_repeated { ", again" } else { "" });
        writeln!(
            f,
            r#"<path class="{class}{again}"{ends} marker-end="url(#{marker})" d="M{from_x:.1} {from_y:.1}L{to_x:.1} {to_y:.1}"><title>{text}{note}</title></path>"#
        )
    }

    fn legend(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let y = self.height - LEGEND + 22.0;
        let second = y + 22.0;
        let line = y - 4.0;
        write!(
            f,
            r##"<g id="legend"><path class="life" d="M12 {line}h28"/><text x="46" y="{y}">FREE</text><rect class="wait" x="92" y="{}" width="28" height="10"/><text x="126" y="{y}">WAIT (request)</text><rect class="held" x="218" y="{}" width="28" height="16"/><text x="252" y="{y}">HELD, its token</text><rect class="deferral" x="352" y="{}" width="28" height="11"/><text x="386" y="{y}">reply deferred, and why</text>"##,
            y - 9.0,
            y - 12.0,
            y - 10.0
        )?;
        let line = second - 4.0;
        let (top, bottom) = (line - 4.0, line + 4.0);
        writeln!(
            f,
            r##"<path class="request" marker-end="url(#open)" d="M12 {line}h28"/><text x="46" y="{second}">request</text><path class="reply" marker-end="url(#full)" d="M108 {line}h28"/><text x="142" y="{second}">reply</text><path class="request again" marker-end="url(#open)" d="M190 {line}h28"/><text x="224" y="{second}">arrived before</text><path class="lost" d="M318 {top}l8 8M318 {bottom}l8 -8"/><text x="332" y="{second}">lost, or a crash</text><text class="clock" x="440" y="{second}">5</text><text x="450" y="{second}">Lamport clock after the event</text></g>"##
        )
    }
}

/// The names of the events that an arrow joins.
struct Ends<'a>(&'a Arrow);

impl Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sent) = self.0.sent {
            write!(f, r#" data-from="{sent}""#)?;
        }
        if let Some(received) = self.0.received {
            write!(f, r#" data-to="{received}""#)?;
        }
        Ok(())
    }
}

/// Text as it may stand in XML: whatever is no character of XML is shown as what
/// it is.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                    write!(f, "{}", c.escape_unicode())?;
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Deferral, Dot, EventLabel};

    const EVENT: EventLabel = EventLabel { run: 0, record: 0 };

    fn page(lane: Lane) -> String {
        svg(&Diagram {
            length: 12.0,
            lanes: vec![lane],
            ..Diagram::default()
        })
    }

    /// Where it is said that 1 waits, and what is said, for deferrals from one place
    /// to another in one row.
    fn said(deferrals: &[(f64, f64)]) -> Vec<String> {
        let deferrals = deferrals.iter().map(|(from, to)| Deferral {
            from: *from,
            to: *to,
            row: 0,
            peer: 1,
            because: "(3,2) < (5,1)".to_owned(),
            event: EVENT,
        });
        let page = page(Lane {
            deferrals: deferrals.collect(),
            ..Lane::default()
        });
        let said = page.split(r#"<text class="said"#).skip(1);
        said.map(|said| {
            let (_, at) = said.split_once(" x=\"").unwrap();
            let (_, text) = said.split_once('>').unwrap();
            let (at, text) = (at.split_once('"').unwrap(), text.split_once("</").unwrap());
            format!("{} {}", at.0, text.0)
        })
        .collect()
    }

    #[test]
    fn a_reason_is_in_its_bar_or_beside_it_or_is_shortened() {
        let whole = "1 waits: (3,2) &lt; (5,1)";
        assert_eq!(said(&[(0.0, 5.0)]), [format!("67.0 {whole}")], "in it");
        assert_eq!(said(&[(0.0, 1.0)]), [format!("102.0 {whole}")], "behind it");
        let before = format!("471.2 {whole}");
        assert_eq!(said(&[(15.2, 16.0)]), [before], "before it");
        let crowded = said(&[(0.0, 1.0), (3.2, 4.2), (4.2, 5.2), (5.2, 5.4), (5.4, 11.0)]);
        let shortened = [
            "102.0 (3,2) &lt; (5,1)".to_owned(),
            "175.8 1".to_owned(),
            "209.8 1".to_owned(),
            format!("250.6 {whole}"),
        ];
        assert_eq!(crowded, shortened);
    }

    #[test]
    fn clocks_that_would_run_into_each_other_are_at_two_heights_or_left_out() {
        let dots = [0.0, 1.0, 1.5, 2.0].map(|at| Dot {
            at,
            event: EVENT,
            clock: 10_000_007,
            text: String::new(),
        });
        let page = page(Lane {
            dots: dots.to_vec(),
            ..Lane::default()
        });
        let heights = page.matches(r#" y="62.0">10000007"#).count();
        assert_eq!((heights, page.matches(">10000007</text>").count()), (2, 3));
    }
}
