//! What an agent must be told to start: a file in JSON, the command line, or
//! both.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::Settings;

/// What an agent must be told to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Which member of the list this is: 1 for the first.
    pub(crate) id: Option<u16>,
    /// Every member's address.
    pub(crate) members: Vec<String>,
    /// Where to listen, if not at the own address of the list.
    pub(crate) listen: Option<String>,
    /// The file with the group's key.
    pub(crate) key: Option<PathBuf>,
    /// The directory that keeps the clock.
    pub(crate) state: Option<PathBuf>,
    /// Begin with a new state.
    #[serde(skip)]
    pub(crate) new_state: bool,
    /// The directory that a trace goes to.
    pub(crate) trace: Option<PathBuf>,
    /// The Unix socket for the clients.
    pub(crate) socket: Option<PathBuf>,
    /// The group, by name or number, whose members may use the socket beside its
    /// owner.
    pub(crate) socket_group: Option<String>,
    /// How long a request waits before it is first sent again, in milliseconds.
    pub(crate) resend_ms: Option<u64>,
}

/// Why there is no configuration. The message says what to do.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It is not as it should be.
    #[error("{}: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: serde_json::Error,
    },
    /// Nobody says who belongs.
    #[error("no members: give --config FILE, or the addresses of all members")]
    NoMembers,
    /// Nobody says who we are.
    #[error("no id: give --id N, or \"id\" in the configuration")]
    NoId,
}

impl Config {
    /// Reads a file. Paths in it are relative to its directory.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let owned = || path.to_owned();
        let text = fs::read(path).map_err(|error| ConfigError::Io {
            path: owned(),
            error,
        })?;
        let mut config: Config =
            serde_json::from_slice(&text).map_err(|error| ConfigError::Json {
                path: owned(),
                error,
            })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let Config {
            key,
            state,
            trace,
            socket,
            ..
        } = &mut config;
        for path in [key, state, trace, socket].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        Ok(config)
    }

    /// What is given here, and where nothing is, what is given there.
    #[must_use]
    pub(crate) fn or(self, other: Config) -> Config {
        Config {
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
            trace: self.trace.or(other.trace),
            socket: self.socket.or(other.socket),
            socket_group: self.socket_group.or(other.socket_group),
            resend_ms: self.resend_ms.or(other.resend_ms),
        }
    }

    /// What its node must be told.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        if self.members.is_empty() {
            return Err(ConfigError::NoMembers);
        }
        let id = self.id.ok_or(ConfigError::NoId)?;
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
        if let Some(trace) = &self.trace {
            settings = settings.trace(trace);
        }
        if let Some(resend_ms) = self.resend_ms {
            settings = settings.resend(Duration::from_millis(resend_ms));
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_a_file_are_relative_to_it_and_the_command_line_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        let text = r#"{"id": 2, "members": [":1", ":2"], "key": "turno.key", "state": "/s"}"#;
        fs::write(&file, text).unwrap();
        let given = Config {
            id: Some(1),
            ..Config::default()
        };
        let config = given.or(Config::read(&file).unwrap());
        assert_eq!(config.id, Some(1));
        assert_eq!(config.members, [":1", ":2"]);
        assert_eq!(config.key, Some(folder.path().join("turno.key")));
        assert_eq!(config.state, Some("/s".into()));
        assert!(config.settings().is_ok());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turno.json");
        let error = || Config::read(&file).unwrap_err().to_string();
        assert!(error().starts_with("cannot read "));
        fs::write(&file, "{\"ids\": 2}").unwrap();
        assert!(error().contains("unknown field `ids`") && error().contains("line 1"));
    }
}
