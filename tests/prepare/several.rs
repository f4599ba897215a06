//! Several collections as one dataset.

use super::*;
use guise::data::prepare_all;
use std::path::PathBuf;

/// A collection of `count` pictures, with what is known about it.
fn collection(dir: &Path, name: &str, count: u8, provenance: &str) -> PathBuf {
    let art = dir.join(name);
    std::fs::create_dir(&art).unwrap();
    for i in 0..count {
        let shade = name.len() as u8 * 20 + i;
        image::RgbImage::from_pixel(16, 16, image::Rgb([shade, 90, i]))
            .save(art.join(format!("{i}.png")))
            .unwrap();
    }
    std::fs::write(art.join("broken.png"), "no picture").unwrap();
    if !provenance.is_empty() {
        std::fs::write(art.join("collection.json"), provenance).unwrap();
    }
    art
}

#[test]
fn several_collections_are_one_dataset_that_tells_them_apart() {
    let dir = tempfile::tempdir().unwrap();
    let first =
        r#"{"name": "The Apes", "license": "CC0-1.0", "attribution": "A", "source": "https://a.example"}"#;
    let second = r#"{"license": "MIT", "attribution": "A", "source": "https://b.example"}"#;
    let apes = collection(dir.path(), "a", 2, first);
    let cats = collection(dir.path(), "cats", 3, second);
    let [data, alone] = ["data", "alone"].map(|name| dir.path().join(name));
    let options = PrepareOptions {
        resolution: Some(16),
        pixel_art: Default::default(),
        background: guise::data::Background::Color([255; 3]),
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let prepare = |collections: &[&Path], out: &Path| {
        prepare_all(collections, out, &options, &|_| {}).map_err(|error| error.to_string())
    };
    let summary = prepare(&[&apes, &cats], &data).unwrap();
    assert_eq!((summary.pictures, summary.skipped.len()), (5, 2));
    let skipped: Vec<&str> = summary.skipped.iter().map(|skipped| &*skipped.source).collect();
    assert_eq!(skipped, ["The Apes/broken.png", "cats/broken.png"]);

    let mut dataset = Dataset::open(&data).unwrap();
    let provenance = dataset.provenance();
    assert_eq!(provenance.name, "The Apes and cats");
    assert_eq!(provenance.license, "CC0-1.0 AND MIT");
    assert_eq!(
        (&*provenance.attribution, &*provenance.source),
        ("A", "https://a.example, https://b.example")
    );
    let classes = dataset.classify("collection", 9).unwrap();
    assert_eq!(
        classes.all(),
        [("cats".to_owned(), 3), ("The Apes".to_owned(), 2)]
    );

    // Another collection after them leaves theirs where they are.
    let dogs = collection(dir.path(), "dog", 1, "");
    let summary = prepare(&[&apes, &cats, &dogs], &data).unwrap();
    assert_eq!((summary.pictures, summary.kept), (6, 5));
    let dataset = Dataset::open(&data).unwrap();
    assert_eq!(dataset.provenance().license, "", "of one nothing is known");

    // One by itself is not told apart from any.
    prepare(&[&apes], &alone).unwrap();
    let metadata = std::fs::read_to_string(alone.join("metadata.jsonl")).unwrap();
    assert!(!metadata.contains("collection"), "{metadata}");

    let error = prepare(&[&apes, &apes], &dir.path().join("twice")).unwrap_err();
    assert!(
        error.contains("is called \"The Apes\", expected another name"),
        "{error}"
    );
    assert!(!dir.path().join("twice").exists());
}
