//! `turno simulate`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::{Failure, closed_pipe_is_fine};
use crate::simulation::{Addresses, Figures, Plan, Recording, play, run, shrunk};
use crate::trace;

/// Play the algorithm in a world where everything goes wrong, and judge it.
///
/// Each seed is a group of 2 to 50 nodes, some of them processes of the original
/// Go program, with a network that delays, loses, repeats and reorders, one-way
/// and full partitions, crashes in the midst of what a node does, entries that
/// outlive a crash and are resumed, restarts and pauses, on virtual time. While all
/// that goes on, no two may be in the section and every token must be larger than
/// all before; then all is well again, and everybody who asks must enter. The nodes
/// run the very code of turno process, without its sockets.
///
/// A seed that shows what must not be is printed, shrunk to the smallest plan
/// that still does, and the exit code is 1.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,

    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    from: u64,

    /// Threads; as many as there are cores, if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Play this seed alone, and print all that happens
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "plan"])]
    seed: Option<u64>,

    /// Play the plan in this file alone (as a shrunk one is printed), and print
    /// all that happens
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from"])]
    plan: Option<PathBuf>,

    /// Write the traces of its turno nodes into this directory, for turno trace
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno simulate --seeds 1000000
  turno simulate --seed 42 | less
  turno simulate --seed 42 --trace run && turno trace draw run -o run.svg
  turno simulate --plan smallest.json";

/// How often progress is shown.
const OFTEN: Duration = Duration::from_millis(200);

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plan = match (self.seed, &self.plan) {
            (Some(seed), _) => Plan::of(seed),
            (None, Some(file)) => {
                let failed = |why: &dyn std::fmt::Display| {
                    Failure::usage(format!("cannot play {}: {why}", file.display()))
                };
                let text = fs::read_to_string(file).map_err(|error| failed(&error))?;
                let plan: Plan = serde_json::from_str(&text).map_err(|error| failed(&error))?;
                plan.check().map_err(|why| failed(&why))?;
                plan
            }
            (None, None) if self.trace.is_some() => {
                return Err(Failure::usage("--trace is for one --seed or --plan"));
            }
            (None, None) => return self.many(),
        };
        let mut recording = Recording::default();
        let (figures, judged) = play(&plan, &Addresses::default(), Some(&mut recording));
        if let Some(folder) = &self.trace {
            trace::write(folder, &recording.runs).map_err(|error| {
                let folder = folder.display();
                Failure::failed(format!("cannot write a trace into {folder}: {error}"))
            })?;
        }
        let told = writeln!(io::stdout(), "{plan}\n{}{figures}", recording.log);
        closed_pipe_is_fine(told)?;
        judged.map_err(|violation| Failure::failed(violation.to_string()))
    }

    fn many(self) -> Result<(), Failure> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or_else(cores, usize::from);
        let began = Instant::now();
        let is_watched = io::stderr().is_terminal();
        let shown = Mutex::new(began);
        let runs = run(self.from, self.seeds, threads, |played| {
            if is_watched
                && let Ok(mut shown) = shown.try_lock()
                && shown.elapsed() >= OFTEN
            {
                *shown = Instant::now();
                let _ = write!(io::stderr(), "\r{played} of {} seeds ", self.seeds);
            }
        });
        if is_watched {
            let _ = write!(io::stderr(), "\r{:40}\r", "");
        }
        let took = began.elapsed();
        closed_pipe_is_fine(tell(&runs.figures, took, threads))?;
        let Some((seed, violation)) = runs.failed else {
            return closed_pipe_is_fine(writeln!(io::stdout(), "no violation"));
        };
        let (smallest, of_smallest) = shrunk(&Plan::of(seed), &Addresses::default());
        let of_smallest = of_smallest.unwrap_or_else(|| violation.clone());
        let told = writeln!(
            io::stdout(),
            "VIOLATION, seed {seed}: {violation}\n\
             turno simulate --seed {seed} shows it; the smallest plan found that still goes wrong\n\
             ({of_smallest}), for turno simulate --plan FILE:\n{smallest}"
        );
        closed_pipe_is_fine(told)?;
        Err(Failure::failed(format!("seed {seed}: {violation}")))
    }
}

fn tell(figures: &Figures, took: Duration, threads: usize) -> io::Result<()> {
    let seconds = took.as_secs_f64();
    let rate = figures.plays as f64 / seconds.max(1e-9);
    writeln!(
        io::stdout(),
        "{} seeds in {seconds:.1} s, {rate:.0} seeds/s on {threads} threads\n{figures}",
        figures.plays,
    )
}
