//! How StyleGAN2 is trained beyond the defaults: races for the penalty's weight, presets, first phases,
//! batches in parts, and what is done about a collapse.

use super::{dataset, dataset_of_side, done, guise, only_run, path, refused, train, weights};
use guise::train::{AugPipe, Objective, R1Gamma, Run, TrainSettings};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

fn settings(out: &Path) -> TrainSettings {
    Run::open(&only_run(out)).unwrap().settings
}

/// The numbers that a checkpoint keeps beside its tensors.
fn numbers(run: &Path, checkpoint: &str) -> serde_json::Value {
    let state = fs::read(run.join(checkpoint).join("state.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&state).unwrap()["numbers"].clone()
}

#[test]
fn a_race_chooses_the_weight_and_a_resumed_run_does_not_race_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset_of_side(dir.path(), 32);
    let out = dir.path().join("runs");
    let said = done(train(
        &data,
        &out,
        "0.02",
        &["--r1-gamma", "auto", "--race-kimg", "0.06"],
    ));
    assert!(said.contains("a race of 4 weights"), "{said}");
    assert!(said.contains("0.06 kimg at 16 x 16 pixels"), "{said}");
    let settings = settings(&out);
    let race = settings.race.unwrap();
    // 0.045 * 16^2 / 4, and a quarter, 4 and 16 times that.
    let tried: Vec<f64> = race.lanes.iter().map(|lane| lane.r1_gamma).collect();
    assert_eq!(tried, [0.72, 2.88, 11.52, 46.08]);
    let winner = race.winner().unwrap();
    // Twice the side is four times the area.
    let expected = R1Gamma::Weight(4.0 * winner.r1_gamma);
    assert_eq!(settings.recipe.r1_gamma, Some(expected));
    assert!(
        said.contains(&format!("{} won", shown(winner.r1_gamma))),
        "{said}"
    );
    for lane in &race.lanes {
        assert!(lane.score.unwrap().distance.is_finite());
        assert!(said.contains(&shown(lane.r1_gamma)), "{said}");
    }
    // The lanes are trainings of their own.
    assert_ne!(race.lanes[0].score, race.lanes[3].score);

    let run = only_run(&out);
    let said = done(guise(&["train", "--resume", path(&run), "--kimg", "0.04"]));
    assert!(!said.contains("race"), "{said}");
    assert_eq!(self::settings(&out).recipe.r1_gamma, Some(expected));
    let said = refused(guise(&["train", "--resume", path(&run), "--r1-gamma", "auto"]));
    assert!(said.contains("r1_gamma is auto, expected a number"), "{said}");
    let grown = dir.path().join("grown");
    let larger = dataset_of_side(dir.path(), 64);
    let args = [
        "train",
        "--data",
        path(&larger),
        "--out",
        path(&grown),
        "--grow",
        path(&run),
    ];
    let said = refused(guise(
        &[&args[..], &["--r1-gamma", "auto", "--batch-size", "4"]].concat(),
    ));
    assert!(said.contains("--grow begins with others"), "{said}");
}

/// As the table has it.
fn shown(weight: f64) -> String {
    match weight < 1.0 {
        true => format!("{weight:.4}"),
        false => format!("{weight:.2}"),
    }
}

#[test]
fn a_race_says_what_is_wrong_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    for (more, expected) in [
        (["--race-kimg", "0"], "race_kimg is 0, expected more than 0"),
        (["--race-kimg", "inf"], "race_kimg is infinite"),
        (["--batch-size", "32"], "expected at least a batch of 32"),
        (["--channel-max", "0"], "channel_max is 0"),
    ] {
        let more = [&more[..], &["--r1-gamma", "auto"]].concat();
        let said = refused(train(&data, &out, "1", &more));
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("0000000000"), "{said}");
        assert_eq!(left(&out), 0);
    }
    let more = [
        "--r1-gamma",
        "auto",
        "--race-kimg",
        "0.02",
        "--learning-rate",
        "1e30",
    ];
    let said = refused(train(&data, &out, "1", &more));
    assert!(said.contains("no numbers with any weight"), "{said}");
    assert_eq!(left(&out), 0);
}

fn left(out: &Path) -> usize {
    fs::read_dir(out).map_or(0, |entries| entries.count())
}

