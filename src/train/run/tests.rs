use super::*;
use crate::train::{Run, StepStats, families::stylegan2::tests::tiny};

fn tick(images: u64) -> Tick<StepStats> {
    Tick {
        kimg: images as f64 / 1000.0,
        duration_secs: 0.1 + images as f64 / 3.0,
        secs_per_kimg: 1.0 / 3.0,
        stats: StepStats::default(),
        figures: Figures::from([("kid1k_random".into(), 1.0 / 7.0)]),
    }
}

#[test]
fn statistics_are_cut_and_keep_their_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let run = Run::create(dir.path(), tiny()).unwrap();
    run.rewind(0).unwrap();
    assert!(!run.stats_path().exists(), "nothing is made of nothing");
    for images in [4, 290, 1148, 4352] {
        run.append(&tick(images)).unwrap();
    }
    let all = fs::read(run.stats_path()).unwrap();
    // These digits are not what serde_json would write again.
    let odd = String::from_utf8(all.clone())
        .unwrap()
        .replacen("0.004", "4.0e-3", 1);
    let end_of = |line: usize| odd.match_indices('\n').nth(line).unwrap().0 + 1;
    for (images, lines) in [(4352, 4), (4351, 3), (1148, 3), (290, 2), (4, 1), (3, 0)] {
        for torn in ["", "{\"kimg\": 9", "\0\0\0", "{\"kimg\": 0.001}"] {
            fs::write(run.stats_path(), format!("{odd}{torn}")).unwrap();
            run.rewind(images).unwrap();
            let kept = if lines == 0 { 0 } else { end_of(lines - 1) };
            assert_eq!(
                fs::read_to_string(run.stats_path()).unwrap(),
                odd[..kept],
                "{images} {torn}"
            );
            let ticks = run.ticks().unwrap();
            assert_eq!(ticks.len(), lines);
            assert!(ticks.iter().all(|it| it.figures == tick(0).figures));
        }
    }
}

#[test]
fn leftovers_are_known_by_their_names() {
    for name in [
        ".training_options.json.a1B2c3",
        ".fakes000002.png.a1B2c3",
        ".snapshot000002.bpk",
    ] {
        assert!(Run::is_leftover(name), "{name}");
    }
    for name in [
        "training_options.json",
        ".notes.txt.a1B2c3",
        ".lock",
        ".fakes.png.a1B2c3",
        ".snapshotx.bpk",
    ] {
        assert!(!Run::is_leftover(name), "{name}");
    }
}

#[test]
fn a_dropped_start_leaves_nothing_and_resuming_needs_a_run() {
    let dir = tempfile::tempdir().unwrap();
    drop(Run::create(dir.path(), tiny()).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let error = Run::resume(dir.path()).unwrap_err().to_string();
    assert!(error.contains("training_options.json"), "{error}");
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "no lock in what is no run"
    );
}
