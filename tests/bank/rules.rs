//! The answers of the bank, and what changes its accounts.

use std::process::Command;

use crate::fixture::Bank;
use crate::fixtures::needs::require;

const NOT_UNDERSTOOD: &str = "Operaçao inválida";

#[test]
fn each_answer_has_the_text_of_the_original() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    for (request, state, text) in [
        ("op:6|rg:1111111111", "s:0", "Login realizado com sucesso"),
        ("op:6|rg:42", "s:1", "Cliente não encontrado"),
        ("op:1|rg:1111111111", "s:0", "Saldo: 10.0"),
        ("op:1|rg:42", "s:1", "Cliente não encontrado"),
        (
            "op:2|rg:1111111111|valor:10.01",
            "s:1",
            "Saldo insuficiente",
        ),
        (
            "op:2|rg:1111111111|valor:2.5",
            "s:0",
            "Saque realizado com sucesso",
        ),
        ("op:2|rg:42|valor:2.5", "s:1", "Cliente não encontrado"),
        (
            "op:3|rg:1111111111|valor:0.25",
            "s:0",
            "Depósito realizado com sucesso",
        ),
        ("op:3|rg:42|valor:0.25", "s:1", "Cliente não encontrado"),
        (
            "op:4|rg_origem:1111111111|rg_destino:2222222222|valor:1.0",
            "s:0",
            "Transferência realizada com sucesso",
        ),
        (
            "op:4|origen_rg:1111111111|destino_rg:2222222222|valor:1.0",
            "s:0",
            "Transferência realizada com sucesso",
        ),
        (
            "op:4|rg_origem:42|rg_destino:2222222222|valor:1.0",
            "s:1",
            "Conta de origem não encontrada",
        ),
        (
            "op:4|rg_origem:1111111111|rg_destino:42|valor:1.0",
            "s:1",
            "Conta de destino não encontrada",
        ),
        (
            "op:4|rg_origem:1111111111|rg_destino:1111111111|valor:1.0",
            "s:1",
            "Não é possível transferir para a mesma conta",
        ),
        (
            "op:4|rg_origem:1111111111|rg_destino:2222222222|valor:5.76",
            "s:1",
            "Saldo insuficiente",
        ),
        ("op:5|rg:1111111111", "s:1", NOT_UNDERSTOOD),
        ("", "s:1", NOT_UNDERSTOOD),
        ("op:1|rg:1111111111", "s:0", "Saldo: 5.75"),
        ("op:1|rg:2222222222", "s:0", "Saldo: 12.0"),
    ] {
        client.expect(request, state, text);
    }
}

#[test]
fn an_invalid_amount_changes_nothing() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.logged_in("1111111111");
    let forty = "9".repeat(40);
    for amount in [
        "nan", "NaN", "inf", "-inf", "infinity", "1e400", "1e2", "-5.0", "-0.01", "0", "0.0",
        "0.001", "1.005", "", " 1", "1,5", "1_0", "0x1", "1.0.0", "٣", &forty,
    ] {
        for request in [
            format!("op:2|rg:1111111111|valor:{amount}"),
            format!("op:3|rg:1111111111|valor:{amount}"),
            format!("op:4|rg_origem:1111111111|rg_destino:2222222222|valor:{amount}"),
        ] {
            client.expect(&request, "s:1", NOT_UNDERSTOOD);
        }
    }
    let most = "op:3|rg:1111111111|valor:9999999999999.99";
    client.expect(most, "s:1", "Saldo máximo excedido");
    client.expect("op:1|rg:1111111111", "s:0", "Saldo: 10.0");
    assert!(
        !bank.accounts().join(".journal.done").exists(),
        "nothing was written"
    );
}

#[test]
fn a_tenth_ten_times_is_one() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    bank.add("7", 0);
    for _ in 0..10 {
        client.expect(
            "op:3|rg:7|valor:0.1",
            "s:0",
            "Depósito realizado com sucesso",
        );
    }
    client.expect("op:1|rg:7", "s:0", "Saldo: 1.0");
    assert!(
        bank.read("7")
            .starts_with("{\"rg\": \"7\", \"nome\": \"Zeca\", \"saldo\": 1.0}")
    );
}

#[test]
fn an_impossible_clock_is_not_believed() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    for stamp in [
        "18446744073709551615",
        "9223372036854775807",
        "99999999999999999999",
    ] {
        let request = format!("x\nt:{stamp}|op:1|rg:1111111111");
        client.expect(&request, "s:1", NOT_UNDERSTOOD);
        // This reads the answer to the second line of the request above.
        client.expect("x", "s:1", NOT_UNDERSTOOD);
    }
    server.program.wait_for("Relógio Lógico Atualizado: 1");
    let largest = server.program.lines().iter().map(String::len).max();
    assert!(largest < Some(60), "{:?}", server.program.lines());
}

/// The original reads a file with `Conta(**json.load(f))`, whose arguments are these
/// three keys and no others.
#[test]
fn python_reads_the_files_and_finds_the_three_keys() {
    const READ: &str = "
import json, sys
def conta(rg, nome, saldo): return (type(rg), type(nome), type(saldo))
for path in sys.argv[1:]:
    d = json.load(open(path))
    assert set(d) == {'rg', 'nome', 'saldo'}, d
    assert conta(**d) == (str, str, float), d
    print(d['rg'], d['saldo'])
";
    if require("python3", &["python3"]).is_none() {
        return;
    }
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    client.expect(
        "op:4|rg_origem:1111111111|rg_destino:0000000000|valor:2.55",
        "s:0",
        "Transferência realizada com sucesso",
    );
    // When the original has written the account again, it has lost its mark, and
    // nothing else.
    let rewrite = "import json,sys; p=sys.argv[1]; d=json.load(open(p)); json.dump(d,open(p,'w'))";
    let python = |script: &str, rgs: &[&str]| {
        let paths = rgs.iter().map(|rg| bank.path(rg));
        let output = Command::new("python3")
            .args(["-c", script])
            .args(paths)
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let both = ["0000000000", "1111111111"];
    assert_eq!(python(READ, &both), "0000000000 12.55\n1111111111 7.45\n");
    python(rewrite, &["1111111111"]);
    client.expect(
        "op:3|rg:1111111111|valor:0.1",
        "s:0",
        "Depósito realizado com sucesso",
    );
    assert_eq!(python(READ, &both), "0000000000 12.55\n1111111111 7.55\n");
}
