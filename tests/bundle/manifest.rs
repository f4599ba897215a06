//! Manifests are read as they were written, and nothing in one that lies is believed.

use super::tiny::TinyBundle;
use guise::weights::Manifest;

/// Parses the manifest of the tiny bundle with one value replaced, which must be refused with `expected`.
fn refused(pointer: &str, value: serde_json::Value, expected: &str) {
    let mut json = serde_json::to_value(TinyBundle::new().manifest).unwrap();
    *json
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("no {pointer}")) = value;
    let error = Manifest::parse(json.to_string().as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains(expected), "{pointer}: {error}");
}

/// In version 1 every generator was a StyleGAN2 without saying so.
#[test]
fn manifests_of_version_1_are_read() {
    let manifest = TinyBundle::new().manifest;
    let mut json = serde_json::to_value(&manifest).unwrap();
    json["version"] = 1.into();
    let config = json.pointer_mut("/parts/generator/config").unwrap();
    let architecture = config.as_object_mut().unwrap().remove("architecture");
    assert_eq!(architecture, Some("stylegan2".into()));
    assert_eq!(Manifest::parse(json.to_string().as_bytes()).unwrap(), manifest);
}

#[test]
fn lying_manifests_are_refused() {
    let json = serde_json::to_vec(&TinyBundle::new().manifest).unwrap();
    assert_eq!(Manifest::parse(&json).unwrap(), TinyBundle::new().manifest);
    for length in 0..json.len() {
        assert!(Manifest::parse(&json[..length]).is_err());
    }
    assert!(
        Manifest::parse(&[b' '; 2 << 20])
            .unwrap_err()
            .to_string()
            .contains("at most 1 MiB")
    );
    assert!(Manifest::parse("[".repeat(100_000).as_bytes()).is_err());

    // A population is of the towers' own width, and of no more pictures than anyone waits for.
    let file = |name: &str| {
        serde_json::json!({
            "file": name, "bytes": 64, "sha256": "0".repeat(64), "quantization": "q8_0", "parameters": 64,
            "config": {"pictures": 2, "embed_dim": 32}, "weights": {"license": "CC0-1.0"},
        })
    };
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = serde_json::to_value(TinyBundle::new().manifest).unwrap();
        json["parts"]["population"] = file("population.gguf");
        change(&mut json["parts"]);
        Manifest::parse(json.to_string().as_bytes()).map_err(|error| error.to_string())
    };
    assert!(with(&|_| {}).is_ok());
    let error = |change: &dyn Fn(&mut serde_json::Value)| with(change).unwrap_err();
    let wide = error(&|parts| parts["population"]["config"]["embed_dim"] = 31.into());
    assert!(
        wide.contains("population.config.embed_dim is 31, expected 32"),
        "{wide}"
    );
    let many = error(&|parts| parts["population"]["config"]["pictures"] = 5000.into());
    assert!(many.contains("pictures is 5000, expected 1 to 4096"), "{many}");
    let twice = error(&|parts| parts["population"] = file("upscaler.gguf"));
    assert!(twice.contains("a file of its own"), "{twice}");
    let alone = error(&|parts| {
        for name in ["image_tower", "text_tower", "vocabulary"] {
            parts.as_object_mut().unwrap().remove(name);
        }
    });
    assert!(alone.contains("no population without towers"), "{alone}");

    refused("/version", 3.into(), "version is 3, expected 1 or 2");
    refused(
        "/parts/generator/config/architecture",
        "stylegan9".into(),
        "unknown variant `stylegan9`",
    );
    for name in [
        "../generator.gguf",
        "/etc/passwd.gguf",
        "a/b.gguf",
        "a\\b.gguf",
        "C:x.gguf",
        ".gguf",
        "model.json",
        "",
    ] {
        refused(
            "/parts/generator/file",
            name.into(),
            "expected a plain file name that ends in .gguf",
        );
    }
    refused(
        "/parts/upscaler/file",
        "generator.gguf".into(),
        "expected a file of its own",
    );
    refused("/parts/generator/bytes", 0.into(), "parts.generator.bytes is 0");
    refused(
        "/parts/generator/bytes",
        (1u64 << 40).into(),
        "parts.generator.bytes is 1099511627776",
    );
    refused(
        "/parts/generator/sha256",
        "00".into(),
        "64 lower-case hexadecimal digits",
    );
    refused(
        "/parts/generator/parameters",
        u64::MAX.into(),
        "parts.generator.parameters",
    );
    refused(
        "/parts/generator/config/resolution",
        36.into(),
        "resolution is 36",
    );
    refused(
        "/parts/generator/config/resolution",
        (1u64 << 40).into(),
        "resolution",
    );
    refused(
        "/parts/generator/config/img_channels",
        5.into(),
        "img_channels is 5, expected 1 to 4",
    );
    refused(
        "/parts/generator/config/img_channels",
        1.into(),
        "img_channels is 1, expected 3, or 4 with alpha",
    );
    refused(
        "/parts/upscaler/config/num_conv",
        1_000_000.into(),
        "num_conv is 1000000",
    );
    refused(
        "/parts/image_tower/config/resolution",
        32.into(),
        "parts.image_tower.config.resolution is 32, expected 16",
    );
    refused(
        "/parts/text_tower/config/embed_dim",
        16.into(),
        "parts.text_tower.config.embed_dim is 16, expected 32",
    );
    refused(
        "/parts/text_tower/config/minilm/vocab_size",
        (1u64 << 40).into(),
        "vocab_size is 1099511627776",
    );
    // Nothing can be read in two positions, which the sentence's ends take.
    refused(
        "/parts/text_tower/config/minilm/max_position_embeddings",
        2.into(),
        "max_position_embeddings is 2, expected 3 to 128",
    );
    refused(
        "/parts/vocabulary/file",
        "../vocabulary.txt".into(),
        "expected a plain file name that ends in .txt",
    );
    refused(
        "/parts/text_tower",
        serde_json::Value::Null,
        "image_tower, text_tower and vocabulary together",
    );
    refused("/metrics/quantized_cosine", 2.into(), "quantized_cosine is 2");
    let resemblance = serde_json::json!({"pictures": 4, "kid": 1e12, "collection_kid": 0.0});
    let metrics = serde_json::json!({
        "quantized_psnr_db": 50.0, "quantized_psnr_pictures": 4, "resemblance": resemblance
    });
    refused("/metrics", metrics, "resemblance.kid is 1000000000000");
    refused("/parts/generator/quantization", "q2_k".into(), "cannot be read");
    refused("/art/license", " ".into(), "art.license");
    refused("/name", "x".repeat(1000).into(), "name is");
    refused("/name", "a\u{0}b".into(), "printable");
    refused(
        "/truncation_psi",
        7.into(),
        "truncation_psi is 7, expected 0 to 2",
    );
    refused("/training/total_kimg", (-1).into(), "training.total_kimg is -1");
}

