//! The machine's clock that counts while it is suspended.

use rustix::time::{ClockId, clock_gettime};

use crate::views::Moment;

/// The clock: on Linux CLOCK_MONOTONIC stands still meanwhile, on macOS it does not.
#[cfg(not(target_vendor = "apple"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(target_vendor = "apple")]
const CLOCK: ClockId = ClockId::Monotonic;

/// The present moment, by this clock. It takes no system call where the kernel maps
/// the clock into the process (vDSO).
pub(crate) fn now() -> Moment {
    let now = clock_gettime(CLOCK);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec / 1_000).unwrap_or(0);
    Moment::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::{env, io};

    use super::*;

    /// Set in a namespace whose clock is ahead.
    const INSIDE: &str = "TURNO_TEST_OF_SUSPEND";

    const SUSPENDED: u64 = 1_000_000;

    /// In a namespace of time, CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC as on a machine
    /// that was suspended for so many seconds.
    #[test]
    fn the_clock_counts_while_the_machine_is_suspended() {
        if env::var_os(INSIDE).is_some() {
            println!("now: {}", now().0);
            return;
        }
        let name = "system::boot_clock::tests::the_clock_counts_while_the_machine_is_suspended";
        let output = Command::new("unshare")
            .args(["--time", "--boottime", &SUSPENDED.to_string()])
            .arg(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "")
            .output()
            .and_then(|output| match output.status.success() {
                true => Ok(output.stdout),
                false => Err(io::Error::other(format!("{output:?}"))),
            });
        let text = match output {
            Ok(text) => String::from_utf8(text).unwrap(),
            // It needs the right to make a namespace, and a kernel with those of time.
            Err(why) => return eprintln!("not tested: {why}"),
        };
        let (_, shown) = text.split_once("now: ").expect("it ran");
        let shown: u64 = shown.lines().next().unwrap().parse().unwrap();
        let passed = shown - now().0;
        let hour = 3_600_000_000;
        assert!(passed.abs_diff(SUSPENDED * 1_000_000) < hour, "{passed}");
    }
}
