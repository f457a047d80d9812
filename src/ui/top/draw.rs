//! Draws the group into the cells of the terminal.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table as Rows};

use super::table::{Lock, Member, Table};
use super::{Controls, View};
use crate::system::rough;
use crate::ui::screen::Palette;

/// From this height on there are titles and events.
const MIN_TALL: u16 = 16;

/// From this width on there are all columns.
const MIN_WIDE: u16 = 70;

/// Draws the whole picture.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, controls: &Controls, palette: Palette) {
    let area = frame.area();
    let [head, body, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(u16::from(area.height >= 3)),
    ])
    .areas(area);
    frame.render_widget(head_line(view, palette), head);
    frame.render_widget(key_line(controls, palette), keys);
    let Some(table) = &view.table else {
        return frame.render_widget(Line::raw(" asking the agent ..."), body);
    };
    let locks = table.locks(controls.order, &controls.filter);
    let is_tall = area.height >= MIN_TALL;
    let title = u16::from(is_tall);
    let rows = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    // Members that are all well leave their room to the locks.
    let most = (body.height / 2).saturating_sub(title).max(1);
    let of_members = rows(table.members.len()).min(most) + title;
    let of_events = if is_tall { body.height / 4 } else { 0 };
    let [members, locks_area, events] = Layout::vertical([
        Constraint::Length(of_members),
        Constraint::Min(1),
        Constraint::Length(of_events),
    ])
    .areas(body);
    draw_members(frame, members, table, is_tall, palette);
    draw_locks(frame, locks_area, table, &locks, is_tall, palette);
    draw_events(frame, events, view, palette);
}

fn head_line(view: &View, palette: Palette) -> Line<'static> {
    let mut spans = vec![Span::styled(
        " turno ",
        Style::new().add_modifier(Modifier::REVERSED),
    )];
    if let Some(table) = &view.table {
        spans.push(Span::raw(format!(" {}", table.head)));
        let rest = table.lease.iter().chain(&table.view);
        spans.extend(rest.map(|text| Span::raw(format!(", {text}"))));
    }
    if let Some(rate) = view.rate {
        spans.push(Span::raw(format!(", {rate:.1} entries/s here")));
    }
    if let Some(why) = &view.trouble {
        let style = palette.colour(Color::Red).add_modifier(Modifier::BOLD);
        spans.insert(1, Span::styled(format!(" NOT NEW: {why} "), style));
    }
    Line::from(spans)
}

fn key_line(controls: &Controls, palette: Palette) -> Line<'static> {
    if controls.is_typing {
        return Line::raw(format!(
            " filter: {}_  Enter keeps, Esc clears",
            controls.filter
        ));
    }
    let key = palette.colour(Color::Cyan).add_modifier(Modifier::BOLD);
    let filter = match controls.filter.as_str() {
        "" => "filters".to_owned(),
        filter => format!("filters: {filter}"),
    };
    let sorted = format!(" sorts: {}   ", controls.order.name());
    Line::from(vec![
        Span::styled(" q", key),
        Span::raw(" quits   "),
        Span::styled("s", key),
        Span::raw(sorted),
        Span::styled("/", key),
        Span::raw(format!(" {filter}")),
    ])
}

fn title(text: &str) -> Row<'static> {
    let names: Vec<String> = text
        .split('|')
        .map(|name| name.trim_end().to_owned())
        .collect();
    Row::new(names).style(Style::new().add_modifier(Modifier::UNDERLINED))
}

/// The rows of a table under its title, and as a last one how many are left out.
fn fit<'a>(rows: Vec<Row<'a>>, room: u16, columns: usize, what: &str) -> Vec<Row<'a>> {
    let (count, room) = (rows.len(), usize::from(room));
    if count <= room || room == 0 {
        return rows;
    }
    let mut rows = rows;
    rows.truncate(room - 1);
    let mut cells = vec![String::new(); columns];
    cells[0] = format!("and {} more {what}", count + 1 - room);
    rows.push(Row::new(cells));
    rows
}

