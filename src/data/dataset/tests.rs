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
fn carries_the_license() {
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
        RgbImage::new(36, 36)
            .save(dir.path().join("00000").join(name))
            .unwrap();
    }
    assert!(open_error(dir.path()).contains("36x36, expected a square of at most 1024 pixels, 3, 4, 5 or 7"));
    std::fs::remove_dir_all(dir.path().join("00000")).unwrap();
    assert!(open_error(dir.path()).contains("holds no PNG"));
    std::fs::remove_file(dir.path().join("dataset.json")).unwrap();
    assert!(open_error(dir.path()).contains("guise prepare"));
    assert!(open_error(&dir.path().join("nowhere")).contains("nowhere"));
}

#[test]
fn grid_and_palette_are_read_and_checked() {
    let dir = small_dataset();
    assert_eq!(Dataset::open(dir.path()).unwrap().pixel_art(), None);
    let path = dir.path().join(Dataset::PIXEL_ART_FILE_NAME);
    let side = Dataset::open(dir.path()).unwrap().resolution();
    let write = |grid: usize, color: &str| {
        let json = format!("{{\"pixel_grid\": {grid}, \"palette\": [\"{color}\"]}}");
        std::fs::write(&path, json).unwrap();
    };
    write(side, "#0a0b0c");
    let dataset = Dataset::open(dir.path()).unwrap();
    let art = dataset.pixel_art().unwrap();
    assert_eq!((art.pixel_grid, art.palette[0].0), (side, [10, 11, 12]));
    write(side + 1, "#0a0b0c");
    let error = open_error(dir.path());
    assert!(
        error.contains("pixel_art.json, pixel_grid is") && error.contains("expected a divisor"),
        "{error}"
    );
    write(side, "red");
    let error = open_error(dir.path());
    assert!(error.contains("pixel_art.json"), "{error}");
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
            .contains("expected 8-bit RGB or gray without alpha like the first")
    );
}

