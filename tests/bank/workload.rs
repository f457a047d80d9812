//! Many clients that transfer random amounts, servers that are killed meanwhile, and
//! the balances that all accounts must have in the end.
//!
//! Each client has an account that no other client uses, and transfers money between
//! it and the accounts that all share. So when a server is killed and does not answer,
//! the balance of that account shows whether the transfer was done: no outcome stays
//! unknown, and each account must be right to the cent.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::fixture::{Bank, Client, Server, in_units};
use crate::fixtures::random::Random;
use crate::fixtures::wait::{TIMEOUT, eventually};

const SHARED_ACCOUNTS: [&str; 10] = [
    "0000000000",
    "1111111111",
    "2222222222",
    "3333333333",
    "4444444444",
    "5555555555",
    "6666666666",
    "7777777777",
    "8888888888",
    "9999999999",
];

/// The first balance of each account, in cents.
const FIRST_BALANCE: i64 = 1000;

/// What clients and servers do.
pub struct Workload<'a> {
    pub servers: usize,
    pub clients: usize,
    pub operations: usize,
    pub kills: usize,
    /// Makes the bank.
    pub bank: &'a dyn Fn() -> Bank,
    /// After so many kills the database is restarted; 0 is never.
    pub restart_after: usize,
    /// Without the lock servers damage each other's files, and a client that notices
    /// stops.
    pub is_locked: bool,
    /// Returns the command that starts server `n`, counted from 0.
    pub server: &'a dyn Fn(&Bank, usize) -> Command,
}

pub struct Outcome {
    pub bank: Bank,
    /// The balances that all accounts must have.
    pub expected: BTreeMap<String, i64>,
    pub errors: Vec<String>,
    pub figures: String,
}

/// What all clients share.
struct Shared {
    /// The port of each server. 0 while the server is dead.
    ports: Vec<AtomicU16>,
    /// Operations that have begun.
    begun: AtomicUsize,
    max: usize,
    is_locked: bool,
}

/// What one client has done.
#[derive(Default)]
struct Report {
    rg: String,
    /// The sum of its transfers, by account.
    transferred: BTreeMap<String, i64>,
    acknowledged: usize,
    refused: usize,
    /// Answers that nothing was done, and to try again.
    told_again: usize,
    /// What it asked and was answered, as `bank client --record` writes it.
    record: String,
    /// Transfers without an answer that turned out not to be done, and done.
    in_doubt: [usize; 2],
    errors: Vec<String>,
}

