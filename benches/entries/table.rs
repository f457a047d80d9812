//! Tables of figures in Markdown.

use super::figures::Spread;

/// Rows of the same number of columns.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heads: &[&str]) -> Self {
        let heads = heads.iter().map(|head| (*head).to_owned()).collect();
        Table { rows: vec![heads] }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints the table, the first two columns aligned left, the others right.
    pub fn print(&self) {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (place, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| match column {
                0 | 1 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
            if place == 0 {
                let rules = widths
                    .iter()
                    .enumerate()
                    .map(|(column, width)| match column {
                        0 | 1 => "-".repeat(*width),
                        _ => format!("{}:", "-".repeat(width - 1)),
                    });
                println!("| {} |", rules.collect::<Vec<_>>().join(" | "));
            }
        }
        println!();
    }
}

/// Nanoseconds as `12.3 µs`.
pub fn time(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}

/// `12,345`.
pub fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.20 (1.15 to 1.31)`.
pub fn spread(spread: &Spread) -> String {
    let Spread { min, median, max } = spread;
    format!("{median:.2} ({min:.2} to {max:.2})")
}
