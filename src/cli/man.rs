//! `turno man`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::{Failure, closed_pipe_is_fine};

/// Print a manual page, or write all of them into a directory.
///
/// The pages say what --help says.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The command whose page is printed: lock, or trace check [default: turno itself]
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,

    /// Write the pages of all commands into this directory: turno.1, turno-lock.1, ...
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno man lock | man -l -
  turno man --dir ~/.local/share/man/man1";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut pages = Vec::new();
        let mut command = super::Arguments::command();
        command.build();
        collect(&command, "turno", &mut pages);
        if let Some(folder) = &self.dir {
            return write_all(folder, &pages).map_err(|error| {
                let folder = folder.display();
                Failure::failed(format!("cannot write the manual into {folder}: {error}"))
            });
        }
        let wanted = ["turno"]
            .into_iter()
            .chain(self.command.iter().map(String::as_str));
        let wanted = wanted.collect::<Vec<_>>().join("-");
        let page = pages.iter().find(|(name, _)| *name == wanted);
        let (_, page) = page.ok_or_else(|| {
            let command = self.command.join(" ");
            Failure::usage(format!(
                "there is no command {command:?}; turno --help lists them"
            ))
        })?;
        closed_pipe_is_fine(io::stdout().write_all(page.as_bytes()))
    }
}

fn write_all(folder: &Path, pages: &[(String, String)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, page) in pages {
        fs::write(folder.join(format!("{name}.1")), page)?;
    }
    Ok(())
}

/// The pages of a command, and of those below it that are not hidden.
fn collect(command: &Command, name: &str, pages: &mut Vec<(String, String)>) {
    pages.push((name.to_owned(), page(command, name)));
    for sub in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        if sub.get_name() != "help" {
            collect(sub, &format!("{name}-{}", sub.get_name()), pages);
        }
    }
}

fn page(command: &Command, name: &str) -> String {
    let after = command.get_after_help().map(ToString::to_string);
    let shown = command
        .clone()
        .display_name(name)
        .bin_name(name.replace('-', " "));
    let man = Man::new(shown)
        .title(name.to_uppercase())
        .source(format!("turno {VERSION}"));
    let mut text = Vec::new();
    type Section = fn(&Man, &mut dyn Write) -> io::Result<()>;
    let sections: [Section; 5] = [
        Man::render_title,
        Man::render_name_section,
        Man::render_synopsis_section,
        Man::render_description_section,
        Man::render_options_section,
    ];
    for section in sections {
        section(&man, &mut text).expect("a vector takes all");
    }
    if command.get_subcommands().any(|it| !it.is_hide_set()) {
        man.render_subcommands_section(&mut text)
            .expect("a vector takes all");
    }
    let mut page = String::from_utf8(text).expect("roff is text");
    push_after_help(&mut page, &after.unwrap_or_default());
    page
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The examples and tables as they stand: to fill their lines would break them.
fn push_after_help(page: &mut String, text: &str) {
    page.push_str(".SH NOTES\n.nf\n");
    for line in text.lines() {
        // A line that begins with a point or a quote is a request to roff.
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        page.push_str("\\&");
        page.push_str(&line);
        page.push('\n');
    }
    page.push_str(".fi\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Vec<(String, String)> {
        let mut pages = Vec::new();
        let mut command = crate::cli::Arguments::command();
        command.build();
        collect(&command, "turno", &mut pages);
        pages
    }

    #[test]
    fn every_command_has_a_page_and_the_hidden_ones_have_none() {
        let names: Vec<String> = pages().into_iter().map(|(name, _)| name).collect();
        for name in [
            "turno",
            "turno-agent",
            "turno-lock",
            "turno-trace-draw",
            "turno-man",
        ] {
            assert!(names.iter().any(|it| it == name), "{name}: {names:?}");
        }
        assert!(
            !names
                .iter()
                .any(|it| it.contains("supervis") || it.ends_with("help")),
            "{names:?}"
        );
    }

    #[test]
    fn a_page_has_the_options_and_the_examples_as_they_stand() {
        let pages = pages();
        let (_, page) = pages.iter().find(|(name, _)| name == "turno-lock").unwrap();
        assert!(page.contains("\\-\\-agent\\-patience"), "{page}");
        let example = "\\&  turno lock deploy \\-\\- ./deploy.sh production\n";
        assert!(page.contains(example), "{page}");
    }
}
