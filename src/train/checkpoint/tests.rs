use super::*;
use crate::train::{Run, RunSettings, TrainState, families::stylegan2::tests::tiny};
use burn::{
    module::Module,
    tensor::{Device, Distribution, Tensor},
};

/// A folder that a run is created in, the run, and the state after one step.
fn trained() -> (tempfile::TempDir, Run, TrainState) {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = tiny();
    settings.recipe.r1_interval = 1;
    let device = Device::flex();
    let state = TrainState::init(&settings, &device);
    let real = Tensor::random([4, 3, 16, 16], Distribution::Uniform(-1.0, 1.0), &device);
    let (state, _) = state.advance(&settings, 0, real, &[]);
    let run = Run::create(dir.path(), settings).unwrap();
    (dir, run, state)
}

/// Has the run write a checkpoint after so many steps.
fn save_after(run: &Run, state: &mut TrainState, step: u64) -> Result<PathBuf, Error> {
    let kimg = run.settings.schedule().images_after(step) / 1000;
    let duration_secs = 1.5;
    save(&run.dir, kimg, state, Progress { step, duration_secs })
}

/// Checkpoints of 1 and 2 kimg.
fn two_checkpoints() -> (tempfile::TempDir, Run, [PathBuf; 2]) {
    let (dir, run, mut state) = trained();
    let dirs = [250, 500].map(|step| save_after(&run, &mut state, step).unwrap());
    (dir, run, dirs)
}

/// The step that the run goes on from, and what is said.
fn resumed(run: &Run) -> Result<(Option<u64>, Vec<String>), Error> {
    let fresh = || TrainState::init(&run.settings, &Device::flex());
    let (found, notes) = resume(&run.dir, fresh)?;
    Ok((found.map(|(_, progress)| progress.step), notes))
}

fn names(run: &Run) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(&run.dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(PREFIX))
        .collect();
    names.sort();
    names
}

