//! The Unix socket of an agent: for its owner, or for a group too.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use mio::net::UnixListener;
use rustix::fs::{FlockOperation, Mode, fchmod};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use thiserror::Error;

use super::socket_path::{self, PathTooLong};
use crate::system::file::with_suffix;

/// How many connections wait to be accepted.
const BACKLOG: i32 = 128;

/// The listening socket, removed when it is dropped, and the lock that keeps
/// other agents away from its path.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    _lock: File,
}

/// Why there is no socket. The message says what to do.
#[derive(Debug, Error)]
pub(crate) enum SocketError {
    /// Another agent listens there.
    #[error("an agent listens at {} already; --socket names another path", .0.display())]
    InUse(PathBuf),
    /// No socket can be there.
    #[error(transparent)]
    Path(#[from] PathTooLong),
    /// Something else is there.
    #[error("{} is there and is no socket: --socket names another path", .0.display())]
    NoSocket(PathBuf),
    /// There is no such group.
    #[error("there is no group \"{0}\"")]
    NoGroup(String),
    /// The system does not let us.
    #[error("cannot listen at {}: {error}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

impl Socket {
    /// Listens there. Only the owner may connect, and this group.
    pub(super) fn bind(path: &Path, gid: Option<u32>) -> Result<Self, SocketError> {
        let failed = |error| SocketError::Io {
            path: path.to_owned(),
            error,
        };
        // Before anything is made that would be left there.
        socket_path::check(path)?;
        // Whoever has mixed up his paths keeps his files.
        let found = fs::symlink_metadata(path);
        if found.is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(SocketError::NoSocket(path.to_owned()));
        }
        if let Some(folder) = path.parent() {
            let mut builder = DirBuilder::new();
            let made = builder.recursive(true).mode(0o755).create(folder);
            made.map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(with_suffix(path, ".lock")).map_err(failed)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(SocketError::InUse(path.to_owned()));
            }
            locked => locked.map_err(|error| failed(error.into()))?,
        }
        // Of an agent that was killed.
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let socket = Socket {
            listener: listen_for_owner(path).map_err(failed)?,
            path: path.to_owned(),
            _lock: lock,
        };
        if gid.is_some() {
            chown(path, None, gid).map_err(failed)?;
            fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
        }
        Ok(socket)
    }
}

/// Only the owner may connect, from the first moment on: the mode is set before the
/// path exists (unix(7), "Pathname socket ownership and permissions").
fn listen_for_owner(path: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::from_raw_mode(0o600))?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from_std(socket.into()))
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever finds it there finds that nobody listens.
        let _ = fs::remove_file(&self.path);
    }
}

/// The number of a group that is given by name or number.
pub(super) fn group_number(group: &str) -> Result<u32, SocketError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let number_of = |line: &str| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(group);
        is_it.then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    let found = groups.lines().find_map(number_of);
    found.ok_or_else(|| SocketError::NoGroup(group.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_its_owners_alone_and_one_agents_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/turno.sock");
        let socket = Socket::bind(&path, None).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = Socket::bind(&path, None).unwrap_err();
        assert!(matches!(error, SocketError::InUse(_)), "{error}");
        drop(socket);
        assert!(!path.exists());
        // One that was killed leaves its socket there.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Socket::bind(&path, None).unwrap());
    }

    #[test]
    fn what_is_no_socket_is_left_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turno.key");
        fs::write(&path, "secret").unwrap();
        let error = Socket::bind(&path, None).unwrap_err();
        assert!(matches!(error, SocketError::NoSocket(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
    }

    #[test]
    fn of_a_path_that_is_too_long_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |length: usize| {
            let name = length - folder.path().as_os_str().len() - 1;
            folder.path().join("s".repeat(name))
        };
        let error = Socket::bind(&bytes(108), None).unwrap_err().to_string();
        assert!(error.contains("108 bytes are too many"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        drop(Socket::bind(&bytes(107), None).unwrap());
    }

    #[test]
    fn a_group_is_given_by_name_or_number() {
        assert_eq!(group_number("root").unwrap(), 0);
        assert_eq!(group_number("12").unwrap(), 12);
        let error = group_number("nobody has such a name").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no group \"nobody has such a name\""
        );
    }
}
