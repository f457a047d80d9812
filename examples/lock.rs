//! A lock around a piece of work, in a program with threads.
//!
//! `cargo run --example lock` runs a group of one member. On several machines give the
//! id of this one and the list of all: `lock 1 alpha:7001 beta:7001 gamma:7001`.

use std::error::Error;
use std::time::Duration;

use turno::{Node, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let id = arguments.next().map_or(Ok(1), |id| id.parse())?;
    let mut members: Vec<String> = arguments.collect();
    if members.is_empty() {
        members.push(":7001".to_owned());
    }
    let node = Node::start(&Settings::new(id, members))?;

    let guard = node.lock("nightly")?;
    println!("our turn, with token {}", guard.token());
    drop(guard);

    // A caller that does not wait for ever learns whom it waited for.
    match node.lock_timeout("report", Duration::from_secs(5)) {
        Ok(guard) => println!("our turn again, with token {}", guard.token()),
        Err(error) => eprintln!("{error}"),
    }
    Ok(())
}
