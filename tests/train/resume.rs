//! Going on with a run: after its end, after kills, after damage, and while another training has it.

use super::{dataset, done, guise, only_run, path, refused, train, weights};
use guise::train::Run;
use rand::{Rng, SeedableRng};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

fn spawn(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The lines of the statistics without the times, which are never the same.
fn stats(run: &Path) -> Vec<String> {
    let times = regex::Regex::new(r#""(duration_secs|secs_per_kimg)":[^,]*,"#).unwrap();
    let text = fs::read_to_string(run.join("stats.jsonl")).unwrap();
    text.lines()
        .map(|line| times.replace_all(line, "").into_owned())
        .collect()
}

#[test]
fn a_resumed_run_knows_its_own_end() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.02", &[]));
    let run = only_run(&out);
    let kimg = || Run::open(&run).unwrap().ticks().unwrap().last().unwrap().kimg;
    let said = done(guise(&["train", "--resume", path(&run)]));
    assert!(said.contains("has shown 0.02 of 0.02 kimg already"), "{said}");
    assert_eq!(kimg(), 0.02);
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.04"]));
    assert_eq!(kimg(), 0.04);
    assert_eq!(Run::open(&run).unwrap().settings.recipe.total_kimg, 0.04);
}

/// `augment_p` and what it has seen since it last moved go on where they were, which is in the middle of an
/// interval.
#[test]
fn an_augmented_run_resumes_with_its_probability() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let (whole, halves) = (dir.path().join("whole"), dir.path().join("halves"));
    let more = ["--augment", "bgcfnc", "--ada-target", "0", "--ada-kimg", "0.1"];
    done(train(&data, &whole, "0.16", &more));
    // Steps of four pictures: 18 of them, where augment_p moves after 16 and 20.
    done(train(&data, &halves, "0.072", &more));
    let run = only_run(&halves);
    let state = fs::read_to_string(run.join("checkpoint000000/state.json")).unwrap();
    assert!(state.contains("\"augment_seen\":8"), "{state}");
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.16"]));
    let whole = only_run(&whole);
    assert_eq!(weights(&run), weights(&whole));
    let [resumed, never_stopped] = [&run, &whole].map(|run| {
        let state = fs::read_to_string(run.join("checkpoint000000/state.json")).unwrap();
        state.split_once("numbers").unwrap().1.to_owned()
    });
    assert_eq!(resumed, never_stopped);
    let ticks = Run::open(&run).unwrap().ticks().unwrap();
    let p = |at: usize| ticks[at].stats.augment_p.unwrap();
    // At first the discriminator takes even real pictures for drawn ones.
    assert!(p(1) > p(0), "{ticks:?}");
    assert!(ticks.iter().all(|tick| tick.stats.real_sign.is_some()));
    let leaks = fs::read_to_string(run.join("leaks000000.json")).unwrap();
    assert!(leaks.contains("\"leaks\":["), "{leaks}");
}

/// A run of before there was augmentation goes on without, or with it where it is asked for.
#[test]
fn an_old_run_goes_on_with_or_without_augmentation() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.02", &[]));
    let run = only_run(&out);
    let options = run.join("training_options.json");
    let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(&options).unwrap()).unwrap();
    for field in ["augment", "ada_target", "ada_kimg"] {
        settings.as_object_mut().unwrap().remove(field).unwrap();
    }
    fs::write(&options, settings.to_string()).unwrap();
    let checkpoint = run.join("checkpoint000000");
    fs::write(checkpoint.join("state.json"), r#"{"step":5,"duration_secs":0.1}"#).unwrap();
    // As one of before there were sums.
    fs::remove_file(checkpoint.join("SHA256SUMS")).unwrap();
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.04"]));
    let last = || Run::open(&run).unwrap().ticks().unwrap().pop().unwrap();
    assert_eq!((last().kimg, last().stats.augment_p), (0.04, None));
    done(guise(&[
        "train",
        "--resume",
        path(&run),
        "--kimg",
        "0.06",
        "--augment",
        "nft",
    ]));
    assert_eq!(last().stats.augment_p, Some(0.0));
    // What a hand wrote is not believed.
    fs::write(
        checkpoint.join("state.json"),
        r#"{"step":5,"duration_secs":0.1,"numbers":{"augment_risen":-4}}"#,
    )
    .unwrap();
    fs::remove_file(checkpoint.join("SHA256SUMS")).unwrap();
    let said = refused(guise(&["train", "--resume", path(&run), "--kimg", "0.08"]));
    assert!(said.contains("augment_risen is -4, expected 0 to"), "{said}");
}

