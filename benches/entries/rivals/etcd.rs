//! etcd: its lock service, through its JSON gateway.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{connect, name_of};
use crate::worker::{Kind, Work};

/// A client with its own connection and lease.
pub struct Etcd {
    connection: BufReader<TcpStream>,
    lease: Value,
    names: u64,
}

impl Etcd {
    pub fn connect(address: &str) -> io::Result<Self> {
        let mut etcd = Etcd {
            connection: connect(address)?,
            lease: Value::Null,
            names: 0,
        };
        // Longer than any run.
        etcd.lease = etcd.ask("lease/grant", &json!({ "TTL": 36_000 }))?["ID"].clone();
        Ok(etcd)
    }

    fn ask(&mut self, what: &str, body: &Value) -> io::Result<Value> {
        let body = body.to_string();
        let request = format!(
            "POST /v3/{what} HTTP/1.1\r\nHost: etcd\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.connection.get_mut().write_all(request.as_bytes())?;
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if self.connection.read_line(&mut line)? == 0 {
                return Err(io::Error::other("etcd has hung up"));
            }
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut answer = vec![0; length];
        self.connection.read_exact(&mut answer)?;
        let answer: Value = serde_json::from_slice(&answer)?;
        match answer.get("error") {
            None => Ok(answer),
            Some(error) => Err(io::Error::other(format!("etcd says {error}"))),
        }
    }
}

impl Work for Etcd {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        // The gateway takes the name as Base64; sixteen digits are valid Base64.
        let name = format!("{:0>16}", name_of(kind, &mut self.names));
        let lock = json!({ "name": name, "lease": self.lease });
        let key = self.ask("lock/lock", &lock)?["key"].clone();
        self.ask("lock/unlock", &json!({ "key": key })).map(drop)
    }
}
