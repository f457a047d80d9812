//! The alternatives: lock servers that are already running (`scripts/bench.sh` starts
//! those that are installed). Each client is its own process, and does as little as it can.

mod etcd;
mod postgres;
mod redis;

use std::io::{self, BufReader};
use std::net::TcpStream;
use std::process;
use std::time::Duration;

pub use etcd::Etcd;
pub use postgres::Postgres;
pub use redis::Redis;

use crate::figures::{Contention, Run, Spread};
use crate::group::Group;
use crate::options::Options;
use crate::sizes::{self, Size};
use crate::table::{Table, count, spread, time};
use crate::worker::Kind;

/// The number of clients, and of members of turno's group.
const CLIENTS: u16 = 3;

/// The clients of one server.
struct Rival {
    name: &'static str,
    clients: Group,
    rounds: Vec<(Run, Contention)>,
}

/// Measures the given servers, and prints a table.
pub fn measure(options: &Options) -> io::Result<()> {
    let given = [
        ("Redis", "redis", &options.redis),
        ("PostgreSQL", "postgres", &options.postgres),
        ("etcd", "etcd", &options.etcd),
    ];
    let given = given
        .into_iter()
        .filter_map(|(name, role, address)| Some((name, role, address.as_ref()?)));
    let rivals = given.map(|(name, role, address)| {
        let client = vec![role.to_owned(), address.clone()];
        Ok(Rival {
            name,
            clients: Group::start(&vec![client; usize::from(CLIENTS)])?,
            rounds: Vec::new(),
        })
    });
    let mut rivals = rivals.collect::<io::Result<Vec<_>>>()?;
    if rivals.is_empty() {
        return Ok(());
    }
    let mut size = Size::start(CLIENTS)?;
    let mut flock = sizes::flock()?;
    // The first round warms up.
    for round in 0..=options.rounds {
        size.round(options, &mut flock)?;
        for rival in &mut rivals {
            // An entry of some servers takes milliseconds.
            let entries = options.entries.div_ceil(4);
            let length = Duration::from_millis(options.contended_ms);
            let alone = rival.clients.first(entries)?;
            let contended = rival.clients.contend(length)?;
            rival.rounds.push((alone, contended));
        }
        if round == 0 {
            size.rounds.clear();
            rivals.iter_mut().for_each(|rival| rival.rounds.clear());
        }
    }
    print(&size, &rivals);
    Ok(())
}

fn print(size: &Size, rivals: &[Rival]) {
    println!("The alternatives: three clients, one server of each kind.\n");
    let mut table = Table::new(&[
        "",
        "one asks",
        "p50",
        "p99",
        "times bare",
        "all ask",
        "fairness",
        "times bare",
    ]);
    let turno: Vec<_> = size
        .rounds
        .iter()
        .map(|it| (&it.first, &it.contended))
        .collect();
    table.row(cells("turno", size, &turno));
    for rival in rivals {
        let rounds: Vec<_> = rival.rounds.iter().map(|(a, b)| (a, b)).collect();
        table.row(cells(rival.name, size, &rounds));
    }
    table.print();
}

fn cells(name: &str, size: &Size, rounds: &[(&Run, &Contention)]) -> Vec<String> {
    let one = |figure: &dyn Fn(&Run) -> f64| Spread::of(rounds.iter().map(|it| figure(it.0)));
    let all =
        |figure: &dyn Fn(&Contention) -> f64| Spread::of(rounds.iter().map(|it| figure(it.1)));
    let both = || rounds.iter().zip(&size.rounds);
    let alone = both().map(|(it, bare)| it.0.median() / bare.fan.median());
    let contended = both().map(|(it, bare)| it.1.each() / bare.exchange.each());
    vec![
        name.to_owned(),
        count(one(&|run| 1e9 / run.mean()).median) + " per second",
        time(one(&Run::median).median),
        time(one(&Run::p99).median),
        spread(&Spread::of(alone)),
        count(all(&|it| 1e9 / it.each()).median) + " per second",
        spread(&all(&Contention::fairness)),
        spread(&Spread::of(contended)),
    ]
}

/// The name of a lock, made of digits.
fn name_of(kind: Kind, names: &mut u64) -> String {
    match kind {
        Kind::First => {
            *names += 1;
            format!("{}{:07}", process::id(), *names)
        }
        Kind::Again => "1".to_owned(),
        Kind::Contended => "2".to_owned(),
    }
}

/// A connection that sends each request at once.
fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}