/// A PNG of 8x8 pixels of another kind than `prepare` writes.
fn odd(kind: &str) -> image::DynamicImage {
    match kind {
        "RGB with alpha" => image::RgbaImage::new(8, 8).into(),
        "gray with alpha" => image::GrayAlphaImage::new(8, 8).into(),
        "16-bit RGB" => image::ImageBuffer::<Rgb<u16>, _>::new(8, 8).into(),
        "16-bit gray" => image::ImageBuffer::<image::Luma<u16>, _>::new(8, 8).into(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_picture_of_another_kind_is_found_at_the_start() {
    for kind in ["RGB with alpha", "gray with alpha", "16-bit RGB", "16-bit gray"] {
        let dir = small_dataset();
        odd(kind).save(dir.path().join("00000/img00000001.png")).unwrap();
        let error = open_error(dir.path());
        let expected = format!("img00000001.png: its pixels are {kind}, expected 8-bit RGB");
        assert!(error.contains(&expected), "{error}");
    }
    // The other way around.
    let dir = small_dataset();
    odd("RGB with alpha")
        .save(dir.path().join("00000/img00000000.png"))
        .unwrap();
    let error = open_error(dir.path());
    let expected =
        "img00000001.png: its pixels are RGB without alpha, expected 8-bit RGB with alpha like the first";
    assert!(error.contains(expected), "{error}");
    let dir = small_dataset();
    let gray = image::GrayImage::from_pixel(8, 8, image::Luma([9]));
    gray.save(dir.path().join("00000/img00000001.png")).unwrap();
    assert_eq!(Dataset::open(dir.path()).unwrap().read(1).unwrap(), [9; 3 * 64]);
}

#[test]
fn alpha_is_a_channel_where_every_picture_has_it() {
    let dir = small_dataset();
    assert_eq!(Dataset::open(dir.path()).unwrap().channels(), 3);
    let picture = image::RgbaImage::from_fn(8, 8, |x, y| image::Rgba([200, 10 * x as u8, 30, 36 * y as u8]));
    for index in 0..2 {
        picture
            .save(dir.path().join(format!("00000/img0000000{index}.png")))
            .unwrap();
    }
    let dataset = Dataset::open(dir.path()).unwrap();
    assert_eq!((dataset.channels(), dataset.resolution()), (4, 8));
    assert!(
        dataset.notes()[0].contains("pictures have alpha"),
        "{:?}",
        dataset.notes()
    );
    let (planes, colors) = (dataset.read(1).unwrap(), dataset.read_on_gray(1).unwrap());
    let values = dataset.images(&[0, 1]).unwrap();
    let without_alpha = dataset.colors(&[0, 1]).unwrap();
    assert_eq!(without_alpha[..3 * 64], values[..3 * 64]);
    assert_eq!(without_alpha[3 * 64..], values[4 * 64..7 * 64]);
    assert_eq!(
        (planes.len(), colors.len(), values.len()),
        (4 * 64, 3 * 64, 2 * 4 * 64)
    );
    for (x, y, pixel) in picture.enumerate_pixels() {
        let at = (8 * y + x) as usize;
        let as_networks_see = values_from_pixel(pixel.0);
        for channel in 0..4 {
            assert_eq!(planes[64 * channel + at], pixel[channel]);
            assert_eq!(values[256 + 64 * channel + at], as_networks_see[channel]);
        }
        assert_eq!([0, 64, 128].map(|plane| colors[plane + at]), on_gray(pixel.0));
    }
}

#[test]
fn half_a_picture_is_found_at_the_start() {
    let dir = small_dataset();
    let picture = dir.path().join("00000/img00000001.png");
    let whole = std::fs::read(&picture).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&picture, &whole[..length]).unwrap();
        let error = open_error(dir.path());
        assert!(error.contains("img00000001.png: "), "{length}: {error}");
    }
    for length in [whole.len() - 1, whole.len() - 12, whole.len() - 20] {
        std::fs::write(&picture, &whole[..length]).unwrap();
        assert!(open_error(dir.path()).contains("it is cut off"), "{length}");
    }
    std::fs::write(&picture, &whole).unwrap();
    Dataset::open(dir.path()).unwrap();
}

#[test]
fn the_digest_tells_pictures_apart() {
    let dir = small_dataset();
    let digest = || Dataset::open(dir.path()).unwrap().digest().to_owned();
    let before = digest();
    assert_eq!(before.len(), 64);
    std::fs::write(dir.path().join("metadata.jsonl"), "").unwrap();
    assert_eq!(digest(), before, "captions are not counted");
    let [first, second] = [0, 1].map(|i| dir.path().join(format!("00000/img0000000{i}.png")));
    let third = dir.path().join("00000/img00000002.png");
    std::fs::rename(&second, &third).unwrap();
    assert_ne!(digest(), before, "another name");
    std::fs::rename(&third, &second).unwrap();
    assert_eq!(digest(), before);
    RgbImage::new(8, 8).save(&first).unwrap();
    assert_ne!(digest(), before, "another picture");
}

#[test]
fn says_when_class_labels_are_used() {
    let dir = small_dataset();
    assert!(Dataset::open(dir.path()).unwrap().notes().is_empty());
    let labels = r#"{"labels": [["00000/img00000000.png", 3], ["00000/img00000001.png", 0]]}"#;
    std::fs::write(dir.path().join("dataset.json"), labels).unwrap();
    let dataset = Dataset::open(dir.path()).unwrap();
    let [note] = dataset.notes() else {
        panic!("{:?}", dataset.notes());
    };
    assert!(
        note.contains("class labels") && note.contains("--classes labels only"),
        "{note}"
    );
    std::fs::write(dir.path().join("dataset.json"), r#"{"labels": "#).unwrap();
    assert!(open_error(dir.path()).contains("dataset.json, line 1"));
}

#[cfg(unix)]
#[test]
fn pipes_and_links_are_refused_and_do_not_hang() {
    for name in [
        "dataset.json",
        "metadata.jsonl",
        "collection.json",
        "00000/img00000001.png",
    ] {
        let dir = small_dataset();
        let path = dir.path().join(name);
        let _ = std::fs::remove_file(&path);
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let error = Dataset::open(dir.path()).unwrap_err();
        let source = std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
        let error = format!("{error}: {source}");
        assert!(
            error.contains("not a regular file") && error.contains(name),
            "{error}"
        );
    }
    let dir = small_dataset();
    let [first, second] = [0, 1].map(|i| dir.path().join(format!("00000/img0000000{i}.png")));
    std::fs::remove_file(&second).unwrap();
    std::os::unix::fs::symlink(&first, &second).unwrap();
    assert!(open_error(dir.path()).contains("a symbolic link"));
    assert!(open_error(Path::new("/dev/zero")).contains("cannot open the dataset"));
}

#[test]
fn a_line_without_end_is_refused() {
    let dir = small_dataset();
    std::fs::write(dir.path().join("metadata.jsonl"), vec![b' '; 2 << 20]).unwrap();
    let error = Dataset::open(dir.path()).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("line 1 is longer"), "{source}");
}

/// A zip of these files.
fn zip(files: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, contents) in files {
        zip.start_file(*name, options).unwrap();
        zip.write_all(contents).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_zip_is_the_folder_that_was_zipped() {
    let dir = small_dataset();
    let provenance = br#"{"name": "Pixels", "license": "CC0-1.0"}"#;
    std::fs::write(dir.path().join("collection.json"), provenance).unwrap();
    // In another order than by name, as a tool may write them.
    let names = [
        "00000/img00000001.png",
        "metadata.jsonl",
        "00000/img00000000.png",
        "collection.json",
        "dataset.json",
    ];
    let contents = names.map(|name| std::fs::read(dir.path().join(name)).unwrap());
    let files: Vec<(&str, &[u8])> = names
        .into_iter()
        .zip(contents.iter().map(Vec::as_slice))
        .collect();
    let folder = Dataset::open(dir.path()).unwrap();
    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let path = dir.path().join("z.zip");
        std::fs::write(&path, zip(&files, method)).unwrap();
        let zipped = Dataset::open(&path).unwrap();
        assert_eq!((zipped.len(), zipped.resolution()), (2, 8));
        assert_eq!(zipped.digest(), folder.digest());
        assert_eq!(zipped.provenance(), folder.provenance());
        for index in 0..2 {
            assert_eq!(zipped.read(index).unwrap(), folder.read(index).unwrap());
            assert_eq!(zipped.caption(index), folder.caption(index));
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_zip_that_is_no_dataset_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("z.zip");
    let picture = std::fs::read(small_dataset().path().join("00000/img00000000.png")).unwrap();
    let json: &[u8] = br#"{"labels": null}"#;
    let said = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        let error = Dataset::open(&path).unwrap_err();
        let source = std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
        format!("{error}: {source}")
    };
    let deflated = zip::CompressionMethod::Deflated;
    assert!(said(b"no zip".to_vec()).contains("expected a folder, or a zip"));
    assert!(said(zip(&[("a.png", &picture)], deflated)).contains("it has no dataset.json"));
    assert!(said(zip(&[("dataset.json", json)], deflated)).contains("holds no PNG"));
    for name in ["../a.png", "/a.png", "a/../../b.png", "a\\b.png", "c:/a.png"] {
        let error = said(zip(&[("dataset.json", json), (name, &picture)], deflated));
        assert!(error.contains("expected names such as"), "{name}: {error}");
    }
    let cut = zip(
        &[("dataset.json", json), ("a.png", &picture[..picture.len() - 9])],
        deflated,
    );
    assert!(said(cut).contains("a.png: it is cut off"));
    // What unpacks to a thousand times its size.
    let swollen = vec![0; 40 << 20];
    let bomb = zip(&[("dataset.json", json), ("a.png", &swollen)], deflated);
    assert!(bomb.len() < 1 << 20);
    assert!(said(bomb).contains("a.png: too big"));
    let mut flipped = zip(
        &[("dataset.json", json), ("a.png", &picture)],
        zip::CompressionMethod::Stored,
    );
    let place = flipped.windows(4).position(|four| four == b"IDAT").unwrap();
    flipped[place + 6] ^= 1;
    assert!(said(flipped).contains("a.png: cannot be unpacked"));
}
