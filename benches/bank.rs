//! Transfers per second by store, number of servers and clients, with every sync; beside them
//! what the same disk does at all, and what PostgreSQL does by its own row locks, without turno
//! and without a server of the bank: `cargo bench --bench bank`.
//!
//! One server is alone, and several take turns by the lock. All are on this machine and share
//! its disk: so they show what taking turns costs.
//!
//! The disk is that of the temporary directory; `TMPDIR` names another.

#[path = "../tests/bank/example.rs"]
mod example;
#[path = "../tests/bank/fixture.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod fixture;
#[path = "../tests/bank/fixtures.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod fixtures;

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fixture::{Bank, Server, ServerGroup};
use fixtures::postgres::{Postgres, connect};

/// How long each figure is taken for.
const WHILE: Duration = Duration::from_secs(2);

const SERVERS: [usize; 2] = [1, 3];
const CLIENTS: [usize; 4] = [1, 4, 16, 64];

fn main() {
    // `cargo test --all-targets` starts it too, to see that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let postgres = Arc::new(Postgres::start_for(100));
    println!(
        "| accounts | servers | clients | transfers/s | one takes | a bare write-sync-rename takes |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    for count in SERVERS {
        through_servers("files", count, Bank::open());
        through_servers("PostgreSQL", count, Bank::in_database(&postgres));
    }
    let bank = Bank::in_database(&postgres);
    for clients in CLIENTS {
        let bare = bare(&bank.beside(""));
        let per_second = play(clients, |client| by_row_locks(bank.url(), client));
        report("PostgreSQL, its row locks", "", clients, per_second, bare);
    }
    bank.audit();
}

fn through_servers(name: &str, count: usize, bank: Bank) {
    let servers = if count == 1 {
        vec![bank.server()]
    } else {
        ServerGroup::of(count).servers(&bank)
    };
    // From here on they know each other.
    for server in &servers {
        server.logged_in("1111111111");
    }
    for clients in CLIENTS {
        // Right before the transfers, because the disk's speed varies with other load.
        let bare = bare(&bank.beside(""));
        let per_second = play(clients, |client| {
            through_server(&servers[client % servers.len()], client)
        });
        report(name, &count.to_string(), clients, per_second, bare);
    }
    bank.audit();
}

fn report(name: &str, servers: &str, clients: usize, per_second: f64, bare: Duration) {
    let each = Duration::from_secs_f64(1.0 / per_second);
    println!("| {name} | {servers} | {clients} | {per_second:.0} | {each:.1?} | {bare:.1?} |");
}

/// How long it takes to replace a file of the size of an account.
fn bare(folder: &Path) -> Duration {
    let (old, new) = (folder.join("bare"), folder.join("bare.new"));
    let began = Instant::now();
    let mut times = 0;
    while began.elapsed() < WHILE / 4 {
        let mut file = File::create(&new).unwrap();
        file.write_all(&[b' '; 60]).unwrap();
        file.sync_all().unwrap();
        fs::rename(&new, &old).unwrap();
        times += 1;
    }
    began.elapsed() / times
}

/// Each client does one transfer after the other. `begin` returns what does the `n`th.
fn play<F: FnMut(usize)>(clients: usize, begin: impl Fn(usize) -> F + Sync) -> f64 {
    let is_over = AtomicBool::new(false);
    let ready = std::sync::Barrier::new(clients + 1);
    let client = |client: usize| {
        let mut transfer = begin(client);
        ready.wait();
        let mut times = 0;
        while !is_over.load(Ordering::Relaxed) {
            transfer(times);
            times += 1;
        }
        times
    };
    thread::scope(|scope| {
        let client = &client;
        let threads: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || client(number)))
            .collect();
        ready.wait();
        let began = Instant::now();
        thread::sleep(WHILE);
        is_over.store(true, Ordering::Relaxed);
        let times = threads.into_iter().map(|thread| thread.join().unwrap());
        times.sum::<usize>() as f64 / began.elapsed().as_secs_f64()
    })
}

/// The two of the ten accounts between which a client moves its `n`th cent.
fn accounts(client: usize, n: usize) -> [String; 2] {
    [client + n, client + n + 1 + client % 9].map(|digit| (digit % 10).to_string().repeat(10))
}

fn through_server(server: &Server, client: usize) -> impl FnMut(usize) + use<> {
    let mut connection = server.client();
    move |n| {
        let [from, to] = accounts(client, n);
        let request = format!("op:4|rg_origem:{from}|rg_destino:{to}|valor:0.01");
        connection.expect(&request, "s:0", "Transferência realizada com sucesso");
    }
}

/// Rows are locked in the order of their accounts, so that no two clients wait for each other.
fn by_row_locks(url: &str, client: usize) -> impl FnMut(usize) + use<> {
    let mut connection = connect(url);
    let lock = "SELECT saldo FROM bank_account WHERE rg = ANY($1) ORDER BY rg FOR UPDATE";
    let lock = connection.prepare(lock).unwrap();
    let change = "UPDATE bank_account SET saldo = saldo + $2::text::numeric WHERE rg = $1";
    let change = connection.prepare(change).unwrap();
    move |n| {
        let [from, to] = accounts(client, n);
        let mut transaction = connection.transaction().unwrap();
        let both = vec![from.clone(), to.clone()];
        transaction.query(&lock, &[&both]).unwrap();
        transaction.execute(&change, &[&from, &"-0.01"]).unwrap();
        transaction.execute(&change, &[&to, &"0.01"]).unwrap();
        transaction.commit().unwrap();
    }
}
