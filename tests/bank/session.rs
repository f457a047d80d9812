//! The example session of the original, to the letter: what both programs print and
//! send.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

use crate::dialogue::Dialogue;
use crate::fixture::{Bank, Server};
use crate::wire::Wire;

const COMMAND: &str = "Digite o comando: ";

/// The requests of the client and the answers, without the newlines.
const MESSAGES: [(&str, &str); 7] = [
    (
        "t:1|op:6|rg:1111111111",
        "t:3|s:0|resposta:Login realizado com sucesso",
    ),
    ("t:5|op:1|rg:1111111111", "t:7|s:0|resposta:Saldo: 10.0"),
    (
        "t:9|op:3|rg:1111111111|valor:100.0",
        "t:11|s:0|resposta:Depósito realizado com sucesso",
    ),
    ("t:13|op:1|rg:1111111111", "t:15|s:0|resposta:Saldo: 110.0"),
    (
        "t:17|op:2|rg:1111111111|valor:15.0",
        "t:19|s:0|resposta:Saque realizado com sucesso",
    ),
    (
        "t:21|op:4|rg_origem:1111111111|rg_destino:0000000000|valor:20.0",
        "t:23|s:0|resposta:Transferência realizada com sucesso",
    ),
    ("t:25|op:1|rg:1111111111", "t:27|s:0|resposta:Saldo: 75.0"),
];

/// Types the example session.
fn type_example(client: &mut Dialogue) {
    client.answer("Digite o RG associado a conta: ", "1111111111");
    client.answer(COMMAND, "1");
    client.answer(COMMAND, "3");
    client.answer("Digite o valor do deposito: ", "100");
    client.answer(COMMAND, "1");
    client.answer(COMMAND, "2");
    client.answer("Digite o valor do saque: ", "15");
    client.answer(COMMAND, "4");
    client.answer("Digite o RG do destinatário: ", "0000000000");
    client.answer("Digite o valor da transferência: ", "20");
    client.answer(COMMAND, "1");
    client.answer(COMMAND, "0");
}

#[test]
fn both_programs_print_and_send_what_those_of_the_original_do() {
    let bank = Bank::open();
    let server = bank.server();
    let wire = Wire::to(server.port);
    let mut client = Dialogue::begin(wire.port, &[]);
    type_example(&mut client);
    let (code, shown) = client.end();
    assert_eq!(shown, include_str!("session/client.txt"));
    assert_eq!(code, Some(0));

    server.program.wait_for("Cliente desconectado");
    let mut lines = server.program.lines();
    let port = lines[0].rsplit_once(' ').unwrap().1;
    assert_eq!(port, server.port.to_string());
    lines[0] = lines[0].replace(port, "5000");
    let client_port = lines[2].strip_prefix("Novo cliente conectado ('127.0.0.1', ");
    let client_port = client_port
        .and_then(|client_port| client_port.strip_suffix(')'))
        .unwrap();
    assert!(client_port.parse::<u16>().is_ok());
    lines[2] = lines[2].replace(client_port, "59329");
    assert_eq!(lines.join("\n") + "\n", include_str!("session/server.txt"));

    let lines = |one: fn(&(&str, &str)) -> String| MESSAGES.iter().map(one).collect();
    let requests: String = lines(|(request, _)| format!("{request}\n"));
    let answers: String = lines(|(_, answer)| format!("{answer}\n"));
    assert_eq!(wire.messages(), (requests, answers));
    let (accounts, total) = bank.audit();
    assert_eq!(
        accounts[..2],
        [("0000000000".into(), 3000), ("1111111111".into(), 7500)]
    );
    assert_eq!(total, 18_500);
}

/// What is known of the original's present edition: two of its answers.
#[test]
fn server_and_client_speak_spanish() {
    let bank = Bank::open();
    let server = Server::start(bank.server_command().args(["--language", "es"]));
    let mut client = Dialogue::begin(server.port, &["--language", "es", "1111111111"]);
    client.answer("Ingrese el comando: ", "1");
    client.answer("Ingrese el comando: ", "0");
    let (code, shown) = client.end();
    assert_eq!(code, Some(0));
    let expected = "Conectado al servidor
Reloj Logico Actualizado: 1
Reloj Logico Actualizado: 4
Login realizado con exito

1 - SALDO
2 - RETIRO
3 - DEPOSITO
4 - TRANSFERENCIA
0 - SALIR

Ingrese el comando: 1
Reloj Logico Actualizado: 5
Reloj Logico Actualizado: 8
Saldo: 10.0
";
    assert!(shown.starts_with(expected), "{shown}");
    let mut stranger = server.client();
    stranger.expect("op:6|rg:123", "s:1", "Cliente no encontrado");
    let lines = server.program.lines();
    assert!(
        lines[0].starts_with("Servidor iniciado en el puerto "),
        "{lines:?}"
    );
}

