use std::fs;
use std::path::Path;

use super::*;

fn write_file(folder: &Path, run: &Run) -> String {
    let path = folder.join(run.header.file_name());
    run.write(fs::File::create(&path).unwrap()).unwrap();
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_trace_is_read_as_it_was_written_without_half_a_line_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    let text = write_file(folder.path(), &one);
    write_file(folder.path(), &two);
    fs::write(folder.path().join("notes.txt"), "no trace").unwrap();
    let history = History::read(folder.path(), |_| {}).unwrap();
    let ids = history.event_ids();
    let records = ids.map(|event_id| history.record(event_id).unwrap());
    let written = one.records.iter().chain(&two.records).cloned();
    assert_eq!(records.collect::<Vec<_>>(), written.collect::<Vec<_>>());
    assert_eq!(history.runs[0].header, one.header);
    assert_eq!(history.runs[1].header, two.header);

    let path = folder.path().join(one.header.file_name());
    fs::write(&path, &text[..text.len() - 9]).unwrap();
    let history = History::read(folder.path(), |_| {}).unwrap();
    assert_eq!((history.order.len(), history.runs[0].is_cut), (5, true));
    let last = history.record(EventId::new(1).unwrap()).unwrap();
    assert_eq!(last, one.records[1]);
}

#[test]
fn a_malformed_trace_is_refused_and_the_error_names_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let error = || {
        let read = History::read(folder.path(), |_| {});
        read.unwrap_err().to_string()
    };
    assert!(error().contains("no node-*.jsonl with an event in "));
    let odd = folder.path().join("node-9-odd.jsonl");
    std::os::unix::fs::symlink("/dev/zero", &odd).unwrap();
    assert!(error().ends_with("node-9-odd.jsonl: it is no regular file"));
    fs::remove_file(odd).unwrap();
    let text = write_file(folder.path(), &entry(1, 10, 2, 4));
    let path = folder.path().join(header(1).file_name());
    fs::write(&path, text.replacen("\"FREE\"", "\"DONE\"", 1)).unwrap();
    let expected = ".jsonl, line 4: unknown variant `DONE`";
    assert!(error().contains(expected), "{}", error());
    fs::write(&path, text.replacen(":1,", ":2,", 1)).unwrap();
    let expected = ".jsonl, line 1: its format is version 2, and this turno reads version 1";
    assert!(error().ends_with(expected), "{}", error());
}

#[test]
fn a_file_that_became_shorter_is_reported_when_a_line_of_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let one = entry(1, 10, 3, 5);
    let text = write_file(folder.path(), &one);
    let history = History::read(folder.path(), |_| {}).unwrap();
    fs::write(folder.path().join(one.header.file_name()), &text[..99]).unwrap();
    let error = Diagram::new(&history, &View::default()).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("cannot read "), "{error}");
    assert!(error.contains(".jsonl: "), "{error}");
}
