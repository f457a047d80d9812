//! Many clients that move money about at random, and servers that are killed
//! meanwhile; and what everybody must have in the end.
//!
//! Each client has an account that nobody else touches, and moves money between
//! it and the accounts that all share. So when a server is killed and does not
//! answer, what the client's own account holds tells whether it was done: nothing
//! stays unknown, and every account must come out to the cent.

use std::collections::BTreeMap;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::house::{Caller, House, Server, in_units};
use crate::support::random::Random;
use crate::support::{PATIENCE, eventually};

const SHARED: [&str; 10] = [
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

/// What each account begins with.
const BEGIN: i64 = 1000;

/// How a game is played.
pub struct Game<'a> {
    pub servers: usize,
    pub clients: usize,
    pub operations: usize,
    pub kills: usize,
    /// If it is not, servers spoil each other's files, and whoever is told so plays
    /// no more.
    pub is_locked: bool,
    /// How server `n`, counted from 0, is started.
    pub server: &'a dyn Fn(&House, usize) -> Command,
}

/// What came of it.
pub struct Played {
    pub house: House,
    /// What every account must hold.
    pub expected: BTreeMap<String, i64>,
    /// What must not have happened, and has.
    pub surprises: Vec<String>,
    pub figures: String,
}

/// What all players see.
struct Table {
    /// Where each server listens now; 0 while it is dead.
    ports: Vec<AtomicU16>,
    /// Operations that are over.
    over: AtomicUsize,
    most: usize,
    is_locked: bool,
}

/// What one client has done.
#[derive(Default)]
struct Player {
    rg: String,
    /// What it has moved, by account.
    moved: BTreeMap<String, i64>,
    acknowledged: usize,
    refused: usize,
    /// Not answered, and found out: not done, and done.
    in_doubt: [usize; 2],
    surprises: Vec<String>,
}

