//! `guise explore` and `guise project`, on the tiny bundle: what they show is what `guise generate` draws,
//! and what lies between.

use super::tiny;
use burn::tensor::TensorData;
use image::{AnimationDecoder, RgbaImage, codecs::gif::GifDecoder, imageops::crop_imm};
use std::{
    io::Cursor,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

/// Pixels on a side of the tiny bundle's pictures.
const SIDE: u32 = 16;

fn guise(args: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_guise"))
        .args(args)
        .args(["--model", tiny::folder().to_str().unwrap(), "--out"])
        .arg(out)
        .output()
        .unwrap()
}

/// The picture that a command writes.
fn shown(dir: &TempDir, args: &[&str]) -> RgbaImage {
    let out = dir.path().join("out.png");
    let output = guise(args, &out);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    image::open(out).unwrap().to_rgba8()
}

fn refused(dir: &TempDir, args: &[&str], out: &str) -> String {
    let out = dir.path().join(out);
    let output = guise(args, &out);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !out.exists(), "{args:?}: {said}");
    said
}

/// The avatar in a row and a column of a sheet.
fn at(sheet: &RgbaImage, row: u32, column: u32) -> RgbaImage {
    crop_imm(sheet, column * SIDE, row * SIDE, SIDE, SIDE).to_image()
}

/// The avatar of a seed, as `guise generate` draws it.
fn avatar(dir: &TempDir, seed: &str) -> RgbaImage {
    shown(dir, &["generate", "--seeds", seed])
}

#[test]
fn ways_lead_from_avatar_to_avatar() {
    let dir = TempDir::new().unwrap();
    for space in ["w", "z"] {
        let args = [
            "explore",
            "interpolate",
            "--seeds",
            "3,7,5",
            "--frames",
            "4",
            "--space",
            space,
        ];
        let sheet = shown(&dir, &args);
        assert_eq!(sheet.dimensions(), (4 * SIDE, 2 * SIDE));
        for (seed, [row, column]) in [("3", [0, 0]), ("7", [0, 3]), ("7", [1, 0]), ("5", [1, 3])] {
            let differs = at(&sheet, row, column)
                .iter()
                .zip(avatar(&dir, seed).iter())
                .any(|(a, b)| a.abs_diff(*b) > 1);
            assert!(!differs, "seed {seed} in {space}");
        }
        let [first, step, last] = [0, 1, 3].map(|column| at(&sheet, 0, column));
        assert!(step != first && step != last);
    }
    let ways = ["w", "z"].map(|space| {
        shown(
            &dir,
            &[
                "explore",
                "interpolate",
                "--seeds",
                "3,7",
                "--frames",
                "3",
                "--space",
                space,
            ],
        )
    });
    assert_ne!(ways[0], ways[1]);
}

#[test]
fn an_animation_comes_back_and_is_enlarged_exactly() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("way.gif");
    let args = [
        "explore",
        "interpolate",
        "--seeds",
        "3,7",
        "--frames",
        "5",
        "--times",
        "3",
    ];
    assert!(guise(&args, &out).status.success());
    let gif = GifDecoder::new(Cursor::new(std::fs::read(out).unwrap())).unwrap();
    let frames = gif.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 10);
    let first = frames[0].buffer();
    assert_eq!(first.dimensions(), (3 * SIDE, 3 * SIDE));
    assert!(
        first
            .enumerate_pixels()
            .all(|(x, y, color)| color == &first[(x / 3 * 3, y / 3 * 3)])
    );
    // The middle of the way back is the middle of the way there, and each avatar is there once.
    assert_ne!(frames[0].buffer(), frames[5].buffer());
    assert_eq!(frames[1].buffer(), frames[9].buffer());
}

#[test]
fn layers_are_taken_from_rows_and_columns() {
    let dir = TempDir::new().unwrap();
    let mix = |layers| {
        shown(
            &dir,
            &[
                "explore",
                "mix",
                "--rows",
                "1,2",
                "--columns",
                "3-5",
                "--layers",
                layers,
            ],
        )
    };
    let sheet = mix("0-2");
    assert_eq!(sheet.dimensions(), (4 * SIDE, 3 * SIDE));
    assert!(at(&sheet, 0, 0).pixels().all(|pixel| pixel.0 == [0; 4]));
    for (seed, [row, column]) in [("1", [1, 0]), ("2", [2, 0]), ("3", [0, 1]), ("5", [0, 3])] {
        assert_eq!(at(&sheet, row, column), avatar(&dir, seed), "seed {seed}");
    }
    for (row, column) in [(1, 1), (2, 3)] {
        let mixed = at(&sheet, row, column);
        assert!(mixed != at(&sheet, row, 0) && mixed != at(&sheet, 0, column));
    }
    // All six layers are the avatar of the row.
    let whole = mix("0-5");
    assert_eq!(at(&whole, 2, 1), avatar(&dir, "2"));
}

