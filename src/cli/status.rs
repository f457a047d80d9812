//! `turno status`.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::duration::seconds;
use super::{Failure, TIMED_OUT, closed_pipe_is_fine, print_error};
use crate::agent::group_status::GroupLock;
use crate::agent::protocol::{AgentStatus, Answer, ClientMessage};
use crate::agent::socket_path;
use crate::engine::DUPLICATE_ID;
use crate::lock_command::connection::{Connection, ConnectionError};
use crate::narrate::{counts, is_at_now, listed, lock_called};
use crate::printable::{Printable, json};
use crate::wire::CallerReport;
use crate::{LockName, LockState, PeerStatus, Status, ViewStatus};

/// How many changes of the view are shown.
const MAX_CHANGES: usize = 5;

/// How long to wait for the answer of the agent.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The shortest time between two questions of a watch.
const MIN_WATCH: Duration = Duration::from_millis(100);

/// What stands between two answers of a watch.
const BETWEEN: &str = "\n----\n";

/// Show the locks of the group, their holders, who waits for whom, and the members.
///
/// The agent of this machine asks all others, and waits at most a second for
/// those that do not answer. In a group without a key they do not tell the
/// commands, which anybody on the network could read.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Show only this lock
    #[arg(value_name = "NAME", value_parser = LockName::new)]
    name: Option<LockName>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print metrics in the text format of Prometheus
    #[arg(long, conflicts_with_all = ["json", "name"])]
    prometheus: bool,

    /// Show it again and again, this often, until Ctrl-C; a line of dashes between two
    #[arg(long, value_name = "TIME", value_parser = seconds, num_args = 0..=1)]
    #[arg(
        default_missing_value = "2s",
        require_equals = true,
        conflicts_with = "prometheus"
    )]
    watch: Option<Duration>,

    /// The agent's Unix socket [default: $TURNO_SOCKET, or the user's own agent
    /// if there is one, else /run/turno/turno.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno status
  turno status nightly
  turno status --watch
  turno status nightly --watch=10s
  turno status --json | jq '.group.callers[] | select(.state == \"waiting\")'
  turno status --prometheus > /var/lib/node_exporter/turno.prom

Exit codes:
  0    success
  1    there is no agent
  2    wrong use
  124  the agent does not answer within 10 s";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let socket = self.socket.clone().unwrap_or_else(socket_path::for_client);
        let Some(every) = self.watch else {
            return self.show(&socket, "");
        };
        let mut before = "";
        loop {
            let next = Instant::now() + every.max(MIN_WATCH);
            self.show(&socket, before)?;
            before = if self.json { "" } else { BETWEEN };
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Prints the status once, after this text.
    fn show(&self, socket: &Path, before: &str) -> Result<(), Failure> {
        let text = if self.prometheus {
            match answer(socket, &ClientMessage::Metrics {})? {
                Answer::Metrics { text } => text,
                other => return Err(unexpected(other)),
            }
        } else {
            let status = self.only_named(of_group(socket)?);
            match self.json {
                true => json::text(&status).map_err(Failure::failed)? + "\n",
                false => shown(&status),
            }
        };
        let text = format!("{before}{text}");
        match io::stdout().write_all(text.as_bytes()) {
            // A reader that has gone ends a watch.
            Err(error) if self.watch.is_some() && error.kind() == io::ErrorKind::BrokenPipe => {
                process::exit(0)
            }
            written => closed_pipe_is_fine(written),
        }
    }

    /// The status of the lock that was asked for, if one was.
    fn only_named(&self, mut status: AgentStatus) -> AgentStatus {
        if let Some(name) = self.name.as_ref().map(LockName::as_str) {
            status.node.locks.retain(|lock| lock.name == name);
            status.clients.retain(|client| client.lock == name);
            if let Some(group) = &mut status.group {
                group.locks.retain(|lock| lock.name == name);
                group.callers.retain(|caller| caller.lock == name);
            }
        }
        status
    }
}

