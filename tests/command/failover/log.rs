//! What commands write while they hold the lock, and the judge of it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::fixtures::wait::eventually;

/// Ignores SIGTERM, and writes the time in microseconds, who it is and its token into a
/// file each three milliseconds: this many times, or until there is a file `.end`.
pub const WRITER: &str = r#"
    trap '' TERM
    export LC_ALL=C
    exec 9<> <(:)
    for ((i = 0; i < $3; i++)); do
        [[ -e $1.end ]] && exit
        echo "${EPOCHREALTIME/./} $2 $TURNO_TOKEN"
        read -rt 0.003 -u 9
    done >> "$1"
    exit 0"#;

/// How often a holder writes that is to write until it is ended.
pub const ENDLESS: u32 = 1_000_000_000;

/// What commands wrote.
pub struct Log(PathBuf);

/// One line of a log.
pub struct Entry {
    /// In microseconds since 1970.
    pub at: u64,
    pub who: String,
    pub token: u64,
}

impl Log {
    pub fn at(path: PathBuf) -> Self {
        Log(path)
    }

    pub fn path(&self) -> String {
        self.0.display().to_string()
    }

    pub fn entries(&self) -> Vec<Entry> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let entry = |line: &str| {
            let mut words = line.split(' ');
            let mut word = || words.next().expect(line);
            Entry {
                at: word().parse().unwrap(),
                who: word().to_owned(),
                token: word().parse().unwrap(),
            }
        };
        whole.lines().map(entry).collect()
    }

    /// Waits until this writer has written once more.
    pub fn wait_for(&self, who: &str) {
        let count = || {
            self.entries()
                .iter()
                .filter(|entry| entry.who == who)
                .count()
        };
        let before = count();
        eventually(&format!("another line of {who}"), || {
            (count() > before).then_some(())
        });
    }

    /// Makes the writers end.
    pub fn end(&self) {
        fs::write(format!("{}.end", self.path()), "").unwrap();
    }

    /// Checks that `who` had written its last line before any other wrote its first, and
    /// that tokens rise; returns the time between the two, and that of the latter.
    pub fn judge(&self, who: &str) -> (Duration, u64) {
        let entries = self.entries();
        let is_risen = entries.is_sorted_by_key(|entry| entry.token);
        assert!(is_risen, "the tokens do not rise");
        let (own, next): (Vec<&Entry>, _) = entries.iter().partition(|entry| entry.who == who);
        let last = own.iter().map(|entry| entry.at).max().unwrap();
        let first = next
            .iter()
            .map(|entry| entry.at)
            .min()
            .expect("another entry");
        let margin = first.checked_sub(last);
        let margin = margin.unwrap_or_else(|| panic!("two at once for {} us", last - first));
        (Duration::from_micros(margin), first)
    }
}
