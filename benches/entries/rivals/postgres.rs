//! PostgreSQL: an advisory lock of the session, by two simple queries.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use super::name_of;
use crate::worker::{Kind, Work};

/// A client with its own session.
pub struct Postgres {
    connection: UnixStream,
    buffer: Vec<u8>,
    names: u64,
}

impl Postgres {
    /// Connects to the socket of a server that trusts the user `turno`.
    pub fn connect(socket: &str) -> io::Result<Self> {
        let mut postgres = Postgres {
            connection: UnixStream::connect(socket)?,
            buffer: vec![0; 4096],
            names: 0,
        };
        let parameters = b"\0\x03\0\0user\0turno\0database\0postgres\0\0";
        let length = u32::try_from(parameters.len() + 4).map_err(io::Error::other)?;
        let start = [&length.to_be_bytes()[..], parameters].concat();
        postgres.connection.write_all(&start)?;
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    fn query(&mut self, text: &str) -> io::Result<()> {
        let length = u32::try_from(text.len() + 5).map_err(io::Error::other)?;
        let query = [b"Q", &length.to_be_bytes()[..], text.as_bytes(), b"\0"].concat();
        self.connection.write_all(&query)?;
        self.wait_until_ready()
    }

    /// Reads messages up to the one after which the next query may be sent.
    fn wait_until_ready(&mut self) -> io::Result<()> {
        let (mut filled, mut place) = (0, 0);
        loop {
            filled += match self.connection.read(&mut self.buffer[filled..])? {
                0 => return Err(io::Error::other("PostgreSQL has hung up, or says too much")),
                read => read,
            };
            while let Some((kind, length)) = head(&self.buffer[place..filled])
                && place + 1 + length <= filled
            {
                match kind {
                    b'E' => {
                        let text = String::from_utf8_lossy(&self.buffer[place..filled]);
                        return Err(io::Error::other(format!("PostgreSQL says {text:?}")));
                    }
                    b'Z' => return Ok(()),
                    _ => place += 1 + length,
                }
            }
        }
    }
}

/// The kind of a message, and its length without that byte.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let (kind, rest) = bytes.split_first()?;
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    Some((*kind, usize::try_from(length).ok()?))
}

impl Work for Postgres {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        let name = name_of(kind, &mut self.names);
        self.query(&format!("SELECT pg_advisory_lock({name})"))?;
        self.query(&format!("SELECT pg_advisory_unlock({name})"))
    }
}
