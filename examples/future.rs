//! Locks as futures, in an async runtime: two tasks of one process take turns.

use std::error::Error;
use std::time::Duration;

use turno::{Handle, LockError, Node, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let node = Node::start(&Settings::new(1, [":7001"]))?;
    let (first, second) = (node.handle(), node.handle());
    tokio::try_join!(work("first", first), work("second", second))?;
    Ok(())
}

async fn work(name: &str, handle: Handle) -> Result<(), LockError> {
    // Dropping the future, as a timeout does, withdraws the request.
    let guard = handle.request("nightly")?.await?;
    println!("{name} task: our turn, with token {}", guard.token());
    tokio::time::sleep(Duration::from_millis(100)).await;
    println!("{name} task: done");
    Ok(())
}
