//! `bank client`: asks a person, and prints what the bank answers.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;

use clap::Args;
use turno::internals::Printable;
use turno::internals::group::Address;

use crate::clock::Clock;
use crate::framing::{Inbox, PATIENCE};
use crate::money::Money;
use crate::protocol::Answer;
use crate::{Failure, say};

/// Use an account, at a menu.
///
/// Speaks to a server of the original as well. The end of its input is as good as
/// 0, so its commands may come from a file.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Whose account: 1 to 10 digits. Without it the client asks
    rg: Option<String>,

    /// Where the bank is: :PORT on this host, HOST:PORT or [IPV6]:PORT
    #[arg(long, value_name = "ADDR", default_value = ":5000")]
    server: Address,
}

const EXAMPLES: &str = "\
Examples:
  bank client 1111111111
  bank client --server bank.example.org:5000
  printf '1\\n0\\n' | bank client 1111111111";

const MENU: &str = "
1 - SALDO
2 - SAQUE
3 - DEPOSITO
4 - TRANSFERENCIA
0 - SAIR
";

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let rg = match self.rg {
            Some(rg) => Some(rg),
            None => ask("Digite o RG associado a conta: ")?,
        };
        let Some(rg) = rg else {
            return Ok(());
        };
        let mut session = Session::connect(&self.server, rg)?;
        if !session.login()? {
            return Err(Failure::Said);
        }
        while session.serve_command()? {}
        Ok(())
    }
}

/// A line of the user's; none at the end of the input.
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
}

impl Session {
    fn connect(server: &Address, rg: String) -> Result<Self, Failure> {
        let addresses = server.resolve();
        let addresses = addresses.map_err(|error| Failure::Usage(error.to_string()))?;
        let socket = TcpStream::connect(&addresses[..]).map_err(|error| {
            say("Erro ao conectar ao servidor");
            Failure::Failed(format!(
                "no bank at {server}: {error}; bank server starts one"
            ))
        })?;
        // A request is small, and its answer is waited for.
        let _ = socket.set_nodelay(true);
        say("Conectado ao servidor");
        Ok(Session {
            socket,
            inbox: Inbox::new(),
            clock: Clock::new(say),
            rg,
        })
    }

    fn login(&mut self) -> Result<bool, Failure> {
        let login = format!("op:6|rg:{}", self.rg);
        self.request(&login)
    }

    /// Does what the user chooses; false when that is to end.
    fn serve_command(&mut self) -> Result<bool, Failure> {
        say(MENU);
        let Some(command) = ask("Digite o comando: ")? else {
            return Ok(false);
        };
        let rg = self.rg.clone();
        let request = match command.as_str() {
            "0" => None,
            "1" => Some(format!("op:1|rg:{rg}")),
            "2" => ask_amount("Digite o valor do saque: ")?
                .map(|amount| format!("op:2|rg:{rg}|valor:{amount}")),
            "3" => ask_amount("Digite o valor do deposito: ")?
                .map(|amount| format!("op:3|rg:{rg}|valor:{amount}")),
            "4" => match ask("Digite o RG do destinatário: ")? {
                Some(to) => ask_amount("Digite o valor da transferência: ")?
                    .map(|amount| format!("op:4|rg_origem:{rg}|rg_destino:{to}|valor:{amount}")),
                None => None,
            },
            _ => {
                say("Comando inválido!");
                return Ok(true);
            }
        };
        let Some(request) = request else {
            return Ok(false);
        };
        self.request(&request)?;
        Ok(true)
    }

    /// Sends a request, and prints the answer; whether it was done.
    fn request(&mut self, request: &str) -> Result<bool, Failure> {
        let stamp = self.clock.send();
        let sent = self
            .socket
            .write_all(format!("t:{stamp}|{request}\n").as_bytes());
        sent.map_err(lost)?;
        let text = self.receive().map_err(lost)?;
        let Some(answer) = Answer::parse(&text) else {
            let text = Printable::new(&text);
            return Err(Failure::Failed(format!("that is no bank: \"{text}\"")));
        };
        self.clock.receive_from_server(answer.stamp);
        say(&Printable::whole(answer.text.as_bytes()).to_string());
        Ok(answer.is_done)
    }

    /// Waits for an answer. How long that takes is the bank's business; only where
    /// it ends may take a pause to find out.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut is_quiet = false;
        loop {
            if let Some(message) = self.inbox.next(is_quiet, Answer::whole) {
                return Ok(message.text);
            }
            let patience = self.inbox.waits_for_a_pause().then_some(PATIENCE);
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

/// An amount as the original sends it, with a point. What is no amount goes as it
/// is: the bank judges, and nobody else.
fn ask_amount(prompt: &str) -> Result<Option<String>, Failure> {
    let typed = ask(prompt)?;
    Ok(typed.map(|text| Money::amount(&text).map_or(text, |amount| amount.to_string())))
}

fn lost(error: io::Error) -> Failure {
    let why = match error.kind() {
        ErrorKind::UnexpectedEof => "it hung up".to_owned(),
        _ => error.to_string(),
    };
    Failure::Failed(format!(
        "the bank did not answer: {why}; what was asked for last may be done or not"
    ))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
