//! Help for a terminal of any width: prose is wrapped, a table keeps its columns, and an
//! example stays whole.

use clap::Command;
use clap::builder::StyledStr;
use unicode_width::UnicodeWidthStr;

/// The widest help.
pub(super) const MAX_WIDTH: usize = 80;

/// The narrowest column beside which a table keeps its shape.
const MIN_COLUMN: usize = 16;

/// Stands for a space at which clap does not wrap: [`printed`] makes it one again.
const NO_BREAK: char = '\u{a0}';

/// The width for which help is wrapped: the terminal's, or `COLUMNS`, as clap has it.
pub(super) fn width() -> usize {
    let of_terminal = rustix::termios::tcgetwinsize(std::io::stdout());
    let of_terminal = of_terminal.ok().map(|size| usize::from(size.ws_col));
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = of_terminal.filter(|width| *width > 0).or_else(of_variable);
    width.unwrap_or(MAX_WIDTH).min(MAX_WIDTH)
}

/// The same command line, whose help is made for this width.
pub(super) fn fitted(command: Command, width: usize) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|it| it.get_name().to_owned())
        .collect();
    let after = command
        .get_after_help()
        .map(|text| reflowed(&text.to_string(), width));
    let mut command = command.term_width(width);
    if let Some(after) = after {
        command = command.after_help(StyledStr::from(after));
    }
    for name in names {
        command = command.mut_subcommand(name, |it| fitted(it, width));
    }
    command
}

/// What [`fitted`] made, as it is printed.
pub(super) fn printed(help: &str) -> String {
    help.replace(NO_BREAK, " ")
}

/// Fits a text for `after_help` into this width. An indented line is an example, and stays
/// whole; one with two columns is a row of a table, with the lines that are indented further.
fn reflowed(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.lines().peekable();
    while let Some(line) = rest.next() {
        let is_indented = line.starts_with(' ');
        if let Some(column) = second_column(line) {
            let (head, first) = line.split_at(column);
            let mut cell = first.to_owned();
            while let Some(next) = rest.next_if(|next| indent(next) > indent(line)) {
                cell = format!("{cell} {}", next.trim_start());
            }
            push_row(&mut lines, head, &cell, width);
        } else if is_indented || line.is_empty() {
            lines.push(whole(line));
        } else {
            let mut paragraph = line.to_owned();
            while let Some(next) = rest.next_if(|it| is_prose(it) && !paragraph.ends_with(':')) {
                paragraph = format!("{paragraph} {next}");
            }
            lines.extend(wrapped(&paragraph, width));
        }
    }
    lines.join("\n")
}

fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(' ')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Where the second column of a row begins: after a word and two spaces or more.
fn second_column(line: &str) -> Option<usize> {
    let begin = indent(line);
    if begin == 0 {
        return None;
    }
    let gap = begin + line[begin..].find("  ")?;
    let is_word = !line[begin..gap].contains(' ');
    is_word.then(|| gap + indent(&line[gap..]))
}

/// A row of a table. Where there is no room for two columns, the second goes below the first.
fn push_row(lines: &mut Vec<String>, head: &str, cell: &str, width: usize) {
    let column = head.width();
    if width < column + MIN_COLUMN {
        lines.push(whole(head.trim_end()));
        let below = wrapped(cell, width.saturating_sub(4));
        lines.extend(below.iter().map(|line| whole(&format!("    {line}"))));
        return;
    }
    for (place, line) in wrapped(cell, width - column).iter().enumerate() {
        let head = if place == 0 {
            head
        } else {
            &" ".repeat(column)
        };
        lines.push(whole(&format!("{head}{line}")));
    }
}

/// A line that clap does not break.
fn whole(line: &str) -> String {
    line.replace(' ', &NO_BREAK.to_string())
}

/// Breaks a text at spaces only, so that no path and no option is torn.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_ascii_whitespace() {
        let line = lines.last_mut().expect("there is one from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// The long help of all subcommands, as it is printed at this width.
    fn all_help(width: usize) -> Vec<(String, String)> {
        let mut command = fitted(crate::cli::Arguments::command(), width);
        command.build();
        let mut found = Vec::new();
        collect(&mut command, &mut found);
        found
    }

    fn collect(command: &mut Command, found: &mut Vec<(String, String)>) {
        let name = command.get_name().to_owned();
        found.push((name, printed(&command.render_long_help().to_string())));
        for sub in command.get_subcommands_mut() {
            collect(sub, found);
        }
    }

    /// The examples as the texts have them: what is indented in `after_help`, without tables.
    fn examples(command: &Command, found: &mut Vec<String>) {
        let text = command.get_after_help().map(ToString::to_string);
        let text = text.unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with("  turno "));
        found.extend(lines.map(str::to_owned));
        command.get_subcommands().for_each(|it| examples(it, found));
    }

    #[test]
    fn every_example_is_a_line_of_its_own_at_any_width() {
        let mut wanted = Vec::new();
        examples(&crate::cli::Arguments::command(), &mut wanted);
        assert!(wanted.len() > 30, "{wanted:?}");
        for width in [80, 60, 40, 20] {
            let help: Vec<_> = all_help(width).into_iter().map(|(_, text)| text).collect();
            let help = help.join("\n");
            let lines: Vec<&str> = help.lines().collect();
            for example in &wanted {
                assert!(lines.contains(&example.as_str()), "{width}: {example}");
            }
        }
    }

    #[test]
    fn prose_fits_and_no_path_is_broken_at_80_and_40_columns() {
        for width in [80, 40] {
            for (name, text) in all_help(width) {
                // A path with a slash at the end of a line was torn.
                let torn = text
                    .lines()
                    .find(|line| line.ends_with("/turno/") || line.ends_with("/run/"));
                assert_eq!(torn, None, "turno {name} at {width}");
                let is_example = |line: &&str| line.starts_with("  ") || line.starts_with("Usage");
                let prose = text.lines().filter(|line| !is_example(line));
                for line in prose {
                    let fits = line.width() <= width || !line.trim().contains(' ');
                    assert!(fits, "turno {name} at {width}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn a_row_keeps_its_columns_and_goes_below_its_word_where_there_is_no_room() {
        let text = "Exit codes:\n  124  not in time, since another\n       caller has it";
        let at = |width| printed(&reflowed(text, width));
        assert_eq!(
            at(80),
            "Exit codes:\n  124  not in time, since another caller has it"
        );
        let narrow = "Exit codes:\n  124  not in time, since\n       another caller has it";
        assert_eq!(at(28), narrow);
        let below = "Exit codes:\n  124\n    not in time,\n    since another\n    caller has it";
        assert_eq!(at(20), below);
    }

    #[test]
    fn a_paragraph_is_joined_and_wrapped_and_a_heading_is_not() {
        let text = "Run it on one machine\nat a time:\n  turno lock a -- b\n\nEnd.";
        let expected = "Run it on\none machine\nat a time:\n  turno lock a -- b\n\nEnd.";
        assert_eq!(printed(&reflowed(text, 12)), expected);
    }
}
