//! Transparent pictures from the collection to the avatar: prepared, trained on, published, drawn and
//! enlarged.

use super::{fails, names, succeeds, super_resolution, utf8};
use guise::art::on_gray;
use image::{Rgba, RgbaImage};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};
use tempfile::TempDir;

/// Eight discs on nothing, prepared with and without their transparency.
fn datasets() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let art = dir.path().join("art");
        fs::create_dir(&art).unwrap();
        for i in 0..8u8 {
            let picture = RgbaImage::from_fn(64, 64, |x, y| {
                let distance = (x as f32 - 31.5).hypot(y as f32 - 28.0 - f32::from(i));
                let alpha = ((24.0 - distance) * 128.0).clamp(0.0, 255.0) as u8;
                Rgba([200, 20 * i, (4 * x) as u8, alpha])
            });
            picture.save(art.join(format!("{i}.png"))).unwrap();
            let color = ["red", "orange", "brown", "pink"][usize::from(i) % 4];
            let json = serde_json::json!({
                "name": i.to_string(),
                "image": format!("{i}.png"),
                "attributes": [{"trait_type": "hair color", "value": color}],
            });
            fs::write(art.join(format!("{i}.json")), json.to_string()).unwrap();
        }
        fs::write(
            art.join("collection.json"),
            r#"{"name": "Discs", "license": "CC0-1.0"}"#,
        )
        .unwrap();
        for background in ["keep", "white"] {
            let data = dir.path().join(background);
            let args = ["prepare", utf8(&art), "--out", utf8(&data), "--resolution", "16"];
            succeeds(&[&args[..], &["--background", background]].concat());
        }
        dir
    });
    folder.path()
}

fn train(family: &str, data: &str, out: &Path, more: &[&str]) -> PathBuf {
    let data = datasets().join(data);
    let args = [
        "train",
        family,
        "--data",
        utf8(&data),
        "--out",
        utf8(out),
        "--batch-size",
        "4",
    ];
    succeeds(&[&args[..], more].concat());
    out.join(names(out).pop().unwrap())
}

/// A CLIP of the transparent pictures, trained for a moment with a sentence encoder of random weights.
fn trained_clip(dir: &Path) -> PathBuf {
    let encoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/minilm");
    let sizes = [
        "--kimg",
        "0.016",
        "--held-out",
        "2",
        "--text-encoder",
        utf8(&encoder),
    ];
    train("clip", "keep", &dir.join("clip-runs"), &sizes)
}

const TINY: [&str; 6] = ["--kimg", "0.032", "--channel-base", "256", "--channel-max", "16"];

fn open(path: &Path) -> RgbaImage {
    let picture = image::open(path).unwrap();
    assert_eq!(picture.color(), image::ColorType::Rgba8, "{}", path.display());
    picture.into_rgba8()
}

/// How many different alphas there are in a picture.
fn alphas(picture: &RgbaImage) -> usize {
    let mut found = [false; 256];
    picture
        .pixels()
        .for_each(|pixel| found[usize::from(pixel[3])] = true);
    found.iter().filter(|found| **found).count()
}

fn draw(model: &Path, out: &Path) -> RgbaImage {
    succeeds(&[
        "generate",
        "--model",
        utf8(model),
        "--seeds",
        "0-3",
        "--out",
        utf8(out),
    ]);
    open(out)
}

