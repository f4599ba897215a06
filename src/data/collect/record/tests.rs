use super::*;
use std::time::Duration;

#[test]
fn times_are_written_in_order() {
    let at = |seconds| rfc_3339(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(at(0), "1970-01-01T00:00:00Z");
    assert_eq!(at(1_795_816_799), "2026-11-27T21:59:59Z");
    assert!(at(1_795_816_799) < at(1_795_816_800));
}

fn record(token: &str) -> Record {
    Record {
        token: token.into(),
        fetched: now(),
        picture: Part {
            file: format!("{token}.png"),
            bytes: 3,
            ..Part::default()
        },
        ..Record::default()
    }
}

#[test]
fn a_run_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Records::open(dir.path(), "a");
    let mut records = open().unwrap();
    assert!(!records.is_continued);
    let busy = open().unwrap_err().to_string();
    assert!(busy.contains("another `guise collect`"), "{busy}");
    for token in ["1", "2", "10"] {
        fs::write(dir.path().join(format!("{token}.png")), "123").unwrap();
        records.keep(record(token)).unwrap();
    }
    fs::write(dir.path().join(".collect-x"), "partial").unwrap();
    drop(records);
    // Killed in the middle of a line.
    let path = dir.path().join(PROVENANCE_FILE_NAME);
    let mut lines = fs::read(&path).unwrap();
    lines.truncate(lines.len() - 20);
    fs::write(&path, lines).unwrap();

    let mut records = open().unwrap();
    assert!(records.is_continued && !dir.path().join(".collect-x").exists());
    let known = records.known("1").unwrap();
    assert!(records.is_of_this_run(&known) && records.known("10").is_none());
    records.keep(record("10")).unwrap();
    fs::write(dir.path().join("2.png"), "1").unwrap();
    assert!(records.known("2").is_none(), "it was damaged");
    records.finish(false).unwrap();
    let lines = fs::read_to_string(&path).unwrap();
    let tokens: Vec<Record> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        tokens.iter().map(|it| &*it.token).collect::<Vec<_>>(),
        ["1", "2", "10"]
    );
    assert!(!dir.path().join(FAILED_FILE_NAME).exists());

    let records = open().unwrap();
    let known = records.known("1").unwrap();
    assert!(
        !records.is_continued && !records.is_of_this_run(&known),
        "a new run asks again"
    );
    drop(records);
    let other = Records::open(dir.path(), "b").unwrap_err().to_string();
    assert!(other.contains("is a collection from a"), "{other}");
}

#[test]
fn a_folder_of_others_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "x").unwrap();
    let error = Records::open(dir.path(), "a").unwrap_err().to_string();
    assert!(error.contains("thesis.txt"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let records = Records::open(dir.path(), "a").unwrap();
    drop(records);
    let line = r#"{"token": "1", "picture": {"file": "../1.png", "bytes": 3}}"#;
    fs::write(dir.path().join(PROVENANCE_FILE_NAME), line).unwrap();
    assert!(
        Records::open(dir.path(), "a").unwrap().known.is_empty(),
        "its name leads out"
    );
}
