//! The language of the bank's messages.
//!
//! The original began in Portuguese, and its document still is; its present edition answers
//! some requests in Spanish. A message that is marked as the original's is spelled as there,
//! mistakes included; the others are ours.

use clap::ValueEnum;

/// The language of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Portuguese, as in the document of the original
    Pt,
    /// Spanish, as the present edition of the original begins to
    Es,
}

impl Language {
    pub fn texts(self) -> &'static Texts {
        match self {
            Language::Pt => &PORTUGUESE,
            Language::Es => &SPANISH,
        }
    }
}

/// All messages in one language.
#[derive(Debug)]
pub struct Texts {
    // The answers of the server.
    pub login_done: &'static str,
    pub withdrawal_done: &'static str,
    pub deposit_done: &'static str,
    pub transfer_done: &'static str,
    pub not_understood: &'static str,
    pub too_little: &'static str,
    pub too_much: &'static str,
    pub no_client: &'static str,
    pub no_origin: &'static str,
    pub no_destination: &'static str,
    pub same_account: &'static str,
    /// Before an error of the server. Nothing has changed.
    pub server_error: &'static str,
    /// Before the reason why nothing was done. The same again may succeed.
    pub not_done: &'static str,
    /// After that reason.
    pub try_again: &'static str,
    /// Before the reason of a doubt whether the operation was done.
    pub unknown: &'static str,
    /// After that reason.
    pub check_first: &'static str,
    /// Before the servers for which this one waits.
    pub waits_for: &'static str,
    /// The store does not answer.
    pub slow_store: &'static str,

    // What the server prints.
    pub started: &'static str,
    pub listening: &'static str,
    pub connected: &'static str,
    pub disconnected: &'static str,

    // What both print.
    pub clock: &'static str,

    // What the client prints.
    pub is_connected: &'static str,
    pub cannot_connect: &'static str,
    pub ask_rg: &'static str,
    pub ask_command: &'static str,
    pub ask_withdrawal: &'static str,
    pub ask_deposit: &'static str,
    pub ask_destination: &'static str,
    pub ask_transfer: &'static str,
    pub unknown_command: &'static str,
    pub menu: &'static str,
}

/// All but those of a failure are the original's.
const PORTUGUESE: Texts = Texts {
    login_done: "Login realizado com sucesso",
    withdrawal_done: "Saque realizado com sucesso",
    deposit_done: "Depósito realizado com sucesso",
    transfer_done: "Transferência realizada com sucesso",
    not_understood: "Operaçao inválida",
    too_little: "Saldo insuficiente",
    too_much: "Saldo máximo excedido",
    no_client: "Cliente não encontrado",
    no_origin: "Conta de origem não encontrada",
    no_destination: "Conta de destino não encontrada",
    same_account: "Não é possível transferir para a mesma conta",
    server_error: "Erro no servidor: ",
    not_done: "Não feito: ",
    try_again: "; tente de novo",
    unknown: "Resultado desconhecido: ",
    check_first: "; consulte o saldo antes de repetir",
    waits_for: "o banco espera por ",
    slow_store: "as contas não respondem",
    started: "Servidor iniciado na porta",
    listening: "Aguardando conexão...",
    connected: "Novo cliente conectado",
    disconnected: "Cliente desconectado",
    clock: "Relógio Lógico Atualizado:",
    is_connected: "Conectado ao servidor",
    cannot_connect: "Erro ao conectar ao servidor",
    ask_rg: "Digite o RG associado a conta: ",
    ask_command: "Digite o comando: ",
    ask_withdrawal: "Digite o valor do saque: ",
    ask_deposit: "Digite o valor do deposito: ",
    ask_destination: "Digite o RG do destinatário: ",
    ask_transfer: "Digite o valor da transferência: ",
    unknown_command: "Comando inválido!",
    menu: "
1 - SALDO
2 - SAQUE
3 - DEPOSITO
4 - TRANSFERENCIA
0 - SAIR
",
};

/// `login_done` and `no_client` are the original's.
const SPANISH: Texts = Texts {
    login_done: "Login realizado con exito",
    withdrawal_done: "Retiro realizado con exito",
    deposit_done: "Deposito realizado con exito",
    transfer_done: "Transferencia realizada con exito",
    not_understood: "Operacion invalida",
    too_little: "Saldo insuficiente",
    too_much: "Saldo maximo excedido",
    no_client: "Cliente no encontrado",
    no_origin: "Cuenta de origen no encontrada",
    no_destination: "Cuenta de destino no encontrada",
    same_account: "No es posible transferir a la misma cuenta",
    server_error: "Error en el servidor: ",
    not_done: "No realizado: ",
    try_again: "; intente de nuevo",
    unknown: "Resultado desconocido: ",
    check_first: "; consulte el saldo antes de repetir",
    waits_for: "el banco espera a ",
    slow_store: "las cuentas no responden",
    started: "Servidor iniciado en el puerto",
    listening: "Esperando conexion...",
    connected: "Nuevo cliente conectado",
    disconnected: "Cliente desconectado",
    clock: "Reloj Logico Actualizado:",
    is_connected: "Conectado al servidor",
    cannot_connect: "Error al conectar al servidor",
    ask_rg: "Ingrese el RG asociado a la cuenta: ",
    ask_command: "Ingrese el comando: ",
    ask_withdrawal: "Ingrese el valor del retiro: ",
    ask_deposit: "Ingrese el valor del deposito: ",
    ask_destination: "Ingrese el RG del destinatario: ",
    ask_transfer: "Ingrese el valor de la transferencia: ",
    unknown_command: "Comando invalido!",
    menu: "
1 - SALDO
2 - RETIRO
3 - DEPOSITO
4 - TRANSFERENCIA
0 - SALIR
",
};

impl Texts {
    /// Whether an answer in any language leaves open whether its operation was done.
    pub fn is_unknown(answer: &str) -> bool {
        [&PORTUGUESE, &SPANISH]
            .iter()
            .any(|texts| answer.starts_with(texts.unknown))
    }
}
