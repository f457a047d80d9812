//! `turno completions`: the script that a shell reads.
//!
//! clap writes what is fixed: subcommands and options. What comes from the running agent,
//! the names of locks and members, a few lines for each shell add; they ask `turno
//! complete-names`.

pub(super) mod names;

use std::io::{self, Write};

use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_complete::Shell as Generator;
use clap_complete::generate;

use super::{Failure, closed_pipe_is_fine};

/// Print the script by which a shell completes the commands of turno.
///
/// The names of locks and members come from the running agent.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

const EXAMPLES: &str = "\
Examples. For this session of bash:
  source <(turno completions bash)

For all sessions of a user:
  turno completions bash > ~/.local/share/bash-completion/completions/turno
  turno completions zsh > ~/.zfunc/_turno
  turno completions fish > ~/.config/fish/completions/turno.fish

The folder for zsh has to be in fpath: fpath+=~/.zfunc, before compinit.";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let script = script(self.shell);
        closed_pipe_is_fine(io::stdout().write_all(script.as_bytes()))
    }
}

fn script(shell: Shell) -> String {
    let generator = match shell {
        Shell::Bash => Generator::Bash,
        Shell::Zsh => Generator::Zsh,
        Shell::Fish => Generator::Fish,
    };
    let mut script = Vec::new();
    generate(generator, &mut offered(), "turno", &mut script);
    let script = String::from_utf8(script).expect("a script is text");
    match shell {
        Shell::Bash => script + include_str!("names.bash"),
        Shell::Zsh => with_names_of_zsh(&script),
        Shell::Fish => script + include_str!("names.fish"),
    }
}

/// The command line without what is hidden: the generators offer that, too.
fn offered() -> Command {
    let all = super::Arguments::command();
    let shown = all.get_subcommands().filter(|it| !it.is_hide_set());
    Command::new("turno")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(shown.cloned())
}

/// zsh has one function for each kind of value: the names get functions of their own in place
/// of the default.
fn with_names_of_zsh(script: &str) -> String {
    let line = |line: &str| {
        let is_lock = line.contains(":name -- ");
        let action = if is_lock {
            "_turno_locks"
        } else {
            "_turno_members"
        };
        if is_lock || line.contains(":MEMBER:") || line.contains(":member -- ") {
            line.replace(":_default'", &format!(":{action}'"))
        } else {
            line.to_owned()
        }
    };
    let lines: Vec<String> = script.lines().map(line).collect();
    let script = lines.join("\n") + "\n";
    // The functions come before the one that is run when the file is loaded.
    let (head, rest) = script.split_once("_turno() {").expect("it defines _turno");
    format!("{head}{}\n_turno() {{{rest}", include_str!("names.zsh"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_script_has_the_fixed_words_and_asks_for_names() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for part in ["--agent-patience", "completions", "turno complete-names"] {
                let in_fish = part.trim_start_matches("--");
                assert!(script.contains(part) || script.contains(in_fish), "{part}");
            }
            assert!(
                !script.contains("lock-supervisor"),
                "hidden words are not offered"
            );
        }
    }

    #[test]
    fn zsh_completes_lock_names_and_members_by_functions_of_its_own() {
        let script = script(Shell::Zsh);
        let uses = |name: &str| script.matches(&format!(":{name}'")).count();
        assert!(uses("_turno_locks") >= 2, "lock and status");
        assert!(uses("_turno_members") >= 1, "agent --without");
    }
}
