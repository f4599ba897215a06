use super::*;
use crate::networks::generators::Generate;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// Counts what is trained: running statistics are not.
fn parameters(module: &impl Module) -> usize {
    struct Counter(usize);
    impl ModuleVisitor for Counter {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0 += param.val().shape().num_elements();
            }
        }
    }
    let mut counter = Counter(0);
    module.visit(&mut counter);
    counter.0
}

#[test]
fn the_networks_have_the_numbers_of_parameters_of_the_lecture() {
    let (config, device) = (DcganConfig::of_resolution(64), Device::flex().autodiff());
    assert_eq!(parameters(&config.init_generator(&device)), 3_806_080);
    assert_eq!(parameters(&config.init_discriminator(&device)), 2_765_696);
}

/// As PyTorch counts those of tests/fixtures/dcgan/reference.py with these sizes.
#[test]
fn the_other_families_have_their_numbers_of_parameters() {
    let device = Device::flex().autodiff();
    for (config, generator, discriminator) in [
        (DcganConfig::megapixel(192), 8_796_032, 6_971_264),
        (DcganConfig::megapixel(1024), 12_006_112, 11_195_104),
        (DcganConfig::deepimagify(128), 3_633_056, 2_822_048),
    ] {
        config.validate().unwrap();
        assert_eq!(
            parameters(&config.init_generator(&device)),
            generator,
            "{config:?}"
        );
        assert_eq!(
            parameters(&config.init_discriminator(&device)),
            discriminator,
            "{config:?}"
        );
    }
    let layers = DcganConfig::deepimagify(128).generator_layers();
    assert_eq!(layers.len(), 8);
}

#[test]
fn every_resolution_has_its_blocks() {
    for (resolution, channels) in [
        (16, vec![128, 64]),
        (32, vec![256, 128, 64]),
        (64, vec![512, 256, 128, 64]),
        (128, vec![1024, 512, 256, 128, 64]),
        (24, vec![128, 64]),
        (80, vec![512, 256, 128, 64]),
        (192, vec![1024, 512, 256, 128, 64]),
    ] {
        let config = DcganConfig::of_resolution(resolution);
        config.validate().unwrap();
        assert_eq!(config.channels(config.ngf), channels);
    }
    let channels = |config: DcganConfig| config.channels(config.ngf);
    assert_eq!(channels(DcganConfig::megapixel(192)), [512, 512, 256, 128, 64]);
    assert_eq!(
        channels(DcganConfig::megapixel(1024)),
        [512, 512, 512, 256, 128, 64, 32, 16]
    );
    assert_eq!(
        channels(DcganConfig::deepimagify(128)),
        [512, 256, 128, 64, 32, 32, 32]
    );
}

#[test]
fn a_network_draws_and_judges_pictures_of_its_side() {
    let device = Device::flex();
    for config in [
        DcganConfig::megapixel(48),
        DcganConfig::deepimagify(28),
        DcganConfig::of_resolution(20),
    ] {
        let config = DcganConfig {
            ngf: 2,
            ndf: 3,
            ..config
        };
        let side = config.resolution;
        let generator = config.init_generator(&device);
        assert_eq!(generator.resolution(), side);
        let z = Tensor::ones([2, config.z_dim], &device);
        let pictures = generator.draw(generator.latents_from_z(z, 1.0));
        assert_eq!(pictures.dims(), [2, 3, side, side]);
        let logits = config.init_discriminator(&device).forward_train(pictures);
        assert_eq!(logits.dims(), [2, 1]);
        // The picture's own map is not one of those between.
        let [between, _] = config.maps();
        let together: u64 = generator.map_sizes().iter().sum();
        let picture = 3 * (side * side) as u64;
        assert_eq!(together, 2 * between + picture + config.z_dim as u64);
    }
}

#[test]
fn what_makes_a_dcgan_is_not_written_down() {
    let written = serde_json::to_value(DcganConfig::of_resolution(32)).unwrap();
    let fields: Vec<_> = written.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["img_channels", "ndf", "ngf", "resolution", "z_dim"]);
    let read: DcganConfig = serde_json::from_value(written).unwrap();
    assert_eq!(read, DcganConfig::of_resolution(32));
    let config = DcganConfig::deepimagify(128);
    let written = serde_json::to_value(&config).unwrap();
    assert_eq!(written["latents"], "uniform");
    assert_eq!(serde_json::from_value::<DcganConfig>(written).unwrap(), config);
}

#[test]
fn first_values_are_those_of_the_paper() {
    crate::ops::random::seed(1);
    let generator = DcganConfig::of_resolution(16).init_generator(&Device::flex());
    let block = &generator.blocks[1];
    let moments = |values: Tensor<1>| {
        let mean = values.clone().mean();
        let deviation = (values - mean.clone()).square().mean().sqrt();
        [mean, deviation].map(|figure| figure.into_scalar::<f32>())
    };
    let [mean, deviation] = moments(block.weight.val().reshape([-1]));
    assert!(
        mean.abs() < 1e-3 && (deviation - 0.02).abs() < 1e-3,
        "{mean} {deviation}"
    );
    let [mean, deviation] = moments(block.norm.weight.val());
    assert!(
        (mean - 1.0).abs() < 0.02 && (deviation - 0.02).abs() < 0.01,
        "{mean} {deviation}"
    );
    assert_eq!(moments(block.norm.bias.val()), [0.0, 0.0]);
}

#[test]
fn every_field_is_checked() {
    let sound = serde_json::to_value(DcganConfig::of_resolution(32)).unwrap();
    for (field, value) in [
        ("resolution", 8),
        ("resolution", 50),
        ("resolution", 2048),
        ("resolution", 0),
        ("resolution", usize::MAX),
        ("z_dim", 0),
        ("z_dim", usize::MAX >> 2),
        ("img_channels", 5),
        ("ngf", 0),
        ("ngf", 257),
        ("ndf", 0),
        ("ndf", usize::MAX >> 1),
    ] {
        let mut edited = sound.clone();
        edited[field] = value.into();
        let config: DcganConfig = serde_json::from_value(edited).unwrap();
        let error = config.validate().unwrap_err();
        assert_eq!((&*error.field, error.value), (field, value));
    }
    for (field, value) in [("channel_max", 0), ("channel_max", 4097), ("full_side", 9)] {
        let mut config = DcganConfig::of_resolution(32);
        match field {
            "full_side" => config.layers.full_side = value,
            _ => config.layers.channel_max = value,
        }
        let error = config.validate().unwrap_err();
        assert_eq!((error.field, error.value), (format!("layers.{field}"), value));
    }
}