/// At whatever moment a training is killed, the resumed run is the one that was never killed.
#[test]
fn kills_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    // A checkpoint after every step, all of the same kimg, so that each takes the place of the one before.
    let more = ["--snapshot-kimg", "0.004"];
    done(train(&data, &whole, "0.16", &more));

    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut args = vec![
        "train",
        "--data",
        path(&data),
        "--out",
        path(&killed),
        "--kimg",
        "0.16",
    ];
    args.extend(["--batch-size", "4", "--channel-base", "128", "--channel-max", "8"]);
    args.extend(more);
    let mut child = spawn(&args);
    let numbered = || {
        fs::read_dir(&killed)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .find(|run| is_numbered(run))
    };
    let run = loop {
        match numbered() {
            Some(run) => break run,
            None => assert!(child.try_wait().unwrap().is_none(), "it ended without a run"),
        }
        sleep(Duration::from_millis(1));
    };
    let mut kept = vec![];
    for _ in 0..12 {
        sleep(Duration::from_millis(rng.random_range(0..250)));
        child.kill().unwrap();
        child.wait().unwrap();
        kept.push(certain_stats(&run));
        child = spawn(&["train", "--resume", path(&run)]);
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(only_run(&killed), run);
    assert_eq!(stats(&run), stats(&only_run(&whole)));
    assert_eq!(weights(&run), weights(&only_run(&whole)));
    // TensorBoard is told each step once, as the statistics are.
    let ticks = Run::open(&run).unwrap().ticks().unwrap();
    let images: Vec<u64> = ticks
        .iter()
        .map(|tick| (tick.kimg * 1000.0).round() as u64)
        .collect();
    assert_eq!(event_steps(&run), images);
    let end = fs::read(run.join("stats.jsonl")).unwrap();
    for kept in kept {
        assert!(
            end.starts_with(&kept),
            "lines that a checkpoint was behind keep their bytes"
        );
    }
    let names = fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<_> = names
        .filter(|name| name.starts_with('.') || name.contains("damaged"))
        .collect();
    assert_eq!(hidden, [".lock"]);
}

/// The steps of all events but the first, which says the format's version.
fn event_steps(run: &Path) -> Vec<u64> {
    let mut bytes = &fs::read(run.join("events.out.tfevents.guise")).unwrap()[..];
    let mut steps = vec![];
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (record, rest) = rest.split_at(u64::from_le_bytes(*length) as usize + 8);
        bytes = rest;
        // A checksum, the wall time as a double, and then the step as the second field.
        let step = record[4 + 9 + 1..].iter().scan(true, |goes_on, &byte| {
            std::mem::replace(goes_on, byte >= 128).then_some(u64::from(byte % 128))
        });
        steps.push(step.enumerate().map(|(i, digit)| digit << (7 * i)).sum());
    }
    steps.split_off(1)
}

fn is_numbered(run: &Path) -> bool {
    run.file_name().unwrap().to_str().unwrap().starts_with("0")
}

/// The lines that the newest checkpoint vouches for; none where a kill came while it was replaced.
fn certain_stats(run: &Path) -> Vec<u8> {
    let Ok(state) = fs::read(run.join("checkpoint000000/state.json")) else {
        return vec![];
    };
    let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    // With a checkpoint after every step there is a line after every step.
    let steps = state["step"].as_u64().unwrap() as usize;
    let text = fs::read(run.join("stats.jsonl")).unwrap();
    text.split_inclusive(|byte| *byte == b'\n')
        .take(steps)
        .flatten()
        .copied()
        .collect()
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let (whole, out) = (dir.path().join("whole"), dir.path().join("runs"));
    let more = ["--snapshot-kimg", "1", "--batch-size", "16"];
    done(train(&data, &whole, "2.1", &more));
    let expected = weights(&only_run(&whole));
    done(train(&data, &out, "2", &more));
    let run = only_run(&out);
    let newest = run.join("checkpoint000002");
    // A half-removed one, a flipped bit, and a network in an optimizer's place.
    let damages: [&dyn Fn(); 3] = [
        &|| fs::remove_file(newest.join("g_ema.bpk")).unwrap(),
        &|| {
            let mut bytes = fs::read(newest.join("generator.bpk")).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(newest.join("generator.bpk"), bytes).unwrap();
        },
        &|| {
            let [from, to] = ["generator.bpk", "generator_optimizer.bpk"].map(|name| newest.join(name));
            fs::copy(from, to).unwrap();
        },
    ];
    for (kept, damage) in ["", "-2", "-3"].iter().zip(damages) {
        damage();
        let said = done(guise(&["train", "--resume", path(&run), "--kimg", "2.1"]));
        let notes: Vec<_> = said.lines().filter(|line| line.starts_with("note: ")).collect();
        let kept = format!("checkpoint000002.damaged{kept}");
        assert!(notes.len() == 1 && notes[0].contains(&kept), "{said}");
        assert!(
            notes[0].contains("goes on from") && notes[0].contains("checkpoint000001"),
            "{said}"
        );
        assert!(run.join(&kept).is_dir());
        assert_eq!(weights(&run), expected, "{kept}");
    }
    for name in ["checkpoint000001", "checkpoint000002"] {
        fs::remove_file(run.join(name).join("state.json")).unwrap();
    }
    let said = refused(guise(&["train", "--resume", path(&run), "--kimg", "3"]));
    assert!(said.contains("it has no checkpoint that is whole"), "{said}");
    assert!(newest.is_dir(), "nothing is renamed where nothing is used");
}

