//! The colours.

use ratatui::style::{Color, Modifier, Style};

use crate::mutex::State;
use crate::narrate::Tone;

/// Colours, if they are wanted. Every fact shows without colour too.
#[derive(Clone, Copy)]
pub(in crate::ui) struct Palette {
    pub(in crate::ui) has_colour: bool,
}

impl Palette {
    /// Without colour where the environment says so (`NO_COLOR`, <https://no-color.org>).
    pub(in crate::ui) fn of_environment() -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Palette {
            has_colour: !no_colour,
        }
    }

    pub(in crate::ui) fn colour(self, colour: Color) -> Style {
        if self.has_colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    pub(super) fn state(self, state: &State) -> Style {
        self.colour(match state {
            State::Free => Color::Cyan,
            State::Wait { .. } => Color::Yellow,
            State::Held { .. } => Color::Green,
        })
    }

    pub(super) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Ordinary => Style::new(),
            Tone::Section => self.colour(Color::Green).add_modifier(Modifier::BOLD),
            Tone::Ignored => self.colour(Color::DarkGray),
            Tone::Trouble => self.colour(Color::Red),
        }
    }
}
