//! `turno agent --check`: what would keep an agent from starting, or from what it is for,
//! found without starting it. Nothing is created.
//!
//! ```text
//! AgentConfig ─ members, key, state, socket, lease ─> findings
//! ```

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::config::AgentConfig;
use super::{recovery, socket, socket_path};
use crate::Status;
use crate::engine::state_file::StateFile;
use crate::engine::{self, key_file};
use crate::group::{Address, Group, Listed};

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Fine,
    /// The agent starts, but something may surprise its user.
    Note,
    /// The agent does not start, or not as it is meant to.
    Wrong,
}

/// Checks a configuration. `ask` returns the status of the agent that listens at this
/// socket, if one does.
pub(crate) fn check(
    config: &AgentConfig,
    ask: impl FnOnce(&Path) -> Option<Status>,
) -> Vec<Finding> {
    let mut check = Check::default();
    let socket = config.socket.clone();
    let socket = socket.unwrap_or_else(socket_path::for_agent);
    // An agent of this member that runs has the port, the state and the socket.
    let running = ask(&socket);
    let id = config.own_id().ok();
    let is_ours = |running: &&Status| Some(running.id) == id;
    let own = running.as_ref().filter(is_ours);
    check.wrong_if(config.settings().err());
    let list = check.members(config, id);
    let group = list.and_then(|list| check.group(config, id?, &list, own));
    check.key(config, group.as_ref());
    check.lease(config, group.as_ref());
    check.state(config, &socket, group.as_ref(), own.is_some());
    check.socket(config, id, &socket, running.as_ref());
    if let Some(trace) = &config.trace {
        check.writable("the directory for a trace", trace);
    }
    check.findings
}

#[derive(Default)]
struct Check {
    findings: Vec<Finding>,
}

impl Check {
    fn add(&mut self, kind: Kind, text: String) {
        // An error that two checks find is told once.
        if !self.findings.iter().any(|finding| finding.text == text) {
            self.findings.push(Finding { kind, text });
        }
    }

    fn wrong_if(&mut self, error: Option<impl ToString>) {
        if let Some(error) = error {
            self.add(Kind::Wrong, error.to_string());
        }
    }

    /// The members of the list; `None` if one is no member, or this member's own name is not
    /// found. Names that are not found are told one by one: those of the others are looked up
    /// again when the agent runs.
    fn members(&mut self, config: &AgentConfig, own: Option<u16>) -> Option<Vec<Listed>> {
        let mut list: Vec<Listed> = Vec::new();
        for (text, id) in config.members.iter().zip(1..) {
            match text.parse::<Listed>() {
                Ok(member) => list.push(member),
                Err(error) => {
                    self.add(
                        Kind::Wrong,
                        format!("{text:?} ({id}) is not an address: {error}"),
                    );
                }
            }
        }
        if list.len() < config.members.len() || list.is_empty() {
            return None;
        }
        let mut has_own = true;
        for (member, id) in list.iter().zip(1..) {
            match member.address.resolve() {
                Ok(found) => self.add(Kind::Fine, format!("{member} ({id}) is {}", shown(&found))),
                Err(error) if own == Some(id) => {
                    has_own = false;
                    self.add(
                        Kind::Wrong,
                        format!("{member} ({id}), this member: {error}"),
                    );
                }
                Err(error) => {
                    let text = format!(
                        "{member} ({id}): {error}; the agent starts without it, and looks it up again"
                    );
                    self.add(Kind::Note, text);
                }
            }
        }
        has_own.then_some(list)
    }

    /// The group, if it is one, and whether this member can listen.
    fn group(
        &mut self,
        config: &AgentConfig,
        id: u16,
        list: &[Listed],
        own: Option<&Status>,
    ) -> Option<Group> {
        let listen = config
            .listen
            .as_deref()
            .map(str::parse::<Address>)
            .transpose();
        let listen = match listen {
            Ok(listen) => listen,
            Err(error) => {
                let given = config.listen.as_deref().unwrap_or_default();
                self.add(
                    Kind::Wrong,
                    format!("--listen {given:?} is not an address: {error}"),
                );
                None
            }
        };
        let group = match Group::resolve(id, list, listen.as_ref()) {
            Ok(group) => group,
            Err(error) => {
                self.add(Kind::Wrong, error.to_string());
                return None;
            }
        };
        let name = format!("{} ({id})", group.name(group.id));
        let found = group.found[usize::from(id) - 1].iter();
        let hosts: Vec<IpAddr> = found.map(SocketAddr::ip).collect();
        if listen.is_none() && !hosts.iter().any(|host| is_of_this_host(*host)) {
            let ips: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            self.add(
                Kind::Wrong,
                format!(
                    "{name} is at {}, which is no address of this host: is the id right? (Behind \
                     NAT, or in a container, --listen names the address to bind.)",
                    ips.join(", ")
                ),
            );
            return Some(group);
        }
        self.port(&group, &name, own);
        Some(group)
    }