#[test]
fn the_list_is_one_that_sha256sum_reads() {
    let (_dir, run, [_, newest]) = two_checkpoints();
    assert_eq!(resumed(&run).unwrap(), (Some(500), vec![]));
    let list = fs::read_to_string(newest.join(SUMS)).unwrap();
    assert_eq!(list.lines().count(), 6, "{list}");
    for line in list.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert!(sum.len() == 64 && newest.join(name).is_file(), "{line}");
    }
    #[cfg(target_os = "linux")]
    {
        let check = std::process::Command::new("sha256sum")
            .args(["-c", SUMS])
            .current_dir(&newest)
            .output();
        assert!(check.unwrap().status.success());
    }
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 7] = [
        ("generator.bpk: it is missing", |dir| {
            fs::remove_file(dir.join("generator.bpk")).unwrap()
        }),
        ("state.json: it is missing", |dir| {
            fs::remove_file(dir.join("state.json")).unwrap()
        }),
        ("SHA256SUMS: it is missing, and it is written last", |dir| {
            fs::remove_file(dir.join(SUMS)).unwrap()
        }),
        ("SHA256SUMS: it does not list", |dir| {
            fs::write(dir.join(SUMS), "").unwrap()
        }),
        ("discriminator.bpk: it is damaged", |dir| {
            let path = dir.join("discriminator.bpk");
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("generator_optimizer.bpk: it is damaged", |dir| {
            fs::copy(dir.join("generator.bpk"), dir.join("generator_optimizer.bpk")).unwrap();
        }),
        ("g_ema.bpk: it is missing", |dir| {
            for name in ["g_ema.bpk", "state.json", SUMS, "generator.bpk"] {
                let _ = fs::remove_file(dir.join(name));
            }
            // Its list was the last that was removed.
            fs::write(
                dir.join(SUMS),
                fs::read(dir.with_file_name("checkpoint000001").join(SUMS)).unwrap(),
            )
            .unwrap();
        }),
    ];
    for (expected, damage) in damages {
        let (_dir, run, [_, newest]) = two_checkpoints();
        damage(&newest);
        let (step, notes) = resumed(&run).unwrap();
        assert_eq!(step, Some(250), "{expected}");
        let [note] = &notes[..] else {
            panic!("one sentence expected: {notes:?}");
        };
        // Which of several missing files is met first is no matter.
        let kind = expected.split_once(": ").unwrap().1;
        assert!(note.contains(kind), "{note}");
        assert!(
            note.contains("checkpoint000001,") && note.contains("checkpoint000002.damaged"),
            "{note}"
        );
        assert_eq!(names(&run), ["checkpoint000001", "checkpoint000002.damaged"]);
        // The next one that is damaged does not take the place of the first.
        fs::create_dir(&newest).unwrap();
        assert_eq!(resumed(&run).unwrap().0, Some(250));
        assert!(names(&run).contains(&"checkpoint000002.damaged-2".to_owned()));
    }
}

#[test]
fn without_sums_what_can_be_seen_is_seen() {
    let without = |change: &dyn Fn(&Path)| {
        let (dir, run, dirs) = two_checkpoints();
        dirs.iter()
            .for_each(|dir| fs::remove_file(dir.join(SUMS)).unwrap());
        change(&dirs[1]);
        let found = resumed(&run).unwrap();
        drop(dir);
        found
    };
    let (step, notes) = without(&|_| ());
    assert_eq!(step, Some(500));
    assert!(
        notes.len() == 1 && notes[0].contains("older versions"),
        "{notes:?}"
    );
    for (from, to) in [
        ("generator.bpk", "generator_optimizer.bpk"),
        ("discriminator_optimizer.bpk", "generator_optimizer.bpk"),
        ("generator_optimizer.bpk", "discriminator_optimizer.bpk"),
        ("generator_optimizer.bpk", "generator.bpk"),
        ("generator.bpk", "discriminator.bpk"),
    ] {
        let (step, notes) = without(&|dir| {
            fs::copy(dir.join(from), dir.join(to)).unwrap();
        });
        assert_eq!(step, Some(250), "{from} as {to}");
        assert!(notes.len() == 2 && notes[0].contains(to), "{notes:?}");
    }
    let empty = |dir: &Path| {
        let nothing = TrainState::init(&tiny(), &Device::flex()).generator_optimizer;
        nothing.save(dir.join("generator_optimizer.bpk")).unwrap();
    };
    assert!(without(&empty).1[0].contains("it is empty after 500 steps"));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_a_checkpoint_does_not_hang() {
    for (name, has_sums) in [("state.json", true), ("generator.bpk", false), (SUMS, true)] {
        let (_dir, run, dirs) = two_checkpoints();
        if !has_sums {
            dirs.iter()
                .for_each(|dir| fs::remove_file(dir.join(SUMS)).unwrap());
        }
        let path = dirs[1].join(name);
        fs::remove_file(&path).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let (step, notes) = resumed(&run).unwrap();
        assert_eq!(step, Some(250), "{name}");
        assert!(notes[0].contains("not a regular file"), "{notes:?}");
    }
}

#[test]
fn no_checkpoint_is_no_reason_to_begin_again_where_there_was_one() {
    let (_dir, run, dirs) = two_checkpoints();
    let before = names(&run);
    dirs.iter()
        .for_each(|dir| fs::remove_file(dir.join("state.json")).unwrap());
    let error = resumed(&run).unwrap_err().to_string();
    assert!(error.contains("no checkpoint that is whole"), "{error}");
    assert!(
        error.contains("checkpoint000001") && error.contains("checkpoint000002"),
        "{error}"
    );
    assert_eq!(names(&run), before, "nothing is renamed");
    dirs.iter().for_each(|dir| fs::remove_dir_all(dir).unwrap());
    fs::write(run.dir.join("snapshot000002.bpk"), "").unwrap();
    let error = resumed(&run).unwrap_err().to_string();
    assert!(
        error.contains("not there any more"),
        "the snapshots tell: {error}"
    );

    let (_dir, run, _) = trained();
    assert_eq!(
        resumed(&run).unwrap(),
        (None, vec![]),
        "a run that has just begun has none"
    );
}

#[test]
fn numbers_that_are_not_finite_are_no_checkpoint() {
    let (_dir, run, mut state) = trained();
    save_after(&run, &mut state, 250).unwrap();
    let w_avg = state.generator.mapping.w_avg.clone();
    state.generator.mapping.w_avg = w_avg.map(|value| value * f32::NAN);
    let error = save_after(&run, &mut state, 500).unwrap_err().to_string();
    assert!(
        error.contains("generator.bpk: mapping.w_avg holds a number that is not finite"),
        "{error}"
    );
    assert!(
        error.contains("checkpoint000001") && error.contains("lower --learning-rate"),
        "{error}"
    );
    assert_eq!(names(&run), ["checkpoint000001"]);

    // One that is there already, with sums that are right.
    let dir = run.dir.join("checkpoint000002");
    fs::create_dir(&dir).unwrap();
    for name in [
        "discriminator.bpk",
        "discriminator_optimizer.bpk",
        "g_ema.bpk",
        "generator_optimizer.bpk",
    ] {
        fs::copy(run.dir.join("checkpoint000001").join(name), dir.join(name)).unwrap();
    }
    state
        .generator
        .valid()
        .save_file(dir.join("generator.bpk"))
        .unwrap();
    Progress {
        step: 500,
        duration_secs: 1.0,
    }
    .write(&dir, &Numbers::new())
    .unwrap();
    let files = state::files(&mut state).unwrap();
    sums::write(&dir, &files).unwrap();
    let (step, notes) = resumed(&run).unwrap();
    assert_eq!(step, Some(250));
    assert!(notes[0].contains("not finite"), "{notes:?}");
}

/// Every state that a kill can leave while a checkpoint takes the place of another, or an old one goes.
#[test]
fn what_a_kill_leaves_is_put_in_order() {
    let (_dir, run, [first, second]) = two_checkpoints();
    let hidden = |ending: &str| folder(&run.dir, 2, ending);
    let both = ["checkpoint000001", "checkpoint000002"];

    // While it was written.
    fs::create_dir(hidden(PARTIAL)).unwrap();
    fs::write(hidden(PARTIAL).join("generator.bpk"), "half").unwrap();
    tidy(&run.dir).unwrap();
    assert_eq!(names(&run), both);
    // Between the two renames.
    fs::rename(&second, hidden(ASIDE)).unwrap();
    fs::create_dir(hidden(PARTIAL)).unwrap();
    tidy(&run.dir).unwrap();
    assert_eq!(names(&run), both);
    assert_eq!(resumed(&run).unwrap(), (Some(500), vec![]));
    // After them.
    fs::create_dir(hidden(ASIDE)).unwrap();
    fs::create_dir(hidden(GONE)).unwrap();
    tidy(&run.dir).unwrap();
    assert_eq!(names(&run), both);
    // While an old one was removed.
    fs::rename(&first, folder(&run.dir, 1, GONE)).unwrap();
    tidy(&run.dir).unwrap();
    assert_eq!(names(&run), both[1..]);
    // What others call so is left.
    fs::create_dir(run.dir.join(".checkpoint-of-mine.gone")).unwrap();
    tidy(&run.dir).unwrap();
    assert_eq!(names(&run).len(), 2);
}

#[test]
fn a_checkpoint_takes_the_place_of_one_of_the_same_kimg() {
    let (_dir, run, mut state) = trained();
    for step in [250, 251, 252, 500, 750] {
        save_after(&run, &mut state, step).unwrap();
        assert_eq!(resumed(&run).unwrap(), (Some(step), vec![]));
    }
    assert_eq!(
        names(&run),
        ["checkpoint000002", "checkpoint000003"],
        "old ones go"
    );
}