impl Game<'_> {
    pub fn play(&self) -> Played {
        let mut random = Random::seeded();
        let house = House::open();
        let private = |client| format!("{}", 100 + client);
        let rgs: Vec<String> = (0..self.clients).map(private).collect();
        rgs.iter().for_each(|rg| house.add(rg, BEGIN));
        let total = BEGIN * (SHARED.len() + self.clients) as i64;
        let start = |n| Server::start(&mut (self.server)(&house, n));
        let mut servers: Vec<Option<Server>> = (0..self.servers).map(|n| Some(start(n))).collect();
        let table = Table {
            ports: servers
                .iter()
                .flatten()
                .map(|server| server.port.into())
                .collect(),
            over: AtomicUsize::new(0),
            most: self.operations,
            is_locked: self.is_locked,
        };
        let began = Instant::now();
        let mut surprises = Vec::new();
        let players: Vec<Player> = thread::scope(|scope| {
            let threads: Vec<_> = rgs
                .iter()
                .map(|rg| {
                    let (table, random) = (&table, random.split());
                    scope.spawn(move || Player::play(rg, table, random))
                })
                .collect();
            for kill in 1..=self.kills {
                table.wait_until_over(kill * self.operations / (self.kills + 1));
                // Anywhere in what it is doing.
                thread::sleep(Duration::from_micros(random.within(0..=3000)));
                let n = random.within(0..=self.servers as u64 - 1) as usize;
                // Now and then the power fails.
                let killed = if random.chance(10) {
                    0..self.servers
                } else {
                    n..n + 1
                };
                for n in killed.clone() {
                    table.ports[n].store(0, Ordering::SeqCst);
                    servers[n].take().expect("it runs").kill();
                }
                surprises.extend(odd_total(&house, total));
                for n in killed {
                    let server = servers[n].insert(start(n));
                    table.ports[n].store(server.port, Ordering::SeqCst);
                }
            }
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let seconds = began.elapsed().as_secs_f32();
        surprises.extend(odd_total(&house, total));

        let mut expected: BTreeMap<String, i64> = SHARED
            .iter()
            .map(|rg| (*rg).to_owned())
            .chain(rgs)
            .map(|rg| (rg, BEGIN))
            .collect();
        for (rg, cents) in players.iter().flat_map(|player| &player.moved) {
            *expected.get_mut(rg).unwrap() += cents;
        }
        let sum = |of: fn(&Player) -> usize| -> usize { players.iter().map(of).sum() };
        let figures = format!(
            "{} acknowledged, {} refused, in doubt {} not done and {} done, {} kills, {seconds:.1} s",
            sum(|player| player.acknowledged),
            sum(|player| player.refused),
            sum(|player| player.in_doubt[0]),
            sum(|player| player.in_doubt[1]),
            self.kills,
        );
        surprises.extend(players.into_iter().flat_map(|player| player.surprises));
        Played {
            house,
            expected,
            surprises,
            figures,
        }
    }
}

/// If the accounts do not add up to this at this moment.
fn odd_total(house: &House, total: i64) -> Option<String> {
    let (_, said) = house.run("audit");
    let wanted = format!("total {}\n", in_units(total));
    (!said.contains(&wanted)).then(|| format!("the audit does not find {wanted}{said}"))
}

impl Table {
    fn wait_until_over(&self, operations: usize) {
        eventually("the next kill's turn", || {
            (self.over.load(Ordering::SeqCst) >= operations).then_some(())
        });
    }

    /// A connection to any of the servers that are alive.
    fn connect(&self, random: &mut Random) -> Caller {
        eventually("a server that is back", || {
            match random.pick(&self.ports).load(Ordering::SeqCst) {
                0 => None,
                port => Caller::connect(port).ok(),
            }
        })
    }
}

impl Player {
    fn play(rg: &str, table: &Table, mut random: Random) -> Self {
        let mut player = Player {
            rg: rg.to_owned(),
            ..Player::default()
        };
        let mut caller = table.connect(&mut random);
        while table.over.fetch_add(1, Ordering::SeqCst) < table.most {
            // Now and then it goes to another server.
            if random.chance(2) {
                caller = table.connect(&mut random);
            }
            let shared = *random.pick(&SHARED);
            let cents = random.within(1..=500) as i64;
            let cents = if random.chance(50) { cents } else { -cents };
            let transferred = player.transfer(&mut caller, shared, cents);
            let is_well = transferred.is_ok() && player.look(&mut caller).is_ok();
            // Without the lock a server may answer no more; and what is lost is in
            // no player's account.
            let is_odd = !is_well || !player.surprises.is_empty();
            if is_odd && !table.is_locked {
                break;
            }
            if !is_well {
                let transfer = transferred.is_err().then_some((shared, cents));
                caller = player.find_out(table, &mut random, transfer);
            }
        }
        player
    }

    /// Moves so much from the shared account to its own.
    fn transfer(&mut self, caller: &mut Caller, shared: &str, cents: i64) -> io::Result<()> {
        let own = self.rg.clone();
        let (from, to) = if cents > 0 {
            (shared, &*own)
        } else {
            (&*own, shared)
        };
        let amount = in_units(cents.abs());
        let request = format!("op:4|rg_origem:{from}|rg_destino:{to}|valor:{amount}");
        let (state, text) = caller.ask(&request)?;
        match (&*state, &*text) {
            ("s:0", _) => {
                self.acknowledged += 1;
                self.has_moved(shared, cents);
            }
            ("s:1", "Saldo insuficiente") => self.refused += 1,
            // Whether that was done is found out as if there were no answer.
            _ => {
                self.surprises.push(text.clone());
                return Err(io::Error::other(text));
            }
        }
        Ok(())
    }

    /// Nobody else touches its own account, so that holds what it must at any
    /// moment.
    fn look(&mut self, caller: &mut Caller) -> io::Result<()> {
        let (found, expected) = (caller.balance(&self.rg)?, self.own());
        if found != expected {
            self.surprises
                .push(format!("{} has {found} cents, and not {expected}", self.rg));
        }
        Ok(())
    }

    /// The server did not answer. If it was to make a transfer, it may have done
    /// so or not.
    fn find_out(
        &mut self,
        table: &Table,
        random: &mut Random,
        transfer: Option<(&str, i64)>,
    ) -> Caller {
        let deadline = Instant::now() + PATIENCE;
        let (mut caller, found) = loop {
            let mut caller = table.connect(random);
            if let Ok(found) = caller.balance(&self.rg) {
                break (caller, found);
            }
            assert!(Instant::now() < deadline, "nobody answers {}", self.rg);
        };
        if let Some((shared, cents)) = transfer {
            let is_done = found == self.own() + cents;
            self.in_doubt[usize::from(is_done)] += 1;
            if is_done {
                self.has_moved(shared, cents);
            }
        }
        // If it is neither as it was nor as it was to be, that says so.
        if self.look(&mut caller).is_err() {
            return self.find_out(table, random, None);
        }
        caller
    }

    fn own(&self) -> i64 {
        BEGIN + self.moved.get(&self.rg).copied().unwrap_or(0)
    }

    fn has_moved(&mut self, shared: &str, cents: i64) {
        *self.moved.entry(self.rg.clone()).or_default() += cents;
        *self.moved.entry(shared.to_owned()).or_default() -= cents;
    }
}
