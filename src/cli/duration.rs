//! The durations that options take.

use std::time::Duration;

/// The longest time that an option takes.
const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Parses a time with a unit.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time <= MAX_TIME => Ok(time),
        Ok(_) => Err("longer than a year".to_owned()),
        Err(error) => Err(format!("{error}; write 200ms, 5s or 2m")),
    }
}

/// Parses seconds as flock(1) and timeout(1) do, or a time with a unit.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| "not a time; write 5, 0.5, 200ms or 2m".to_owned()),
        Err(_) => time(text),
    }
}
