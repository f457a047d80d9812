//! A connection between a client and a server that records each byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use crate::fixture::socket;

/// A relay to a server that records what one client and the server send.
pub struct Wire {
    pub port: u16,
    both: JoinHandle<(String, String)>,
}

impl Wire {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let both = thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let server = socket(server).unwrap();
            let to_server = copy(&client, &server);
            let to_client = copy(&server, &client);
            (to_server.join().unwrap(), to_client.join().unwrap())
        });
        Wire { port, both }
    }

    /// Waits until both have closed the connection, and returns what the client and
    /// the server have sent.
    pub fn messages(self) -> (String, String) {
        self.both.join().unwrap()
    }
}

fn copy(from: &TcpStream, to: &TcpStream) -> JoinHandle<String> {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let mut all = Vec::new();
        let mut piece = [0; 1024];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            all.extend(&piece[..length]);
            to.write_all(&piece[..length]).unwrap();
        }
        // The other one may have closed first.
        let _ = to.shutdown(Shutdown::Write);
        String::from_utf8(all).unwrap()
    })
}