/// The status of the agent at this socket, with that of its group.
pub(super) fn of_group(socket: &Path) -> Result<AgentStatus, Failure> {
    let question = ClientMessage::Group {
        // A deadlock has other locks too.
        lock: None,
        brief: false,
    };
    let mut answer = answer(socket, &question)?;
    // An older agent knows only its own clients.
    if let Answer::Failed { why, .. } = &answer
        && why.contains("unknown variant")
    {
        answer = self::answer(socket, &ClientMessage::Status {})?;
    }
    match answer {
        Answer::Status(status) => Ok(*status),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: Answer) -> Failure {
    match answer {
        Answer::Failed { why, .. } => Failure::failed(format!("the agent says: {why}")),
        other => Failure::failed(format!("the agent sent an unexpected answer: {other:?}")),
    }
}

fn answer(socket: &Path, question: &ClientMessage) -> Result<Answer, Failure> {
    ask(socket, question).map_err(|error| match error {
        ConnectionError::AgentSilent(_) => Failure(TIMED_OUT, error.to_string()),
        error => Failure::failed(error),
    })
}

/// The status of the agent that listens at this socket; `None` if none answers.
pub(super) fn of_agent_at(socket: &Path) -> Option<Status> {
    match ask(socket, &ClientMessage::Status {}) {
        Ok(Answer::Status(status)) => Some(status.node),
        _ => None,
    }
}

/// The answer of the agent, if it comes within this time. Nothing is reported.
pub(super) fn answer_within(
    socket: &Path,
    question: &ClientMessage,
    max_wait: Duration,
) -> Option<Answer> {
    let deadline = Instant::now() + max_wait;
    let mut connection = Connection::open(socket, Some(deadline), drop).ok()?;
    connection.send(question).ok()?;
    connection.receive(Some(deadline)).ok()?
}

fn ask(socket: &Path, question: &ClientMessage) -> Result<Answer, ConnectionError> {
    let deadline = Instant::now() + MAX_WAIT;
    let mut connection = Connection::open(socket, Some(deadline), |silent| {
        let (silent, seconds) = (silent.summary(), MAX_WAIT.as_secs());
        print_error(&format!("turno: {silent}; waiting at most {seconds} s"));
    })?;
    connection.send(question)?;
    loop {
        if let Some(answer) = connection.receive(None)? {
            return Ok(answer);
        }
    }
}

/// The status for a person. Names and commands are escaped: any client can choose them.
fn shown(status: &AgentStatus) -> String {
    let node = &status.node;
    let mut text = format!(
        "member {}{} listens at {}{}, clock {}, entries {}\n",
        node.id,
        own_name(node),
        node.listens_at,
        keys(node),
        node.clock,
        node.entries
    );
    if node.has_duplicate_id {
        text.push_str(DUPLICATE_ID);
        text.push('\n');
    }
    if let Some(view) = &node.view {
        push_view(&mut text, node, view);
    }
    push_locks(&mut text, status);
    text.push_str("\nmembers\n");
    for peer in &node.peers {
        push_peer(&mut text, peer);
    }
    if !node.dropped.is_empty() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\ndropped: {}", counts(&node.dropped));
    }
    text
}

/// ` (alpha)`; nothing if the name is an address.
fn own_name(node: &Status) -> String {
    match node.called.as_str() {
        "" => String::new(),
        name if name.contains(':') => String::new(),
        name => format!(" ({name})"),
    }
}

/// ` with a key (1a2b3c4d)`, which signs, and those that it accepts besides.
fn keys(node: &Status) -> String {
    match (node.has_key, &node.keys[..]) {
        (false, _) => String::new(),
        (true, []) => " with a key".to_owned(),
        (true, [first]) => format!(" with a key ({first})"),
        (true, [first, others @ ..]) => {
            format!(" with a key ({first}, and accepts {})", listed(others))
        }
    }
}

