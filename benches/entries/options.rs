//! The options of the bench.

use clap::{Parser, Subcommand};

/// Measures entering and leaving a lock, beside the bare network, flock(2), and running
/// lock servers.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --")]
pub struct Options {
    /// A measured process.
    #[command(subcommand)]
    pub serve: Option<Serve>,
    /// How often everything is measured, in turns, so that other load on the machine
    /// affects all figures alike.
    #[arg(long, default_value_t = 11)]
    pub rounds: u32,
    /// How many first entries a round has; it has a hundred times as many repeated ones.
    #[arg(long, default_value_t = 400)]
    pub entries: u32,
    /// How long all processes enter at once, in each round.
    #[arg(long, default_value_t = 250, value_name = "MILLISECONDS")]
    pub contended_ms: u64,
    /// The sizes of the groups.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 5, 9])]
    pub nodes: Vec<u16>,
    /// Only with all processes bound to one processor.
    #[arg(long, conflicts_with = "unpinned")]
    pub pinned: bool,
    /// Only with the processes on the processors that the system chooses.
    #[arg(long)]
    pub unpinned: bool,
    /// The processor that they are bound to.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub processor: usize,
    /// Measure a Redis server too.
    #[arg(long, value_name = "HOST:PORT")]
    pub redis: Option<String>,
    /// Measure a PostgreSQL server too, which trusts its user `turno`.
    #[arg(long, value_name = "SOCKET")]
    pub postgres: Option<String>,
    /// Measure an etcd server too.
    #[arg(long, value_name = "HOST:PORT")]
    pub etcd: Option<String>,
    /// Added by cargo.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// The role of a measured process.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub enum Serve {
    /// A member of a group.
    Member {
        /// Its id, counted from 1.
        id: u16,
        /// The ports of all processes.
        ports: Vec<u16>,
    },
    /// A member that drives its node itself (`LocalNode`).
    Driver {
        /// Its id, counted from 1.
        id: u16,
        /// The ports of all processes.
        ports: Vec<u16>,
    },
    /// A process of a bare exchange.
    Exchange {
        /// Its id, counted from 1.
        id: u16,
        /// The ports of all processes.
        ports: Vec<u16>,
    },
    /// Answers the others of a bare exchange.
    Echo {
        /// Its port.
        port: u16,
    },
    /// Locks a file.
    Flock,
    /// A client of Redis.
    Redis {
        /// `HOST:PORT`.
        address: String,
    },
    /// A client of PostgreSQL.
    Postgres {
        /// The path of its socket.
        socket: String,
    },
    /// A client of etcd.
    Etcd {
        /// `HOST:PORT`.
        address: String,
    },
}
