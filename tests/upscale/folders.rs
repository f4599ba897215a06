//! `guise upscale` of a folder.

use super::{
    command::{failure, folder, guise},
    fixture,
    stored::{success, upscale},
};
use std::{fs, path::Path};

/// All files below `dir`, in order.
fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = walkdir::WalkDir::new(dir)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(dir).unwrap().display().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_enlarged_once_and_failures_are_listed() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("in/more")).unwrap();
    let picture = image::open(fixture("picture.png")).unwrap();
    picture.save(path("in/a.png")).unwrap();
    picture.to_rgb8().save(path("in/more/b.jpg")).unwrap();
    fs::write(path("in/broken.webp"), b"no picture").unwrap();
    fs::write(path("in/a.json"), b"{}").unwrap();
    fs::write(path("in/.hidden.png"), b"the desktop's").unwrap();
    // Results in a folder of IN are not enlarged again.
    let run = || upscale(folder.path(), "in", "in/large", &["--scale", "2"]);
    let output = run();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("2 enlarged, 0 were there already, 1 failed; 1 other files left alone"),
        "{said}"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("failed: broken.webp: ") && said.contains("not a picture"),
        "{said}"
    );
    let results = path("in/large");
    assert_eq!(files(&results), ["a.png", "more/b.png", "not_enlarged.jsonl"]);
    assert_eq!(
        image::image_dimensions(results.join("more/b.png")).unwrap(),
        (80, 96)
    );
    let line = fs::read_to_string(results.join("not_enlarged.jsonl")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_eq!(line["file"], "broken.webp");
    assert!(
        line["reason"].as_str().unwrap().contains("not a picture"),
        "{line}"
    );

    // A result that is there is left alone, whatever it is, and what was mended is done.
    fs::write(results.join("a.png"), "mine").unwrap();
    picture.to_rgb8().save(path("in/broken.webp")).unwrap();
    let output = run();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    success(output);
    assert!(
        said.contains("1 enlarged, 2 were there already, 0 failed"),
        "{said}"
    );
    assert_eq!(files(&results), ["a.png", "broken.png", "more/b.png"]);
    assert_eq!(fs::read_to_string(results.join("a.png")).unwrap(), "mine");
}

#[test]
fn what_no_folder_can_be_is_refused() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("in")).unwrap();
    let picture = image::open(fixture("picture.png")).unwrap();
    let said = failure(upscale(folder.path(), "in", "out", &[]));
    assert!(said.contains("there are no pictures in"), "{said}");
    picture.save(path("in/a.png")).unwrap();
    let said = failure(upscale(folder.path(), "in", "in", &[]));
    assert!(said.contains("is both IN and OUT"), "{said}");
    fs::write(path("file"), "words").unwrap();
    let said = failure(upscale(folder.path(), "in", "file", &[]));
    assert!(
        said.contains("cannot write to") && said.contains("file"),
        "{said}"
    );

    // Two pictures cannot have one result.
    picture.to_rgb8().save(path("in/a.jpg")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hosts", path("in/link.png")).unwrap();
    let output = upscale(folder.path(), "in", "out", &["--format", "webp", "--scale", "1"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("a.png: its result would be a.webp, as that of a.jpg"),
        "{said}"
    );
    #[cfg(unix)]
    assert!(said.contains("link.png: a symbolic link"), "{said}");
    assert_eq!(files(&path("out")), ["a.webp", "not_enlarged.jsonl"]);

    let refusals: [(&[&str], &str); 4] = [
        (
            &["in/a.png", "b.png", "--scale", "17"],
            "--scale is 17, expected 1 to 16",
        ),
        (&["in/a.png", "b.png", "--scale", "0"], "0 is not in 1..=1024"),
        (&["in/a.png", "b.bmp"], "b.bmp does not end in .png"),
        (&["in/a.png", "b.png", "--format", "webp"], "--format is webp"),
    ];
    for (flags, reason) in refusals {
        let said = failure(upscale(folder.path(), flags[0], flags[1], &flags[2..]));
        assert!(said.contains(reason), "{said}");
    }
    let said = failure(guise(["upscale", "a.png", "--model", "x"]));
    assert!(said.contains("<OUT>"), "{said}");
    assert!(!path("b.png").exists());
}
