//! Groups of several sizes, each beside as many bare processes.

use std::io;
use std::time::Duration;

use super::figures::{Contention, Run, Spread};
use super::group::{Group, free_ports};
use super::options::Options;
use super::table::{Table, count, spread, time};

/// A group of one size, and its references.
pub struct Size {
    nodes: u16,
    members: Group,
    /// The same, except that the asking member drives its node itself.
    driven: Group,
    /// A process that sends, and those that reply.
    fan: Group,
    exchange: Group,
    pub rounds: Vec<Round>,
}

/// The measurements of one round, taken one right after the other.
pub struct Round {
    pub first: Run,
    driven: Run,
    pub fan: Run,
    again: Run,
    flock: Run,
    pub contended: Contention,
    pub exchange: Contention,
}

/// The process that locks a file.
pub fn flock() -> io::Result<Group> {
    Group::start(&[vec!["flock".into()]])
}

/// Measures, and prints the tables.
pub fn measure(options: &Options) -> io::Result<()> {
    let sizes = options.nodes.iter().map(|nodes| Size::start(*nodes));
    let mut sizes = sizes.collect::<io::Result<Vec<_>>>()?;
    let mut flock = flock()?;
    for size in &mut sizes {
        // Warms up: first allocations, hellos and welcomes do not belong to an entry.
        size.round(options, &mut flock)?;
        size.rounds.clear();
    }
    for _ in 0..options.rounds {
        for size in &mut sizes {
            size.round(options, &mut flock)?;
        }
    }
    print_first(&sizes);
    print_again(&sizes);
    print_contended(&sizes);
    Ok(())
}

impl Size {
    /// Starts all processes.
    pub fn start(nodes: u16) -> io::Result<Self> {
        let all = |first: &str, others: &str| {
            let ports = texts(&free_ports(nodes)?);
            let arguments = (1..=nodes).map(|id| {
                let role = if id == 1 { first } else { others };
                let head = [role.to_owned(), id.to_string()];
                head.into_iter().chain(ports.clone()).collect::<Vec<_>>()
            });
            Group::start(&arguments.collect::<Vec<_>>())
        };
        let ports = texts(&free_ports(nodes)?);
        let mut fan = vec![vec!["exchange".to_owned(), "1".to_owned()]];
        fan[0].extend(ports.clone());
        let echo = |port: &String| vec!["echo".to_owned(), port.clone()];
        fan.extend(ports[1..].iter().map(echo));
        Ok(Size {
            nodes,
            members: all("member", "member")?,
            driven: all("driver", "member")?,
            fan: Group::start(&fan)?,
            exchange: all("exchange", "exchange")?,
            rounds: Vec::new(),
        })
    }

    /// Measures everything once.
    pub fn round(&mut self, options: &Options, flock: &mut Group) -> io::Result<()> {
        let entries = options.entries;
        let length = Duration::from_millis(options.contended_ms);
        self.rounds.push(Round {
            fan: self.fan.first(entries)?,
            first: self.members.first(entries)?,
            driven: self.driven.first(entries)?,
            flock: flock.again(100 * entries)?,
            again: self.members.again(100 * entries)?,
            exchange: self.exchange.contend(length)?,
            contended: self.members.contend(length)?,
        });
        Ok(())
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }

    fn run(&self, run: impl Fn(&Round) -> &Run) -> Vec<String> {
        vec![
            time(self.spread(|round| run(round).median()).median),
            time(self.spread(|round| run(round).p99()).median),
            count(self.spread(|round| 1e9 / run(round).mean()).median),
            time(self.spread(|round| run(round).processor).median),
        ]
    }

    fn contention(&self, contention: impl Fn(&Round) -> &Contention) -> Vec<String> {
        let fairness = self.spread(|round| contention(round).fairness());
        let processor = |it: &Contention| it.processor / it.total();
        vec![
            time(self.spread(|round| contention(round).each()).median),
            count(self.spread(|round| 1e9 / contention(round).each()).median),
            time(self.spread(|round| processor(contention(round))).median),
            spread(&fairness),
        ]
    }
}

fn print_first(sizes: &[Size]) {
    println!("First entry: no other node wants the lock, and all are asked.\n");
    let mut table = run_table("times the bare one");
    for size in sizes {
        let bare = |run: fn(&Round) -> &Run| {
            let ratio = size.spread(|round| run(round).median() / round.fan.median());
            if size.nodes > 1 {
                spread(&ratio)
            } else {
                String::new()
            }
        };
        if size.nodes > 1 {
            let what = "bare fan-out and back";
            row(&mut table, size.nodes, what, size.run(|it| &it.fan), "");
        }
        let (first, driven) = (size.run(|it| &it.first), size.run(|it| &it.driven));
        let (of_first, of_driven) = (bare(|it| &it.first), bare(|it| &it.driven));
        row(&mut table, size.nodes, "turno", first, &of_first);
        let what = "turno, driven by the caller";
        row(&mut table, size.nodes, what, driven, &of_driven);
    }
    table.print();
}

fn print_again(sizes: &[Size]) {
    println!("Repeated entry: no other node has asked since the last one.\n");
    let mut table = run_table("times flock(2)");
    for size in sizes {
        let ratio = size.spread(|round| round.again.median() / round.flock.median());
        let (flock, again) = (size.run(|it| &it.flock), size.run(|it| &it.again));
        row(&mut table, size.nodes, "flock(2)", flock, "");
        row(&mut table, size.nodes, "turno", again, &spread(&ratio));
    }
    table.print();
}

fn print_contended(sizes: &[Size]) {
    println!("Contended: all nodes ask all the time.\n");
    let heads = [
        "N",
        "",
        "each",
        "a second",
        "processor",
        "fairness",
        "times the bare one",
    ];
    let mut table = Table::new(&heads);
    for size in sizes.iter().filter(|size| size.nodes > 1) {
        let ratio = size.spread(|round| round.contended.each() / round.exchange.each());
        let bare = size.contention(|it| &it.exchange);
        let turno = size.contention(|it| &it.contended);
        row(
            &mut table,
            size.nodes,
            "bare exchange of all with all",
            bare,
            "",
        );
        row(&mut table, size.nodes, "turno", turno, &spread(&ratio));
    }
    table.print();
}

fn run_table(ratio: &str) -> Table {
    Table::new(&["N", "", "p50", "p99", "a second", "processor", ratio])
}

fn row(table: &mut Table, nodes: u16, what: &str, figures: Vec<String>, ratio: &str) {
    let mut cells = vec![nodes.to_string(), what.to_owned()];
    cells.extend(figures);
    cells.push(ratio.to_owned());
    table.row(cells);
}

fn texts(ports: &[u16]) -> Vec<String> {
    ports.iter().map(u16::to_string).collect()
}
