//! A stand-in for an agent: says by hand what an agent says.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::eventually;
use super::{PATIENCE, Program};

/// A socket where an agent might listen.
pub struct StandIn {
    folder: TempDir,
    listener: UnixListener,
}

/// A client of it, and the record of its entry.
pub struct Client {
    stream: BufReader<UnixStream>,
    record: PathBuf,
}

impl StandIn {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        listener.set_nonblocking(true).unwrap();
        StandIn { folder, listener }
    }

    pub fn socket(&self) -> String {
        self.folder.path().join("socket").display().to_string()
    }

    /// It ends, and leaves its socket behind.
    pub fn end(self) -> TempDir {
        self.folder
    }

    /// The arguments of a `turno lock` that asks here.
    pub fn arguments(&self, arguments: &[&str]) -> Vec<String> {
        let socket = self.socket();
        let all = [&["lock", "--socket", &socket], arguments].concat();
        all.into_iter().map(str::to_owned).collect()
    }

    /// A `turno lock` with these arguments.
    pub fn lock(&self, arguments: &[&str]) -> Program {
        let arguments = self.arguments(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Program::start_with("turno lock", &arguments, Stdio::null())
    }

    /// A `turno lock` that has the lock, and runs this with sh.
    pub fn lock_and_run(&self, options: &[&str], script: &str) -> (Program, Client) {
        let program = self.lock(&[options, &["test", "--", "sh", "-c", script]].concat());
        let mut client = self.accept();
        client.grant();
        (program, client)
    }

    /// The next client.
    pub fn accept(&self) -> Client {
        let stream = eventually("a client", || match self.listener.accept() {
            Ok((stream, _)) => Some(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        });
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let record = tempfile::Builder::new().tempfile_in(&self.folder).unwrap();
        Client {
            stream: BufReader::new(stream),
            record: record.into_temp_path().keep().unwrap(),
        }
    }
}

impl Client {
    /// The next line.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "it ends with {line:?}");
        line.truncate(line.len() - 1);
        line
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.stream.get_mut(), "{line}").unwrap();
    }

    pub fn record(&self) -> &Path {
        &self.record
    }

    /// Its turn has come; it has locked the record.
    pub fn grant_without_go(&mut self) {
        assert!(self.hear().starts_with(r#"{"ask":"#));
        self.say_granted();
        self.has_locked();
    }

    pub fn say_granted(&mut self) {
        let record = self.record.display();
        self.say(&format!(
            r#"{{"granted":{{"token":17,"node":2,"record":"{record}"}}}}"#
        ));
    }

    fn has_locked(&mut self) {
        assert_eq!(self.hear(), r#"{"locked":{}}"#);
        assert!(self.is_locked());
    }

    /// It may begin.
    pub fn grant(&mut self) {
        self.grant_without_go();
        self.say(r#"{"go":{}}"#);
    }

    /// It was granted, and may begin.
    pub fn go(&mut self) {
        self.has_locked();
        self.say(r#"{"go":{}}"#);
    }

    /// It releases.
    pub fn is_done(&mut self) {
        assert_eq!(self.hear(), r#"{"done":{}}"#);
    }

    /// It releases, and the agent lets it go.
    pub fn releases(&mut self) {
        self.is_done();
        self.close();
    }

    /// It has gone, and has said nothing any more.
    pub fn has_gone(&mut self) {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}: {line}"),
        }
    }

    /// The agent closes the connection, or is no more.
    pub fn close(&self) {
        // It may have gone already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }

    pub fn is_locked(&self) -> bool {
        let record = File::open(&self.record).unwrap();
        flock(&record, FlockOperation::NonBlockingLockExclusive).is_err()
    }

    /// Waits until nobody has the record open any more.
    pub fn is_unlocked(&self) {
        eventually("the record is unlocked", || {
            (!self.is_locked()).then_some(())
        });
    }
}

/// Kills a process that need not be a child.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

pub fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).expect("it is running");
}

/// Whether a process is there, and no zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !"ZX".contains(state))
}

/// Waits until a process has ended, of which nobody tells.
pub fn has_ended(pid: u32) {
    eventually(&format!("the end of {pid}"), || {
        (!is_alive(pid)).then_some(())
    });
}
