//! Datasets of others, damaged ones, and those that change while a run is stopped.

use super::{dataset, done, guise, only_run, path, refused, train, weights};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

fn last_picture(data: &Path) -> PathBuf {
    let pictures = fs::read_dir(data.join("00000"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    pictures.max().unwrap()
}

#[test]
fn a_picture_of_another_kind_is_found_before_training() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    let picture = last_picture(&data);
    let whole = fs::read(&picture).unwrap();
    let found = |expected: &str| {
        let said = refused(train(&data, &out, "0.004", &[]));
        let name = picture.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name) && said.contains(expected), "{said}");
        assert!(!said.contains("run folder") && !out.exists(), "{said}");
    };
    image::RgbaImage::new(16, 16).save(&picture).unwrap();
    found("its pixels are RGB with alpha, expected 8-bit RGB");
    fs::write(&picture, &whole[..whole.len() - 4]).unwrap();
    found("it is cut off");
    fs::write(&picture, b"no picture").unwrap();
    found("not a readable PNG");
    image::RgbImage::new(32, 32).save(&picture).unwrap();
    found("it is 32x32, expected 16x16 like the first");
}

/// What NVIDIA's dataset tool writes: pictures and labels, zipped without compression.
#[test]
fn a_zip_is_trained_on_as_its_folder_is() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let zipped = dir.path().join("z.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&zipped).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("dataset.json", options).unwrap();
    zip.write_all(br#"{"labels": [["00000/img00000000.png", 1]]}"#)
        .unwrap();
    for entry in fs::read_dir(data.join("00000")).unwrap() {
        let picture = entry.unwrap().path();
        let name = picture.file_name().unwrap().to_str().unwrap();
        zip.start_file(format!("00000/{name}"), options).unwrap();
        zip.write_all(&fs::read(&picture).unwrap()).unwrap();
    }
    zip.finish().unwrap();
    let [of_folder, of_zip] = ["folder", "zip"].map(|name| dir.path().join(name));
    let said = done(train(&data, &of_folder, "0.02", &[]));
    assert!(!said.contains("labels"), "{said}");
    let said = done(train(&zipped, &of_zip, "0.02", &[]));
    assert_eq!(said.matches("with --classes labels only").count(), 1, "{said}");
    let said = refused(train(&zipped, &of_zip, "0.02", &["--classes", "labels"]));
    assert!(said.contains("has no label for 00000/img00000001.png"), "{said}");
    assert_eq!(weights(&only_run(&of_folder)), weights(&only_run(&of_zip)));
    // One is the other, so a run may go on with either.
    let run = only_run(&of_folder);
    let said = done(guise(&[
        "train",
        "--resume",
        path(&run),
        "--data",
        path(&zipped),
        "--kimg",
        "0.024",
    ]));
    assert!(!said.contains("other pictures"), "{said}");
}

#[test]
fn another_dataset_needs_consent() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.02", &[]));
    let run = only_run(&out);
    let resume = |kimg: &str, more: &[&str]| {
        guise(&[&["train", "--resume", path(&run), "--kimg", kimg], more].concat())
    };
    image::RgbImage::new(16, 16).save(last_picture(&data)).unwrap();
    let said = refused(resume("0.04", &[]));
    assert!(said.contains("other pictures than those 16"), "{said}");
    assert!(said.contains("put its pictures back, or add --data"), "{said}");
    let said = done(resume("0.04", &["--data", path(&data)]));
    assert!(said.contains("it goes on with what is there now"), "{said}");
    done(resume("0.06", &[]));

    let more = last_picture(&data).with_file_name("img99999999.png");
    image::RgbImage::new(16, 16).save(more).unwrap();
    let said = refused(resume("0.08", &[]));
    assert!(
        said.contains("has 17 pictures, and the run was trained on 16"),
        "{said}"
    );
    let said = done(resume("0.08", &["--data", path(&data)]));
    assert!(said.contains("has 17 pictures"), "{said}");
    done(resume("0.1", &[]));
}

#[cfg(unix)]
#[test]
fn pipes_do_not_hang() {
    let dir = tempfile::tempdir().unwrap();
    let data = dataset(dir.path());
    let out = dir.path().join("runs");
    done(train(&data, &out, "0.004", &[]));
    let run = only_run(&out);
    for pipe in [
        data.join("metadata.jsonl"),
        data.join("dataset.json"),
        run.join("checkpoint000000/state.json"),
        run.join("training_options.json"),
    ] {
        let whole = fs::read(&pipe).unwrap();
        fs::remove_file(&pipe).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let said = refused(guise(&["train", "--resume", path(&run), "--kimg", "0.008"]));
        assert!(said.contains("not a regular file"), "{said}");
        fs::remove_file(&pipe).unwrap();
        fs::write(&pipe, whole).unwrap();
    }
    done(guise(&["train", "--resume", path(&run), "--kimg", "0.008"]));
}
