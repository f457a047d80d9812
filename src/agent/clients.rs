//! Where the clients are served: what they say, and what they are told.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll as Readiness, Wake, Waker};
use std::time::{Duration, Instant};

use super::client::{Client, Hold, Phase, Waiting};
use super::connection::Closing;
use super::protocol::{Answer, Ask, ClientMessage};
use super::{Agent, metrics};
use crate::system::locked;
use crate::{Handle, LockError};

/// The clients whose requests have an outcome, or are to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Woken(Arc<Mutex<Vec<usize>>>);

impl Woken {
    fn add(&self, client: usize) {
        locked(&self.0).push(client);
    }

    /// All of them; from now on there are none.
    pub(super) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut locked(&self.0))
    }

    pub(super) fn is_empty(&self) -> bool {
        locked(&self.0).is_empty()
    }
}

/// Notes that a client's request has an outcome.
struct WakeNote {
    client: usize,
    woken: Woken,
}

impl Wake for WakeNote {
    fn wake(self: Arc<Self>) {
        self.woken.add(self.client);
    }
}

impl Agent {
    /// A client has said something, or reads again, or has gone.
    pub(super) fn hear(&mut self, token: usize) {
        let Some(mut client) = self.clients.remove(&token) else {
            return;
        };
        let (said, mut end) = client.connection.read();
        for said in said {
            if let Err(why) = self.open(token, &mut client, said) {
                end = Some(why);
                break;
            }
        }
        let is_lost = client.connection.flush().is_err();
        match end {
            Some(Closing::Malformed(why)) => {
                let why = format!("not understood: {why}");
                // It may have gone.
                let _ = client.connection.say(&Answer::Failed { why });
                self.gone(client);
            }
            Some(Closing::Gone) => self.gone(client),
            None if is_lost => self.gone(client),
            None => drop(self.clients.insert(token, client)),
        }
    }

    /// Does what a client says.
    fn open(
        &mut self,
        token: usize,
        client: &mut Client,
        said: ClientMessage,
    ) -> Result<(), Closing> {
        let phase = std::mem::replace(&mut client.phase, Phase::Idle);
        let answer = match (said, phase) {
            (ClientMessage::Ask(ask), Phase::Idle) => match self.ask(token, client, ask) {
                Ok(waiting) => {
                    client.phase = Phase::Waiting(waiting);
                    return Ok(());
                }
                Err(error) => refusal(error),
            },
            (ClientMessage::Locked {}, Phase::Granted(hold)) => {
                client.phase = Phase::Holding(hold);
                Answer::Go {}
            }
            (ClientMessage::Done {}, Phase::Granted(hold) | Phase::Holding(hold)) => {
                hold.end();
                return Err(Closing::Gone);
            }
            (ClientMessage::Status {}, phase) => {
                client.phase = phase;
                Answer::Status(Box::new(self.status()))
            }
            (ClientMessage::Metrics {}, phase) => {
                client.phase = phase;
                let text = metrics::text(&self.status());
                Answer::Metrics { text }
            }
            (said, phase) => {
                client.phase = phase;
                return Err(Closing::Malformed(format!("{said:?} is out of turn")));
            }
        };
        client.connection.say(&answer).map_err(|_| Closing::Gone)
    }

    fn ask(&mut self, token: usize, client: &Client, ask: Ask) -> Result<Waiting, LockError> {
        let handle = self.handle.described(client.description(&ask));
        let (request, wait) = if ask.at_once {
            (handle.try_request(&ask.name)?, Some(Handle::TRY_TIMEOUT))
        } else {
            (handle.request(&ask.name)?, None)
        };
        let limit = ask.wait_ms.map(Duration::from_millis);
        let limit = [wait, limit].into_iter().flatten().min();
        // It is polled once now, and then whenever it wakes.
        self.woken.add(token);
        Ok(Waiting::new(request, ask, limit))
    }

    /// A client has gone. What it started may go on.
    pub(super) fn gone(&mut self, client: Client) {
        match client.phase {
            // It never began to use it.
            Phase::Granted(hold) => hold.end(),
            Phase::Holding(hold) => {
                self.endings.push(hold);
                self.look();
            }
            Phase::Idle | Phase::Waiting(_) => {}
        }
    }

    /// Lets those go whose commands have ended.
    pub(super) fn look(&mut self) {
        let has_ended = |hold: &mut Hold| match hold.record.is_locked() {
            Ok(is_locked) => !is_locked,
            Err(error) => {
                log::warn!("cannot look at {}: {error}", hold.record.path().display());
                false
            }
        };
        self.endings.extract_if(.., has_ended).for_each(Hold::end);
    }

    /// Tells a client the outcome of its call, if it has come.
    pub(super) fn grant(&mut self, token: usize) {
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        let Phase::Waiting(waiting) = &mut client.phase else {
            return;
        };
        let woken = self.woken.clone();
        let waker = Waker::from(Arc::new(WakeNote {
            client: token,
            woken,
        }));
        let mut context = Context::from_waker(&waker);
        let Readiness::Ready(outcome) = Pin::new(&mut waiting.request).poll(&mut context) else {
            return;
        };
        let ask = std::mem::take(&mut waiting.ask);
        client.phase = Phase::Idle;
        let answer = outcome.map_err(refusal).and_then(|guard| {
            let clock = guard.token().get();
            // What is not on record could go on when nobody knows of it any more.
            let record = self.records.write(client.entry(&ask, clock));
            let record = record.map_err(|error| {
                let why = format!(
                    "nothing was run, for the entry cannot be recorded in {}: {error}; that must \
                     be a folder that the agent may write into, on a disk with room",
                    self.records.folder().display()
                );
                log::warn!("lock {:?}: {why}", ask.name);
                Answer::Failed { why }
            })?;
            let answer = Answer::Granted {
                token: clock,
                node: self.node.id(),
                record: record.path().to_owned(),
            };
            let since = Instant::now();
            client.phase = Phase::Granted(Hold {
                record,
                guard,
                since,
            });
            Ok(answer)
        });
        self.tell(token, &answer.unwrap_or_else(|answer| answer));
    }

    /// Tells a client whom it waits for, or that it has waited long enough.
    pub(super) fn wait_on(&mut self, token: usize) {
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        let Phase::Waiting(waiting) = &mut client.phase else {
            return;
        };
        if waiting.until.is_some_and(|until| until <= Instant::now()) {
            waiting.until = None;
            // The outcome is what stands in the way. If the node has ended, that.
            let _ = waiting.request.cancel();
            return;
        }
        if let Some(since) = waiting.wait.due() {
            let blocked = self.node.blocked(&waiting.request);
            let text = format!("{} s for {blocked}", since.as_secs());
            self.tell(token, &Answer::Waiting { text });
        }
    }

    /// Tells a client, who may turn out to have gone.
    fn tell(&mut self, token: usize, answer: &Answer) {
        let told = self
            .clients
            .get_mut(&token)
            .map(|it| it.connection.say(answer));
        if let Some(Err(_)) = told
            && let Some(client) = self.clients.remove(&token)
        {
            self.gone(client);
        }
    }
}

/// What a client is told that cannot have its lock. It knows which that is.
fn refusal(error: LockError) -> Answer {
    match error {
        LockError::TimedOut {
            waited, blocked, ..
        } => Answer::TimedOut {
            why: format!("waiting {} s for {blocked}", waited.as_secs()),
        },
        LockError::Refused { reason, .. } => Answer::Failed {
            why: format!("the lock cannot be acquired: {reason}"),
        },
        error => Answer::Failed {
            why: error.to_string(),
        },
    }
}
