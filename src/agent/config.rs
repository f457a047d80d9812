//! The configuration of an agent: a JSON file, the command line, or both.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::{Settings, StartError};

/// The configuration of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentConfig {
    /// This member's id: its place in the list, from 1.
    pub(crate) id: Option<u16>,
    /// The addresses of all members.
    pub(crate) members: Vec<String>,
    /// The address to listen at, if not this member's in the list.
    pub(crate) listen: Option<String>,
    /// The file with the group's key.
    pub(crate) key: Option<PathBuf>,
    /// The state directory, which keeps the clock.
    pub(crate) state: Option<PathBuf>,
    /// Whether to begin with a new state.
    #[serde(skip)]
    pub(crate) new_state: bool,
    /// Whether a state of another member list is taken over.
    #[serde(skip)]
    pub(crate) adopt_list: bool,
    /// The members of the old list that are dead for good.
    #[serde(skip)]
    pub(crate) without: Vec<String>,
    /// The directory for a trace.
    pub(crate) trace: Option<PathBuf>,
    /// The Unix socket for the clients.
    pub(crate) socket: Option<PathBuf>,
    /// The group, by name or number, whose users may use the socket beside its owner.
    pub(crate) socket_group: Option<String>,
    /// When a request without an answer is first sent again, in milliseconds.
    pub(crate) resend_ms: Option<u64>,
    /// The membership lease, as a text such as `10s`.
    #[serde(deserialize_with = "duration")]
    pub(crate) failover: Option<Duration>,
    /// How often an idle member says that it is up, as a text; `"0s"`: never.
    #[serde(deserialize_with = "duration")]
    pub(crate) beat: Option<Duration>,
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let length = humantime::parse_duration(&text);
    length.map(Some).map_err(|error| {
        D::Error::custom(format!("{text:?} is not a time such as \"10s\": {error}"))
    })
}

impl AgentConfig {
    /// Reads a file. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let mut config: AgentConfig = serde_json::from_slice(&text)
            .map_err(|error| format!("the configuration {shown} is wrong: {error}"))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let (key, state) = (&mut config.key, &mut config.state);
        let paths = [key, state, &mut config.trace, &mut config.socket];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        Ok(config)
    }

    /// Returns this configuration, completed with what only `other` has.
    #[must_use]
    pub(crate) fn or(self, other: AgentConfig) -> AgentConfig {
        AgentConfig {
            id: self.id.or(other.id),
            members: if self.members.is_empty() {
                other.members
            } else {
                self.members
            },
            listen: self.listen.or(other.listen),
            key: self.key.or(other.key),
            state: self.state.or(other.state),
            new_state: self.new_state,
            adopt_list: self.adopt_list,
            without: self.without,
            trace: self.trace.or(other.trace),
            socket: self.socket.or(other.socket),
            socket_group: self.socket_group.or(other.socket_group),
            resend_ms: self.resend_ms.or(other.resend_ms),
            failover: self.failover.or(other.failover),
            beat: self.beat.or(other.beat),
        }
    }

    /// The settings of the node.
    ///
    /// # Errors
    /// [`StartError::Config`] if there are no members or no id.
    pub(super) fn settings(&self) -> Result<Settings, StartError> {
        let missing = |what: &str| StartError::Config(what.to_owned());
        if self.members.is_empty() {
            let what = "no members: give --config FILE, or the addresses of all members";
            return Err(missing(what));
        }
        let what = "no id: give --id N, or \"id\" in the configuration";
        let id = self.id.ok_or_else(|| missing(what))?;
        let mut settings = Settings::new(id, self.members.clone());
        if let Some(listen) = &self.listen {
            settings = settings.listen(listen);
        }
        if let Some(key) = &self.key {
            settings = settings.key(key);
        }
        if let Some(state) = &self.state {
            settings = settings.state(state);
        }
        if self.new_state {
            settings = settings.reset_state();
        }
        if self.adopt_list {
            if self.state.is_none() {
                let what = "--adopt-list takes over the clock in the state directory: give --state \
                            DIR. A member without one starts with the new list as it is, and hears \
                            the clocks of the others";
                return Err(missing(what));
            }
            settings = settings.adopt_list(self.without.clone());
        }
        if let Some(trace) = &self.trace {
            settings = settings.trace(trace);
        }
        if let Some(resend_ms) = self.resend_ms {
            settings = settings.resend(Duration::from_millis(resend_ms));
        }
        if let Some(beat) = self.beat {
            settings = settings.beat(beat);
        }
        if let Some(lease) = self.failover {
            if self.state.is_none() {
                let what = "failover needs a state directory, because a member must not forget \
                            what it has promised the others: give --state DIR";
                return Err(missing(what));
            }
            settings = settings.failover(lease);
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_a_file_are_relative_to_it_and_the_command_line_has_precedence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        let text = r#"{"id": 2, "members": [":1", ":2"], "key": "turno.key", "state": "/s"}"#;
        fs::write(&file, text).unwrap();
        let given = AgentConfig {
            id: Some(1),
            ..AgentConfig::default()
        };
        let config = given.or(AgentConfig::read(&file).unwrap());
        assert_eq!(config.id, Some(1));
        assert_eq!(config.members, [":1", ":2"]);
        assert_eq!(config.key, Some(folder.path().join("turno.key")));
        assert_eq!(config.state, Some("/s".into()));
        assert!(config.settings().is_ok());
    }

    #[test]
    fn an_error_in_a_file_names_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        let error = || AgentConfig::read(&file).unwrap_err();
        assert!(error().starts_with("cannot read "));
        fs::write(&file, "{\"ids\": 2}").unwrap();
        assert!(error().contains("unknown field `ids`") && error().contains("line 1"));
    }
}
