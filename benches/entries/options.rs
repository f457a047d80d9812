//! What the bench is told.

use clap::{Parser, Subcommand};

/// How long it takes to enter and to leave a lock, beside what the network takes
/// by itself, beside flock(2), and beside servers that are running.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --")]
pub struct Options {
    /// A measured process.
    #[command(subcommand)]
    pub serve: Option<Serve>,
    /// How often all is measured; in turns, so that what else the machine does
    /// falls on all alike.
    #[arg(long, default_value_t = 11)]
    pub rounds: u32,
    /// How many first entries a round has; the repeated are a hundred times as many.
    #[arg(long, default_value_t = 400)]
    pub entries: u32,
    /// How long all ask at once, in each round.
    #[arg(long, default_value_t = 250, value_name = "MILLISECONDS")]
    pub contended_ms: u64,
    /// The sizes of the groups.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 3, 5, 9])]
    pub nodes: Vec<u16>,
    /// Only with all processes bound to one processor.
    #[arg(long, conflicts_with = "unpinned")]
    pub pinned: bool,
    /// Only with the processes where the system puts them.
    #[arg(long)]
    pub unpinned: bool,
    /// Which processor they are bound to.
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
    /// What cargo adds.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// What a measured process is.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub enum Serve {
    /// A member of a group.
    Member {
        /// Its place.
        id: u16,
        /// The ports of all.
        ports: Vec<u16>,
    },
    /// A member that drives its node itself.
    Driver {
        /// Its place.
        id: u16,
        /// The ports of all.
        ports: Vec<u16>,
    },
    /// One of a bare exchange.
    Exchange {
        /// Its place.
        id: u16,
        /// The ports of all.
        ports: Vec<u16>,
    },
    /// Answers the others of a bare exchange.
    Echo {
        /// Where it listens.
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
        /// The path.
        socket: String,
    },
    /// A client of etcd.
    Etcd {
        /// `HOST:PORT`.
        address: String,
    },
}