#[test]
fn grid_and_palette_are_checked_and_may_be_missing() {
    let plain = serde_json::to_value(TinyBundle::new().manifest).unwrap();
    assert_eq!(plain.get("pixel_grid").or(plain.get("palette")), None);
    let parsed = |pixel_grid: serde_json::Value, palette: serde_json::Value| {
        let mut json = plain.clone();
        json["pixel_grid"] = pixel_grid;
        json["palette"] = palette;
        Manifest::parse(json.to_string().as_bytes()).map_err(|error| error.to_string())
    };
    let palette = serde_json::json!(["#0a0b0c", "#ffffff"]);
    let art = parsed(8.into(), palette.clone()).unwrap().pixel_art().unwrap();
    assert_eq!((art.pixel_grid, art.palette[0].0), (8, [10, 11, 12]));
    assert!(parsed(16.into(), serde_json::json!([])).is_ok());
    let many: Vec<String> = (0..257).map(|color| format!("#{color:06x}")).collect();
    for (grid, palette, expected) in [
        (
            12.into(),
            palette.clone(),
            "pixel_grid is 12, expected a divisor of the pictures' 16 pixels",
        ),
        (
            4.into(),
            palette.clone(),
            "pixel_grid is 4, expected 8 to 128 pixels",
        ),
        (
            serde_json::Value::Null,
            palette,
            "no palette without a pixel_grid",
        ),
        (
            16.into(),
            many.into(),
            "palette is a list of 257, expected at most 256 colors",
        ),
        (
            16.into(),
            serde_json::json!(["#0a0b0c", "#0A0B0C"]),
            "#0a0b0c more than once",
        ),
        (16.into(), serde_json::json!(["red"]), "six hexadecimal digits"),
        (
            (1u64 << 40).into(),
            serde_json::json!([]),
            "pixel_grid is 1099511627776",
        ),
        ((-8).into(), serde_json::json!([]), "invalid value"),
    ] {
        let error = parsed(grid, palette).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
