//! Where an agent listens, and where its clients look for it, unless somebody
//! says otherwise.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The environment's word for the socket; before all else.
pub(crate) const VARIABLE: &str = "TURNO_SOCKET";

/// In the folder of whoever runs the agent.
const SOCKET: &str = "turno/turno.sock";

/// The folder of the system's agent.
const OF_SYSTEM: &str = "/run";

/// The longest path of a socket, in bytes: unix(7) has room for 108, with a zero at
/// the end.
const LONGEST: usize = 107;

/// The system has no room for the path of a socket.
#[derive(Debug, Error)]
#[error(
    "{}: {} bytes are too many for the path of a socket, which has at most {LONGEST}: \
     --socket or TURNO_SOCKET names a shorter one, relative to where it is started if need be",
    .0.display(),
    .0.as_os_str().len()
)]
pub(crate) struct PathTooLong(PathBuf);

/// Whether a socket can be there.
pub(crate) fn check(path: &Path) -> Result<(), PathTooLong> {
    if path.as_os_str().len() > LONGEST {
        Err(PathTooLong(path.to_owned()))
    } else {
        Ok(())
    }
}

/// Where an agent listens that this user starts.
pub(crate) fn to_listen() -> PathBuf {
    Surroundings::look().to_listen()
}

/// Where this user's programs find an agent: their own if there is one, else the
/// system's.
pub(crate) fn to_ask() -> PathBuf {
    Surroundings::look().to_ask()
}

/// All that decides.
struct Surroundings {
    variable: Option<OsString>,
    /// The folder for what runs on behalf of this user; root has the system's.
    of_user: Option<PathBuf>,
}

impl Surroundings {
    fn look() -> Self {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let is_root = rustix::process::geteuid().is_root();
        Surroundings {
            variable: set(VARIABLE),
            of_user: set("XDG_RUNTIME_DIR")
                .filter(|_| !is_root)
                .map(PathBuf::from),
        }
    }

    fn to_listen(&self) -> PathBuf {
        match (&self.variable, &self.of_user) {
            (Some(socket), _) => socket.into(),
            (None, Some(folder)) => folder.join(SOCKET),
            (None, None) => of_system(),
        }
    }

    fn to_ask(&self) -> PathBuf {
        let socket = self.to_listen();
        if self.variable.is_some() || socket.exists() {
            socket
        } else {
            of_system()
        }
    }
}

fn of_system() -> PathBuf {
    PathBuf::from(OF_SYSTEM).join(SOCKET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_agent_is_asked_if_there_is_one_and_else_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let of_user = Some(folder.path().to_owned());
        let user = |variable: Option<&str>| Surroundings {
            variable: variable.map(OsString::from),
            of_user: of_user.clone(),
        };
        let own = folder.path().join("turno/turno.sock");
        assert_eq!(user(None).to_listen(), own);
        assert_eq!(
            user(None).to_ask(),
            PathBuf::from("/run/turno/turno.sock"),
            "nobody listens at the own one"
        );
        std::fs::create_dir(own.parent().unwrap()).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(user(None).to_ask(), own);
        let named = PathBuf::from("/named");
        assert_eq!(user(Some("/named")).to_ask(), named);
        assert_eq!(user(Some("/named")).to_listen(), named);
    }
}
