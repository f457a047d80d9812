//! A diagram as SVG, fit for print: nothing depends on colour alone, and the text is
//! text. Each element names its event for the viewer, `data-event="RUN-RECORD"`, and an
//! arrow the events of both its ends.
//!
//! ```text
//! Diagram ─> bars, arrows, views ─> SVG
//! ```

mod arrows;
mod bars;
mod scale;
mod style;
mod views;

use std::fmt::{self, Display};

use super::diagram::{Diagram, Lane};
use super::record::Phase;
use arrows::arrow;
use bars::{deferral_bar, reason, state_bar, token};
pub(crate) use scale::xml;
use scale::{LEFT, LETTER, ROW, UNIT, cross, x};
use style::{AXIS_STYLE, DARK, DEFINITIONS, STYLE};

const RIGHT: f64 = 24.0;
/// The room for the title.
const TOP: f64 = 34.0;
/// The room for the name of a lock above its lanes, if there are several.
const HEADING: f64 = 30.0;
/// The room for the time axis.
const AXIS: f64 = 26.0;
const LEGEND: f64 = 66.0;
/// From this many arrows on they are paler, so that text stays readable.
const MANY: usize = 150;

/// The diagram as one SVG file.
pub fn svg(diagram: &Diagram) -> String {
    let mut lines = Vec::new();
    let mut edges = Vec::new();
    let mut y = TOP;
    let bands = diagram.lanes.iter().flat_map(|lane| &lane.bands);
    let mut views: Vec<_> = bands.map(|band| band.view).collect();
    views.sort_unstable();
    views.dedup();
    let mut headings = Vec::new();
    let height = lane_height(diagram.lanes.len());
    for (index, lane) in diagram.lanes.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| diagram.lanes[index].lock);
        if diagram.locks.len() > 1 && before != Some(lane.lock) {
            headings.push((lane.lock, y));
            y += HEADING;
        }
        let top = y;
        y += height / 2.0;
        if !views.is_empty() {
            y += views::ROOM;
        }
        lines.push(y);
        let rows = lane.deferrals.iter().map(|deferral| deferral.row + 1);
        y += height / 2.0 + rows.max().unwrap_or(0) as f64 * ROW;
        edges.push((top, y - 4.0));
    }
    let axis = y;
    if !diagram.axis.is_empty() {
        y += AXIS;
    }
    let legend = if views.is_empty() {
        LEGEND
    } else {
        LEGEND + 22.0
    };
    let width = LEFT + diagram.length * UNIT + RIGHT;
    let page = Page {
        diagram,
        lines,
        edges,
        headings,
        axis,
        views,
        width: width.max(680.0),
        height: y + legend,
        legend,
    };
    page.to_string()
}

/// From a lane to the next, without the rows of its deferred replies: many lanes are closer.
fn lane_height(lanes: usize) -> f64 {
    match lanes {
        ..=8 => 84.0,
        9..=13 => 66.0,
        _ => 52.0,
    }
}

