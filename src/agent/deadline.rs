//! The deadline of an entry, in its record: until when its command may run if the lease is
//! not renewed.
//!
//! The agent writes it with every renewal. The client and the supervisor of the command
//! have the record open, so each of them knows the deadline whatever happens to the
//! others. It is a moment of the boot clock, which all processes of a machine share, and
//! which counts while the machine is suspended.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::views::Moment;

/// How a record with a deadline begins.
const BEGIN: &str = "{\"until\":\"";

/// How many digits a moment has.
const DIGITS: usize = 20;

/// Two moments and the space between them.
const LENGTH: usize = 2 * DIGITS + 1;

/// How often a deadline is read that is just being written.
const MAX_TRIES: u32 = 1000;

/// The text of a record with this deadline. `entry` is the JSON object of its entry.
pub(super) fn before(until: Moment, entry: &str) -> String {
    let fields = entry.trim_start_matches('{');
    format!("{BEGIN}{}\",{fields}", text(until))
}

/// The moment twice: a reader sees from that whether it was just being written.
fn text(until: Moment) -> String {
    format!("{0:0DIGITS$} {0:0DIGITS$}", until.0)
}

/// Writes another deadline into a record that has one.
///
/// # Errors
/// The system's. The record may have the earlier one, or no valid one.
pub(super) fn write(record: &File, until: Moment) -> io::Result<()> {
    record.write_all_at(text(until).as_bytes(), BEGIN.len() as u64)
}

/// Reads the deadline of a record. `None`: it has none.
///
/// # Errors
/// The system's; or it was never seen whole.
pub(crate) fn read(record: &File) -> io::Result<Option<Moment>> {
    for _ in 0..MAX_TRIES {
        let mut bytes = [0; BEGIN.len() + LENGTH];
        match record.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let Some(moments) = bytes.strip_prefix(BEGIN.as_bytes()) else {
            return Ok(None);
        };
        if let Some(until) = parse(moments) {
            return Ok(Some(until));
        }
    }
    Err(io::Error::other("the record has no valid deadline"))
}

fn parse(moments: &[u8]) -> Option<Moment> {
    let (one, two) = str::from_utf8(moments).ok()?.split_once(' ')?;
    (one == two).then(|| one.parse().ok().map(Moment))?
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn record(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_deadline_is_read_as_it_was_written_last_and_the_rest_stays() {
        let file = record(&before(Moment(7), "{\"lock\":\"a\"}"));
        assert_eq!(read(&file).unwrap(), Some(Moment(7)));
        write(&file, Moment(u64::MAX)).unwrap();
        assert_eq!(read(&file).unwrap(), Some(Moment(u64::MAX)));
        let mut text = vec![0; 200];
        let length = file.read_at(&mut text, 0).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text[..length]).unwrap();
        assert_eq!(json["lock"], "a");
    }

    #[test]
    fn a_record_without_a_deadline_has_none_and_one_that_is_torn_is_not_believed() {
        assert_eq!(read(&record("{\"lock\":\"a\"}")).unwrap(), None);
        assert_eq!(read(&record("")).unwrap(), None);
        let file = record(&before(Moment(7), "{}"));
        file.write_all_at(b"9", BEGIN.len() as u64).unwrap();
        assert!(read(&file).is_err());
    }
}
