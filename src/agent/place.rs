//! Where agents listen unless somebody says otherwise.

use std::env;
use std::path::{Path, PathBuf};

/// That of the whole machine.
const OF_MACHINE: &str = "/run/turno/turno.sock";

/// Where an agent listens: `$TURNO_SOCKET`, or for all of the machine if it is
/// root's, else for its user.
pub(crate) fn of_agent() -> PathBuf {
    if let Some(socket) = env::var_os("TURNO_SOCKET") {
        return socket.into();
    }
    match of_user() {
        Some(of_user) if !rustix::process::geteuid().is_root() => of_user,
        _ => OF_MACHINE.into(),
    }
}

/// Where a client looks for one: `$TURNO_SOCKET`, or its user's if there is one,
/// else the machine's.
pub(crate) fn of_client() -> PathBuf {
    if let Some(socket) = env::var_os("TURNO_SOCKET") {
        return socket.into();
    }
    of_user()
        .filter(|socket| socket.exists())
        .unwrap_or_else(|| OF_MACHINE.into())
}

fn of_user() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR")?;
    Some(Path::new(&runtime).join("turno/turno.sock"))
}
