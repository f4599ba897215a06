use super::*;
use image::{Rgb, RgbImage};

/// Two 8x8 pictures, one with a caption, as `guise prepare` lays them out.
fn small_dataset() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("00000")).unwrap();
    for index in 0..2u8 {
        let picture = RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8, y as u8, 100 + index]));
        picture
            .save(dir.path().join(format!("00000/img0000000{index}.png")))
            .unwrap();
    }
    std::fs::write(dir.path().join("dataset.json"), r#"{"labels": null}"#).unwrap();
    let metadata = "{\"file_name\": \"00000/img00000001.png\", \"text\": \"avatar with pink hair\"}\n";
    std::fs::write(dir.path().join("metadata.jsonl"), metadata).unwrap();
    dir
}

fn open_error(dir: &Path) -> String {
    Dataset::open(dir).unwrap_err().to_string()
}

#[test]
fn reads_planes_captions_and_provenance() {
    let dir = small_dataset();
    let dataset = Dataset::open(dir.path()).unwrap();
    assert_eq!((dataset.len(), dataset.resolution()), (2, 8));
    assert_eq!(
        (dataset.caption(0), dataset.caption(1)),
        ("", "avatar with pink hair")
    );
    assert_eq!(dataset.provenance(), &Provenance::default());
    let pixels = dataset.read(1).unwrap();
    assert_eq!(pixels.len(), 3 * 8 * 8);
    assert_eq!((pixels[3], pixels[64 + 3 * 8], pixels[128]), (3, 3, 101));

    // A second reading comes from memory: it does not notice that the file is gone.
    std::fs::remove_file(dir.path().join("00000/img00000001.png")).unwrap();
    assert_eq!(dataset.read(1).unwrap(), pixels);
}

#[test]
fn carries_the_licence() {
    let dir = small_dataset();
    let text = r#"{"name": "Pixels", "licence": "CC0-1.0", "attribution": "A. N. Artist", "extra": 1}"#;
    std::fs::write(dir.path().join("collection.json"), text).unwrap();
    let dataset = Dataset::open(dir.path()).unwrap();
    assert_eq!(dataset.provenance().license, "CC0-1.0");
    assert_eq!(dataset.provenance().attribution, "A. N. Artist");
    std::fs::write(dir.path().join("collection.json"), "{").unwrap();
    assert!(open_error(dir.path()).contains("collection.json, line 1"));
}

#[test]
fn names_the_file_that_is_wrong() {
    let dir = small_dataset();
    let picture = dir.path().join("00000/img00000001.png");
    RgbImage::new(8, 16).save(&picture).unwrap();
    let error = open_error(dir.path());
    assert!(
        error.contains("img00000001.png") && error.contains("8x16"),
        "{error}"
    );

    std::fs::write(&picture, "no picture").unwrap();
    assert!(open_error(dir.path()).contains("img00000001.png: not a readable PNG"));

    std::fs::remove_file(&picture).unwrap();
    let error = open_error(dir.path());
    assert!(
        error.contains("\"00000/img00000001.png\"") && error.contains("missing"),
        "{error}"
    );

    std::fs::write(
        dir.path().join("metadata.jsonl"),
        "{\"file_name\": \"a\"}\nnonsense",
    )
    .unwrap();
    assert!(open_error(dir.path()).contains("metadata.jsonl, line 2"));
    std::fs::write(dir.path().join("metadata.jsonl"), b"\xff\xfe").unwrap();
    assert!(open_error(dir.path()).contains("metadata.jsonl"));
}

#[test]
fn refuses_what_is_no_dataset() {
    let dir = small_dataset();
    for name in ["img00000000.png", "img00000001.png"] {
        RgbImage::new(24, 24)
            .save(dir.path().join("00000").join(name))
            .unwrap();
    }
    assert!(open_error(dir.path()).contains("24x24, expected a square whose side is a power of two"));
    std::fs::remove_dir_all(dir.path().join("00000")).unwrap();
    assert!(open_error(dir.path()).contains("holds no PNG"));
    std::fs::remove_file(dir.path().join("dataset.json")).unwrap();
    assert!(open_error(dir.path()).contains("guise prepare"));
    assert!(open_error(&dir.path().join("nowhere")).contains("nowhere"));
}

#[test]
fn a_picture_damaged_after_opening_is_an_error() {
    let dir = small_dataset();
    let dataset = Dataset::open(dir.path()).unwrap();
    let path = dir.path().join("00000/img00000000.png");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = dataset.read(0).unwrap_err().to_string();
    assert!(error.contains("img00000000.png"), "{error}");
    image::RgbaImage::new(8, 8).save(&path).unwrap();
    assert!(
        dataset
            .read(0)
            .unwrap_err()
            .to_string()
            .contains("expected 8-bit RGB")
    );
}
