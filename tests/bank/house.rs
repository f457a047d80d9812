//! A bank of the tests: a directory of accounts, its servers and its callers.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use rustix::process::Signal;

use crate::example::{bank, command};
use crate::support::{PATIENCE, Ports, Program};

/// A directory of accounts.
pub struct House {
    folder: tempfile::TempDir,
}

impl House {
    /// With the ten accounts that `bank open` makes.
    pub fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let house = House { folder };
        let opened = house.run("open");
        assert!(opened.0, "{}", opened.1);
        house
    }

    /// The directory of the accounts.
    pub fn accounts(&self) -> PathBuf {
        self.folder.path().join("contas")
    }

    /// A file or directory beside that of the accounts.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An account file.
    pub fn path(&self, rg: &str) -> PathBuf {
        self.accounts().join(format!("{rg}.json"))
    }

    pub fn read(&self, rg: &str) -> String {
        fs::read_to_string(self.path(rg)).unwrap()
    }

    pub fn write(&self, rg: &str, text: &str) {
        fs::write(self.path(rg), text).unwrap();
    }

    /// One more account.
    pub fn add(&self, rg: &str, cents: i64) {
        let saldo = in_units(cents);
        self.write(
            rg,
            &format!("{{\"rg\": \"{rg}\", \"nome\": \"Zeca\", \"saldo\": {saldo}}}"),
        );
    }

    /// A subcommand on these accounts: whether it was done, and all it said.
    pub fn run(&self, subcommand: &str) -> (bool, String) {
        let accounts = self.accounts();
        let output = command(&[subcommand, "--accounts"])
            .arg(accounts)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    /// What `bank audit` makes of it: every account in cents, and the total.
    pub fn audit(&self) -> (Vec<(String, i64)>, i64) {
        let (is_sound, said) = self.run("audit");
        assert!(is_sound, "{said}");
        let total = said
            .lines()
            .last()
            .and_then(|line| line.rsplit_once("total "));
        let accounts = said.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (rg, balance) = (words.next()?, words.next()?);
            let is_rg = rg.bytes().all(|b| b.is_ascii_digit()) && words.next()? != "total";
            is_rg.then(|| (rg.to_owned(), in_cents(balance)))
        });
        (accounts.collect(), in_cents(total.unwrap().1))
    }

    /// A command that starts a server at any port.
    pub fn server_command(&self) -> Command {
        self.server_of(Command::new(bank()))
    }

    /// The arguments of a server, for whatever starts it.
    pub fn server_of(&self, mut command: Command) -> Command {
        command
            .args(["server", "--port", "0", "--accounts"])
            .arg(self.accounts());
        command
    }

    pub fn server(&self) -> Server {
        Server::start(&mut self.server_command())
    }
}

/// The servers that share a directory.
pub struct Group {
    addresses: Vec<String>,
    _ports: Ports,
}

impl Group {
    pub fn of(servers: usize) -> Self {
        let ports = Ports::reserve(servers);
        Group {
            addresses: ports.iter().map(|port| format!(":{port}")).collect(),
            _ports: ports,
        }
    }

    /// A command that starts server `n`, counted from 1, with a clock of its own
    /// that is kept.
    pub fn server_command(&self, house: &House, n: usize) -> Command {
        let mut command = house.server_command();
        command
            .args(["--id", &n.to_string(), "--state"])
            .arg(house.beside(&format!("state-{n}")))
            .args(&self.addresses);
        command
    }

    pub fn server(&self, house: &House, n: usize) -> Server {
        Server::start(&mut self.server_command(house, n))
    }

    /// All of them.
    pub fn servers(&self, house: &House) -> Vec<Server> {
        let all = 1..=self.addresses.len();
        all.map(|n| self.server(house, n)).collect()
    }
}

/// A running server.
pub struct Server {
    pub program: Program,
    pub port: u16,
}

impl Server {
    pub fn start(command: &mut Command) -> Self {
        let program = Program::spawn("bank server", command);
        let line = program.wait_for("Servidor iniciado na porta ");
        let port = line.rsplit_once(' ').unwrap().1.parse().unwrap();
        Server { program, port }
    }

    /// At once, and without a word.
    pub fn kill(self) {
        self.end(Signal::KILL);
    }

    /// By a signal: its status, and all that it printed.
    pub fn end(self, signal: Signal) -> (ExitStatus, Vec<String>) {
        self.program.signal(signal);
        self.program.finish()
    }

    pub fn call(&self) -> Caller {
        Caller::connect(self.port).unwrap()
    }

    /// Somebody who has logged in.
    pub fn logged_in(&self, rg: &str) -> Caller {
        let mut caller = self.call();
        caller.expect(
            &format!("op:6|rg:{rg}"),
            "s:0",
            "Login realizado com sucesso",
        );
        caller
    }

    /// A socket for bytes of any kind.
    pub fn socket(&self) -> TcpStream {
        socket(self.port).unwrap()
    }
}

pub fn socket(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// A client as our own is one, with newlines.
pub struct Caller {
    reader: BufReader<TcpStream>,
    clock: u64,
}

impl Caller {
    pub fn connect(port: u16) -> io::Result<Self> {
        Ok(Caller {
            reader: BufReader::new(socket(port)?),
            clock: 0,
        })
    }

    /// Asks, and waits for the answer: its state (`s:0` or `s:1`) and its text.
    pub fn ask(&mut self, request: &str) -> io::Result<(String, String)> {
        self.clock += 1;
        let text = format!("t:{}|{request}\n", self.clock);
        self.reader.get_mut().write_all(text.as_bytes())?;
        let mut answer = String::new();
        self.reader.read_line(&mut answer)?;
        let mut parts = answer.strip_suffix('\n').unwrap_or_default().splitn(3, '|');
        let mut next = || parts.next().ok_or(io::ErrorKind::UnexpectedEof);
        let (stamp, state, text) = (next()?, next()?, next()?);
        let stamp: u64 = stamp.strip_prefix("t:").unwrap().parse().unwrap();
        self.clock = self.clock.max(stamp) + 1;
        let text = text.strip_prefix("resposta:").unwrap();
        Ok((state.to_owned(), text.to_owned()))
    }

    pub fn expect(&mut self, request: &str, state: &str, text: &str) {
        let answer = self.ask(request).unwrap();
        assert_eq!(answer, (state.to_owned(), text.to_owned()), "{request}");
    }

    /// The answer to what cannot be done: it names this.
    pub fn expect_error(&mut self, request: &str, names: &[&str]) {
        let (state, text) = self.ask(request).unwrap();
        assert_eq!(state, "s:1", "{request}: {text}");
        assert!(
            names.iter().all(|name| text.contains(name)),
            "{request}: {text}"
        );
    }

    pub fn balance(&mut self, rg: &str) -> io::Result<i64> {
        let (state, text) = self.ask(&format!("op:1|rg:{rg}"))?;
        match text.strip_prefix("Saldo: ") {
            Some(balance) if state == "s:0" => Ok(in_cents(balance)),
            _ => Err(io::Error::other(text)),
        }
    }
}

/// `12.5` in cents.
pub fn in_cents(text: &str) -> i64 {
    let (whole, cents) = text.split_once('.').expect("a point is always there");
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let whole: i64 = whole.parse().unwrap();
    let cents: i64 = format!("{cents:0<2}").parse().unwrap();
    whole * 100 + sign * cents
}

/// Cents as `12.5` or `12.0`.
pub fn in_units(cents: i64) -> String {
    let text = format!("{}.{:02}", cents / 100, cents % 100);
    text.strip_suffix('0').map_or(text.clone(), str::to_owned)
}