fn push_view(text: &mut String, node: &Status, view: &ViewStatus) {
    let members = |ids: &[u16]| listed(ids.iter().map(|id| member(node, *id)));
    let lease = time_in_tenths(view.lease_ms);
    let left = match view.left_ms {
        Some(left) => format!("{} left of the lease of {lease}", time_in_tenths(left)),
        None => format!(
            "no lease of {lease}: no majority acknowledges this member, and no entry is made here"
        ),
    };
    let _ = match view.number {
        Some(number) => writeln!(
            text,
            "view {} of {}, {left}",
            shown_number(number),
            members(&view.members)
        ),
        None => writeln!(text, "in no view, {left}"),
    };
    for out in &view.out {
        let _ = writeln!(text, "  without {}: {}", member(node, out.id), out.why);
    }
    for change in view.recent.iter().rev().take(MAX_CHANGES) {
        let (number, ago) = (shown_number(change.number), time(change.ago_ms));
        let of = members(&change.members);
        let _ = writeln!(text, "  joined view {number} of {of} {ago} ago");
    }
}

fn shown_number((counter, proposer): (u64, u16)) -> String {
    format!("{counter}.{proposer}")
}

fn time_in_tenths(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1e3)
}

fn push_locks(text: &mut String, status: &AgentStatus) {
    let (node, group) = (&status.node, &status.group);
    let of_group = group.iter().flat_map(|group| &group.locks);
    let mut names: Vec<&str> = node.locks.iter().map(|lock| lock.name.as_str()).collect();
    names.extend(status.clients.iter().map(|client| client.lock.as_str()));
    names.extend(of_group.clone().map(|lock| lock.name.as_str()));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        text.push_str(match group {
            Some(_) => "\nno lock is held or wanted\n",
            None => "\nno lock is held or wanted here\n",
        });
    }
    for name in names {
        let holder = group.iter().find_map(|group| group.holder(name));
        push_lock(text, name, node, holder.map(|it| member(node, it.member)));
        match group {
            Some(group) => {
                for caller in group.callers_of(name) {
                    push_caller(
                        text,
                        &caller.caller,
                        &format!(" on {}", member(node, caller.member)),
                    );
                }
            }
            None => {
                let clients = status.clients.iter().filter(|client| client.lock == name);
                clients.for_each(|client| push_caller(text, &client.into(), ""));
            }
        }
        let lock = of_group.clone().find(|lock| lock.name == name);
        if let Some(lock) = lock.filter(|lock| !lock.deadlock.is_empty()) {
            push_deadlock(text, lock);
        }
    }
    let Some(group) = group else {
        return;
    };
    if group.left_out > 0 {
        let _ = writeln!(text, "\n{} more callers are not shown", group.left_out);
    }
    if !group.unanswered.is_empty() {
        let members = listed(group.unanswered.iter().map(|id| member(node, *id)));
        let _ = writeln!(
            text,
            "\n{members} did not answer: what is held or wanted there is not shown"
        );
    }
}

/// `  deadlock, a circle of waits: the holder of a waits for b, the holder of b waits for a; end
/// one of these commands`.
fn push_deadlock(text: &mut String, lock: &GroupLock) {
    let next = lock.deadlock.iter().cycle().skip(1);
    let waits = lock.deadlock.iter().zip(next);
    let waits = waits.map(|(held, awaited)| {
        let (held, awaited) = (shown_lock(held), shown_lock(awaited));
        format!("the holder of {held} waits for {awaited}")
    });
    let _ = writeln!(
        text,
        "  deadlock, a circle of waits: {}; end one of these commands",
        waits.collect::<Vec<_>>().join(", ")
    );
}

fn shown_lock(name: &str) -> String {
    Printable::whole(lock_called(name).as_bytes()).to_string()
}

