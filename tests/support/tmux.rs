//! A real terminal to drive: keys in, pictures out.

use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;

/// A tmux server with one window, on which `bash` runs.
pub struct Terminal {
    /// Where its socket is, which tmux leaves behind.
    folder: TempDir,
}

impl Terminal {
    /// One of this size; none where there is no tmux, which is an error where
    /// the environment says that it must be there (`TURNO_REQUIRE_TMUX`).
    pub fn open(width: u16, height: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(
                std::env::var_os("TURNO_REQUIRE_TMUX").is_none(),
                "there is no tmux"
            );
            eprintln!("SKIPPED: there is no tmux to test the screen with");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let terminal = Terminal { folder };
        let (width, height) = (width.to_string(), height.to_string());
        terminal.tmux(&[
            "-u",
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &width,
            "-y",
            &height,
            "env",
            "-u",
            "NO_COLOR",
            "LANG=C.UTF-8",
            "PS1=$ ",
            "bash",
            "--norc",
            "--noprofile",
        ]);
        terminal.wait_for("$");
        Some(terminal)
    }

    /// Types a command line.
    pub fn run(&self, command: &str) {
        self.tmux(&["send-keys", "-l", command]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, in tmux's names.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    pub fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.tmux(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// What is on the screen.
    pub fn picture(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p"]).stdout).unwrap()
    }

    /// What is on the screen, with its colours as escape codes.
    pub fn coloured_picture(&self) -> String {
        String::from_utf8(self.tmux(&["capture-pane", "-p", "-e"]).stdout).unwrap()
    }

    /// Waits until this is on the screen, and returns the picture.
    pub fn wait_for(&self, wanted: &str) -> String {
        self.wait_until(wanted, |picture| picture.contains(wanted))
    }

    /// Waits for a picture. tmux has no way to tell that one has changed, so it
    /// is asked again and again.
    pub fn wait_until(&self, wanted: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let picture = self.picture();
            if is_it(&picture) {
                return picture;
            }
            assert!(
                Instant::now() < deadline,
                "waited for {wanted:?} in vain:\n{picture}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Closes the terminal under whatever runs on it.
    pub fn hang_up(&self) {
        self.tmux(&["kill-server"]);
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .arg("-S")
            .arg(self.folder.path().join("socket"))
            .args(arguments)
            .env_remove("TMUX")
            .output()
            .expect("tmux runs")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.hang_up();
    }
}