#[cfg(unix)]
#[test]
fn a_race_that_is_stopped_or_killed_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let mut args = vec![
        "train",
        "--data",
        path(&data),
        "--out",
        path(&out),
        "--batch-size",
        "4",
    ];
    args.extend(["--r1-gamma", "auto", "--race-kimg", "1000"]);
    let begin = || -> Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_guise"))
            .args(&args)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = String::new();
        let stderr = child.stderr.as_mut().unwrap();
        // It has begun once the head of its table is there.
        while !lines.contains("distance  shapes") {
            let mut byte = [0];
            assert_eq!(std::io::Read::read(stderr, &mut byte).unwrap(), 1, "{lines}");
            lines.push(byte[0] as char);
        }
        sleep(Duration::from_millis(300));
        child
    };
    let child = begin();
    assert_eq!(left(&out), 0, "nothing is there while it goes on");
    let stopped = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(stopped.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("nothing was written"),
        "{said}"
    );
    assert_eq!(left(&out), 0);

    let mut child = begin();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(left(&out), 0);
}

#[test]
fn a_preset_is_a_recipe_and_flags_win() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let [plain, mixed] = ["plain", "mixed"].map(|name| dir.path().join(name));
    let start = |out: &Path, more: &[&str]| {
        let args = [
            "train",
            "--data",
            path(&data),
            "--out",
            path(out),
            "--kimg",
            "0.016",
        ];
        done(guise(&[&args[..], more].concat()));
        settings(out)
    };
    let preset = start(&plain, &["--preset", "dogegan-xl"]);
    let recipe = &preset.recipe;
    assert_eq!(recipe.augment, AugPipe::Nft);
    // 200 at 256 pixels.
    assert_eq!(recipe.r1_gamma, Some(R1Gamma::Weight(200.0 / 256.0)));
    assert_eq!(
        (recipe.course.first_kimg, recipe.course.delay_discriminator),
        (20.0, 200)
    );
    assert_eq!(preset.network.channel_base, 512, "half of 1024");
    assert_eq!(
        Run::open(&only_run(&plain)).unwrap().ticks().unwrap()[0].kimg,
        0.016
    );

    let flags = [
        "--preset",
        "dogegan-xl",
        "--augment",
        "none",
        "--r1-gamma",
        "3",
        "--fmaps",
        "0.25",
    ];
    let given = start(
        &mixed,
        &[&flags[..], &["--batch-size", "8", "--first-kimg", "0"]].concat(),
    );
    assert_eq!(given.recipe.augment, AugPipe::None);
    assert_eq!(given.recipe.r1_gamma, Some(R1Gamma::Weight(3.0)));
    assert_eq!(given.network.channel_base, 256);
    assert_eq!(
        (given.recipe.batch_size, given.recipe.course.first_kimg),
        (8, 0.0)
    );
    assert_eq!(
        given.recipe.course.delay_discriminator, 200,
        "what was not given is the preset's"
    );

    let run = only_run(&mixed);
    let resume = |more: &[&str]| refused(guise(&[&["train", "--resume", path(&run)][..], more].concat()));
    for flags in [
        ["--preset", "dogegan-xl"],
        ["--fmaps", "1"],
        ["--first-kimg", "1"],
    ] {
        let said = resume(&flags);
        assert!(said.contains("cannot be used with"), "{said}");
    }
    for (fmaps, expected) in [
        ("0", "--fmaps is 0"),
        ("-1", "--fmaps is -1"),
        ("0.001", "channel_base is 0"),
    ] {
        let joined = format!("--fmaps={fmaps}");
        let said = refused(train(&data, &dir.path().join("none"), "1", &[&joined]));
        assert!(said.contains(expected), "{said}");
    }
}

