//! The configuration of an agent: a JSON file, the command line, or both.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::group::{Listed, OwnId, own_id};
use crate::{Settings, StartError};

/// The configuration of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AgentConfig {
    /// Which member this is. `None`: the one whose address is this machine's own.
    #[serde(deserialize_with = "own")]
    pub(crate) id: Option<OwnId>,
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

/// An id as a number, or as the name of a member.
fn own<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OwnId>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "an id is a number from 1, or the name of a member"
    )]
    enum Text {
        Number(u16),
        Name(String),
    }
    Ok(Some(match Text::deserialize(from)? {
        Text::Number(number) => OwnId::Number(number),
        Text::Name(name) => OwnId::Name(name),
    }))
}

/// The text without its comments: lines that begin with `//`. What is left has the same line
/// numbers.
fn without_comments(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|&byte| byte == b'\n');
    // No text in JSON goes over the end of a line.
    let kept = lines.map(|line| match line.trim_ascii_start().starts_with(b"//") {
        true => &[][..],
        false => line,
    });
    kept.collect::<Vec<_>>().join(&b'\n')
}

impl AgentConfig {
    /// Reads a file. Paths in it are relative to its directory.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let mut config: AgentConfig = serde_json::from_slice(&without_comments(&text))
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

    /// The id of this member.
    ///
    /// # Errors
    /// A sentence that says what to give. A list that is wrong is an error of another check.
    pub(super) fn own_id(&self) -> Result<u16, String> {
        if let Some(OwnId::Number(id)) = self.id {
            return Ok(id);
        }
        let list: Result<Vec<Listed>, _> = self.members.iter().map(|it| it.parse()).collect();
        match list {
            Ok(list) => own_id(self.id.as_ref(), &list).map_err(|error| error.to_string()),
            // The node says which address is wrong.
            Err(_) => Ok(1),
        }
    }

    /// The settings of the node.
    ///
    /// # Errors
    /// [`StartError::Config`] if there are no members, or it is not known which this is.
    pub(super) fn settings(&self) -> Result<Settings, StartError> {
        let missing = |what: &str| StartError::Config(what.to_owned());
        if self.members.is_empty() {
            let what = "no members: give --config FILE, or the addresses of all members";
            return Err(missing(what));
        }
        let id = self.own_id().map_err(StartError::Config)?;
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
            id: Some(OwnId::Number(1)),
            ..AgentConfig::default()
        };
        let config = given.or(AgentConfig::read(&file).unwrap());
        assert_eq!(config.own_id(), Ok(1));
        assert_eq!(config.members, [":1", ":2"]);
        assert_eq!(config.key, Some(folder.path().join("turno.key")));
        assert_eq!(config.state, Some("/s".into()));
        assert!(config.settings().is_ok());
    }

    #[test]
    fn an_id_in_a_file_is_a_number_a_name_or_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        let own_id = |field: &str| {
            let members = r#""members": ["a=192.0.2.1:1", "b=127.0.0.1:1", "c=192.0.2.3:1"]"#;
            fs::write(&file, format!("{{{field}{members}}}")).unwrap();
            AgentConfig::read(&file).map(|config| config.own_id())
        };
        assert_eq!(own_id(r#""id": 3, "#), Ok(Ok(3)));
        assert_eq!(own_id(r#""id": "c", "#), Ok(Ok(3)));
        assert_eq!(own_id(""), Ok(Ok(2)));
        let error = own_id(r#""id": -1, "#).unwrap_err();
        assert!(
            error.contains("a number from 1, or the name of a member"),
            "{error}"
        );
    }

    #[test]
    fn a_line_of_a_file_may_be_a_comment_and_errors_still_name_their_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        let text = "// {\n{\n  // \"id\": 7,\n  \"listen\": \"//x\",\n  \"id\": 2\n}";
        fs::write(&file, text).unwrap();
        let config = AgentConfig::read(&file).unwrap();
        assert_eq!(
            (config.own_id(), config.listen.as_deref()),
            (Ok(2), Some("//x"))
        );
        fs::write(&file, "// {\n{\n  \"ids\": 2\n}").unwrap();
        let error = AgentConfig::read(&file).unwrap_err();
        assert!(error.contains("line 3"), "{error}");
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
