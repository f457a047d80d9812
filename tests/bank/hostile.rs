//! Clients that behave badly, and others who do not notice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::example::bank;
use crate::house::{House, Server};
use crate::support::random::Random;

const NOT_UNDERSTOOD: &str = "Operaçao inválida";
const CONNECTIONS: usize = 1000;

fn everything_works(server: &Server) {
    let mut caller = server.logged_in("1111111111");
    caller.expect(
        "op:3|rg:1111111111|valor:1",
        "s:0",
        "Depósito realizado com sucesso",
    );
    caller.expect(
        "op:2|rg:1111111111|valor:1",
        "s:0",
        "Saque realizado com sucesso",
    );
}

/// What is answered until the server hangs up.
fn answers(socket: &mut TcpStream) -> String {
    socket.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    socket.read_to_string(&mut answers).unwrap();
    answers
}

#[test]
fn garbage_is_answered_and_harms_nobody() {
    let house = House::open();
    let server = house.server();
    let mut random = Random::seeded();
    let mut calm = server.logged_in("2222222222");
    for _ in 0..50 {
        let length = random.within(1..=3000);
        let bytes: Vec<u8> = (0..length).map(|_| random.within(0..=255) as u8).collect();
        let mut socket = server.socket();
        // It may be answered before it has sent all, but it is heard to its end.
        socket.write_all(&bytes).unwrap();
        let said = answers(&mut socket);
        assert!(said.contains(NOT_UNDERSTOOD), "{said}");
        calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
    }
}

#[test]
fn a_megabyte_without_an_end_is_one_message_that_nobody_understands() {
    let house = House::open();
    let server = house.server();
    let mut calm = server.logged_in("2222222222");
    for end in ["", "\n"] {
        let mut socket = server.socket();
        for _ in 0..1024 {
            socket.write_all(&[b'9'; 1024]).unwrap();
        }
        socket.write_all(end.as_bytes()).unwrap();
        calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
        let said = answers(&mut socket);
        assert_eq!(said.matches(NOT_UNDERSTOOD).count(), 1, "{said}");
    }
    everything_works(&server);
}

#[test]
fn half_a_message_and_then_nothing_costs_nothing() {
    let house = House::open();
    let server = house.server();
    let mut halves: Vec<TcpStream> = (0..20).map(|_| server.socket()).collect();
    for (place, socket) in halves.iter_mut().enumerate() {
        // Some have shown that they end their messages with newlines.
        if place % 2 == 0 {
            socket.write_all(b"t:1|op:1|rg:3333333333\n").unwrap();
        }
        socket.write_all(b"t:1|op:3|rg:1111111111|val").unwrap();
    }
    everything_works(&server);
    for (place, socket) in halves.iter_mut().enumerate() {
        let said = answers(socket);
        if place % 2 == 0 {
            assert!(said.ends_with("|s:0|resposta:Saldo: 10.0\n"), "{said}");
        } else {
            assert!(said.ends_with(NOT_UNDERSTOOD), "{said}");
        }
    }
}

#[test]
fn a_client_that_does_not_read_its_answers_is_read_no_further() {
    let house = House::open();
    let server = house.server();
    let mut socket = server.socket();
    socket.set_nonblocking(true).unwrap();
    let requests = "t:1|op:1|rg:3333333333\n".repeat(1000);
    let mut sent = 0;
    // Until its own buffers are full, and then some more.
    for _ in 0..20 {
        while let Ok(length) = socket.write(requests.as_bytes()) {
            sent += length;
            assert!(sent < 100 << 20, "it is read on and on");
        }
        everything_works(&server);
    }
}

/// Raises how many files this process may have open, for its own connections.
fn make_room_for_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

#[test]
fn a_thousand_connections_are_a_thousand_clients() {
    make_room_for_connections();
    let house = House::open();
    let server = house.server();
    let mut calm = server.logged_in("2222222222");
    let crowd: Vec<TcpStream> = (0..CONNECTIONS).map(|_| server.socket()).collect();
    everything_works(&server);
    calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
    assert_eq!(crowd.len(), CONNECTIONS);
}

/// Where there is no room for a thousand those go that have never asked for
/// anything, and nobody else.
#[test]
fn where_there_is_no_room_who_has_asked_stays_and_who_asks_is_let_in() {
    make_room_for_connections();
    let house = House::open();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -n 200; exec \"$0\" \"$@\""])
        .arg(bank());
    let server = Server::start(&mut house.server_of(shell));
    let mut calm = server.logged_in("2222222222");
    let crowd: Vec<TcpStream> = (0..CONNECTIONS).map(|_| server.socket()).collect();
    everything_works(&server);
    calm.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
    drop(crowd);
    everything_works(&server);
}