#[test]
fn alpha_goes_from_the_collection_to_the_avatar() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    let augmented = [
        "--augment",
        "bgcfnc",
        "--metrics",
        "kid",
        "--metrics-kimg",
        "0.01",
    ];
    let run = train(
        "stylegan2",
        "keep",
        &path("runs"),
        &[&TINY[..], &augmented].concat(),
    );
    let options: Value =
        serde_json::from_slice(&fs::read(run.join("training_options.json")).unwrap()).unwrap();
    assert_eq!(options["network"]["img_channels"], 4);
    let grid = open(&run.join("fakes000000.png"));
    assert!(alphas(&grid) > 1, "the grid shows transparency");
    assert!(
        alphas(&draw(&run, &path("run.png"))) > 1,
        "so do the run's avatars"
    );

    let bundle = path("model");
    let (sr, clip) = (super_resolution(dir.path()), trained_clip(dir.path()));
    let publish = ["publish", utf8(&run), "--out", utf8(&bundle), "--sr", utf8(&sr)];
    let towers = ["--clip", utf8(&clip), "--mapper-samples", "64"];
    succeeds(&[&publish[..], &towers].concat());
    let text = fs::read_to_string(bundle.join("model.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["parts"]["generator"]["config"]["img_channels"], 4);
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(card.contains("Its pictures have alpha"), "{card}");
    // The sheet is transparent where avatars are, and drawing from the bundle checks its references.
    let sheet = open(&bundle.join("samples.png"));
    assert!(alphas(&sheet) > 1);
    let avatars = draw(&bundle, &path("avatars.png"));
    for (x, y, pixel) in avatars.enumerate_pixels() {
        let [seed, of_sheet] = [y / 16 * 2 + x / 16, 8];
        let there = sheet[(seed % of_sheet * 16 + x % 16, seed / of_sheet * 16 + y % 16)];
        let apart = on_gray(pixel.0)
            .into_iter()
            .zip(on_gray(there.0))
            .map(|(a, b)| a.abs_diff(b));
        assert!(
            apart.chain([pixel[3].abs_diff(there[3])]).all(|apart| apart < 4),
            "{x}, {y}"
        );
    }

    // Words find transparent pictures, and so does a transparent picture.
    let (wished, like) = (path("wished.png"), datasets().join("art/3.png"));
    for wish in [["--prompt", "red hair"], ["--image", utf8(&like)]] {
        let generate = [
            "generate",
            "--model",
            utf8(&bundle),
            "--out",
            utf8(&wished),
            "--count",
            "1",
        ];
        succeeds(&[&generate[..], &wish, &["--steps", "2", "--candidates", "4"]].concat());
        assert!(alphas(&open(&wished)) > 1);
    }

    // Enlarged, alpha is enlarged as well.
    let (large, folder) = (path("large.png"), format!("{}/", utf8(&path("one"))));
    succeeds(&[
        "generate",
        "--model",
        utf8(&bundle),
        "--seeds",
        "1",
        "--out",
        &folder,
    ]);
    let small = path("one").join("seed0001.png");
    succeeds(&["upscale", utf8(&small), utf8(&large), "--model", utf8(&bundle)]);
    let (small, large) = (open(&small), open(&large));
    let mean = |picture: &RgbaImage| {
        let sum: f64 = picture.pixels().map(|pixel| f64::from(pixel[3])).sum();
        sum / f64::from(picture.width() * picture.height())
    };
    assert!(large.width() > small.width());
    assert!((mean(&small) - mean(&large)).abs() < 4.0);

    // A manifest that takes the alpha away, or that gives some to a model without, is not believed.
    let lie = text.replace("\"img_channels\": 4", "\"img_channels\": 3");
    assert_ne!(lie, text);
    fs::write(bundle.join("model.json"), lie).unwrap();
    let generate = |bundle: &Path| {
        let out = path("lie.png");
        fails(
            &[
                "generate",
                "--model",
                utf8(bundle),
                "--seeds",
                "0",
                "--out",
                utf8(&out),
            ],
            "to_rgb.weight has shape",
        );
        assert!(!out.exists());
    };
    generate(&bundle);
    let opaque = train("stylegan2", "white", &path("others"), &TINY);
    let bundle = path("opaque");
    succeeds(&["publish", utf8(&opaque), "--out", utf8(&bundle)]);
    let text = fs::read_to_string(bundle.join("model.json")).unwrap();
    let lie = text.replace("\"img_channels\": 3", "\"img_channels\": 4");
    assert_ne!(lie, text);
    fs::write(bundle.join("model.json"), lie).unwrap();
    generate(&bundle);
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    assert!(!card.contains("alpha"), "{card}");
}

#[test]
fn a_run_goes_on_with_alpha_or_without_as_it_began() {
    let dir = TempDir::new().unwrap();
    let [keep, white] = ["keep", "white"].map(|name| datasets().join(name));
    let run = train(
        "dcgan",
        "keep",
        dir.path(),
        &["--kimg", "0.016", "--ngf", "4", "--ndf", "4"],
    );
    let resume = [
        "train",
        "dcgan",
        "--resume",
        utf8(&run),
        "--kimg",
        "0.032",
        "--data",
    ];
    fails(
        &[&resume[..], &[utf8(&white)]].concat(),
        "the dataset's pictures are without alpha, the run's networks draw pictures with alpha",
    );
    succeeds(&[&resume[..], &[utf8(&keep)]].concat());
    assert!(alphas(&draw(&run, &dir.path().join("avatars.png"))) > 1);

    // A dataset that holds both is no dataset.
    let mixed = dir.path().join("mixed");
    fs::create_dir_all(mixed.join("00000")).unwrap();
    fs::write(mixed.join("dataset.json"), r#"{"labels": null}"#).unwrap();
    for (from, name) in [(&white, "img00000000.png"), (&keep, "img00000001.png")] {
        let name = Path::new("00000").join(name);
        fs::copy(from.join(&name), mixed.join(&name)).unwrap();
    }
    let args = [
        "train",
        "stylegan2",
        "--data",
        utf8(&mixed),
        "--out",
        utf8(dir.path()),
    ];
    fails(
        &args,
        "img00000001.png: its pixels are RGB with alpha, expected 8-bit RGB or gray without alpha like the first",
    );
}