#[test]
fn truncation_leads_from_the_opposite_to_the_avatar() {
    let dir = TempDir::new().unwrap();
    let args = ["explore", "truncate", "--seeds", "1,2", "--psi", "-0.7,0,0.7"];
    let sheet = shown(&dir, &args);
    assert_eq!(sheet.dimensions(), (3 * SIDE, 2 * SIDE));
    assert_eq!(
        at(&sheet, 0, 1),
        at(&sheet, 1, 1),
        "the typical avatar is no seed's"
    );
    let avatar = shown(&dir, &["generate", "--seeds", "2", "--truncation-psi", "0.7"]);
    assert_eq!(at(&sheet, 1, 2), avatar);
    assert_ne!(at(&sheet, 1, 0), avatar);
}

#[test]
fn what_cannot_be_explored_says_why() {
    let dir = TempDir::new().unwrap();
    for (args, out, expected) in [
        (
            &["interpolate", "--seeds", "3"][..],
            "a.png",
            "--seeds names one avatar",
        ),
        (
            &["interpolate", "--seeds", "3,4"],
            "a.jpg",
            "ends in .png or .gif or .apng",
        ),
        (
            &["interpolate", "--seeds", "0-99", "--frames", "1024"],
            "a.gif",
            "expected at most 4096",
        ),
        (
            &["mix", "--layers", "0,6"],
            "a.png",
            "names layer 6, expected 0 to 5",
        ),
        (&["mix"], "a.gif", "ends in .png"),
        (
            &["truncate", "--psi", "0,3"],
            "a.png",
            "--psi names 3, expected -2 to 2",
        ),
        (&["truncate", "--psi", "NaN"], "a.png", "--psi names NaN"),
        (&["truncate", "--class", "apes"], "a.png", "apes"),
    ] {
        let said = refused(&dir, &[&["explore"][..], args].concat(), out);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}

#[test]
fn a_picture_becomes_latents_that_stand_among_seeds() {
    let dir = TempDir::new().unwrap();
    let picture = dir.path().join("friend.png");
    avatar(&dir, "300").save(&picture).unwrap();
    let sheet = dir.path().join("sheet.png");
    let found = dir.path().join("friend.safetensors");
    let args = [
        "project",
        picture.to_str().unwrap(),
        "--sheet",
        sheet.to_str().unwrap(),
    ];
    let output = guise(&args, &found);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let sheet = image::open(&sheet).unwrap().to_rgba8();
    let [asked, start, result] = [0, 1, 2].map(|column| at(&sheet, 0, column));
    assert_eq!(asked, avatar(&dir, "300"));
    let distance = |a: &RgbaImage| {
        a.iter()
            .zip(asked.iter())
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
            .sum::<f64>()
    };
    assert!(
        distance(&result) < 0.2 * distance(&start),
        "{} of {}",
        distance(&result),
        distance(&start)
    );

    let list = format!("3,{}", found.display());
    let way = shown(
        &dir,
        &["explore", "interpolate", "--seeds", &list, "--frames", "2"],
    );
    assert_eq!(at(&way, 0, 1), result);
    let table = shown(
        &dir,
        &[
            "explore",
            "mix",
            "--rows",
            &list,
            "--columns",
            "7",
            "--layers",
            "0-5",
        ],
    );
    assert_eq!(at(&table, 2, 1), result);
    let said = refused(
        &dir,
        &["explore", "interpolate", "--seeds", &list, "--space", "z"],
        "a.png",
    );
    assert!(said.contains("has no place in z"), "{said}");
}

#[test]
fn what_is_no_picture_and_what_are_no_latents_is_said() {
    let dir = TempDir::new().unwrap();
    let text = dir.path().join("text.png");
    std::fs::write(&text, "a picture").unwrap();
    let said = refused(&dir, &["project", text.to_str().unwrap()], "a.safetensors");
    assert!(said.contains("text.png"), "{said}");
    avatar(&dir, "1").save(dir.path().join("one.png")).unwrap();
    let one = dir.path().join("one.png");
    for (more, expected) in [
        (["--steps", "10001"], "steps is 10001"),
        (["--candidates", "0"], "candidates is 0"),
        (["--learning-rate", "NaN"], "the learning rate is NaN"),
    ] {
        let args = [&["project", one.to_str().unwrap()][..], &more].concat();
        let said = refused(&dir, &args, "a.safetensors");
        assert!(said.contains(expected), "{said}");
    }

    let wrong = dir.path().join("wrong.safetensors");
    let list = format!("3,{}", wrong.display());
    let said = || refused(&dir, &["explore", "interpolate", "--seeds", &list], "a.png");
    assert!(said().contains("cannot read"));
    std::fs::write(&wrong, "latents").unwrap();
    assert!(said().contains("wrong.safetensors"));
    for (name, shape, expected) in [
        (
            "latents",
            [2, 3],
            "[2, 3], expected [6, 32]: they are of another model",
        ),
        ("weights", [6, 32], "expected one tensor, latents"),
    ] {
        let data = TensorData::new(vec![0f32; shape[0] * shape[1]], shape);
        let tensors = [(name.to_owned(), data)].into_iter().collect();
        let bytes = guise::weights::foreign::safetensors::write(&tensors, Default::default()).unwrap();
        std::fs::write(&wrong, bytes).unwrap();
        let said = said();
        assert!(said.contains(expected), "{said}");
    }
}
