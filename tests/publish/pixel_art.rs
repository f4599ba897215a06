//! A model of pixel art knows its grid and its palette, draws by them, and is enlarged exactly.

use super::{fails, names, succeeds, super_resolution, trained_run, utf8};
use image::{Rgba, RgbaImage};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const PALETTE: [&str; 4] = ["#141e3c", "#5ac8c8", "#c8503c", "#f0f0f0"];

/// A copy of the trained run with `edit` done to its settings.
fn run_with(dir: &Path, edit: impl FnOnce(&mut Value)) -> PathBuf {
    let run = dir.join("run");
    fs::create_dir(&run).unwrap();
    for name in names(trained_run()) {
        let from = trained_run().join(&name);
        if from.is_file() {
            fs::copy(from, run.join(&name)).unwrap();
        }
    }
    let path = run.join("training_options.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut settings);
    fs::write(&path, settings.to_string()).unwrap();
    run
}

fn open(path: &Path) -> RgbaImage {
    image::open(path).unwrap().into_rgba8()
}

fn colors(picture: &RgbaImage) -> BTreeSet<String> {
    let hex = |Rgba([r, g, b, _]): &Rgba<u8>| format!("#{r:02x}{g:02x}{b:02x}");
    picture.pixels().map(hex).collect()
}

fn manifest(bundle: &Path) -> Value {
    serde_json::from_slice(&fs::read(bundle.join("model.json")).unwrap()).unwrap()
}

#[test]
fn what_the_run_knows_is_published_and_drawn_by() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    // Sixteen pixels, of which the art has eight: two by two are one.
    let art = json!({"pixel_grid": 8, "palette": PALETTE});
    let run = run_with(dir.path(), |settings| settings["pixel_art"] = art);
    let bundle = path("model");
    let publish = ["publish", utf8(&run), "--out", utf8(&bundle)];
    let sr = super_resolution(dir.path());
    fails(
        &[&publish[..], &["--sr", utf8(&sr)]].concat(),
        "enlarged exactly and by no network: leave --sr out",
    );
    assert!(!bundle.exists());
    succeeds(&publish);
    let published = manifest(&bundle);
    assert_eq!(published["pixel_grid"], 8);
    assert_eq!(published["palette"], json!(PALETTE));
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(
        card.contains("Pixel art on a grid of 8 x 8 pixels and 4 colors"),
        "{card}"
    );

    // What is drawn has colors of the palette only, in blocks, from the bundle as from the run, and is the
    // sheet.
    let draw = |model: &Path, extra: &[&str]| {
        let out = path("drawn.png");
        let args = ["generate", "--model", utf8(model), "--out", utf8(&out)];
        succeeds(&[&args[..], extra].concat());
        open(&out)
    };
    let snapped = draw(&bundle, &[]);
    let palette: BTreeSet<String> = PALETTE.map(str::to_owned).into();
    assert!(colors(&snapped).is_subset(&palette), "{:?}", colors(&snapped));
    assert!(colors(&snapped).len() > 1, "it draws something");
    for (x, y, pixel) in snapped.enumerate_pixels() {
        assert_eq!(pixel, snapped.get_pixel(x / 2 * 2, y / 2 * 2), "{x}, {y}");
    }
    assert!(
        snapped == open(&bundle.join("samples.png")),
        "the sheet is another"
    );
    assert!(colors(&draw(&run, &[])).is_subset(&palette));
    let raw = draw(&bundle, &["--snap", "none"]);
    assert!(colors(&raw).len() > 16, "{:?}", colors(&raw));

    // Devices are held against what the network draws, so grid and palette change nothing there.
    let plain = path("plain");
    succeeds(&["publish", utf8(trained_run()), "--out", utf8(&plain)]);
    let references = ["model", "plain"].map(|model| fs::read(path(model).join("references.png")).unwrap());
    assert!(references[0] == references[1], "the references are snapped");
    assert_eq!(manifest(&plain).get("pixel_grid"), None);
    assert!(
        draw(&plain, &[]) == raw,
        "a model without a grid is drawn as it is"
    );

    // Enlarging gives each pixel a block, by any whole number.
    let avatars = path("avatars/");
    let one = ["generate", "--model", utf8(&bundle), "--seeds", "5", "--out"];
    succeeds(&[&one[..], &[&format!("{}/", utf8(&avatars))]].concat());
    let (small, large) = (avatars.join("seed0005.png"), path("large.png"));
    for (extra, side) in [(&[][..], 1024), (&["--scale", "3"], 48)] {
        let args = ["upscale", utf8(&small), utf8(&large), "--model", utf8(&bundle)];
        let said = succeeds(&[&args[..], extra].concat());
        assert!(said.contains(&format!("{side} x {side} pixels")), "{said}");
        let (small, large) = (open(&small), open(&large));
        assert_eq!(large.dimensions(), (side, side));
        for (x, y, pixel) in large.enumerate_pixels() {
            assert_eq!(pixel, small.get_pixel(x * 16 / side, y * 16 / side), "{x}, {y}");
        }
    }
    let network = [
        "upscale",
        utf8(&small),
        utf8(&large),
        "--model",
        utf8(&sr),
        "--scale",
        "17",
    ];
    fails(&network, "--scale is 17, expected 1 to 16");
}

#[test]
fn runs_of_before_learn_it_from_their_dataset() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::create_dir_all(data.join("00000")).unwrap();
    let own = trained_run().ancestors().nth(2).unwrap().join("data");
    for name in ["dataset.json", "metadata.jsonl", "collection.json"] {
        fs::copy(own.join(name), data.join(name)).unwrap();
    }
    for name in names(&own.join("00000")) {
        fs::copy(own.join("00000").join(&name), data.join("00000").join(&name)).unwrap();
    }
    let art = json!({"pixel_grid": 16, "palette": PALETTE});
    fs::write(data.join("pixel_art.json"), art.to_string()).unwrap();
    let run = run_with(dir.path(), |settings| settings["data"] = utf8(&data).into());
    let bundle = dir.path().join("model");
    succeeds(&["publish", utf8(&run), "--out", utf8(&bundle)]);
    assert_eq!(manifest(&bundle)["pixel_grid"], 16);

    // Other pictures are not the run's.
    fs::copy(
        data.join("00000/img00000001.png"),
        data.join("00000/img00000000.png"),
    )
    .unwrap();
    succeeds(&["publish", utf8(&run), "--out", utf8(&bundle)]);
    assert_eq!(manifest(&bundle).get("pixel_grid"), None);
}

#[test]
fn grids_that_do_not_fit_are_refused() {
    let dir = TempDir::new().unwrap();
    let art = json!({"pixel_grid": 12});
    let run = run_with(dir.path(), |settings| settings["pixel_art"] = art);
    let out = dir.path().join("out.png");
    let expected = "pixel_grid is 12, expected a divisor of the pictures' 16 pixels";
    fails(
        &["generate", "--model", utf8(&run), "--out", utf8(&out)],
        expected,
    );
    fails(
        &["publish", utf8(&run), "--out", utf8(&dir.path().join("m"))],
        expected,
    );
    let run = {
        fs::remove_dir_all(run).unwrap();
        let art = json!({"pixel_grid": 1u64 << 40});
        run_with(dir.path(), |settings| settings["pixel_art"] = art)
    };
    fails(
        &["generate", "--model", utf8(&run), "--out", utf8(&out)],
        "expected 8 to 128 pixels",
    );
}
