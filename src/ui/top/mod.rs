//! `turno top`: the group on the whole terminal, as `turno status --json` tells it.
//!
//! ```text
//! statuses ─ Table, Happenings ─┐
//! keys ───── Controls ──────────┴─ draw ─> terminal
//! ```
//!
//! It shows nothing that the status does not say: rates and events are differences of two.

mod draw;
mod happenings;
mod table;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::flag;

use crate::agent::protocol::AgentStatus;
use crate::printable::Printable;
use crate::ui::screen::{FullScreen, Palette};
use happenings::Happenings;
use table::{Order, Table};

/// How long the keyboard is waited for before a new status is looked for.
const TICK: Duration = Duration::from_millis(50);

/// How long more keys are waited for after one: those of an escape sequence come at once.
const MORE_KEYS: Duration = Duration::from_millis(1);

/// A status, or why there is none.
pub(crate) type Answer = Result<AgentStatus, String>;

/// What the user has chosen.
#[derive(Debug, Default)]
struct Controls {
    order: Order,
    /// Only locks and members whose names contain this.
    filter: String,
    /// Whether keys go into the filter.
    is_typing: bool,
}

/// What a key asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Picture,
    Suspension,
    End,
}

impl Controls {
    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Wanted {
        if modifiers.contains(KeyModifiers::CONTROL) {
            return match code {
                KeyCode::Char('c') => Wanted::End,
                KeyCode::Char('z') => Wanted::Suspension,
                KeyCode::Char('l') => Wanted::Picture,
                _ => Wanted::Nothing,
            };
        }
        match code {
            KeyCode::Enter if self.is_typing => self.is_typing = false,
            KeyCode::Esc => (self.is_typing, self.filter) = (false, String::new()),
            KeyCode::Backspace if self.is_typing => drop(self.filter.pop()),
            KeyCode::Char(c) if self.is_typing => self.filter.push(c),
            KeyCode::Char('q') => return Wanted::End,
            KeyCode::Char('/') => (self.is_typing, self.filter) = (true, String::new()),
            KeyCode::Char('s') => self.order = self.order.next(),
            _ => return Wanted::Nothing,
        }
        Wanted::Picture
    }
}

/// All that is shown.
struct View {
    table: Option<Table>,
    happenings: Happenings,
    /// Entries of this machine in a second, between the two latest statuses.
    rate: Option<f64>,
    /// The count of entries of the latest status, and when it came.
    counted: Option<(u64, Instant)>,
    /// Why there is no newer status.
    trouble: Option<String>,
}

impl View {
    fn new() -> Self {
        View {
            table: None,
            happenings: Happenings::new(),
            rate: None,
            counted: None,
            trouble: None,
        }
    }

    fn take(&mut self, answer: Answer, now: Instant) {
        let status = match answer {
            Ok(status) => status,
            Err(why) => {
                self.trouble = Some(Printable::whole(why.as_bytes()).to_string());
                return;
            }
        };
        let entries = status.node.entries;
        self.rate = self.counted.and_then(|(before, at)| {
            // An agent that was restarted counts from the beginning.
            let count = entries.checked_sub(before)?;
            Some(count as f64 / now.duration_since(at).as_secs_f64().max(1e-3))
        });
        self.counted = Some((entries, now));
        let table = Table::of(&status);
        self.happenings.compare(self.table.as_ref(), &table);
        (self.table, self.trouble) = (Some(table), None);
    }
}

/// Shows what comes until the user ends it, or SIGTERM or SIGHUP does: then the terminal is
/// given back, too.
///
/// # Errors
/// Those of the terminal.
pub(crate) fn run(answers: &Receiver<Answer>) -> io::Result<()> {
    let is_ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&is_ended))?;
    }
    let mut screen = FullScreen::enter()?;
    let palette = Palette::of_environment();
    let mut controls = Controls::default();
    let mut view = View::new();
    let mut is_drawn = false;
    while !is_ended.load(Ordering::Relaxed) {
        match answers.try_recv() {
            Ok(answer) => {
                view.take(answer, Instant::now());
                is_drawn = false;
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
        if !is_drawn {
            is_drawn = screen.draw(|frame| draw::draw(frame, &view, &controls, palette))?;
        }
        // With no time to look, crossterm says no without having looked.
        let mut patience = TICK;
        while event::poll(patience)? {
            patience = MORE_KEYS;
            let wanted = match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    controls.press(key.code, key.modifiers)
                }
                Event::Resize(..) => Wanted::Picture,
                _ => Wanted::Nothing,
            };
            match wanted {
                Wanted::Nothing => continue,
                Wanted::Picture => {}
                Wanted::Suspension => drop(screen.suspend()?),
                Wanted::End => return Ok(()),
            }
            is_drawn = false;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_filter_and_end() {
        let mut controls = Controls::default();
        let mut press = |code| controls.press(code, KeyModifiers::NONE);
        assert_eq!(press(KeyCode::Char('s')), Wanted::Picture);
        press(KeyCode::Char('/'));
        // In a filter it is a letter.
        assert_eq!(press(KeyCode::Char('q')), Wanted::Picture);
        press(KeyCode::Char('x'));
        press(KeyCode::Backspace);
        press(KeyCode::Enter);
        assert_eq!(press(KeyCode::Char('q')), Wanted::End);
        assert_eq!(controls.filter, "q");
        assert_ne!(controls.order, Order::default());
        controls.press(KeyCode::Esc, KeyModifiers::NONE);
        assert_eq!(controls.filter, "");
        let end = controls.press(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(end, Wanted::End);
    }
}
