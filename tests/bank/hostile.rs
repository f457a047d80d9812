//! Misbehaving clients, and others that must not notice them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::example::program_path;
use crate::fixture::{Bank, Server};
use crate::fixtures::random::Random;

const NOT_UNDERSTOOD: &str = "Operaçao inválida";
const CONNECTIONS: usize = 1000;

fn everything_works(server: &Server) {
    let mut client = server.logged_in("1111111111");
    client.expect(
        "op:3|rg:1111111111|valor:1",
        "s:0",
        "Depósito realizado com sucesso",
    );
    client.expect(
        "op:2|rg:1111111111|valor:1",
        "s:0",
        "Saque realizado com sucesso",
    );
}

/// Returns all answers until the server closes the connection.
fn answers(socket: &mut TcpStream) -> String {
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    socket.read_to_string(&mut answers).unwrap();
    answers
}

#[test]
fn random_bytes_are_answered_and_disturb_no_other_client() {
    let bank = Bank::open();
    let server = bank.server();
    let mut random = Random::seeded();
    let mut calm = server.logged_in("2222222222");
    for _ in 0..50 {
        let length = random.within(1..=3000);
        let bytes: Vec<u8> = (0..length).map(|_| random.within(0..=255) as u8).collect();
        let mut socket = server.socket();
        // The server may answer before all is sent, but it reads to the end.
        socket.write_all(&bytes).unwrap();
        let answer = answers(&mut socket);
        assert!(answer.contains(NOT_UNDERSTOOD), "{answer}");
        calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
    }
}

#[test]
fn a_megabyte_without_an_end_is_one_invalid_message() {
    let bank = Bank::open();
    let server = bank.server();
    let mut calm = server.logged_in("2222222222");
    for end in ["", "\n"] {
        let mut socket = server.socket();
        for _ in 0..1024 {
            socket.write_all(&[b'9'; 1024]).unwrap();
        }
        socket.write_all(end.as_bytes()).unwrap();
        calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
        let answer = answers(&mut socket);
        assert_eq!(answer.matches(NOT_UNDERSTOOD).count(), 1, "{answer}");
    }
    everything_works(&server);
}

#[test]
fn half_a_message_blocks_no_other_client() {
    let bank = Bank::open();
    let server = bank.server();
    let mut halves: Vec<TcpStream> = (0..20).map(|_| server.socket()).collect();
    for (index, socket) in halves.iter_mut().enumerate() {
        // Some have shown that they end their messages with newlines.
        if index % 2 == 0 {
            socket.write_all(b"t:1|op:1|rg:3333333333\n").unwrap();
        }
        socket.write_all(b"t:1|op:3|rg:1111111111|val").unwrap();
    }
    everything_works(&server);
    for (index, socket) in halves.iter_mut().enumerate() {
        let answer = answers(socket);
        if index % 2 == 0 {
            assert!(answer.ends_with("|s:0|resposta:Saldo: 10.0\n"), "{answer}");
        } else {
            assert!(answer.ends_with(NOT_UNDERSTOOD), "{answer}");
        }
    }
}

#[test]
fn the_server_stops_reading_from_a_client_that_does_not_read_its_answers() {
    let bank = Bank::open();
    let server = bank.server();
    let mut socket = server.socket();
    socket.set_nonblocking(true).unwrap();
    let requests = "t:1|op:1|rg:3333333333\n".repeat(1000);
    let mut sent = 0;
    // Until the buffers of its socket are full, and then more.
    for _ in 0..20 {
        while let Ok(length) = socket.write(requests.as_bytes()) {
            sent += length;
            assert!(sent < 100 << 20, "the server keeps reading");
        }
        everything_works(&server);
    }
}

/// Raises the limit of open files of this process, for its own connections.
fn make_room_for_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn a_thousand_connections_are_served() {
    make_room_for_connections();
    let bank = Bank::open();
    let server = bank.server();
    let mut calm = server.logged_in("2222222222");
    let crowd: Vec<TcpStream> = (0..CONNECTIONS).map(|_| server.socket()).collect();
    everything_works(&server);
    calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
    assert_eq!(crowd.len(), CONNECTIONS);
}

/// Without room for a thousand the server closes only connections that have sent no
/// request.
#[test]
fn without_room_active_connections_stay_and_new_requests_are_served() {
    make_room_for_connections();
    let bank = Bank::open();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""])
        .arg(program_path());
    let server = Server::start(&mut bank.server_of(shell));
    let mut calm = server.logged_in("2222222222");
    let crowd: Vec<TcpStream> = (0..CONNECTIONS).map(|_| server.socket()).collect();
    everything_works(&server);
    calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
    drop(crowd);
    everything_works(&server);
}
