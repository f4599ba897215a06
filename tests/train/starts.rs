//! Starting a run: what is checked before, and what a start that fails leaves behind.

use super::{dataset, done, guise, only_run, path, refused, train};
use std::fs;

#[test]
fn what_cannot_be_trained_says_why_and_leaves_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let start = |more: &[&str], expected: &str| {
        let said = refused(train(&data, &out, "1", more));
        assert!(said.contains(expected), "expected {expected:?} in: {said}");
        assert!(!said.contains("0000000000"), "{said}");
        let left = fs::read_dir(&out).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{more:?} left something in {}", out.display());
    };
    start(&["--data", path(&dir.path().join("missing"))], "missing");
    start(
        &["--batch-size", "6"],
        "batch_size is 6, expected a multiple of four",
    );
    start(
        &["--batch-size", "32"],
        "the dataset has 16 pictures, expected at least a batch of 32",
    );
    start(
        &["--learning-rate", "NaN"],
        "learning_rate is NaN, expected more than 0",
    );
    start(
        &["--learning-rate", "inf"],
        "learning_rate is infinite, expected a number",
    );
    start(
        &["--snapshot-kimg", "0"],
        "snapshot_kimg is 0, expected more than 0",
    );
    start(
        &["--style-mixing-prob", "2"],
        "style_mixing_prob is 2, expected 0 to 1",
    );
    start(&["--kimg", "0"], "total_kimg is 0, expected more than 0");
    start(&["--channel-max", "0"], "channel_max is 0");
    let said = refused(guise(&["train", "--resume", path(dir.path())]));
    assert!(said.contains("training_options.json"), "{said}");
}

#[test]
fn settings_that_were_edited_are_checked_as_flags_are() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.004", &[]));
    let options = only_run(&out).join("training_options.json");
    let sound = fs::read_to_string(&options).unwrap();
    for (from, to, expected) in [
        (
            "\"r1_interval\": 16",
            "\"r1_interval\": 0",
            "r1_interval is 0, expected at least 1",
        ),
        (
            "\"batch_size\": 4",
            "\"batch_size\": 5",
            "batch_size is 5, expected a multiple of four",
        ),
        (
            "\"total_kimg\": 0.004",
            "\"total_kimg\": -1",
            "total_kimg is -1, expected more than 0",
        ),
    ] {
        assert!(sound.contains(from), "{sound}");
        fs::write(&options, sound.replace(from, to)).unwrap();
        let said = refused(guise(&["train", "--resume", path(&only_run(&out))]));
        assert!(
            said.contains(expected) && said.contains("training_options.json"),
            "{said}"
        );
    }
}

#[test]
fn a_loss_that_is_no_number_before_the_first_checkpoint_says_to_start_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let said = refused(train(&data, &out, "1", &["--learning-rate", "1e30"]));
    assert!(said.contains("no longer finite in step 1"), "{said}");
    assert!(
        said.contains("there is no checkpoint yet: start again with a lower --learning-rate"),
        "{said}"
    );
}

/// Folders of starts that were killed go with the next one, and nothing else does.
#[test]
fn what_killed_starts_left_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let [killed, foreign] = [".starting-a1B2c3", ".starting-of-mine"].map(|name| out.join(name));
    for left in [&killed, &foreign] {
        fs::create_dir_all(left).unwrap();
        fs::write(left.join(".lock"), "1\n").unwrap();
    }
    done(train(&data, &out, "0.004", &[]));
    assert!(!killed.exists() && foreign.exists());
    fs::remove_dir_all(foreign).unwrap();

    let run = only_run(&out);
    let left = [
        ".stats.jsonl.a1B2c3",
        ".fakes000000.png.a1B2c3",
        ".snapshot000000.bpk",
    ]
    .map(|name| run.join(name));
    let kept = [".notes", "mine.txt"].map(|name| run.join(name));
    for file in left.iter().chain(&kept) {
        fs::write(file, "x").unwrap();
    }
    fs::create_dir(run.join(".checkpoint000007.partial")).unwrap();
    fs::create_dir(&killed).unwrap();
    fs::write(killed.join(".lock"), "").unwrap();
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.008"]));
    assert!(left.iter().all(|file| !file.exists()) && kept.iter().all(|file| file.exists()));
    assert!(!run.join(".checkpoint000007.partial").exists() && !killed.exists());
}