struct Page<'a> {
    diagram: &'a Diagram,
    /// The height of each lane's line.
    lines: Vec<f64>,
    /// The top and the bottom of each lane's bands.
    edges: Vec<(f64, f64)>,
    /// The locks and the tops of their lanes, if there are several.
    headings: Vec<(usize, f64)>,
    /// The height of the time axis.
    axis: f64,
    /// The numbers of all views, in order; empty without failover.
    views: Vec<(u64, u16)>,
    width: f64,
    height: f64,
    /// The height of the legend.
    legend: f64,
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, height) = (self.width, self.height);
        writeln!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}">"#
        )?;
        let title = self.title();
        writeln!(f, "<title>turno: {title}</title>")?;
        writeln!(f, "<desc>{}</desc>", self.description())?;
        let (style, pattern) = match self.views[..] {
            [] => ("", ""),
            _ => (views::STYLE, views::PATTERN),
        };
        let is_named = self.diagram.lanes.iter().any(|lane| lane.name.is_some());
        let is_plain = self.headings.is_empty() && self.diagram.axis.is_empty() && !is_named;
        let axis = if is_plain { "" } else { AXIS_STYLE };
        writeln!(f, "<style>{STYLE}{style}{axis}{DARK}</style>")?;
        writeln!(f, "<defs>{pattern}{DEFINITIONS}</defs>")?;
        writeln!(
            f,
            r##"<rect class="sheet" width="100%" height="100%" fill="#fff"/>"##
        )?;
        let order = self.order();
        writeln!(
            f,
            r#"<text class="title" x="12" y="19">{title}; {order}, from left to right</text>"#
        )?;
        for (lane, edges) in self.diagram.lanes.iter().zip(&self.edges) {
            views::bands(f, lane, *edges, &self.views)?;
        }
        self.axis(f)?;
        self.headings(f)?;
        let mut takeovers = self.diagram.takeovers.iter();
        takeovers.try_for_each(|takeover| views::takeover(f, takeover, &self.lines))?;
        for (lane, y) in self.diagram.lanes.iter().zip(&self.lines) {
            self.lane(f, lane, *y)?;
        }
        let are_many = self.diagram.arrows.len() >= MANY;
        let many = if are_many { r#" class="many""# } else { "" };
        writeln!(f, "<g{many}>")?;
        let mut arrows = self.diagram.arrows.iter();
        arrows.try_for_each(|drawn| arrow(f, drawn, &self.lines))?;
        writeln!(f, "</g>")?;
        for (lane, y) in self.diagram.lanes.iter().zip(&self.lines) {
            self.dots(f, lane, *y)?;
            // Above everything that may cross them.
            let (mut spans, mut deferrals) = (lane.states.iter(), lane.deferrals.iter());
            spans.try_for_each(|span| token(f, span, *y))?;
            deferrals.try_for_each(|deferral| reason(f, deferral, (lane, *y), width))?;
        }
        let lanes = self.diagram.lanes.iter().zip(&self.lines);
        for ((lane, y), edges) in lanes.zip(&self.edges) {
            views::marks(f, lane, *y, *edges)?;
        }
        self.legend(f)?;
        if !self.views.is_empty() {
            views::legend(f, self.height - self.legend + 66.0)?;
        }
        writeln!(f, "</svg>")
    }
}

