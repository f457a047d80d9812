//! `turno simulate`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::{Failure, closed_pipe_is_fine};
use crate::simulation::{Addresses, Failover, Plan, Recording, run_plan, run_seeds, shrink};
use crate::trace;

/// Simulate groups in which everything goes wrong, and judge what they do.
///
/// Each seed is a group of 2 to 50 nodes, some of them processes of the original
/// Go program, in virtual time. The network delays, loses, repeats and reorders
/// datagrams, and is partitioned, also one way. Nodes pause, crash in the middle of
/// a step and restart; an entry may outlive a crash, and is then resumed. While
/// these faults last, no two nodes may be in the section, and every token must be
/// larger than all before it. Then the faults end, and every node that asks must
/// enter. The nodes run the code of turno process, without its sockets.
///
/// Some groups have failover. There machines are suspended, disks are lost, each
/// clock has a rate of its own within the bound, and a command whose member is cut
/// off dies at its deadline, or as late as it may. Once the faults end, every member
/// must be back in one view and enter within four leases and five seconds. In some
/// of these groups only a holder is struck; how long the next entry takes is told in
/// leases (L).
///
/// A seed that shows a violation is printed, shrunk to the smallest plan found
/// that still shows one, and the exit code is 1.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The number of seeds
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,

    /// Which seeds have failover: always, never, or mixed: half of those that can
    #[arg(long, value_name = "WHICH", default_value = "mixed")]
    failover: Failover,

    /// Let the member list change in each of these groups, once or twice: all members stop,
    /// some machines are dead for good, and the others take their states over to a list with
    /// new ones (turno agent --adopt-list)
    #[arg(long)]
    change_list: bool,

    /// The number of threads [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Run only this seed, and print everything that happens
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "plan"])]
    seed: Option<u64>,

    /// Run only the plan in this file (as a shrunk plan is printed), and print
    /// everything that happens
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from"])]
    plan: Option<PathBuf>,

    /// Write the traces of the turno nodes into this directory, for turno trace
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno simulate --seeds 1000000
  turno simulate --seed 42 | less
  turno simulate --change-list --failover always --seeds 1000
  turno simulate --seed 42 --trace run && turno trace draw run -o run.svg
  turno simulate --plan smallest.json";

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plan = match (self.seed, &self.plan) {
            (Some(seed), _) => self.plan_of(seed),
            (None, Some(file)) => read_plan(file)?,
            (None, None) if self.trace.is_some() => {
                return Err(Failure::usage("--trace is for one --seed or --plan"));
            }
            (None, None) => return self.run_seeds(),
        };
        let mut recording = Recording::default();
        let (figures, outcome) = run_plan(&plan, &Addresses::default(), Some(&mut recording));
        if let Some(folder) = &self.trace {
            trace::write(folder, &recording.runs).map_err(|error| {
                let folder = folder.display();
                Failure::failed(format!("cannot write a trace into {folder}: {error}"))
            })?;
        }
        let written = writeln!(io::stdout(), "{plan}\n{}{figures}", recording.log);
        closed_pipe_is_fine(written)?;
        outcome.map_err(|violation| Failure::failed(violation.to_string()))
    }

    /// The plan of a seed.
    fn plan_of(&self, seed: u64) -> Plan {
        let plan = self.failover.plan(seed);
        match self.change_list {
            true => plan.with_changed_list(),
            false => plan,
        }
    }

    fn run_seeds(self) -> Result<(), Failure> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or_else(cores, usize::from);
        let began = Instant::now();
        let is_watched = io::stderr().is_terminal();
        let last_shown = Mutex::new(began);
        let (figures, failed) = run_seeds(
            |seed| self.plan_of(seed),
            self.from,
            self.seeds,
            threads,
            |finished| {
                if is_watched
                    && let Ok(mut last_shown) = last_shown.try_lock()
                    && last_shown.elapsed() >= PROGRESS_INTERVAL
                {
                    *last_shown = Instant::now();
                    let _ = write!(io::stderr(), "\r{finished} of {} seeds ", self.seeds);
                }
            },
        );
        if is_watched {
            let _ = write!(io::stderr(), "\r{:40}\r", "");
        }
        let (seeds, seconds) = (figures.plans, began.elapsed().as_secs_f64());
        let rate = seeds as f64 / seconds.max(1e-9);
        closed_pipe_is_fine(writeln!(
            io::stdout(),
            "{seeds} seeds in {seconds:.1} s, {rate:.0} seeds/s on {threads} threads\n{figures}"
        ))?;
        let Some((seed, violation)) = failed else {
            return closed_pipe_is_fine(writeln!(io::stdout(), "no violation"));
        };
        let (smallest, of_smallest) = shrink(&self.plan_of(seed), &Addresses::default());
        let of_smallest = of_smallest.as_ref().unwrap_or(&violation);
        let options = if self.change_list {
            " --change-list"
        } else {
            ""
        };
        closed_pipe_is_fine(writeln!(
            io::stdout(),
            "VIOLATION, seed {seed}: {violation}\n\
             turno simulate{options} --seed {seed} shows it; the smallest plan found that shows a violation\n\
             ({of_smallest}), for turno simulate --plan FILE:\n{smallest}"
        ))?;
        Err(Failure::failed(format!("seed {seed}: {violation}")))
    }
}

fn read_plan(file: &Path) -> Result<Plan, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot run {}: {why}", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
    let plan: Plan = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    plan.check().map_err(|why| failed(&why))?;
    Ok(plan)
}
