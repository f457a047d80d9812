//! The time axis of a diagram whose events are placed by time.

use super::Tick;
use crate::trace::history::{EventId, History};

/// The least distance between two marks, in units of the diagram: their texts have room.
const MIN_DISTANCE: f64 = 3.0;

/// Marks at round times after the first event of the trace. `length` is the diagram's:
/// its first event is at 1, its last one 1 before the end.
pub(super) fn axis(history: &History, shown: &[EventId], length: f64) -> Vec<Tick> {
    let begins = history.begins_at();
    let times = shown
        .iter()
        .map(|event_id| history.event(*event_id).at - begins);
    let (Some(first), Some(last)) = (times.clone().min(), times.max()) else {
        return Vec::new();
    };
    let micros = (last - first).max(1) as f64;
    let scale = (length - 2.0).max(0.0) / micros;
    let step = step(MIN_DISTANCE / scale);
    // With a single event, or events of one instant, there is only that time.
    let is_instant = first == last || !scale.is_normal();
    let step = if is_instant { first.max(1) } else { step };
    let ticks = (first.div_ceil(step)..).map(|index| index * step);
    let ticks = ticks.take_while(|time| *time <= last);
    ticks
        .map(|time| Tick {
            at: 1.0 + (time - first) as f64 * scale,
            text: text(time, step),
        })
        .collect()
}

/// The least of 1, 2, 5, 10, ... microseconds that is not less.
fn step(least: f64) -> u64 {
    let mut power: u64 = 1;
    loop {
        for digit in [1, 2, 5] {
            if (digit * power) as f64 >= least {
                return digit * power;
            }
        }
        match power.checked_mul(10) {
            Some(next) if next < u64::MAX / 10 => power = next,
            _ => return power,
        }
    }
}

/// A time in a unit that fits the distance of the marks: `250 ms`, `1.5 s`.
fn text(micros: u64, step: u64) -> String {
    let (unit, name) = match step {
        0..1_000 => (1, "µs"),
        1_000..100_000 => (1_000, "ms"),
        _ => (1_000_000, "s"),
    };
    let (whole, rest) = (micros / unit, micros % unit);
    if rest == 0 {
        return format!("{whole} {name}");
    }
    let digits = unit.ilog10() as usize;
    let rest = format!("{rest:0digits$}");
    format!("{whole}.{} {name}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_at_round_distances() {
        for (least, step_is) in [(0.3, 1), (3.0, 5), (21.0, 50), (100.0, 100), (101.0, 200)] {
            assert_eq!(step(least), step_is, "{least}");
        }
        assert!(step(f64::INFINITY) > 1 << 50, "it ends");
    }

    #[test]
    fn a_time_has_the_unit_of_the_distance_and_no_needless_digits() {
        let texts = [
            (1_500_000, 500_000),
            (2_000_000, 500_000),
            (250_000, 50_000),
            (1_250, 50),
        ];
        let texts = texts.map(|(time, step)| text(time, step));
        assert_eq!(texts, ["1.5 s", "2 s", "250 ms", "1250 µs"]);
    }
}
