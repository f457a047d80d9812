//! Look-ups of names, which may take long: each in a thread of its own, whose result
//! arrives as a datagram does.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

use super::super::envelope::{Envelope, Input};
use crate::group::{Address, Found, Resolver};
use crate::mutex::NodeId;

/// How many names are looked up at the same time.
const MAX_LOOK_UPS: usize = 8;

/// The look-ups that are under way, at most one of each member.
pub(in super::super) struct LookUps {
    resolver: Resolver,
    under_way: BTreeSet<NodeId>,
    /// The threads have copies of it.
    sender: Sender<(NodeId, Found)>,
    found: Receiver<(NodeId, Found)>,
    /// A thread writes into this when it is done.
    wake: StdUnixStream,
    /// The poll has the other end.
    woken: UnixStream,
    token: Token,
    is_readable: bool,
}

impl LookUps {
    /// None yet. The poll reports this token when one is done.
    ///
    /// # Errors
    /// The system's.
    pub(in super::super) fn new(
        resolver: Resolver,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let (wake, woken) = StdUnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let mut woken = UnixStream::from_std(woken);
        registry.register(&mut woken, token, Interest::READABLE)?;
        let (sender, found) = mpsc::channel();
        Ok(LookUps {
            resolver,
            under_way: BTreeSet::new(),
            sender,
            found,
            wake,
            woken,
            token,
            is_readable: false,
        })
    }

    /// Looks up the name of a member, unless too many look-ups are under way. Whether that of
    /// this member is.
    pub(super) fn start(&mut self, id: NodeId, address: &Address) -> bool {
        if self.under_way.len() >= MAX_LOOK_UPS || self.under_way.contains(&id) {
            return self.under_way.contains(&id);
        }
        let (resolver, address) = (self.resolver.clone(), address.clone());
        let sender = self.sender.clone();
        let started = self.wake.try_clone().and_then(|mut wake| {
            let look_up = move || {
                // The node may have ended; or others have woken it, and it reads all.
                if sender.send((id, resolver.resolve(&address))).is_ok() {
                    let _ = wake.write(&[0]);
                }
            };
            thread::Builder::new()
                .name("turno look-up".to_owned())
                .spawn(look_up)
        });
        match started {
            Ok(_) => self.under_way.insert(id),
            Err(error) => {
                log::warn!("cannot look up the name of member {id}: {error}");
                false
            }
        }
    }

    /// The poll reports this token.
    pub(in super::super) fn ready(&mut self, token: Token) {
        self.is_readable |= token == self.token;
    }

    /// Puts the results that have arrived into the queue.
    pub(in super::super) fn drain<S>(&mut self, queue: &mut VecDeque<Envelope<S>>) {
        if !std::mem::take(&mut self.is_readable) {
            return;
        }
        // Each thread wakes after it has sent, so whatever comes later wakes again.
        while self.woken.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        while let Ok((id, found)) = self.found.try_recv() {
            self.under_way.remove(&id);
            queue.push_back(Envelope::Engine(Input::Found { id, found }));
        }
    }
}
