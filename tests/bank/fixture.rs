//! A bank: a folder of accounts, its servers and their clients.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;

use rustix::process::Signal;

use crate::example::{command, program_path};
use crate::fixtures::ports::Ports;
use crate::fixtures::postgres::{self, Postgres};
use crate::fixtures::program::Program;
use crate::fixtures::wait::TIMEOUT;

/// A bank, in a folder of accounts or in a database.
pub struct Bank {
    folder: tempfile::TempDir,
    database: Option<(Arc<Postgres>, String)>,
}

impl Bank {
    /// Makes the ten accounts of `bank open`.
    pub fn open() -> Self {
        Bank::open_in(None)
    }

    /// Makes them in a new database of this server.
    pub fn in_database(server: &Arc<Postgres>) -> Self {
        Bank::open_in(Some((Arc::clone(server), server.database())))
    }

    fn open_in(database: Option<(Arc<Postgres>, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bank = Bank { folder, database };
        let opened = bank.run("open");
        assert!(opened.0, "{}", opened.1);
        bank
    }

    /// Returns the database server.
    pub fn postgres(&self) -> &Postgres {
        &self.database.as_ref().expect("it is in a database").0
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &str {
        &self.database.as_ref().expect("it is in a database").1
    }

    /// Executes these statements in the database.
    pub fn sql(&self, statements: &str) {
        let mut client = postgres::connect(self.url());
        client.batch_execute(statements).unwrap();
    }

    pub fn is_in_database(&self) -> bool {
        self.database.is_some()
    }

    /// Returns the folder of the accounts.
    pub fn accounts(&self) -> PathBuf {
        self.folder.path().join("contas")
    }

    /// Returns what `--accounts` names.
    fn place(&self) -> PathBuf {
        match &self.database {
            Some((_, url)) => url.into(),
            None => self.accounts(),
        }
    }

    /// Returns the path of a file or folder beside that of the accounts.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the path of an account.
    pub fn path(&self, rg: &str) -> PathBuf {
        self.accounts().join(format!("{rg}.json"))
    }

    pub fn read(&self, rg: &str) -> String {
        fs::read_to_string(self.path(rg)).unwrap()
    }

    pub fn write(&self, rg: &str, text: &str) {
        fs::write(self.path(rg), text).unwrap();
    }

    /// Adds an account.
    pub fn add(&self, rg: &str, cents: i64) {
        let saldo = in_units(cents);
        if self.is_in_database() {
            let row = format!("VALUES ('{rg}', 'Zeca', {saldo})");
            self.sql(&format!("INSERT INTO bank_account (rg, nome, saldo) {row}"));
            return;
        }
        self.write(
            rg,
            &format!("{{\"rg\": \"{rg}\", \"nome\": \"Zeca\", \"saldo\": {saldo}}}"),
        );
    }

    /// Runs a subcommand on these accounts, and returns whether it succeeded and all
    /// that it printed.
    pub fn run(&self, subcommand: &str) -> (bool, String) {
        self.run_with(subcommand, &[])
    }

    /// Runs it with further arguments.
    pub fn run_with(&self, subcommand: &str, arguments: &[&str]) -> (bool, String) {
        let output = command(&[subcommand, "--accounts"])
            .arg(self.place())
            .args(arguments)
            .output()
            .unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(printed).unwrap())
    }

    /// Runs `bank audit`, and returns each account in cents and the total.
    pub fn audit(&self) -> (Vec<(String, i64)>, i64) {
        let (is_sound, printed) = self.run("audit");
        assert!(is_sound, "{printed}");
        let total = printed
            .lines()
            .last()
            .and_then(|line| line.rsplit_once("total "));
        let accounts = printed.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (rg, balance) = (words.next()?, words.next()?);
            let is_rg = rg.bytes().all(|b| b.is_ascii_digit()) && words.next()? != "total";
            is_rg.then(|| (rg.to_owned(), in_cents(balance)))
        });
        (accounts.collect(), in_cents(total.unwrap().1))
    }

    /// Returns a command that starts a server at any port.
    pub fn server_command(&self) -> Command {
        self.server_of(Command::new(program_path()))
    }

    /// Adds the arguments of a server to a command that starts one.
    pub fn server_of(&self, mut command: Command) -> Command {
        command
            .args(["server", "--port", "0", "--accounts"])
            .arg(self.place());
        command
    }

    pub fn server(&self) -> Server {
        Server::start(&mut self.server_command())
    }
}

