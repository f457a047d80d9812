//! The Unix socket of an agent, for its owner, or for a group too.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::mem;
use std::os::unix::fs::{
    DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown,
};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mio::net::UnixListener;
use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};

use super::socket_path;
use crate::system::file::with_suffix;

/// How many connections can wait to be accepted.
const BACKLOG: i32 = 128;

/// The listening socket. Dropping it removes its file.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    gid: Option<u32>,
    /// The identity of its file.
    file: Option<FileId>,
    /// It was reported that another file is in its place.
    is_reported: bool,
    /// Locked against other agents with the same path.
    _lock: File,
}

impl Socket {
    /// Listens at this path. Only the owner and this group may connect.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub(super) fn bind(path: &Path, gid: Option<u32>) -> Result<Self, String> {
        let shown = path.display();
        let failed = |error: io::Error| {
            format!(
                "cannot listen at {shown}: {error}; the agent must be able to write into that \
                 directory, or give another path with --socket"
            )
        };
        // First of all, so that nothing is created that would remain.
        socket_path::check(path)?;
        // A file that is here by a mistake in the path must not be lost.
        let found = fs::symlink_metadata(path);
        if found.is_ok_and(|found| !found.file_type().is_socket()) {
            return Err(format!(
                "{shown} exists and is not a socket: give another path with --socket"
            ));
        }
        if let Some(folder) = path.parent() {
            let mut builder = DirBuilder::new();
            let created = builder.recursive(true).mode(0o755).create(folder);
            created.map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(with_suffix(path, ".lock")).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(format!(
                    "another agent listens at {shown}: stop it, or give another path with --socket"
                ));
            }
            locked => locked.map_err(|error| failed(error.into()))?,
        }
        // An agent that was killed leaves its socket.
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let socket = Socket {
            listener: listen_for_owner(path).map_err(failed)?,
            path: path.to_owned(),
            gid,
            file: file_id(path),
            is_reported: false,
            _lock: lock,
        };
        socket.open_to_group().map_err(failed)?;
        Ok(socket)
    }

    /// Makes the socket's file again if it was removed, and returns its listener, which
    /// replaces [`Socket::listener`]. `None`: it is there.
    ///
    /// # Errors
    /// A sentence: it cannot be made, or another file is in its place.
    pub(super) fn restore(&mut self) -> Result<Option<UnixListener>, String> {
        let shown = self.path.display();
        match file_id(&self.path) {
            found if found.is_some() && found == self.file => {
                self.is_reported = false;
                return Ok(None);
            }
            Some(_) if mem::replace(&mut self.is_reported, true) => return Ok(None),
            Some(_) => {
                return Err(format!(
                    "another file is in the place of this agent's socket {shown}, so no client \
                     reaches it: remove that file, and the agent makes its socket again"
                ));
            }
            None => {}
        }
        let restore = || -> io::Result<UnixListener> {
            if let Some(folder) = self.path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(folder)?;
            }
            let listener = listen_for_owner(&self.path)?;
            self.open_to_group()?;
            Ok(listener)
        };
        match restore() {
            Ok(listener) => {
                log::warn!("the socket {shown} was removed: it is made again");
                (self.file, self.is_reported) = (file_id(&self.path), false);
                Ok(Some(listener))
            }
            Err(_) if mem::replace(&mut self.is_reported, true) => Ok(None),
            Err(error) => Err(format!(
                "the socket {shown} was removed, and cannot be made again: {error}; no client \
                 reaches this agent"
            )),
        }
    }

    fn open_to_group(&self) -> io::Result<()> {
        if self.gid.is_none() {
            return Ok(());
        }
        chown(&self.path, None, self.gid).map_err(|error| {
            io::Error::other(format!(
                "it cannot be given to the group of --socket-group, to which the agent's user \
                 must belong: {error}"
            ))
        })?;
        fs::set_permissions(&self.path, Permissions::from_mode(0o660))
    }
}

/// The identity of a file. Its inode may be another file's soon after it was removed: so its
/// kind counts, and when it was made, where the file system remembers that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    inode: (u64, u64),
    is_socket: bool,
    made_at: Option<SystemTime>,
}

/// The identity of the file at this path. `None`: there is none.
fn file_id(path: &Path) -> Option<FileId> {
    let file = fs::symlink_metadata(path).ok()?;
    Some(FileId {
        inode: (file.dev(), file.ino()),
        is_socket: file.file_type().is_socket(),
        made_at: file.created().ok(),
    })
}

/// Listens at this path. Only the owner may connect, at every moment: the mode is set
/// before the path exists (unix(7), "Pathname socket ownership and permissions").
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
        // A client of a socket that remains gets an error. Another's stays.
        if file_id(&self.path) == self.file {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the id of a group that is given by name or number.
pub(super) fn group_id(group: &str) -> Result<u32, String> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let found = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(group);
        is_it.then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    found.ok_or_else(|| {
        format!(
            "there is no group \"{group}\": give a name from /etc/group, or a number, with \
             --socket-group"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_owner_and_one_agent_at_a_time_use_a_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/turno.sock");
        let socket = Socket::bind(&path, None).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = Socket::bind(&path, None).unwrap_err();
        assert!(error.starts_with("another agent listens at "), "{error}");
        drop(socket);
        assert!(!path.exists());
        // An agent that was killed leaves its socket.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(Socket::bind(&path, None).unwrap());
    }

    #[test]
    fn a_file_that_is_not_a_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turno.key");
        fs::write(&path, "secret").unwrap();
        let error = Socket::bind(&path, None).unwrap_err();
        assert!(error.contains(" exists and is not a socket: "), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"secret");
    }

    #[test]
    fn a_removed_socket_is_made_again_with_its_folder_and_anothers_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/turno.sock");
        let gid = rustix::process::getgid().as_raw();
        let mut socket = Socket::bind(&path, Some(gid)).unwrap();
        assert!(socket.restore().unwrap().is_none());
        fs::remove_dir_all(folder.path().join("run")).unwrap();
        let listener = socket.restore().unwrap();
        drop(std::os::unix::net::UnixStream::connect(&path).unwrap());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        drop(listener);
        // Another file is in its place.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another").unwrap();
        let error = socket.restore().unwrap_err();
        assert!(error.contains("another file is in the place of"), "{error}");
        assert!(socket.restore().unwrap().is_none(), "it is said once");
        drop(socket);
        assert_eq!(fs::read(&path).unwrap(), b"another");
    }

    #[test]
    fn a_path_that_is_too_long_creates_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |length: usize| {
            let name = length - folder.path().as_os_str().len() - 1;
            folder.path().join("s".repeat(name))
        };
        let error = Socket::bind(&bytes(108), None).unwrap_err();
        assert!(
            error.contains("at most 107 bytes, and this one has 108"),
            "{error}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        drop(Socket::bind(&bytes(107), None).unwrap());
    }

    #[test]
    fn a_group_is_given_by_name_or_number() {
        assert_eq!(group_id("root").unwrap(), 0);
        assert_eq!(group_id("12").unwrap(), 12);
        let error = group_id("no such group").unwrap_err();
        assert!(error.starts_with("there is no group \"no such group\": "));
    }
}
