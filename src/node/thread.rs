//! A node in a thread of its own.

use std::io;
use std::ops::Deref;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::handle::Handle;
use super::local_node::LocalNode;
use super::mailbox::Command;
use super::settings::{Settings, StartError};
use crate::engine;

/// A node in a thread of its own. Its [`Handle`]s are the way to its locks; it is
/// one itself.
///
/// When it is dropped it takes no more calls, and those that wait end with
/// [`LockError::Ended`](super::LockError::Ended). It waits until the others were
/// answered, so that they can go on; but while a [`Guard`](super::Guard) is out it
/// waits for nothing, and its thread ends when the last guard is dropped. Until
/// then nobody else comes in.
///
/// ```
/// use turno::{Node, Settings};
///
/// # let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
/// let node = Node::start(&Settings::new(1, [format!(":{port}")]))?;
/// let nightly = node.lock("nightly")?;
/// println!("our turn, with token {}", nightly.token());
/// drop(nightly);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Node {
    handle: Handle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Node {
    /// Binds the socket, and begins to take part.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way and what to do about it.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        // What is in the way is found before there is a thread.
        let mut local = LocalNode::start_delegating(settings)?;
        let handle = local.handle();
        let name = format!("turno node {}", settings.id);
        let thread = thread::Builder::new().name(name).spawn(move || {
            let ended = local.drive();
            if let Err(error) = &ended {
                log::error!("the node has ended: {error}");
            }
            ended
        });
        let thread = thread.map_err(engine::StartError::from)?;
        Ok(Node {
            handle,
            thread: Some(thread),
        })
    }

    /// A way to its locks, for any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends it, as when it is dropped, but waits for the guards too: it returns
    /// when the last is dropped.
    ///
    /// # Errors
    /// Those that ended the node before: of the system, or of the state
    /// directory.
    ///
    /// # Panics
    /// If the node's thread has panicked.
    pub fn shutdown(mut self) -> io::Result<()> {
        let (is_held, _) = mpsc::channel();
        // If it has ended already, its thread says why.
        let _ = self.handle.say(Command::Shutdown(is_held));
        let thread = self.thread.take();
        thread.map_or(Ok(()), |thread| {
            thread.join().expect("the node's thread does not panic")
        })
    }
}

impl Deref for Node {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let (held, is_held) = mpsc::channel();
        let said = self.handle.say(Command::Shutdown(held));
        if let Some(thread) = self.thread.take()
            && said.is_ok()
            && is_held.recv().is_err()
        {
            // The other end is gone: the node has ended, or is about to. What
            // became of it is in the log.
            let _ = thread.join();
        }
    }
}
