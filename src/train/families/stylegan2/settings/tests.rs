use super::*;
use std::path::PathBuf;

pub(crate) fn tiny() -> TrainSettings {
    TrainSettings {
        dataset: TrainedOn {
            data: PathBuf::from("nowhere"),
            dataset_len: 8,
            dataset_digest: String::new(),
            pixel_art: None,
        },
        provenance: Provenance::default(),
        hardware: String::new(),
        network: StyleGan2Config {
            z_dim: 8,
            w_dim: 8,
            num_mapping_layers: 2,
            resolution: 16,
            img_channels: 3,
            channel_base: 128,
            channel_max: 8,
            classes: vec![],
        },
        grown_from: None,
        classes: None,
        race: None,
        recipe: Recipe {
            batch_size: 4,
            total_kimg: 1.0,
            r1_gamma: Some(0.2.into()),
            r1_interval: 2,
            style_mixing_prob: 0.9,
            noise: true,
            snapshot_kimg: 1.0,
            seed: 7,
            ..Recipe::default()
        },
    }
}

#[test]
fn ema_halves_after_its_half_life() {
    let recipe = tiny().recipe;
    let steps = recipe.ema_kimg * 1000.0 / recipe.batch_size as f64;
    let late = recipe.ema_beta(recipe.batch_size, 100_000_000);
    assert!((late.powf(steps) - 0.5).abs() < 1e-9);
    assert!(
        recipe.ema_beta(recipe.batch_size, 1000) < late,
        "early on the average follows faster"
    );
}

#[test]
fn every_field_is_checked() {
    tiny().validate().unwrap();
    let sound = serde_json::to_value(tiny()).unwrap();
    for (field, value, expected) in [
        ("dataset_len", "0", "expected at least 1"),
        ("dataset_digest", "\"x\"", "expected 64 hexadecimal digits"),
        ("batch_size", "0", "expected at least 1"),
        ("batch_size", "6", "expected a multiple of four"),
        ("total_kimg", "0.0", "expected more than 0"),
        ("learning_rate", "-1.0", "expected more than 0"),
        ("snapshot_kimg", "0.0", "expected more than 0"),
        ("r1_gamma", "-1.0", "expected at least 0"),
        ("r1_interval", "0", "expected at least 1"),
        ("ema_kimg", "-1.0", "expected at least 0"),
        ("ema_rampup", "-1.0", "expected at least 0"),
        ("style_mixing_prob", "1.5", "expected 0 to 1"),
        ("ada_target", "-0.1", "expected 0 to 1"),
        ("ada_kimg", "0.0", "expected more than 0"),
        ("r1_gamma", "\"auto\"", "expected a number"),
        ("first_kimg", "-1.0", "expected at least 0"),
        ("first_batch_size", "8", "expected at most 4"),
        ("first_learning_rate", "0.0", "expected more than 0"),
        ("accumulate", "0", "expected at least 1"),
        ("accumulate", "2", "expected at most 1"),
    ] {
        let mut edited = sound.clone();
        edited[field] = serde_json::from_str(value).unwrap();
        let settings: TrainSettings = serde_json::from_value(edited).unwrap();
        let error = settings.validate().unwrap_err();
        assert!(error.starts_with(field) && error.contains(expected), "{error}");
        assert!(error.len() < 100, "{error}");
    }
    let mut settings = tiny();
    settings.recipe.learning_rate = f64::NAN;
    assert_eq!(
        settings.validate().unwrap_err(),
        "learning_rate is NaN, expected more than 0"
    );
    let mut settings = tiny();
    settings.network.img_channels = 1;
    assert_eq!(
        settings.validate().unwrap_err(),
        "img_channels is 1, expected at least 3"
    );
    let mut settings = tiny();
    settings.grown_from = Some(GrownFrom {
        run: PathBuf::new(),
        resolution: 16,
        total_kimg: 1.0,
        duration_secs: 1.0,
    });
    assert!(
        settings
            .validate()
            .unwrap_err()
            .starts_with("grown_from.resolution is 16")
    );
}

#[test]
fn settings_of_before_are_read() {
    let mut old = serde_json::to_value(tiny()).unwrap();
    for field in [
        "total_kimg",
        "hardware",
        "augment",
        "ada_target",
        "ada_kimg",
        "metrics",
        "metrics_kimg",
        "metrics_count",
        "on_collapse",
        "first_kimg",
        "delay_discriminator",
        "accumulate",
    ] {
        old.as_object_mut().unwrap().remove(field).unwrap();
    }
    assert!(old.get("dataset_digest").is_none(), "an old run has no digest");
    let settings: TrainSettings = serde_json::from_value(old).unwrap();
    assert_eq!(settings.recipe.total_kimg, 300.0);
    assert_eq!(settings.recipe.augment, AugPipe::None);
    assert_eq!(
        [settings.recipe.ada_target, settings.recipe.ada_kimg],
        [0.6, 100.0]
    );
    assert_eq!(settings.recipe.on_collapse, OnCollapse::Warn);
    assert_eq!(settings.recipe.course, Course::default());
    assert_eq!(settings.dataset, tiny().dataset);
}
