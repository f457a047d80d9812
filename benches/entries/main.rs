//! Measures entering and leaving a lock: `cargo bench`, and `cargo bench -- --help`.
//!
//! Every member is its own process. Each figure has a reference, measured in the same
//! round. A first entry has to ask all peers: its reference is a datagram to each of as
//! many bare processes, and one back. The reference of contended entries is an exchange of
//! all with all, and that of a repeated entry is flock(2).

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
use turno::{LocalNode, Node};

use member::Member;
use options::{Options, Serve};

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(role) = options.serve {
        return Ok(serve(role)?);
    }
    if !options.unpinned {
        let all = sched_getaffinity(None)?;
        let mut one = CpuSet::new();
        one.set(options.processor);
        sched_setaffinity(None, &one)?;
        println!("All processes on one processor.\n");
        measure(&options)?;
        sched_setaffinity(None, &all)?;
    }
    if !options.pinned {
        println!("The processes on the processors that the system chooses.\n");
        measure(&options)?;
    }
    Ok(())
}

fn measure(options: &Options) -> io::Result<()> {
    sizes::measure(options)?;
    rivals::measure(options)
}

fn serve(role: Serve) -> io::Result<()> {
    match role {
        Serve::Member { id, ports } => worker::serve(Member::start(Node::start, id, &ports)?),
        Serve::Driver { id, ports } => worker::serve(Member::start(LocalNode::start, id, &ports)?),
        Serve::Exchange { id, ports } => worker::serve(bare::Exchange::bind(id, &ports)?),
        Serve::Echo { port } => bare::echo(port),
        Serve::Flock => worker::serve(flock::Flock::open()?),
        Serve::Redis { address } => worker::serve(rivals::Redis::connect(&address)?),
        Serve::Postgres { socket } => worker::serve(rivals::Postgres::connect(&socket)?),
        Serve::Etcd { address } => worker::serve(rivals::Etcd::connect(&address)?),
    }
}
