//! The towers of a CLIP in a published bundle.

use crate::*;

#[test]
fn the_towers_of_a_clip_come_along() {
    use burn::tensor::Device;
    use guise::weights::{
        Manifest,
        bundle::{load_part, load_vocabulary},
    };
    let dir = TempDir::new().unwrap();
    let clip = trained_clip(dir.path());
    let bundle = dir.path().join("bundle");
    let publish = [
        "publish",
        utf8(trained_run()),
        "--out",
        utf8(&bundle),
        "--mapper-samples",
        "64",
        "--clip",
    ];
    let summary = succeeds(&[&publish[..], &[utf8(&clip)]].concat());
    assert!(summary.contains("text_tower.gguf"), "{summary}");
    assert_eq!(
        names(&bundle),
        [
            "README.md",
            "generator.gguf",
            "image_tower.gguf",
            "mapper.gguf",
            "model.json",
            "population.gguf",
            "references.png",
            "samples.png",
            "text_tower-LICENSE.txt",
            "text_tower.gguf",
            "vocabulary.txt"
        ]
    );
    let manifest = Manifest::parse(&fs::read(bundle.join("model.json")).unwrap()).unwrap();
    let cosine = manifest.metrics.quantized_cosine.unwrap();
    assert!((0.995..=1.0).contains(&cosine), "{cosine}");
    let parts = &manifest.parts;
    let [image, text] = [
        &parts.image_tower.as_ref().unwrap().weights,
        &parts.text_tower.as_ref().unwrap().weights,
    ];
    assert_eq!([&image.license, &text.license], ["CC0-1.0", "Apache-2.0"]);
    assert!(text.attribution.contains("MiniLM"), "{}", text.attribution);
    // What its words are about is kept, and comes again where an earlier version did not keep it.
    let known = &manifest.traits[..];
    assert_eq!(known.len(), 1);
    assert_eq!([&*known[0].name, &*known[0].noun], ["hair", "hair"]);
    assert_eq!(known[0].kinds, ["short hair"]);
    assert_eq!(known[0].colors, ["red", "orange", "brown", "pink"]);
    assert!(!known[0].optional);
    let older = dir.path().join("older");
    fs::create_dir(&older).unwrap();
    for name in names(&bundle) {
        fs::copy(bundle.join(&name), older.join(&name)).unwrap();
    }
    let population = parts.population.as_ref().unwrap();
    assert_eq!(population.config.pictures, 8);
    let mut without = Manifest {
        traits: vec![],
        ..manifest.clone()
    };
    without.parts.population = None;
    fs::remove_file(older.join("population.gguf")).unwrap();
    fs::write(older.join("model.json"), serde_json::to_vec(&without).unwrap()).unwrap();
    let data = trained_run().ancestors().nth(2).unwrap().join("data");
    let said = succeeds(&["publish", "--refresh", utf8(&older), "--data", utf8(&data)]);
    assert!(said.contains("references, traits and population added"), "{said}");
    let refreshed = Manifest::parse(&fs::read(older.join("model.json")).unwrap()).unwrap();
    assert_eq!(refreshed.traits, manifest.traits);
    assert_eq!(refreshed.parts.population, manifest.parts.population);
    // How well avatars fit is told clause by clause, and where a bundle cannot tell, as before.
    let told = |bundle: &Path| {
        let out = dir.path().join("fit.png");
        let wish = [
            "--prompt",
            "red hair | orange hair:-1",
            "--quality",
            "draft",
            "--count",
            "2",
        ];
        let args = ["generate", "--model", utf8(bundle), "--out", utf8(&out)];
        succeeds(&[&args[..], &wish].concat())
    };
    let fits = told(&bundle);
    let line = |clause: &str| {
        let line = fits
            .lines()
            .find(|line| line.trim().starts_with(clause))
            .unwrap_or_default();
        line.matches(" %").count()
    };
    assert_eq!([line("red hair"), line("no orange hair")], [2, 2], "{fits}");
    fs::write(older.join("model.json"), serde_json::to_vec(&without).unwrap()).unwrap();
    let scores = told(&older);
    assert!(scores.contains("scores ") && !scores.contains('%'), "{scores}");
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    for expected in [
        "Apache-2.0",
        "all-MiniLM-L6-v2",
        "text_tower-LICENSE.txt",
        "cosine",
    ] {
        assert!(
            card.contains(expected),
            "the model card lacks {expected:?}:\n{card}"
        );
    }

    // What was written can be read, all of it together.
    let device = Device::flex();
    let read = |name: &str| fs::read(bundle.join(name)).unwrap();
    let part = parts.text_tower.as_ref().unwrap();
    load_part(part, &read("text_tower.gguf"), &device).unwrap();
    load_vocabulary(
        parts.vocabulary.as_ref().unwrap(),
        &read("vocabulary.txt"),
        &part.config,
    )
    .unwrap();
    let part = parts.image_tower.as_ref().unwrap();
    load_part(part, &read("image_tower.gguf"), &device).unwrap();
    let part = parts.mapper.as_ref().unwrap();
    load_part(part, &read("mapper.gguf"), &device).unwrap();
    let metrics = manifest.metrics.mapper.unwrap();
    assert!(
        metrics.unexplained > 0.0 && card.contains("The mapper, on samples"),
        "{metrics:?}"
    );

    // Half of the collection on each side, the other half of it for the perfect model.
    let found = manifest.metrics.resemblance.unwrap();
    assert!(found.kid > 2.0 * found.collection_kid.abs(), "{found:?}");
    let expected = format!("kid{}_clip x 1000: {:.2}", found.pictures, found.kid * 1e3);
    assert!(
        card.contains(&expected),
        "the model card lacks {expected:?}:\n{card}"
    );

    let config = clip.join("training_options.json");
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        settings.replace("\"resolution\": 16", "\"resolution\": 32"),
    )
    .unwrap();
    fails(
        &[&publish[..], &[utf8(&clip)]].concat(),
        "train a CLIP on the generator's dataset",
    );
    fs::write(&config, &settings).unwrap();
    fs::remove_file(clip.join("examples.txt")).unwrap();
    fails(&[&publish[..], &[utf8(&clip)]].concat(), "examples.txt");
    fails(&[&publish[..], &[utf8(trained_run())]].concat(), "is no CLIP run");
    fails(&[&publish[..], &["/nowhere"]].concat(), "/nowhere is no CLIP run");
}