fn draw_members(frame: &mut Frame<'_>, area: Rect, table: &Table, is_tall: bool, palette: Palette) {
    let mut members: Vec<&Member> = table.members.iter().collect();
    let room = area.height - u16::from(is_tall).min(area.height);
    if members.len() > usize::from(room) {
        members.sort_by_key(|member| !member.state.is_trouble());
    }
    let row = |member: &&Member| {
        let style = match member.state.is_trouble() {
            true => palette.colour(Color::Red).add_modifier(Modifier::BOLD),
            false => Style::new(),
        };
        let round_trip = member
            .round_trip_us
            .map(|us| format!("{:.1} ms", us as f64 / 1e3));
        let heard = member.heard_ms.map(|ms| format!("{} ago", time(ms)));
        let again = (member.sent_again > 0).then(|| member.sent_again.to_string());
        Row::new([
            format!(" {}", member.name),
            member.state.name().to_owned(),
            round_trip.unwrap_or_default(),
            heard.unwrap_or_default(),
            again.unwrap_or_default(),
        ])
        .style(style)
    };
    let rows = fit(members.iter().map(row).collect(), room, 5, "members");
    let widths = match area.width >= MIN_WIDE {
        true => [
            Constraint::Min(20),
            Constraint::Length(16),
            Constraint::Length(12),
            Constraint::Length(14),
            Constraint::Length(10),
        ],
        false => [
            Constraint::Min(12),
            Constraint::Length(9),
            Constraint::Length(9),
            Constraint::Length(0),
            Constraint::Length(0),
        ],
    };
    let head = is_tall.then_some(" member|state|round trip|heard|sent again");
    frame.render_widget(titled(rows, widths, head), area);
}

fn draw_locks(
    frame: &mut Frame<'_>,
    area: Rect,
    table: &Table,
    locks: &[&Lock],
    is_tall: bool,
    palette: Palette,
) {
    let titles = u16::from(is_tall);
    let (note, area) = match table.unanswered.is_empty() || area.height < 3 {
        true => (None, area),
        false => {
            let [rows, note] =
                Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(area);
            (Some(note), rows)
        }
    };
    if let Some(note) = note {
        let text = format!(
            " not known: what is held at {}",
            table.unanswered.join(", ")
        );
        frame.render_widget(Line::styled(text, palette.colour(Color::Red)), note);
    }
    if locks.is_empty() {
        return frame.render_widget(Paragraph::new(" no lock is held or wanted"), area);
    }
    let is_wide = area.width >= MIN_WIDE;
    let row = |lock: &&Lock| {
        let longest = lock.waiting.iter().map(|it| it.since_ms).max();
        let waiters = lock.waiting.len();
        let waiting = match longest {
            Some(ms) if is_wide => format!("{waiters}, {}", time(ms)),
            _ => waiters.to_string(),
        };
        let (member, held, what) = match &lock.holder {
            Some(it) => {
                let member = match lock.sharers {
                    0 => it.member.clone(),
                    more => format!("{} +{more}", it.member),
                };
                (member, time(it.since_ms), it.what.clone())
            }
            None => ("-".to_owned(), String::new(), String::new()),
        };
        let style = match (lock.is_deadlock, waiters) {
            (true, _) => palette.colour(Color::Red).add_modifier(Modifier::BOLD),
            (false, 0) => Style::new(),
            (false, _) => palette.colour(Color::Yellow),
        };
        let name = match lock.is_deadlock {
            true => format!(" {} (DEADLOCK)", lock.name),
            false => format!(" {}", lock.name),
        };
        Row::new([name, member, held, waiting, what]).style(style)
    };
    let room = area.height - titles.min(area.height);
    let rows = fit(locks.iter().map(row).collect(), room, 5, "locks");
    let widths = match is_wide {
        true => [
            Constraint::Percentage(25),
            Constraint::Percentage(20),
            Constraint::Length(9),
            Constraint::Length(12),
            Constraint::Min(10),
        ],
        false => [
            Constraint::Min(10),
            Constraint::Length(14),
            Constraint::Length(7),
            Constraint::Length(3),
            Constraint::Length(0),
        ],
    };
    let head = is_tall.then_some(" lock|holder|for|waiting|process");
    frame.render_widget(titled(rows, widths, head), area);
}

/// Rows, below a line of titles where there is room for it.
fn titled(
    rows: Vec<Row<'static>>,
    widths: [Constraint; 5],
    head: Option<&'static str>,
) -> Rows<'static> {
    let rows = Rows::new(rows, widths);
    match head {
        Some(head) => rows.header(title(head)),
        None => rows,
    }
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, view: &View, palette: Palette) {
    let room = usize::from(area.height.saturating_sub(1));
    if room == 0 {
        return;
    }
    let underlined = Style::new().add_modifier(Modifier::UNDERLINED);
    let mut lines = vec![Line::styled(" lately", underlined)];
    lines.extend(view.happenings.last(room).map(|it| {
        let style = match it.is_trouble {
            true => palette.colour(Color::Red),
            false => Style::new(),
        };
        let (minutes, seconds) = (it.after_s / 60, it.after_s % 60);
        Line::styled(format!(" {minutes:>3}:{seconds:02}  {}", it.text), style)
    }));
    frame.render_widget(Paragraph::new(lines), area);
}

fn time(ms: u64) -> String {
    rough(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests;