/// The state of this node; of a lock that it does not ask for, the member that holds it.
fn push_lock(text: &mut String, name: &str, node: &Status, holder: Option<String>) {
    let lock = node.locks.iter().find(|lock| lock.name == name);
    let name = shown_lock(name);
    let state = lock.map_or(LockState::Free, |lock| lock.state);
    let _ = match holder.filter(|_| state == LockState::Free) {
        Some(holder) => write!(text, "\n{name}: held by {holder}"),
        None => write!(text, "\n{name}: {state}"),
    };
    if let Some(lock) = lock {
        let members = |ids: &[u16]| listed(ids.iter().map(|id| member(node, *id)));
        if !lock.waits_for.is_empty() {
            let _ = write!(text, ", waits for {}", members(&lock.waits_for));
        }
        if !lock.deferred.is_empty() {
            let _ = write!(text, ", defers {}", members(&lock.deferred));
        }
    }
    text.push('\n');
}

/// `  holding for 3s on beta (2), token 17, process 812 of joe: ./backup`.
fn push_caller(text: &mut String, caller: &CallerReport, place: &str) {
    let token = caller.token.map(|token| format!(", token {token}"));
    let process = caller.pid.map(|pid| format!(", process {pid}"));
    let user = match (&caller.user, caller.uid) {
        (Some(name), _) => format!(" of {name}"),
        (None, Some(uid)) => format!(" of user {uid}"),
        (None, None) => String::new(),
    };
    let not_begun = if caller.not_begun {
        ", has not begun"
    } else {
        ""
    };
    let stopped = if caller.stopped { ", stopped" } else { "" };
    let mode = if caller.shared { ", shared" } else { "" };
    let mut line = format!(
        "{}{mode} for {}{place}{}{}{user}{not_begun}{stopped}",
        caller.state,
        time(caller.since_ms),
        token.unwrap_or_default(),
        process.unwrap_or_default()
    );
    if !caller.command.is_empty() {
        line.push_str(": ");
        line.push_str(&caller.command.join(" "));
    }
    let _ = writeln!(text, "  {}", Printable::whole(line.as_bytes()));
}

fn member(node: &Status, id: u16) -> String {
    let peer = node.peers.iter().find(|peer| peer.id == id);
    peer.map_or_else(|| format!("this member ({id})"), PeerStatus::shown_name)
}

fn push_peer(text: &mut String, peer: &PeerStatus) {
    let heard = match peer.heard_ms {
        Some(ms) => format!("heard {} ago", time(ms)),
        None => "not heard yet".to_owned(),
    };
    let fastest = peer
        .fastest_reply_us
        .map(|us| format!(", fastest reply {:.1} ms", us as f64 / 1e3));
    let again = (peer.sent_again > 0).then(|| format!(", sent again {}", peer.sent_again));
    let _ = writeln!(
        text,
        "  {} at {}: {heard}{}{}",
        peer.shown_name(),
        addresses(peer),
        fastest.unwrap_or_default(),
        again.unwrap_or_default()
    );
    if peer.is_closed {
        let _ = writeln!(
            text,
            "    its host says that the port is closed: no agent listens there"
        );
    }
    if peer.hears_us == Some(false) {
        let _ = writeln!(text, "    {}", peer.deafness());
    }
    if let Some(before) = &peer.moved_from {
        let _ = writeln!(text, "    {}", is_at_now(&peer.address, Some(before)));
    }
    if let Some(why) = &peer.not_found {
        let _ = writeln!(text, "    {}", Printable::whole(why.as_bytes()));
    }
    if let Some(why) = &peer.dropped {
        let _ = writeln!(text, "    datagrams in its name are dropped: {why}");
    }
}

/// The address in use; before it that of the list, if the peer's name does not show it.
fn addresses(peer: &PeerStatus) -> String {
    match peer.is_named && peer.name != peer.address {
        true => format!("{} [{}]", peer.name, peer.address),
        false if peer.address.is_empty() => "no known address".to_owned(),
        false => peer.address.clone(),
    }
}

fn time(ms: u64) -> String {
    humantime::format_duration(Duration::from_secs(ms / 1000)).to_string()
}