impl Workload<'_> {
    pub fn run(&self) -> Outcome {
        let mut random = Random::seeded();
        let bank = (self.bank)();
        let private = |client| format!("{}", 100 + client);
        let rgs: Vec<String> = (0..self.clients).map(private).collect();
        rgs.iter().for_each(|rg| bank.add(rg, FIRST_BALANCE));
        let total = FIRST_BALANCE * (SHARED_ACCOUNTS.len() + self.clients) as i64;
        let (_, before) = bank.run("audit");
        fs::write(bank.beside("before"), before).unwrap();
        let start = |n| Server::start(&mut (self.server)(&bank, n));
        let mut servers: Vec<Option<Server>> = (0..self.servers).map(|n| Some(start(n))).collect();
        let shared = Shared {
            ports: servers
                .iter()
                .flatten()
                .map(|server| server.port.into())
                .collect(),
            begun: AtomicUsize::new(0),
            max: self.operations,
            is_locked: self.is_locked,
        };
        let began = Instant::now();
        let mut errors = Vec::new();
        let restarted = Cell::new(0);
        let reports: Vec<Report> = thread::scope(|scope| {
            let threads: Vec<_> = rgs
                .iter()
                .map(|rg| {
                    let (shared, random) = (&shared, random.split());
                    scope.spawn(move || Report::of_client(rg, shared, random))
                })
                .collect();
            let mut restarts = 0;
            for kill in 1..=self.kills {
                shared.wait_until_begun(kill * self.operations / (self.kills + 1));
                // At any moment of an operation.
                thread::sleep(Duration::from_micros(random.within(0..=3000)));
                let n = random.within(0..=self.servers as u64 - 1) as usize;
                // Sometimes all are killed, as in a power failure.
                let killed = if random.chance(10) {
                    0..self.servers
                } else {
                    n..n + 1
                };
                for n in killed.clone() {
                    shared.ports[n].store(0, Ordering::SeqCst);
                    servers[n].take().expect("it runs").kill();
                }
                if self.restart_after > 0 && kill % self.restart_after == 0 {
                    // In order, or as in a crash.
                    let signal = if random.chance(50) {
                        Signal::INT
                    } else {
                        Signal::QUIT
                    };
                    bank.postgres().end(signal);
                    thread::sleep(Duration::from_millis(random.within(0..=300)));
                    bank.postgres().run();
                    restarts += 1;
                }
                errors.extend(wrong_total(&bank, total));
                for n in killed {
                    let server = servers[n].insert(start(n));
                    shared.ports[n].store(server.port, Ordering::SeqCst);
                }
            }
            restarted.set(restarts);
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let seconds = began.elapsed().as_secs_f32();
        errors.extend(wrong_total(&bank, total));

        let mut expected: BTreeMap<String, i64> = SHARED_ACCOUNTS
            .iter()
            .map(|rg| (*rg).to_owned())
            .chain(rgs)
            .map(|rg| (rg, FIRST_BALANCE))
            .collect();
        for (rg, cents) in reports.iter().flat_map(|report| &report.transferred) {
            *expected.get_mut(rg).unwrap() += cents;
        }
        let sum = |of: fn(&Report) -> usize| -> usize { reports.iter().map(of).sum() };
        let figures = format!(
            "{} acknowledged, {} refused, {} told to try again, in doubt {} not done and {} done, {} kills, {} restarts of the database, {seconds:.1} s",
            sum(|report| report.acknowledged),
            sum(|report| report.refused),
            sum(|report| report.told_again),
            sum(|report| report.in_doubt[0]),
            sum(|report| report.in_doubt[1]),
            self.kills,
            restarted.get(),
        );
        if self.is_locked {
            errors.extend(wrong_answers(&bank, &reports));
        }
        errors.extend(reports.into_iter().flat_map(|report| report.errors));
        Outcome {
            bank,
            expected,
            errors,
            figures,
        }
    }
}

/// Returns an error if the accounts do not add up to this at this moment.
fn wrong_total(bank: &Bank, total: i64) -> Option<String> {
    let (_, printed) = bank.run("audit");
    let wanted = format!("total {}\n", in_units(total));
    (!printed.contains(&wanted)).then(|| format!("the audit does not find {wanted}{printed}"))
}

/// Returns an error if the accounts are not what clients were answered.
fn wrong_answers(bank: &Bank, reports: &[Report]) -> Option<String> {
    let before = bank.beside("before").display().to_string();
    let mut arguments = vec!["--since".to_owned(), before, "--answers".to_owned()];
    for report in reports {
        let path = bank.beside(&format!("record-{}", report.rg));
        fs::write(&path, &report.record).unwrap();
        arguments.push(path.display().to_string());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (is_right, printed) = bank.run_with("audit", &arguments);
    eprintln!("{}", printed.lines().last().unwrap_or_default());
    (!is_right).then_some(printed)
}

impl Shared {
    fn wait_until_begun(&self, operations: usize) {
        eventually(&format!("operation {operations}"), || {
            (self.begun.load(Ordering::SeqCst) >= operations).then_some(())
        });
    }

    /// Connects to a random server that is alive.
    fn connect(&self, random: &mut Random) -> Client {
        eventually("a server that is back", || {
            match random.pick(&self.ports).load(Ordering::SeqCst) {
                0 => None,
                port => Client::connect(port).ok(),
            }
        })
    }
}

/// The record of a transfer that turned out to be done.
fn recorded(own: &str, account: &str, cents: i64) -> String {
    let request = transfer_request(own, account, cents);
    format!("> t:1|{request}\n< t:1|s:0|resposta:x\n")
}

/// The request of a transfer from the shared account to its own.
fn transfer_request(own: &str, account: &str, cents: i64) -> String {
    let (from, to) = if cents > 0 {
        (account, own)
    } else {
        (own, account)
    };
    let amount = in_units(cents.abs());
    format!("op:4|rg_origem:{from}|rg_destino:{to}|valor:{amount}")
}

impl Report {
    /// Runs the client with this account.
    fn of_client(rg: &str, shared: &Shared, mut random: Random) -> Self {
        let mut report = Report {
            rg: rg.to_owned(),
            ..Report::default()
        };
        let mut client = shared.connect(&mut random);
        while shared.begun.fetch_add(1, Ordering::SeqCst) < shared.max {
            // Sometimes it changes to another server.
            if random.chance(2) {
                client = shared.connect(&mut random);
            }
            let account = *random.pick(&SHARED_ACCOUNTS);
            let cents = random.within(1..=500) as i64;
            let cents = if random.chance(50) { cents } else { -cents };
            let transferred = report.transfer(&mut client, account, cents);
            let is_ok = transferred.is_ok() && report.check_balance(&mut client).is_ok();
            // Without the lock a server may stop answering; and lost money is in no
            // client's account.
            let has_failed = !is_ok || !report.errors.is_empty();
            if has_failed && !shared.is_locked {
                break;
            }
            if !is_ok {
                let transfer = transferred.is_err().then_some((account, cents));
                client = report.resolve_doubt(shared, &mut random, transfer);
            }
        }
        report
    }

    /// Transfers this amount from the shared account to its own.
    fn transfer(&mut self, client: &mut Client, account: &str, cents: i64) -> io::Result<()> {
        let request = transfer_request(&self.rg, account, cents);
        let answer = client.request(&request);
        // One without an answer is in doubt: that is found out, and added then.
        let (state, text) = answer?;
        match (&*state, &*text) {
            ("s:0", _) => {
                self.acknowledged += 1;
                self.record += &format!("> t:1|{request}\n< t:1|s:0|resposta:{text}\n");
                self.add_transfer(account, cents);
            }
            ("s:1", "Saldo insuficiente") => self.refused += 1,
            ("s:1", text) if text.starts_with("Não feito: ") => {
                self.told_again += 1;
                self.record += &format!("> t:1|{request}\n< t:1|s:1|resposta:x\n");
                // The client does what a person does.
                thread::sleep(Duration::from_millis(50));
            }
            ("s:1", text) if text.starts_with("Resultado desconhecido: ") => {
                return Err(io::Error::other(text.to_owned()));
            }
            // Such a transfer is in doubt, as if there were no answer.
            _ => {
                self.errors.push(text.clone());
                return Err(io::Error::other(text));
            }
        }
        Ok(())
    }

    /// Compares the balance of its own account, which no other client changes.
    fn check_balance(&mut self, client: &mut Client) -> io::Result<()> {
        let (found, expected) = (client.balance(&self.rg)?, self.own_balance());
        if found != expected {
            self.errors
                .push(format!("{} has {found} cents, and not {expected}", self.rg));
        }
        Ok(())
    }

    /// After a failure, waits until a server answers again, and finds out whether the
    /// transfer without an answer was done.
    fn resolve_doubt(
        &mut self,
        shared: &Shared,
        random: &mut Random,
        transfer: Option<(&str, i64)>,
    ) -> Client {
        let deadline = Instant::now() + TIMEOUT;
        let (mut client, found) = loop {
            let mut client = shared.connect(random);
            if let Ok(found) = client.balance(&self.rg) {
                break (client, found);
            }
            assert!(Instant::now() < deadline, "no server answers {}", self.rg);
        };
        if let Some((account, cents)) = transfer {
            let is_done = found == self.own_balance() + cents;
            self.in_doubt[usize::from(is_done)] += 1;
            if is_done {
                self.record += &recorded(&self.rg, account, cents);
                self.add_transfer(account, cents);
            }
        }
        // This adds an error if the transfer was done in part.
        if self.check_balance(&mut client).is_err() {
            return self.resolve_doubt(shared, random, None);
        }
        client
    }

    fn own_balance(&self) -> i64 {
        FIRST_BALANCE + self.transferred.get(&self.rg).copied().unwrap_or(0)
    }

    fn add_transfer(&mut self, account: &str, cents: i64) {
        *self.transferred.entry(self.rg.clone()).or_default() += cents;
        *self.transferred.entry(account.to_owned()).or_default() -= cents;
    }
}
