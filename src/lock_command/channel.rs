//! The channel between the client and its supervisor: a pair of sockets, one byte a
//! message.
//!
//! The supervisor has its end as standard input. The first byte comes with the
//! descriptors for the command: the real standard input, and the record of the entry.
//! The client then sends signals to pass on, and possibly the order to end the command.
//! When the channel closes, because the client closes it or dies, the supervisor kills
//! all processes of the command. The supervisor sends one byte at the end: the exit code.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

const BEGIN: u8 = 0xff;
const TERMINATE: u8 = 0;
const FROM_TERMINAL: u8 = 0x80;

/// A message of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// Pass this signal on to the command.
    Signal {
        number: i32,
        /// The terminal has sent it to the whole process group.
        is_from_terminal: bool,
    },
    /// Send SIGTERM to all processes of the command.
    Terminate,
}

impl Control {
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Control::Terminate => TERMINATE,
            Control::Signal {
                number,
                is_from_terminal,
            } => {
                let number = u8::try_from(number).unwrap_or(TERMINATE) & !FROM_TERMINAL;
                number | if is_from_terminal { FROM_TERMINAL } else { 0 }
            }
        }
    }

    pub(super) fn from_byte(byte: u8) -> Self {
        match byte {
            TERMINATE => Control::Terminate,
            byte => Control::Signal {
                number: i32::from(byte & !FROM_TERMINAL),
                is_from_terminal: byte & FROM_TERMINAL != 0,
            },
        }
    }
}

/// The descriptors for the command.
pub(super) struct CommandFds {
    pub(super) input: OwnedFd,
    pub(super) record: OwnedFd,
}

/// Sends the supervisor the descriptors for the command.
pub(super) fn send_fds(
    channel: &UnixStream,
    input: BorrowedFd<'_>,
    record: BorrowedFd<'_>,
) -> io::Result<()> {
    let fds = [input, record];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    let begin = [IoSlice::new(&[BEGIN])];
    sendmsg(channel, &begin, &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// Returns the supervisor's end of the channel, and the descriptors for the command.
///
/// # Errors
/// The system's; or standard input is not such a channel.
pub(super) fn open() -> io::Result<(UnixStream, CommandFds)> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    let mut byte = [0];
    let mut begin = [IoSliceMut::new(&mut byte)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    recvmsg(&channel, &mut begin, &mut ancillary, flags)?;
    let mut fds = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
        _ => Vec::new(),
    });
    match (fds.next(), fds.next()) {
        (Some(input), Some(record)) => Ok((channel.into(), CommandFds { input, record })),
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_message_is_one_byte() {
        let terminate = Control::Terminate;
        assert_eq!(Control::from_byte(terminate.to_byte()), terminate);
        for number in 1..=64 {
            for is_from_terminal in [false, true] {
                let control = Control::Signal {
                    number,
                    is_from_terminal,
                };
                assert_eq!(Control::from_byte(control.to_byte()), control);
            }
        }
    }
}
