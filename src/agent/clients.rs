//! Where the clients are served: what they say, and what they are told.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll as Readiness, Wake, Waker};
use std::time::{Duration, Instant};

use super::client::{Client, Phase, Stay, Waiting};
use super::connection::End;
use super::protocol::{Answer, Ask, Said};
use super::{Agent, metrics};
use crate::node::A_MOMENT;
use crate::system::locked;
use crate::{Blocked, LockError, LockName};

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
struct Note {
    client: usize,
    woken: Woken,
}

impl Wake for Note {
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
            Some(End::Foul(why)) => {
                let why = format!("not understood: {why}");
                // It may have gone.
                let _ = client.connection.say(&Answer::Failed { why });
                self.gone(client);
            }
            Some(End::Gone) => self.gone(client),
            None if is_lost => self.gone(client),
            None => drop(self.clients.insert(token, client)),
        }
    }

    /// Does what a client says.
    fn open(&mut self, token: usize, client: &mut Client, said: Said) -> Result<(), End> {
        let phase = std::mem::replace(&mut client.phase, Phase::Quiet);
        let answer = match (said, phase) {
            (Said::Ask(ask), Phase::Quiet) => match self.ask(token, ask) {
                Ok(waiting) => {
                    client.phase = Phase::Waiting(waiting);
                    return Ok(());
                }
                Err(error) => refusal(error),
            },
            (Said::Locked {}, Phase::Granted(stay)) => {
                client.phase = Phase::Holding(stay);
                Answer::Go {}
            }
            (Said::Done {}, Phase::Granted(stay) | Phase::Holding(stay)) => {
                stay.end();
                return Err(End::Gone);
            }
            (Said::Status {}, phase) => {
                client.phase = phase;
                Answer::Status(Box::new(self.status()))
            }
            (Said::Metrics {}, phase) => {
                client.phase = phase;
                let text = metrics::text(&self.status());
                Answer::Metrics { text }
            }
            (said, phase) => {
                client.phase = phase;
                return Err(End::Foul(format!("{said:?} is out of turn")));
            }
        };
        client.connection.say(&answer).map_err(|_| End::Gone)
    }

    fn ask(&mut self, token: usize, ask: Ask) -> Result<Waiting, LockError> {
        let lock = LockName::new(&ask.name)?;
        let request = self.handle.ask(&ask.name, ask.at_once)?;
        let wait = ask.wait_ms.map(Duration::from_millis);
        let at_once = ask.at_once.then_some(A_MOMENT);
        let longest = [wait, at_once].into_iter().flatten().min();
        // It is looked at once, and then when it says so.
        self.woken.add(token);
        Ok(Waiting::new(request, lock, ask, longest))
    }

    /// A client has gone. What it started may go on.
    pub(super) fn gone(&mut self, client: Client) {
        match client.phase {
            // It never began to use it.
            Phase::Granted(stay) => stay.end(),
            Phase::Holding(stay) => {
                self.endings.push(stay);
                self.look();
            }
            Phase::Quiet | Phase::Waiting(_) => {}
        }
    }

    /// Lets those go whose commands have ended.
    pub(super) fn look(&mut self) {
        let has_ended = |stay: &mut Stay| match stay.record.is_locked() {
            Ok(is_locked) => !is_locked,
            Err(error) => {
                log::warn!("cannot look at {}: {error}", stay.record.path().display());
                false
            }
        };
        self.endings.extract_if(.., has_ended).for_each(Stay::end);
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
        let waker = Waker::from(Arc::new(Note {
            client: token,
            woken,
        }));
        let mut context = Context::from_waker(&waker);
        let Readiness::Ready(outcome) = Pin::new(&mut waiting.request).poll(&mut context) else {
            return;
        };
        let ask = std::mem::take(&mut waiting.ask);
        client.phase = Phase::Quiet;
        let answer = outcome.map_err(refusal).and_then(|guard| {
            let clock = guard.token().clock();
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
            client.phase = Phase::Granted(Stay {
                record,
                guard,
                since,
            });
            Ok(answer)
        });
        self.tell(token, &answer.unwrap_or_else(|answer| answer));
    }

    /// Who of this machine has the lock that a client waits for, in words.
    fn holder(&self, token: usize) -> Option<String> {
        let Phase::Waiting(waiting) = &self.clients.get(&token)?.phase else {
            return None;
        };
        let of_clients = self.clients.values().filter_map(|it| it.phase.stay());
        let mut stays = self.endings.iter().chain(of_clients);
        let stay = stays.find(|stay| stay.record.entry.lock == waiting.ask.name)?;
        Some(stay.record.entry.to_string())
    }

    /// Tells a client whom it waits for, or that it has waited long enough.
    pub(super) fn wait_on(&mut self, token: usize) {
        let holder = self.holder(token);
        let Some(client) = self.clients.get_mut(&token) else {
            return;
        };
        let Phase::Waiting(waiting) = &mut client.phase else {
            return;
        };
        if waiting.until.is_some_and(|until| until <= Instant::now()) {
            waiting.until = None;
            // The outcome is what stands in the way. If the node has ended, that.
            let _ = waiting.request.give_up();
            return;
        }
        if let Some(since) = waiting.wait.due() {
            let (ticket, began) = (waiting.request.ticket(), waiting.wait.began);
            let blocked = self.node.blocked(&waiting.lock, ticket, began);
            let seconds = since.as_secs();
            let text = match (blocked, holder) {
                (Blocked::Here { ahead: 1 }, Some(holder)) => format!("{seconds} s for {holder}"),
                (Blocked::Here { ahead }, Some(holder)) => {
                    format!("{seconds} s for {holder}, and {} more", ahead - 1)
                }
                (Blocked::Here { ahead }, None) => format!("{seconds} s for {ahead} before it"),
                (Blocked::Peers(waiting), _) => waiting.for_whom(),
            };
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
        LockError::TimedOut { blocked, .. } => Answer::TimedOut {
            why: blocked.to_string(),
        },
        LockError::Refused { why, .. } => Answer::Failed {
            why: format!("the lock cannot be had: {why}"),
        },
        error => Answer::Failed {
            why: error.to_string(),
        },
    }
}
