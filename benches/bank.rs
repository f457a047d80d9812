//! Transfers per second by number of servers and clients, with every sync, and
//! beside them what the same disk does at all: `cargo bench --bench bank`.
//!
//! One server is alone, and several take turns by the lock. All are on this
//! machine and share its disk: so they show what taking turns costs.
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
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fixture::{Bank, Server, ServerGroup};

/// How long each figure is taken for.
const WHILE: Duration = Duration::from_secs(2);

const SERVERS: [usize; 3] = [1, 2, 3];
const CLIENTS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

fn main() {
    // `cargo test --all-targets` starts it too, to see that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("| servers | clients | transfers/s | one takes | a bare write-sync-rename takes |");
    println!("|--:|--:|--:|--:|--:|");
    for count in SERVERS {
        let bank = Bank::open();
        let servers = if count == 1 {
            vec![bank.server()]
        } else {
            ServerGroup::of(count).servers(&bank)
        };
        // From here on they know each other.
        for server in &servers {
            server.logged_in("1111111111");
        }
        for clients in CLIENTS.into_iter().filter(|clients| *clients >= count) {
            // Right before the transfers, because the disk's speed varies with other load.
            let bare = bare(&bank.accounts());
            let per_second = transfers(&servers, clients);
            let each = Duration::from_secs_f64(1.0 / per_second);
            println!("| {count} | {clients} | {per_second:.0} | {each:.1?} | {bare:.1?} |");
        }
        bank.audit();
    }
}

/// How long it takes to replace a file of the size of an account.
fn bare(folder: &Path) -> Duration {
    let (old, new) = (folder.join("bare"), folder.join("bare.new"));
    let began = Instant::now();
    let mut times = 0;
    while began.elapsed() < WHILE {
        let mut file = File::create(&new).unwrap();
        file.write_all(&[b' '; 60]).unwrap();
        file.sync_all().unwrap();
        fs::rename(&new, &old).unwrap();
        times += 1;
    }
    began.elapsed() / times
}

/// Each client moves a cent between two of the ten accounts, and waits for the
/// answer.
fn transfers(servers: &[Server], clients: usize) -> f64 {
    let is_over = AtomicBool::new(false);
    let play = |client: usize| {
        let mut connection = servers[client % servers.len()].client();
        let mut times = 0;
        while !is_over.load(Ordering::Relaxed) {
            let [from, to] = [client + times, client + times + 1 + client % 9]
                .map(|digit| (digit % 10).to_string().repeat(10));
            let request = format!("op:4|rg_origem:{from}|rg_destino:{to}|valor:0.01");
            connection.expect(&request, "s:0", "Transferência realizada com sucesso");
            times += 1;
        }
        times
    };
    let began = Instant::now();
    let times: usize = thread::scope(|scope| {
        let play = &play;
        let threads: Vec<_> = (0..clients)
            .map(|client| scope.spawn(move || play(client)))
            .collect();
        thread::sleep(WHILE);
        is_over.store(true, Ordering::Relaxed);
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    times as f64 / began.elapsed().as_secs_f64()
}
