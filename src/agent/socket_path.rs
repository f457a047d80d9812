//! The path of an agent's socket, for the agent and its clients.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The environment variable that names the socket.
const VARIABLE: &str = "TURNO_SOCKET";

/// The socket of the system's agent.
const SYSTEM_SOCKET: &str = "/run/turno/turno.sock";

/// The socket of a user's agent, in the user's runtime directory.
const USER_SOCKET: &str = "turno/turno.sock";

/// The longest path of a socket, in bytes: unix(7) has room for 108, with a zero at the
/// end.
const MAX_LENGTH: usize = 107;

/// Checks that a socket can have this path.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    let (length, path) = (path.as_os_str().len(), path.display());
    if length <= MAX_LENGTH {
        return Ok(());
    }
    Err(format!(
        "{path}: the path of a socket has at most {MAX_LENGTH} bytes, and this one has {length}; \
         give a shorter one with --socket or TURNO_SOCKET (it may be relative)"
    ))
}

/// The path at which an agent of this user listens.
pub(crate) fn for_agent() -> PathBuf {
    Environment::read().for_agent()
}

/// The path at which a client of this user connects: the user's own agent if its socket
/// exists, else the system's.
pub(crate) fn for_client() -> PathBuf {
    Environment::read().for_client()
}

/// What decides about the path.
struct Environment {
    variable: Option<OsString>,
    /// The user's runtime directory. `None` for root, whose agent is the system's.
    user_folder: Option<PathBuf>,
}

impl Environment {
    fn read() -> Self {
        let read = |name| env::var_os(name).filter(|value| !value.is_empty());
        let is_root = rustix::process::geteuid().is_root();
        let uid = rustix::process::geteuid().as_raw();
        let usual = PathBuf::from(format!("/run/user/{uid}"));
        let user_folder = user_folder(read("XDG_RUNTIME_DIR"), usual);
        Environment {
            variable: read(VARIABLE),
            user_folder: user_folder.filter(|_| !is_root),
        }
    }

    fn for_agent(&self) -> PathBuf {
        match (&self.variable, &self.user_folder) {
            (Some(socket), _) => socket.into(),
            (None, Some(folder)) => folder.join(USER_SOCKET),
            (None, None) => SYSTEM_SOCKET.into(),
        }
    }

    fn for_client(&self) -> PathBuf {
        let socket = self.for_agent();
        if self.variable.is_some() || socket.exists() {
            socket
        } else {
            SYSTEM_SOCKET.into()
        }
    }
}

/// The user's runtime directory: that of the environment, else the usual one if it exists. A
/// session sets the variable, and cron does not.
fn user_folder(variable: Option<OsString>, usual: PathBuf) -> Option<PathBuf> {
    let usual = || Some(usual).filter(|folder| folder.is_dir());
    variable.map(PathBuf::from).or_else(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_variable_of_a_session_the_usual_runtime_directory_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let usual = folder.path().to_owned();
        assert_eq!(user_folder(None, usual.clone()), Some(usual.clone()));
        let other = Some(PathBuf::from("/other"));
        assert_eq!(user_folder(Some("/other".into()), usual.clone()), other);
        assert_eq!(user_folder(None, usual.join("missing")), None);
    }

    #[test]
    fn a_client_connects_to_the_users_agent_if_it_exists_and_else_to_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let user = |variable: Option<&str>| Environment {
            variable: variable.map(OsString::from),
            user_folder: Some(folder.path().to_owned()),
        };
        let own = folder.path().join("turno/turno.sock");
        assert_eq!(user(None).for_agent(), own);
        assert_eq!(
            user(None).for_client(),
            PathBuf::from("/run/turno/turno.sock"),
            "the user has no agent"
        );
        std::fs::create_dir(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(user(None).for_client(), own);
        let named = PathBuf::from("/named");
        assert_eq!(user(Some("/named")).for_client(), named);
        assert_eq!(user(Some("/named")).for_agent(), named);
    }
}
