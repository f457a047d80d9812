//! How long it takes to enter and to leave a lock: `cargo bench`, and
//! `cargo bench -- --help`.
//!
//! Every member is a process of its own. Beside it stands what the network takes
//! by itself, measured in the same round: for an entry that has to ask all others
//! a datagram to each of as many processes and one back, for contended entries an
//! exchange of all with all; and for a repeated entry flock(2).

mod bare;
mod figures;
mod flock;
mod group;
mod member;
mod options;
mod rivals;
mod sizes;
mod table;
mod worker;

use std::error::Error;
use std::io;

use clap::Parser;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use options::{Options, Serve};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(role) = options.serve {
        return Ok(serve(role)?);
    }
    if !options.unpinned {
        let anywhere = sched_getaffinity(None)?;
        let mut here = CpuSet::new();
        here.set(options.processor);
        sched_setaffinity(None, &here)?;
        println!("All processes on one processor.\n");
        sizes::measure(&options)?;
        rivals::measure(&options)?;
        sched_setaffinity(None, &anywhere)?;
    }
    if !options.pinned {
        println!("The processes where the system puts them.\n");
        sizes::measure(&options)?;
        rivals::measure(&options)?;
    }
    Ok(())
}

fn serve(role: Serve) -> io::Result<()> {
    match role {
        Serve::Member { id, ports } => worker::serve(member::Member::start(id, &local(&ports))?),
        Serve::Driver { id, ports } => worker::serve(member::Driver::start(id, &local(&ports))?),
        Serve::Exchange { id, ports } => worker::serve(bare::Exchange::bind(id, &ports)?),
        Serve::Echo { port } => bare::echo(port),
        Serve::Flock => worker::serve(flock::Flock::open()?),
        Serve::Redis { address } => worker::serve(rivals::Redis::connect(&address)?),
        Serve::Postgres { socket } => worker::serve(rivals::Postgres::connect(&socket)?),
        Serve::Etcd { address } => worker::serve(rivals::Etcd::connect(&address)?),
    }
}

/// Addresses on this host alone.
fn local(ports: &[u16]) -> Vec<String> {
    ports.iter().map(|port| format!(":{port}")).collect()
}