/// Smaller batches at first, a discriminator that waits, and batches in parts: a run that was stopped in each
/// of these is the run that was not.
#[test]
fn a_run_in_phases_resumes_as_it_would_have_gone_on() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let [whole, halves] = ["whole", "halves"].map(|name| dir.path().join(name));
    let mut more = vec!["--batch-size", "16", "--accumulate", "2", "--augment", "nft"];
    more.extend([
        "--first-kimg",
        "0.1",
        "--first-batch-size",
        "8",
        "--delay-discriminator",
        "6",
    ]);
    done(train(&data, &whole, "0.3", &more));
    done(train(&data, &halves, "0.032", &more));
    let run = only_run(&halves);
    // 4 steps of 8 pictures; then 13 steps of 8 and 6 of 16; then all.
    for kimg in ["0.2", "0.3"] {
        done(guise(&["train", "--resume", path(&run), "--kimg", kimg]));
    }
    let whole = only_run(&whole);
    assert_eq!(weights(&run), weights(&whole));
    let ticks = Run::open(&run).unwrap().ticks().unwrap();
    let kimg: Vec<f64> = ticks.iter().map(|tick| tick.kimg).collect();
    // 104 pictures are the first that end the first phase.
    assert_eq!(kimg, [0.032, 0.2, 0.312]);
    assert_eq!(
        numbers(&run, "checkpoint000000"),
        numbers(&whole, "checkpoint000000")
    );
    assert_eq!(
        ticks[0].stats.augment_p,
        Some(0.0),
        "it waits as the discriminator does"
    );

    for (more, expected) in [
        (
            ["--accumulate", "3"],
            "accumulate is 3, expected a number of parts",
        ),
        (["--accumulate", "8"], "accumulate is 8, expected at most 4"),
        (
            ["--first-learning-rate", "0"],
            "first_learning_rate is 0, expected more than 0",
        ),
    ] {
        let said = refused(guise(&[&["train", "--resume", path(&run)][..], &more].concat()));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_run_keeps_its_objective() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let [whole, halves] = ["whole", "halves"].map(|name| dir.path().join(name));
    let more = ["--objective", "relativistic"];
    done(train(&data, &whole, "0.064", &more));
    done(train(&data, &halves, "0.032", &more));
    let run = only_run(&halves);
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.064"]));
    assert_eq!(weights(&run), weights(&only_run(&whole)));
    assert_eq!(settings(&halves).recipe.objective, Objective::Relativistic);
    let ticks = Run::open(&run).unwrap().ticks().unwrap();
    assert!(ticks[0].stats.r2_penalty.is_some_and(|penalty| penalty > 0.0));

    let said = refused(guise(&[
        "train",
        "--resume",
        path(&run),
        "--objective",
        "non-saturating",
    ]));
    assert!(said.contains("--objective"), "{said}");
}

/// Pictures whose colors differ as much as colors can.
fn loud_dataset(dir: &Path) -> PathBuf {
    let art = dir.join("loud");
    fs::create_dir_all(&art).unwrap();
    for i in 0..16 {
        let picture = image::RgbImage::from_fn(16, 16, |x, y| {
            let bits = if x == i && y == 0 { 7 - i % 8 } else { i % 8 };
            image::Rgb([0, 1, 2].map(|channel| if bits >> channel & 1 == 1 { 255 } else { 0 }))
        });
        picture.save(art.join(format!("{i}.png"))).unwrap();
    }
    let data = dir.join("loud-data");
    done(guise(&[
        "prepare",
        path(&art),
        "--out",
        path(&data),
        "--resolution",
        "16",
    ]));
    data
}

/// A generator that learns nothing draws nearly the same picture for every seed. The raise is in the
/// checkpoint that found it, and stops at other moments neither add one nor lose it.
#[test]
fn a_collapse_raises_the_weight_once_however_the_run_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let data = loud_dataset(dir.path());
    let out = dir.path().join("runs");
    let mut more = vec!["--batch-size", "16", "--learning-rate", "1e-9"];
    more.extend([
        "--snapshot-kimg",
        "20",
        "--r1-gamma",
        "3",
        "--on-collapse",
        "raise-gamma",
    ]);
    // The end of this run is a regular moment in every longer one.
    let said = done(train(&data, &out, "20", &more));
    assert!(
        said.contains("r1_gamma is 6 from here on, twice what it was (raised 1 of at most 4 times)"),
        "{said}"
    );
    let run = only_run(&out);
    let raised = numbers(&run, "checkpoint000020");
    assert_eq!(
        (&raised["gamma_raises"], &raised["gamma_raised_at"]),
        (&1.into(), &20_000.into())
    );
    // It is written once more, and then once at a moment that only this run has.
    let said = done(guise(&["train", "--resume", path(&run)]));
    assert!(said.contains("already"), "{said}");
    assert_eq!(numbers(&run, "checkpoint000020"), raised);
    let said = done(guise(&["train", "--resume", path(&run), "--kimg", "20.2"]));
    assert!(
        said.contains("a higher --r1-gamma, such as 24"),
        "4 times what it is now: {said}"
    );
    assert_eq!(numbers(&run, "checkpoint000020"), raised);

    let said = refused(guise(&["train", "--resume", path(&run), "--r1-gamma", "0"]));
    assert!(said.contains("r1_gamma is 0, expected more than 0"), "{said}");
}
