//! What the client and its supervisor say to each other, on a pair of sockets,
//! a byte each.
//!
//! The supervisor has its end as standard input. The first byte brings what it
//! needs for the command: the real standard input, and the record of the entry.
//! Then come signals to pass on, and perhaps word to end the command. When the
//! channel ends, because the client wants it or is no more, all of the command
//! is killed. The supervisor says one byte when all is over: the exit code.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

const BEGIN: u8 = 0xff;
const END: u8 = 0;
const IS_OF_TERMINAL: u8 = 0x80;

/// What the client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// This signal is for the command.
    Signal {
        /// Its number.
        number: i32,
        /// The terminal has sent it to the whole process group.
        is_of_terminal: bool,
    },
    /// The command has to end, in order.
    End,
}

impl Control {
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Control::End => END,
            Control::Signal {
                number,
                is_of_terminal,
            } => {
                let number = u8::try_from(number).unwrap_or(END) & !IS_OF_TERMINAL;
                number | if is_of_terminal { IS_OF_TERMINAL } else { 0 }
            }
        }
    }

    pub(super) fn from_byte(byte: u8) -> Self {
        match byte {
            END => Control::End,
            byte => Control::Signal {
                number: i32::from(byte & !IS_OF_TERMINAL),
                is_of_terminal: byte & IS_OF_TERMINAL != 0,
            },
        }
    }
}

/// What the supervisor is given.
pub(super) struct CommandFds {
    pub(super) input: OwnedFd,
    pub(super) record: OwnedFd,
}

/// Gives the supervisor what it needs.
pub(super) fn give(
    channel: &UnixStream,
    input: BorrowedFd<'_>,
    record: BorrowedFd<'_>,
) -> io::Result<()> {
    let given = [input, record];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&given));
    sendmsg(
        channel,
        &[IoSlice::new(&[BEGIN])],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(())
}

/// The supervisor's end of the channel, and what it is given.
///
/// # Errors
/// The system's; or standard input is no such channel.
pub(super) fn take() -> io::Result<(UnixStream, CommandFds)> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(
        &channel,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut given = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(given) => given.collect(),
        _ => Vec::new(),
    });
    match (given.next(), given.next()) {
        (Some(input), Some(record)) => Ok((channel.into(), CommandFds { input, record })),
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_byte() {
        assert_eq!(Control::from_byte(Control::End.to_byte()), Control::End);
        for number in 1..=64 {
            for is_of_terminal in [false, true] {
                let word = Control::Signal {
                    number,
                    is_of_terminal,
                };
                assert_eq!(Control::from_byte(word.to_byte()), word);
            }
        }
    }
}
