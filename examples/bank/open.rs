//! `bank open`: creates the first accounts.

use std::fs;

use clap::Args;

use crate::account::Account;
use crate::files::{FileError, Files};
use crate::money::Money;
use crate::protocol::Rg;
use crate::{Accounts, Failure, print};

/// Open ten accounts with 10.0 each, 0000000000 to 9999999999.
///
/// An account that exists already is not changed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    accounts: Accounts,
}

const EXAMPLES: &str = "\
Examples:
  bank open
  bank open --accounts /srv/contas";

/// The owners of the accounts: 0000000000 is Ana's, and so on.
const OWNERS: [&str; 10] = [
    "Ana", "Antonio", "Beatriz", "Carlos", "Daniela", "Eduardo", "Fernanda", "Gabriel", "Helena",
    "Joana",
];

/// The first balance of each.
const GIFT: &str = "10.0";

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let folder = self.accounts.folder;
        fs::create_dir_all(&folder).map_err(|error| FileError::new(&folder, error))?;
        let files = Files::new(folder);
        let gift = Money::amount(GIFT).expect("it is an amount");
        let mut texts = Vec::new();
        for (digit, owner) in OWNERS.iter().enumerate() {
            let rg = Rg::parse(&digit.to_string().repeat(10)).expect("it has ten digits");
            let name = Files::name(&rg);
            texts.push((name, Account::new(rg, owner, gift).text()));
        }
        let mut opened = 0;
        for account in files.stage(&texts)? {
            if account.publish_new()? {
                opened += 1;
            }
        }
        files.sync()?;
        let (folder, kept) = (files.folder().display(), OWNERS.len() - opened);
        let kept = match kept {
            0 => String::new(),
            kept => format!("; {kept} exist already and are unchanged"),
        };
        print(&format!(
            "{opened} accounts opened in {folder}, with {GIFT} each{kept}"
        ));
        Ok(())
    }
}