/// The servers that share a folder of accounts.
pub struct ServerGroup {
    addresses: Vec<String>,
    _ports: Ports,
}

impl ServerGroup {
    pub fn of(servers: usize) -> Self {
        let ports = Ports::reserve(servers);
        ServerGroup {
            addresses: ports.iter().map(|port| format!(":{port}")).collect(),
            _ports: ports,
        }
    }

    /// The same servers without the last, and the address of that one.
    pub fn without_the_last(mut self) -> (Self, String) {
        let last = self.addresses.pop().unwrap();
        (self, last)
    }

    /// Starts a server with further options.
    pub fn server_with(&self, bank: &Bank, n: usize, options: &[&str]) -> Server {
        Server::start(self.server_command(bank, n).args(options))
    }

    /// Returns a command that starts server `n`, counted from 1, with a state folder.
    pub fn server_command(&self, bank: &Bank, n: usize) -> Command {
        let mut command = bank.server_command();
        command
            .args(["--id", &n.to_string(), "--state"])
            .arg(bank.beside(&format!("state-{n}")))
            .args(&self.addresses);
        command
    }

    pub fn server(&self, bank: &Bank, n: usize) -> Server {
        Server::start(&mut self.server_command(bank, n))
    }

    /// Starts all servers.
    pub fn servers(&self, bank: &Bank) -> Vec<Server> {
        let all = 1..=self.addresses.len();
        all.map(|n| self.server(bank, n)).collect()
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
        let line = program.wait_for("Servidor iniciado ");
        let port = line.rsplit_once(' ').unwrap().1.parse().unwrap();
        Server { program, port }
    }

    pub fn kill(self) {
        self.end(Signal::KILL);
    }

    /// Ends it with a signal, and returns its status and its lines.
    pub fn end(self, signal: Signal) -> (ExitStatus, Vec<String>) {
        self.program.signal(signal);
        self.program.finish()
    }

    pub fn client(&self) -> Client {
        Client::connect(self.port).unwrap()
    }

    /// Returns a client that has logged in.
    pub fn logged_in(&self, rg: &str) -> Client {
        let mut client = self.client();
        client.expect(
            &format!("op:6|rg:{rg}"),
            "s:0",
            "Login realizado com sucesso",
        );
        client
    }

    /// Returns a connected socket, for any bytes.
    pub fn socket(&self) -> TcpStream {
        socket(self.port).unwrap()
    }
}

pub fn socket(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// A client that ends its messages with newlines, as the client of the example does.
pub struct Client {
    reader: BufReader<TcpStream>,
    clock: u64,
}

impl Client {
    pub fn connect(port: u16) -> io::Result<Self> {
        Ok(Client {
            reader: BufReader::new(socket(port)?),
            clock: 0,
        })
    }

    /// Sends a request, and returns the state (`s:0` or `s:1`) and the text of the
    /// answer.
    pub fn request(&mut self, request: &str) -> io::Result<(String, String)> {
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
        let answer = self.request(request).unwrap();
        assert_eq!(answer, (state.to_owned(), text.to_owned()), "{request}");
    }

    /// Checks that a request fails with a text that contains these words.
    pub fn expect_error(&mut self, request: &str, words: &[&str]) {
        let (state, text) = self.request(request).unwrap();
        assert_eq!(state, "s:1", "{request}: {text}");
        assert!(
            words.iter().all(|word| text.contains(word)),
            "{request}: {text}"
        );
    }

    pub fn balance(&mut self, rg: &str) -> io::Result<i64> {
        let (state, text) = self.request(&format!("op:1|rg:{rg}"))?;
        match text.strip_prefix("Saldo: ") {
            Some(balance) if state == "s:0" => Ok(in_cents(balance)),
            _ => Err(io::Error::other(text)),
        }
    }
}

/// Parses `12.5` into cents.
pub fn in_cents(text: &str) -> i64 {
    let (whole, cents) = text.split_once('.').expect("a point is always there");
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let whole: i64 = whole.parse().unwrap();
    let cents: i64 = format!("{cents:0<2}").parse().unwrap();
    whole * 100 + sign * cents
}

/// Formats cents as `12.5` or `12.0`.
pub fn in_units(cents: i64) -> String {
    let text = format!("{}.{:02}", cents / 100, cents % 100);
    text.strip_suffix('0').map_or(text.clone(), str::to_owned)
}