impl Page<'_> {
    fn title(&self) -> String {
        let nodes = self.diagram.lanes.len();
        let locks = &self.diagram.locks;
        match &locks[..] {
            [] => format!("{nodes} nodes"),
            [lock] if lock.is_empty() => format!("{nodes} nodes"),
            [lock] => format!("{nodes} nodes, lock {}", xml(lock)),
            locks => {
                let names: Vec<String> = locks.iter().map(|lock| heading(lock)).collect();
                format!("{} nodes, {}", nodes / locks.len(), names.join(", "))
            }
        }
    }

    /// What places the events.
    fn order(&self) -> &'static str {
        match self.diagram.axis[..] {
            [] => "events as they happened before one another",
            _ => "events by the clocks of the machines",
        }
    }

    /// The drawing in words, for those who do not see it.
    fn description(&self) -> String {
        let lanes = &self.diagram.lanes;
        let entries = lanes.iter().flat_map(|lane| &lane.states);
        let entries = entries.filter(|span| span.phase == Phase::Held).count();
        let deferrals: usize = lanes.iter().map(|lane| lane.deferrals.len()).sum();
        let (arrows, lost) = (
            self.diagram.arrows.len(),
            self.diagram.arrows.iter().filter(|arrow| arrow.is_lost),
        );
        format!(
            "A space-time diagram. A line a node, {}, from left to right; an arrow a datagram: \
             {arrows}, {} of them lost. {entries} entries into the critical section, {deferrals} \
             replies deferred.",
            self.order(),
            lost.count()
        )
    }

    fn headings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (lock, top) in &self.headings {
            let (name, base) = (heading(&self.diagram.locks[*lock]), top + 16.0);
            writeln!(
                f,
                r#"<text class="lock" x="12" y="{base:.1}">{name}</text>"#
            )?;
            if *lock > 0 {
                let right = self.width;
                writeln!(f, r#"<path class="axis" d="M0 {top:.1}H{right:.1}"/>"#)?;
            }
        }
        Ok(())
    }

    /// The time axis, with a line down from each of its marks.
    fn axis(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, base) = (self.axis + 4.0, self.axis + 16.0);
        for tick in &self.diagram.axis {
            let (at, text) = (x(tick.at), &tick.text);
            writeln!(
                f,
                r#"<path class="axis" d="M{at:.1} {TOP}V{line:.1}"/><text class="time" x="{at:.1}" y="{base:.1}">{text}</text>"#
            )?;
        }
        Ok(())
    }

    fn lane(&self, f: &mut fmt::Formatter<'_>, lane: &Lane, y: f64) -> fmt::Result {
        let id = lane.id;
        // An element's name occurs once in a page.
        let of_lock = match lane.lock {
            0 => String::new(),
            lock => format!("-lock-{lock}"),
        };
        writeln!(
            f,
            r#"<g id="node-{id}{of_lock}"><text class="name" x="12" y="{:.1}">{id}</text>"#,
            y + 5.0
        )?;
        if let Some(name) = &lane.name {
            let (short, base) = (shortened(name), y + 18.0);
            writeln!(
                f,
                r#"<text class="called" x="12" y="{base:.1}">{}<title>{}</title></text>"#,
                xml(&short),
                xml(name)
            )?;
        }
        for (from, to, is_crashed) in &lane.runs {
            let (from, to) = (x(*from), x(*to));
            writeln!(f, r#"<path class="life" d="M{from:.1} {y:.1}H{to:.1}"/>"#)?;
            if *is_crashed {
                let cross = cross(to, y, 5.0);
                writeln!(
                    f,
                    r#"<path class="lost" d="{cross}"><title>node {id} crashes</title></path>"#
                )?;
            }
        }
        let (mut spans, mut deferrals) = (lane.states.iter(), lane.deferrals.iter());
        spans.try_for_each(|span| state_bar(f, span, y))?;
        deferrals.try_for_each(|deferral| deferral_bar(f, deferral, y))?;
        writeln!(f, "</g>")
    }

    fn dots(&self, f: &mut fmt::Formatter<'_>, lane: &Lane, y: f64) -> fmt::Result {
        // Where the latest clock ends, at each of the two heights.
        let mut ends = [0.0; 2];
        for dot in &lane.dots {
            let (at, clock) = (x(dot.at), xml(&dot.label));
            write!(
                f,
                r#"<circle class="dot" data-event="{}" cx="{at:.1}" cy="{y:.1}" r="2.6"><title>node {}, clock {clock}: {}</title></circle>"#,
                dot.event,
                lane.id,
                xml(&dot.text),
            )?;
            let half = dot.label.len() as f64 * LETTER / 2.0 + 1.0;
            // Without room at either height, the dot's title still shows it.
            if let Some(height) = ends.iter().position(|end| *end < at - half) {
                ends[height] = at + half;
                let above = y - 14.0 - height as f64 * 10.0;
                write!(
                    f,
                    r#"<text class="clock" x="{at:.1}" y="{above:.1}">{clock}</text>"#
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn legend(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let y = self.height - self.legend + 22.0;
        let second = y + 22.0;
        let line = y - 4.0;
        write!(
            f,
            r##"<g id="legend"><path class="life" d="M12 {line}h28"/><text x="46" y="{y}">FREE</text><rect class="wait" x="92" y="{}" width="28" height="10"/><text x="126" y="{y}">WAIT (request)</text><rect class="held" x="218" y="{}" width="28" height="16"/><text x="252" y="{y}">HELD: critical section (token)</text><rect class="deferral" x="436" y="{}" width="28" height="11"/><text x="470" y="{y}">reply deferred: who waits, and why</text>"##,
            y - 9.0,
            y - 12.0,
            y - 10.0
        )?;
        let line = second - 4.0;
        let (top, bottom) = (line - 4.0, line + 4.0);
        writeln!(
            f,
            r##"<path class="request" marker-end="url(#open)" d="M12 {line}h28"/><text x="46" y="{second}">request</text><path class="reply" marker-end="url(#full)" d="M108 {line}h28"/><text x="142" y="{second}">reply</text><path class="request again" marker-end="url(#open)" d="M190 {line}h28"/><text x="224" y="{second}">duplicate</text><path class="lost" d="M318 {top}l8 8M318 {bottom}l8 -8"/><text x="332" y="{second}">lost, or a crash</text><text class="clock" x="440" y="{second}">5</text><text x="450" y="{second}">Lamport clock after the event</text></g>"##
        )
    }
}

/// As much of a member's name as there is room for beside its line.
fn shortened(name: &str) -> String {
    const MAX: usize = 10;
    if name.chars().count() <= MAX {
        return name.to_owned();
    }
    name.chars().take(MAX - 1).chain(['…']).collect()
}

/// A lock above its lanes.
fn heading(lock: &str) -> String {
    match lock {
        "" => "the nameless lock".to_owned(),
        lock => format!("lock {}", xml(lock)),
    }
}

#[cfg(test)]
mod tests;
