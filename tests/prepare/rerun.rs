//! What a second run keeps, what it refuses, and what the command says.

use super::*;

#[test]
fn equal_pictures_are_kept_once() {
    let folders = Folders::new();
    let picture = gradient(32, 32, 3);
    folders
        .put("a.png", png(&picture))
        .put("b.png", png(&gradient(32, 32, 4)));
    // The same pixels in another format, and as a part of a wider picture.
    folders.put("c.webp", encoded(picture.clone(), ImageFormat::WebP));
    let mut wide = RgbImage::new(48, 32);
    image::imageops::replace(&mut wide, &picture, 8, 0);
    folders.put("d.png", png(&wide));
    // What one of them says is not lost.
    folders.put("d.json", r#"{"image": "d.png", "traits": {"hair": "pink"}}"#);
    let summary = folders.prepare(32).unwrap();
    assert_eq!(summary.pictures, 2);
    let duplicates: Vec<&str> = summary
        .duplicates
        .iter()
        .map(|skipped| skipped.source.as_str())
        .collect();
    assert_eq!(duplicates, ["c.webp", "d.png"]);
    assert_eq!(summary.duplicates[0].reason, "the same picture as a.png");
    let dataset = Dataset::open(&folders.dataset()).unwrap();
    assert_eq!((dataset.len(), dataset.caption(0)), (2, "avatar with pink hair"));
}

#[test]
fn a_rerun_draws_only_what_changed() {
    let folders = Folders::new();
    for index in 0..20u8 {
        folders.put(&format!("{index:02}.png"), png(&gradient(40, 40, 10 * index)));
    }
    folders.prepare(32).unwrap();
    let place = |index: usize| folders.dataset().join(format!("00000/img{index:08}.png"));
    let all = |folders: &Folders| -> Vec<Vec<u8>> {
        let dataset = Dataset::open(&folders.dataset()).unwrap();
        (0..dataset.len())
            .map(|index| dataset.read(index).unwrap())
            .collect()
    };
    let first = all(&folders);
    assert_eq!(folders.prepare(32).unwrap().kept, 20);

    // As an interruption and a power cut leave it: no end mark, a missing, a truncated and a half-written
    // picture.
    fs::remove_file(folders.dataset().join("dataset.json")).unwrap();
    assert!(
        Dataset::open(&folders.dataset())
            .unwrap_err()
            .to_string()
            .contains("interrupted")
    );
    fs::remove_file(place(3)).unwrap();
    let bytes = fs::read(place(4)).unwrap();
    fs::write(place(4), &bytes[..bytes.len() - 30]).unwrap();
    fs::write(folders.dataset().join("00000/.partial-x1"), &bytes[..100]).unwrap();
    let summary = folders.prepare(32).unwrap();
    assert_eq!((summary.pictures, summary.kept), (20, 18));
    assert!(all(&folders) == first);
    assert!(!folders.dataset().join("00000/.partial-x1").exists());

    // A changed and a removed source; then another size.
    folders.put("00.png", png(&gradient(40, 40, 255)));
    fs::remove_file(folders.art().join("19.png")).unwrap();
    let summary = folders.prepare(32).unwrap();
    assert_eq!((summary.pictures, summary.kept), (19, 18));
    assert!(!place(19).exists());
    let summary = folders.prepare(16).unwrap();
    assert_eq!((summary.pictures, summary.kept), (19, 0));
    assert_eq!(Dataset::open(&folders.dataset()).unwrap().resolution(), 16);
}

#[test]
fn what_a_power_cut_or_a_kill_leaves_is_mended() {
    let folders = Folders::new();
    for index in 0..6u8 {
        folders.put(&format!("{index:02}.png"), png(&gradient(40, 40, 10 * index)));
    }
    folders.prepare(32).unwrap();
    let place = |index: usize| folders.dataset().join(format!("00000/img{index:08}.png"));
    let whole: Vec<Vec<u8>> = (0..6).map(|index| fs::read(place(index)).unwrap()).collect();
    fs::write(place(0), "").unwrap();
    fs::write(place(1), vec![0; whole[1].len()]).unwrap();
    fs::write(place(2), &whole[2][..5]).unwrap();
    fs::write(place(3), &whole[3][..60]).unwrap();
    let zeros = |bytes: &[u8]| [&bytes[..whole[4].len() / 2], &vec![0; whole[4].len() / 2]].concat();
    fs::write(place(4), zeros(&whole[4])).unwrap();
    let partial = [
        ".partial-x1",
        "00000/.partial-x2",
        ".dataset.json.aB3dE6",
        ".metadata.jsonl.000000",
    ];
    for name in partial {
        fs::write(folders.dataset().join(name), "half").unwrap();
    }
    let summary = folders.prepare(32).unwrap();
    assert_eq!((summary.pictures, summary.kept), (6, 1));
    for (index, whole) in whole.iter().enumerate() {
        assert!(fs::read(place(index)).unwrap() == *whole, "{index}");
    }
    for name in partial {
        assert!(!folders.dataset().join(name).exists(), "{name}");
    }

    // Other hidden files belong to the user.
    fs::write(folders.dataset().join(".dataset.json.bak"), "mine").unwrap();
    assert!(
        folders
            .prepare(32)
            .unwrap_err()
            .to_string()
            .contains(".dataset.json.bak")
    );
}

#[test]
fn foreign_folders_are_left_alone() {
    let folders = Folders::new();
    folders.put("a.png", png(&gradient(32, 32, 1)));
    fs::create_dir_all(folders.dataset().join("00000")).unwrap();
    fs::write(
        folders.dataset().join("00000/img00000000.png"),
        png(&gradient(8, 8, 1)),
    )
    .unwrap();
    let error = folders.prepare(32).unwrap_err().to_string();
    assert!(
        error.contains("img00000000.png was not written by `guise prepare`"),
        "{error}"
    );
    fs::remove_dir_all(folders.dataset()).unwrap();
    fs::create_dir(folders.dataset()).unwrap();
    fs::write(folders.dataset().join("thesis.txt"), "years of work").unwrap();
    let error = folders.prepare(32).unwrap_err().to_string();
    assert!(error.contains("\"thesis.txt\""), "{error}");
    assert!(folders.dataset().join("thesis.txt").exists());

    let options = PrepareOptions {
        resolution: Some(32),
        background: guise::data::Background::Color([0; 3]),
        pixel_art: Default::default(),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let inside = prepare(
        &folders.art(),
        &folders.art().join("out/dataset"),
        &options,
        &|_| {},
    )
    .unwrap_err();
    assert!(inside.to_string().contains("inside the collection"), "{inside}");
    assert!(!folders.art().join("out").exists());
}

#[test]
fn the_command_says_what_it_did_and_what_is_wrong() {
    let folders = Folders::new();
    let text = |output: &Output| {
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    folders.put("a.png", "").put("b.txt", "words");
    let output = folders.guise(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    assert!(
        said.contains("no usable picture") && said.contains("a.png: empty file"),
        "{said}"
    );
    assert!(!folders.dataset().exists());

    folders.put("c.png", png(&gradient(32, 32, 1)));
    let output = folders.guise(&["--resolution", "16"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("1 pictures of 16x16") && said.contains("2 files skipped"),
        "{said}"
    );
    assert!(said.contains("skipped a.png: empty file"), "{said}");

    for (arguments, expected) in [
        (
            ["--resolution", "36"],
            "36, expected 16 to 1024 pixels, 3, 4, 5 or 7 times a power of two",
        ),
        (["--resolution", "2048"], "2048, expected 16 to 1024 pixels"),
        (
            ["--pixel-art", "some"],
            "expected auto, off or the pixels along a side",
        ),
        (["--pixel-art", "7"], "pixel_grid is 7, expected 8 to 128 pixels"),
        (["--background", "mauve"], "six hexadecimal digits"),
        (["--background", "#+f+f+f"], "six hexadecimal digits"),
        (["--background", "#fffff\u{e9}"], "six hexadecimal digits"),
    ] {
        let output = folders.guise(&arguments);
        assert!(!output.status.success());
        assert!(
            text(&output).contains(expected),
            "{arguments:?}: {}",
            text(&output)
        );
    }
    // The dataset of the run that worked is still there.
    assert_eq!(Dataset::open(&folders.dataset()).unwrap().len(), 1);

    let options = PrepareOptions {
        resolution: Some(32),
        background: guise::data::Background::Color([0; 3]),
        pixel_art: Default::default(),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let nowhere = prepare(
        Path::new("/nowhere/at/all"),
        &folders.dataset(),
        &options,
        &|_| {},
    )
    .unwrap_err();
    assert!(nowhere.to_string().contains("/nowhere/at/all"), "{nowhere}");
}
