//! `bank client`: asks the user, and prints the bank's answers.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use clap::Args;
use turno::Address;

use crate::clock::Clock;
use crate::framing::{Inbox, PAUSE};
use crate::language::{Language, Texts};
use crate::money::Money;
use crate::printable::printable;
use crate::protocol::Answer;
use crate::record::Record;
use crate::{Failure, print};

/// Use an account, at a menu.
///
/// Works with a server of the original too. The end of its input counts as the
/// command 0, so the commands may come from a file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The rg of the account: 1 to 10 digits. Without it, the client asks
    rg: Option<String>,

    /// The address of the bank: :PORT on this host, HOST:PORT or [IPV6]:PORT
    #[arg(long, value_name = "ADDR", default_value = ":5000")]
    server: Address,

    /// The language of the menu: pt, or es as the original's present edition
    #[arg(long, value_enum, default_value = "pt", hide_possible_values = true)]
    language: Language,

    /// Append to this file what is asked and answered, for bank audit
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bank client 1111111111
  bank client --server bank.example.org:5000
  bank client --language es 1111111111
  printf '1\\n0\\n' | bank client 1111111111";

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let rg = match self.rg {
            Some(rg) => Some(rg),
            None => ask(self.language.texts().ask_rg)?,
        };
        let Some(rg) = rg else {
            return Ok(());
        };
        let record = Record::open(self.record.as_deref()).map_err(|error| {
            let file = self.record.unwrap_or_default();
            Failure::Usage(format!("--record {}: {error}", file.display()))
        })?;
        let mut session = Session::connect(&self.server, rg, self.language.texts(), record)?;
        if !session.login()? {
            return Err(Failure::Reported);
        }
        while session.serve_command()? {}
        Ok(())
    }
}

/// A line of the user. `None` at the end of the input.
fn ask(prompt: &str) -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let mut read = || -> io::Result<usize> {
        let mut output = io::stdout();
        write!(output, "{prompt}")?;
        output.flush()?;
        io::stdin().lock().read_line(&mut line)
    };
    match read() {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(line.trim().to_owned())),
        Err(error) => Err(Failure::Failed(format!("cannot ask anything: {error}"))),
    }
}

/// A connection to the bank.
struct Session {
    socket: TcpStream,
    inbox: Inbox,
    clock: Clock,
    rg: String,
    texts: &'static Texts,
    record: Record,
}

impl Session {
    fn connect(
        server: &Address,
        rg: String,
        texts: &'static Texts,
        record: Record,
    ) -> Result<Self, Failure> {
        let addresses = server.resolve();
        let addresses = addresses.map_err(|error| Failure::Usage(error.to_string()))?;
        let socket = TcpStream::connect(&addresses[..]).map_err(|error| {
            print(texts.cannot_connect);
            Failure::Failed(format!(
                "no bank at {server}: {error}; bank server starts one"
            ))
        })?;
        // A request is small, and the client waits for its answer.
        let _ = socket.set_nodelay(true);
        print(texts.is_connected);
        Ok(Session {
            socket,
            inbox: Inbox::new(),
            clock: Clock::new(print, texts),
            rg,
            texts,
            record,
        })
    }

    fn login(&mut self) -> Result<bool, Failure> {
        let login = format!("op:6|rg:{}", self.rg);
        self.request(&login)
    }

    /// Executes the user's next command. Returns false if that is to end.
    fn serve_command(&mut self) -> Result<bool, Failure> {
        let texts = self.texts;
        print(texts.menu);
        let Some(command) = ask(texts.ask_command)? else {
            return Ok(false);
        };
        let rg = self.rg.clone();
        let request = match command.as_str() {
            "0" => None,
            "1" => Some(format!("op:1|rg:{rg}")),
            "2" => ask_amount(texts.ask_withdrawal)?
                .map(|amount| format!("op:2|rg:{rg}|valor:{amount}")),
            "3" => {
                ask_amount(texts.ask_deposit)?.map(|amount| format!("op:3|rg:{rg}|valor:{amount}"))
            }
            "4" => match ask(texts.ask_destination)? {
                Some(to) => ask_amount(texts.ask_transfer)?
                    .map(|amount| format!("op:4|rg_origem:{rg}|rg_destino:{to}|valor:{amount}")),
                None => None,
            },
            _ => {
                print(texts.unknown_command);
                return Ok(true);
            }
        };
        let Some(request) = request else {
            return Ok(false);
        };
        self.request(&request)?;
        Ok(true)
    }

    /// Sends a request, and prints the answer. Returns whether the bank did it.
    fn request(&mut self, request: &str) -> Result<bool, Failure> {
        let stamp = self.clock.send();
        let request = format!("t:{stamp}|{request}");
        // First: what is not in the record is not asked.
        self.record.asked(&request).map_err(unrecorded)?;
        let sent = self.socket.write_all(format!("{request}\n").as_bytes());
        sent.map_err(lost)?;
        let text = self.receive().map_err(lost)?;
        let Some(answer) = Answer::parse(&text) else {
            let text = String::from_utf8_lossy(&text);
            let why = format!("the answer is not from a bank: \"{text}\"");
            return Err(Failure::Failed(why));
        };
        self.record.answered(&answer).map_err(unrecorded)?;
        self.clock.receive_from_server(answer.stamp);
        print(&printable(&answer.text));
        Ok(answer.is_done)
    }

    /// Waits for an answer, without a limit. Only the end of an answer may need a pause.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut is_quiet = false;
        loop {
            if let Some(message) = self.inbox.next(is_quiet, Answer::complete) {
                return Ok(message.text);
            }
            let patience = self.inbox.waits_for_a_pause().then_some(PAUSE);
            self.socket.set_read_timeout(patience)?;
            let mut piece = [0; 1024];
            match self.socket.read(&mut piece) {
                Ok(0) if patience.is_some() => is_quiet = true,
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.inbox.push(&piece[..length]),
                Err(error) if is_timeout(&error) => is_quiet = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// An amount as the original sends it, with a point. An invalid amount is sent as it is,
/// because only the bank decides.
fn ask_amount(prompt: &str) -> Result<Option<String>, Failure> {
    let typed = ask(prompt)?;
    Ok(typed.map(|text| Money::amount(&text).map_or(text, |amount| amount.to_string())))
}

fn unrecorded(error: io::Error) -> Failure {
    Failure::Failed(format!("the record cannot be written: {error}"))
}

fn lost(error: io::Error) -> Failure {
    let why = match error.kind() {
        ErrorKind::UnexpectedEof => "it hung up".to_owned(),
        _ => error.to_string(),
    };
    Failure::Failed(format!(
        "the bank did not answer: {why}; the last request may be done or not"
    ))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
