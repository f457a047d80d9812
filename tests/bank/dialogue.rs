//! Our client and somebody who types, and what the terminal shows of it.

use std::io::{Read, Write};
use std::process::{Child, Stdio};

use crate::example::command;

/// A client at work, and all that its terminal would show.
pub struct Dialogue {
    client: Child,
    shown: Vec<u8>,
}

impl Dialogue {
    /// A client at the bank of this port, its RG given or not.
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

    /// Waits until it has asked this, and types a line.
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

    /// Its exit code, and all that the terminal showed.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.client.stdin.take());
        let mut output = self.client.stdout.take().unwrap();
        output.read_to_end(&mut self.shown).unwrap();
        let code = self.client.wait().unwrap().code();
        (code, String::from_utf8(self.shown).unwrap())
    }
}