    fn port(&mut self, group: &Group, name: &str, own: Option<&Status>) {
        let listen = group.listen;
        match UdpSocket::bind(listen) {
            Ok(_) => self.add(
                Kind::Fine,
                format!("{name}, this member, can listen at {listen}"),
            ),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                let is_own = own.is_some_and(|own| own.listens_at == listen.to_string());
                match is_own {
                    true => {
                        let text =
                            format!("{name}, this member, listens at {listen}: its agent runs");
                        self.add(Kind::Fine, text);
                    }
                    false => self.wrong_if(Some(engine::cannot_listen(listen, &error))),
                }
            }
            Err(error) => self.wrong_if(Some(engine::cannot_listen(listen, &error))),
        }
    }

    fn key(&mut self, config: &AgentConfig, group: Option<&Group>) {
        let Some(path) = &config.key else {
            if group.is_some_and(|group| !group.listen.ip().is_loopback()) {
                let text = "no key: any host that can send in the name of a member's host can \
                            break the lock; turno key makes one";
                self.add(Kind::Note, text.to_owned());
            }
            return;
        };
        match key_file::read(path) {
            Ok(_) => self.add(
                Kind::Fine,
                format!("the key {} can be read", path.display()),
            ),
            Err(error) => self.add(Kind::Wrong, error.to_string()),
        }
    }

    fn lease(&mut self, config: &AgentConfig, group: Option<&Group>) {
        let (Some(length), Some(group)) = (config.failover, group) else {
            return;
        };
        match engine::lease(length, group.members.len()) {
            Ok(_) => {
                let majority = group.members.len() / 2 + 1;
                let text = format!(
                    "a lease of {length:?}: {majority} of {} members go on without the others",
                    group.members.len()
                );
                self.add(Kind::Fine, text);
            }
            Err(why) => self.add(Kind::Wrong, why),
        }
    }

    fn state(
        &mut self,
        config: &AgentConfig,
        socket: &Path,
        group: Option<&Group>,
        is_running: bool,
    ) {
        let Some(folder) = &config.state else {
            let text = "no state directory: this agent can start again only while all other \
                        members are up";
            self.add(Kind::Note, text.to_owned());
            return;
        };
        let shown = folder.display();
        let is_there = folder.exists();
        if !is_there && !config.adopt_list {
            self.writable("the state directory", folder);
            return;
        }
        if config.new_state {
            let given_up = group.and_then(|group| StateFile::given_up(folder, group));
            let text = format!("the state in {shown} is given up (--new-state)");
            self.add(Kind::Note, given_up.unwrap_or(text));
        } else if let Some(group) = group {
            let settings = config.settings().ok();
            let existing = settings.map(|settings| settings.existing().clone());
            let found = StateFile::check(folder, group, &existing.unwrap_or_default());
            match found {
                Ok(_) if !is_running && StateFile::is_in_use(folder) => self.add(
                    Kind::Wrong,
                    format!("the state directory {shown} is in use by another node"),
                ),
                Ok((takes_over, notice)) => {
                    if takes_over {
                        self.wrong_if(recovery::may_adopt_list(socket, folder).err());
                    }
                    self.add(
                        Kind::Fine,
                        format!("the state in {shown} is of this member"),
                    );
                    if let Some(notice) = notice {
                        self.add(Kind::Note, notice);
                    }
                }
                Err(error) => self.add(Kind::Wrong, error.to_string()),
            }
        }
        self.writable("the state directory", folder);
    }

    fn socket(
        &mut self,
        config: &AgentConfig,
        own: Option<u16>,
        path: &Path,
        running: Option<&Status>,
    ) {
        let shown = path.display();
        self.wrong_if(socket_path::check(path).err());
        if let Some(group) = &config.socket_group {
            self.wrong_if(socket::group_id(group).err());
        }
        if let Some(other) = running {
            let (is_own, id) = (Some(other.id) == own, other.id);
            match is_own {
                true => self.add(
                    Kind::Fine,
                    format!("an agent of this member listens at {shown}"),
                ),
                false => self.add(
                    Kind::Wrong,
                    format!(
                        "the agent of member {id} listens at {shown}: give another path with \
                         --socket"
                    ),
                ),
            }
            return;
        }
        let found = fs::symlink_metadata(path);
        if found.is_ok_and(|found| !found.file_type().is_socket()) {
            let text =
                format!("{shown} exists and is not a socket: give another path with --socket");
            self.add(Kind::Wrong, text);
            return;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        self.writable(&format!("the directory of the socket {shown}"), folder);
    }

    /// Whether a directory can be written into, or made.
    fn writable(&mut self, what: &str, folder: &Path) {
        let absolute = std::path::absolute(folder);
        let absolute = absolute.unwrap_or_else(|_| PathBuf::from("."));
        let shown = absolute.display();
        let exists = |folder: &&Path| folder.exists();
        let Some(there) = absolute.ancestors().find(exists) else {
            return;
        };
        let is_made = there != absolute;
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        let why = match access(there, wanted) {
            Ok(()) if there.is_dir() => {
                let text = match is_made {
                    true => format!("{what}, {shown}, will be made"),
                    false => format!("{what}, {shown}, can be written"),
                };
                return self.add(Kind::Fine, text);
            }
            Ok(()) => format!("{} is no directory", there.display()),
            Err(error) => format!("{}: {}", there.display(), std::io::Error::from(error)),
        };
        let what_fails = if is_made {
            "cannot be made"
        } else {
            "cannot be written"
        };
        self.add(Kind::Wrong, format!("{what}, {shown}, {what_fails}: {why}"));
    }
}

/// Whether this host has this address.
fn is_of_this_host(ip: IpAddr) -> bool {
    match UdpSocket::bind(SocketAddr::new(ip, 0)) {
        Err(error) => error.kind() != ErrorKind::AddrNotAvailable,
        Ok(_) => true,
    }
}

/// `10.0.0.2:7001, 10.0.0.3:7001`.
fn shown(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}
