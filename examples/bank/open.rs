//! `bank open`: creates the first accounts.

use clap::Args;

use crate::account::Account;
use crate::file_store::FileStore;
use crate::files::Files;
use crate::money::Money;
use crate::protocol::Rg;
use crate::store::Store;
use crate::{Accounts, Failure, print};

/// Open ten accounts with 10.0 each, 0000000000 to 9999999999.
///
/// Creates the directory, or the tables in the database, if they do not exist. An account
/// that exists already is not changed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    accounts: Accounts,
}

const EXAMPLES: &str = "\
Examples:
  bank open
  bank open --accounts /srv/contas
  PGPASSWORD=secret bank open --accounts postgres://bank@db.example.org/bank";

/// The owners of the accounts: 0000000000 is Ana's, and so on. The names have only letters, so
/// that the original can show them.
const OWNERS: [&str; 10] = [
    "Ana", "Antonio", "Beatriz", "Carlos", "Daniela", "Eduardo", "Fernanda", "Gabriel", "Helena",
    "Joana",
];

/// The first balance of each.
const GIFT: &str = "10.0";

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let gift = Money::amount(GIFT).expect("it is an amount");
        let account = |(digit, owner): (usize, &&str)| {
            let rg = Rg::parse(&digit.to_string().repeat(10)).expect("it has ten digits");
            Account::new(rg, owner, gift)
        };
        let accounts = OWNERS.iter().enumerate().map(account).collect();
        let (opened, place) = match self.accounts.database()? {
            Some(mut database) => (database.open(accounts)?, database.place().to_owned()),
            None => {
                let folder = self.accounts.place;
                let place = folder.display().to_string();
                (FileStore::new(Files::new(folder)).open(accounts)?, place)
            }
        };
        let kept = match OWNERS.len() - opened {
            0 => String::new(),
            kept => format!("; {kept} exist already and are unchanged"),
        };
        print(&format!(
            "{opened} accounts opened in {place}, with {GIFT} each{kept}"
        ));
        Ok(())
    }
}
