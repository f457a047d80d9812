//! Redis: a client sets the key if it is not set, and deletes the key that it has set.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process;

use super::{connect, name_of};
use crate::worker::{Kind, Work};

const RELEASE: &str =
    "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0";

/// A client with its own connection.
pub struct Redis {
    connection: BufReader<TcpStream>,
    /// The value by which it recognises its key.
    own: String,
    release: String,
    names: u64,
}

impl Redis {
    pub fn connect(address: &str) -> io::Result<Self> {
        let mut redis = Redis {
            connection: connect(address)?,
            own: process::id().to_string(),
            release: String::new(),
            names: 0,
        };
        redis.ask(&["SCRIPT", "LOAD", RELEASE])?;
        // The script's digest follows its length.
        redis.release = redis.read()?;
        Ok(redis)
    }

    fn ask(&mut self, words: &[&str]) -> io::Result<String> {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.connection.get_mut().write_all(text.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.connection.read_line(&mut line)?;
        if line.is_empty() || line.starts_with('-') {
            return Err(io::Error::other(format!("Redis says {line:?}")));
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Work for Redis {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        let name = name_of(kind, &mut self.names);
        let own = self.own.clone();
        // Redis has no queue: a client that does not get the lock tries again.
        while self.ask(&["SET", &name, &own, "NX", "PX", "30000"])? != "+OK" {}
        let release = self.release.clone();
        match self.ask(&["EVALSHA", &release, "1", &name, &own])?.as_str() {
            ":1" => Ok(()),
            other => Err(io::Error::other(format!("Redis says {other:?}"))),
        }
    }
}
