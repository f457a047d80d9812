//! A node in your own event loop: no thread, one more file descriptor.

use std::error::Error;
use std::os::fd::AsRawFd;
use std::time::Instant;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use turno::{LocalNode, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    let mut node = LocalNode::start(&Settings::new(1, [":7001"]))?;
    let mut poll = Poll::new()?;
    let descriptor = node.as_raw_fd();
    let mut source = SourceFd(&descriptor);
    poll.registry()
        .register(&mut source, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(16);

    let mut request = node.handle().request("nightly")?;
    loop {
        node.poll()?;
        if let Some(outcome) = request.try_recv() {
            println!("our turn, with token {}", outcome?.token());
            break;
        }
        // Your other sources are registered with the same poll.
        let timeout = node.next_timeout();
        let timeout = timeout.map(|at| at.saturating_duration_since(Instant::now()));
        poll.poll(&mut events, timeout)?;
    }
    node.close()?;
    Ok(node.poll()?)
}