#[test]
fn an_audit_compares_the_accounts_with_what_clients_were_answered() {
    let bank = Bank::open();
    let (_, printed) = bank.run("audit");
    let (before, record) = (bank.beside("before"), bank.beside("record"));
    fs::write(&before, printed).unwrap();
    let server = bank.server();
    let record_option = ["--record", record.to_str().unwrap(), "1111111111"];
    let mut client = Dialogue::begin(server.port, &record_option);
    client.answer(COMMAND, "3");
    client.answer("Digite o valor do deposito: ", "100");
    client.answer(COMMAND, "4");
    client.answer("Digite o RG do destinatário: ", "0000000000");
    client.answer("Digite o valor da transferência: ", "20");
    client.answer(COMMAND, "0");
    assert_eq!(client.end().0, Some(0));
    let paths = [&before, &record].map(|path| path.to_str().unwrap());
    let arguments = ["--since", paths[0], "--answers", paths[1]];
    let (is_right, printed) = bank.run_with("audit", &arguments);
    assert!(is_right, "{printed}");
    let sum = "3 operations were answered, and are there; 0 in doubt\n";
    assert!(printed.ends_with(sum), "{printed}");

    // A cent is lost.
    let account = bank.read("1111111111");
    bank.write("1111111111", &account.replace("90.0", "89.99"));
    let (is_right, printed) = bank.run_with("audit", &arguments);
    assert!(!is_right, "{printed}");
    let why = "1111111111 has 89.99; by what clients were answered it has 90.0";
    assert!(printed.contains(why), "{printed}");
}

/// The client of the original sends no newlines: one send is one message, and one
/// answer.
#[test]
fn a_client_that_sends_no_newlines_gets_none() {
    let bank = Bank::open();
    let server = bank.server();
    let mut socket = server.socket();
    for (request, answer) in MESSAGES {
        socket.write_all(request.as_bytes()).unwrap();
        let mut received = vec![0; answer.len()];
        socket.read_exact(&mut received).unwrap();
        assert_eq!(String::from_utf8(received).unwrap(), answer);
    }
    socket.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "more than was asked for: {rest:?}");
}

/// The server of the original ignores newlines and sends none.
#[test]
fn the_client_understands_a_server_that_sends_no_newlines() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let original = thread::spawn(move || {
        let mut socket = listener.accept().unwrap().0;
        for (request, answer) in MESSAGES {
            let mut received = [0; 1024];
            let length = socket.read(&mut received).unwrap();
            assert_eq!(
                str::from_utf8(&received[..length]),
                Ok(&*format!("{request}\n"))
            );
            socket.write_all(answer.as_bytes()).unwrap();
        }
    });
    let mut client = Dialogue::begin(port, &[]);
    type_example(&mut client);
    assert_eq!(
        client.end(),
        (Some(0), include_str!("session/client.txt").to_owned())
    );
    original.join().unwrap();
}

#[test]
fn a_message_in_two_pieces_and_two_messages_in_one_piece_are_understood() {
    let bank = Bank::open();
    let server = bank.server();
    let mut socket = server.socket();
    // Cut at each position: most first halves are no whole request, but some are a
    // whole request of another account.
    let request = "t:1|op:1|rg:1111111111\n";
    let mut clock = 0;
    for cut in 1..request.len() {
        socket.write_all(&request.as_bytes()[..cut]).unwrap();
        // The other half does not wait for an answer to the first, which gets none.
        thread::yield_now();
        socket.write_all(&request.as_bytes()[cut..]).unwrap();
        clock += 2;
        assert_eq!(
            line(&mut socket),
            format!("t:{}|s:0|resposta:Saldo: 10.0", clock + 1)
        );
    }
    let two = "t:1|op:3|rg:1111111111|valor:1\nt:1|op:1|rg:1111111111\n";
    socket.write_all(two.as_bytes()).unwrap();
    assert!(line(&mut socket).ends_with("Depósito realizado com sucesso"));
    assert!(line(&mut socket).ends_with("Saldo: 11.0"));
}

fn line(socket: &mut impl Read) -> String {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        if byte == *b"\n" {
            return String::from_utf8(line).unwrap();
        }
        line.extend(byte);
    }
}

#[test]
fn the_rg_may_be_an_argument_and_unknown_commands_and_clients_are_reported() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = Dialogue::begin(server.port, &["1111111111"]);
    client.answer(COMMAND, "5");
    client.answer(COMMAND, "2");
    client.answer("Digite o valor do saque: ", "nan");
    client.answer(COMMAND, "0");
    let (code, shown) = client.end();
    assert!(
        shown.starts_with("Conectado ao servidor\nRelógio"),
        "{shown}"
    );
    assert!(
        shown.contains("Digite o comando: 5\nComando inválido!\n\n1 - SALDO"),
        "{shown}"
    );
    assert!(
        shown.contains("Relógio Lógico Atualizado: 8\nOperaçao inválida\n"),
        "{shown}"
    );
    assert_eq!(code, Some(0));

    let stranger = Dialogue::begin(server.port, &["12345"]).end();
    let expected = "Conectado ao servidor\nRelógio Lógico Atualizado: 1\n";
    assert!(stranger.1.starts_with(expected), "{}", stranger.1);
    assert!(
        stranger.1.ends_with("\nCliente não encontrado\n"),
        "{}",
        stranger.1
    );
    assert_eq!(stranger.0, Some(1));
}

#[test]
fn without_a_server_the_client_reports_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let expected = "Erro ao conectar ao servidor\n".to_owned();
    assert_eq!(Dialogue::begin(port, &["1"]).end(), (Some(1), expected));
}