#[test]
fn a_run_of_before_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.02", &[]));
    let run = only_run(&out);
    fs::remove_file(run.join("checkpoint000000/SHA256SUMS")).unwrap();
    let options = run.join("training_options.json");
    let mut settings: serde_json::Value = serde_json::from_slice(&fs::read(&options).unwrap()).unwrap();
    for field in ["total_kimg", "dataset_digest"] {
        settings.as_object_mut().unwrap().remove(field).unwrap();
    }
    fs::write(&options, settings.to_string()).unwrap();
    let said = done(guise(&["train", "--resume", path(&run), "--kimg", "0.04"]));
    assert!(
        said.contains("has no SHA256SUMS, as older versions wrote none"),
        "{said}"
    );
    assert!(
        !Run::open(&run)
            .unwrap()
            .settings
            .dataset
            .dataset_digest
            .is_empty()
    );
    let said = done(guise(&["train", "--resume", path(&run), "--kimg", "0.06"]));
    assert!(!said.contains("SHA256SUMS"), "{said}");
}

#[test]
fn two_trainings_do_not_share_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.02", &[]));
    let run = only_run(&out);
    let before = fs::read(run.join("stats.jsonl")).unwrap();
    let mut first = spawn(&["train", "--resume", path(&run), "--kimg", "1000"]);
    // It holds the run once it has stored what it was asked for.
    while Run::open(&run).unwrap().settings.recipe.total_kimg != 1000.0 {
        assert!(first.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(5));
    }
    let said = refused(guise(&["train", "--resume", path(&run), "--kimg", "2000"]));
    assert!(
        said.contains("another training") && said.contains(path(&run)),
        "{said}"
    );
    assert!(said.contains(&first.id().to_string()), "{said}");
    assert_eq!(
        Run::open(&run).unwrap().settings.recipe.total_kimg,
        1000.0,
        "nothing of it was changed"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    // The system has taken the lock back.
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.03"]));
    assert!(fs::read(run.join("stats.jsonl")).unwrap().starts_with(&before));
}

#[test]
fn a_grown_run_does_not_begin_again_without_what_it_grew_from() {
    let dir = tempfile::tempdir().unwrap();
    let [small, large] = [16, 32].map(|side| super::dataset_of_side(dir.path(), side));
    let (out, grown) = (dir.path().join("runs"), dir.path().join("grown"));
    done(train(&small, &out, "0.004", &[]));
    let run = only_run(&out);
    let args = [
        "train",
        "--data",
        path(&large),
        "--out",
        path(&grown),
        "--kimg",
        "0.004",
    ];
    let grow = || guise(&[&args[..], &["--batch-size", "4", "--grow", path(&run)]].concat());
    done(grow());
    let grown = only_run(&grown);
    fs::remove_dir_all(grown.join("checkpoint000000")).unwrap();
    fs::remove_file(grown.join("snapshot000000.bpk")).unwrap();
    let said = refused(guise(&["train", "--resume", path(&grown), "--kimg", "0.008"]));
    assert!(
        said.contains("it was grown from") && said.contains(path(&run)),
        "{said}"
    );

    fs::remove_file(run.join("checkpoint000000/g_ema.bpk")).unwrap();
    let said = refused(grow());
    assert!(said.contains("g_ema.bpk: it is missing"), "{said}");
    assert_eq!(
        fs::read_dir(grown.parent().unwrap()).unwrap().count(),
        1,
        "no second folder"
    );
}
