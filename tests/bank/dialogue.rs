//! The client and a user who types, with all that the terminal shows.

use std::io::{Read, Write};
use std::process::{Child, Stdio};

use crate::example::command;

/// A running client, and all that its terminal would show.
pub struct Dialogue {
    client: Child,
    shown: Vec<u8>,
}

impl Dialogue {
    /// Starts a client of the bank at this port, with an RG as argument or without.
    pub fn begin(port: u16, rg: &[&str]) -> Self {
        let server = format!(":{port}");
        let arguments = [&["client", "--server", &server], rg].concat();
        let client = command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let shown = Vec::new();
        Dialogue { client, shown }
    }

    /// Waits for this prompt, and types a line.
    pub fn answer(&mut self, prompt: &str, line: &str) {
        let output = self.client.stdout.as_mut().unwrap();
        while !self.shown.ends_with(prompt.as_bytes()) {
            let mut byte = [0];
            let length = output.read(&mut byte).unwrap();
            let shown = String::from_utf8_lossy(&self.shown);
            assert_eq!(length, 1, "it ended before it asked {prompt:?}:\n{shown}");
            self.shown.extend(byte);
        }
        let typed = format!("{line}\n");
        self.shown.extend(typed.bytes());
        let input = self.client.stdin.as_mut().unwrap();
        input.write_all(typed.as_bytes()).unwrap();
    }

    /// Ends the input, and returns the exit code and all that the terminal showed.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.client.stdin.take());
        let mut output = self.client.stdout.take().unwrap();
        output.read_to_end(&mut self.shown).unwrap();
        let code = self.client.wait().unwrap().code();
        (code, String::from_utf8(self.shown).unwrap())
    }
}
