use super::*;
use crate::{networks::generators::Generate, ops::random};
use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};

/// Counts what is trained, without drawing it: running statistics are not.
fn parameters(module: &impl Module) -> usize {
    #[derive(Default)]
    struct Counter {
        path: Vec<String>,
        count: usize,
    }
    impl ModuleVisitor for Counter {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.path.last().is_some_and(|name| name.starts_with("running_")) {
                self.count += param.lazy_shape().num_elements();
            }
        }
    }
    let mut counter = Counter::default();
    module.visit(&mut counter);
    counter.count
}

fn classes(pictures: &[u64]) -> Vec<Class> {
    let class = |(index, &pictures): (usize, &u64)| Class {
        name: index.to_string(),
        pictures,
    };
    pictures.iter().enumerate().map(class).collect()
}

/// Counted by hand from the layers of table 4, and for a BigGAN-deep as PyTorch counts those of
/// pytorch-pretrained-biggan, whose last layer draws 128 channels and shows 3 of them.
#[test]
fn the_networks_of_the_papers_have_their_numbers_of_parameters() {
    let device = Device::flex();
    let imagenet = |config: BigGanConfig, ch| BigGanConfig {
        ch,
        classes: classes(&[1300; 1000]),
        ..config
    };
    let config = imagenet(BigGanConfig::of_resolution(128), 96);
    assert_eq!((config.z_dim, config.attention), (120, 64));
    assert_eq!(parameters(&config.init_generator(&device)), 70_433_988);
    assert_eq!(parameters(&config.init_discriminator(&device)), 87_982_370);
    let deep = imagenet(BigGanConfig::deep(128), 128);
    assert_eq!(parameters(&deep.init_generator(&device)), 50_244_484);
    // What is estimated before a network is made is nearly all of it.
    for config in [config, deep] {
        let [generator, discriminator] = [
            parameters(&config.init_generator(&device)),
            parameters(&config.init_discriminator(&device)),
        ];
        for (estimate, count) in [
            (config.weights(), generator),
            (config.discriminator_weights(), discriminator),
        ] {
            let share = estimate as f64 / count as f64;
            assert!((0.9..=1.0).contains(&share), "{estimate} of {count}");
        }
    }
}

#[test]
fn every_resolution_has_its_blocks() {
    let device = Device::flex();
    for (side, z_dim, attention) in [
        (32, 80, 16),
        (40, 80, 20),
        (48, 100, 24),
        (56, 80, 28),
        (64, 100, 32),
        (80, 100, 40),
        (96, 120, 48),
        (128, 120, 64),
        (160, 120, 40),
        (192, 140, 48),
        (224, 120, 56),
        (256, 140, 64),
    ] {
        for config in [BigGanConfig::of_resolution(side), BigGanConfig::deep(side)] {
            config.validate().unwrap();
            let z_dim = if config.deep { 128 } else { z_dim };
            assert_eq!((config.z_dim, config.attention), (z_dim, attention), "{side}");
            let generator = config.init_generator(&device);
            assert_eq!(generator.resolution(), side);
            assert_eq!(generator.latent_shape(), [1, z_dim]);
            assert!(generator.attention.is_some());
            assert!(config.init_discriminator(&device).attention.is_some());
        }
    }
    // As the paper's table 5 has it.
    let config = BigGanConfig::of_resolution(256);
    let channels: Vec<_> = config
        .generator_blocks()
        .iter()
        .map(|block| block.c_out / config.ch)
        .collect();
    assert_eq!(channels, [16, 8, 8, 4, 2, 1]);
}

fn small(config: BigGanConfig) -> BigGanConfig {
    BigGanConfig {
        ch: 4,
        shared_dim: 5,
        z_dim: 2 * config.parts(),
        ..config
    }
}

#[test]
fn networks_draw_and_judge_pictures_of_their_side() {
    let device = Device::flex();
    random::seed(1);
    for side in [32, 40, 48, 64] {
        for config in [BigGanConfig::of_resolution(side), BigGanConfig::deep(side)] {
            let config = BigGanConfig {
                img_channels: 4,
                ..small(config)
            };
            let mut generator = config.init_generator(&device);
            let z = random::normal([2, config.z_dim], 1.0, &device);
            let pictures = generator.draw(generator.latents_from_z(z.clone(), 1.0));
            assert_eq!(pictures.dims(), [2, 4, side, side]);
            let pictures = generator.forward_moving(z, 0.1);
            let logits = config.init_discriminator(&device).forward(pictures, None);
            assert_eq!(logits.dims(), [2, 1]);
            // What is drawn at once is a part of what a step keeps.
            let [maps, _] = config.maps();
            let at_once = generator.map_sizes().into_iter().max().unwrap();
            assert!(at_once > 0 && at_once <= maps, "{at_once}, {maps}");
        }
    }
}

/// A small network with three classes, whose weights are large enough for all that it is told to show.
fn conditional(deep: bool) -> Generator {
    random::seed(2);
    let config = match deep {
        true => BigGanConfig::deep(32),
        false => BigGanConfig::of_resolution(32),
    };
    let config = BigGanConfig {
        classes: classes(&[10, 30, 60]),
        ..small(config)
    };
    struct Louder;
    impl burn::module::ModuleMapper for Louder {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            match D {
                1 => param,
                _ => param.map(|weight| weight * 15.0),
            }
        }
    }
    config.init_generator(&Device::flex()).map(&mut Louder)
}

fn difference(a: Tensor<4>, b: Tensor<4>) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[test]
fn a_class_changes_the_picture_and_every_part_of_z_does() {
    for deep in [false, true] {
        let generator = conditional(deep);
        let z_dim = generator.z_dim();
        let z = random::normal([1, z_dim], 1.0, &Device::flex());
        let of = |class| {
            let generator = generator.clone().of_class(Some(class));
            generator.draw(generator.latents_from_z(z.clone(), 1.0))
        };
        for [a, b] in [[0, 1], [0, 2], [1, 2]] {
            assert!(difference(of(a), of(b)) > 0.01, "{deep}: {a}, {b}");
        }
        assert_eq!(difference(of(1), of(1)), 0.0);
        let latents = generator.latents_from_z(z.clone(), 1.0);
        for place in 0..z_dim {
            let moved = latents.clone().slice_fill([0..1, 0..1, place..place + 1], 3.0);
            let changed = difference(generator.draw(moved), generator.draw(latents.clone()));
            assert!(changed > 1e-3, "{deep}: {place}: {changed}");
        }
    }
}

#[test]
fn the_length_of_a_latent_chooses_its_class_and_truncation_keeps_it() {
    let generator = conditional(false);
    let (device, z_dim) = (Device::flex(), generator.z_dim());
    assert!(generator.length_chooses() && !generator.clone().of_class(Some(0)).length_chooses());
    assert_eq!(generator.latent_shape(), [1, z_dim + 3]);
    let n = 400;
    let z = random::normal([n, z_dim], 1.0, &device);
    let told = |psi: f32| {
        let latents = generator.latents_from_z(z.clone(), psi);
        latents.squeeze_dim::<2>(1).narrow(1, z_dim, 3)
    };
    let whole = told(1.0).into_data();
    whole.assert_eq(&told(0.3).into_data(), true);
    let mut counts = [0; 3];
    for row in whole.iter::<f32>().collect::<Vec<_>>().chunks_exact(3) {
        counts[row.iter().position(|share| *share == 1.0).unwrap()] += 1;
        assert_eq!(row.iter().sum::<f32>(), 1.0);
    }
    // Five standard errors of shares of 10, 30 and 60 in a hundred.
    for (count, expected) in counts.into_iter().zip([40, 120, 240]) {
        assert!(i32::abs(count - expected) < 50, "{counts:?}");
    }

    // The center is a z of zeros, of the class or of all.
    let center =
        |generator: &Generator| -> Vec<f32> { generator.latent_center().into_data().iter().collect() };
    let of_one = center(&generator.clone().of_class(Some(2)));
    assert_eq!(of_one[..z_dim], vec![0.0; z_dim]);
    assert_eq!(of_one[z_dim..], [0.0, 0.0, 1.0]);
    assert_eq!(center(&generator)[z_dim..], [0.1, 0.3, 0.6]);
    // And what truncation to nothing draws.
    let nothing = generator.clone().of_class(Some(2)).latents_from_z(z, 0.0);
    let row: Vec<f32> = nothing.narrow(0, 0, 1).into_data().iter().collect();
    assert_eq!(row, of_one);
}

#[test]
fn amounts_of_classes_are_drawn_as_shares_of_a_whole() {
    let generator = conditional(false);
    let draw = |classes: [f32; 3]| {
        let z = Tensor::ones([1, 8], &Device::flex());
        let classes = Tensor::from_data([classes], &Device::flex());
        generator.forward(Tensor::cat(vec![z, classes], 1))
    };
    // What lies on an arc between two of a class is of that class.
    assert!(difference(draw([0.0, 1.4, 0.0]), draw([0.0, 1.0, 0.0])) < 1e-4);
    assert!(difference(draw([-0.5, 1.0, 0.0]), draw([0.0, 1.0, 0.0])) < 1e-4);
    assert!(difference(draw([0.5, 0.5, 0.0]), draw([0.0, 1.0, 0.0])) > 0.01);
    let none: Vec<f32> = draw([-1.0, -1.0, -1.0]).into_data().iter().collect();
    assert!(none.iter().all(|value| value.is_finite()));

    // And guidance may lead back from outside.
    let device = Device::flex().autodiff();
    let outside = Tensor::<2>::from_data([[-0.5, 1.0, 0.0]], &device).require_grad();
    let mixed = super::generator::shares(outside.clone()).narrow(1, 0, 1).sum();
    let gradient: Vec<f32> = outside
        .grad(&mixed.backward())
        .unwrap()
        .into_data()
        .iter()
        .collect();
    assert!(gradient[0] > 0.5, "{gradient:?}");
}

#[test]
fn standing_statistics_are_those_of_all_batches() {
    let generator = conditional(false);
    let device = Device::flex();
    let batch = |n: usize| generator.latents_from_z(random::normal([n, 8], 1.0, &device), 1.0);
    let batches: Vec<Tensor<2>> = (0..3).map(|_| batch(4).squeeze_dim(1)).collect();
    let standing = generator.clone().standing(batches.iter().cloned());
    // The first norm sees the same whatever the others' statistics are.
    let mut each = vec![];
    for latents in &batches {
        let mut alone = generator.clone();
        drop(alone.forward_moving(latents.clone(), 1.0));
        each.push(alone.blocks[0].norms[0].running_mean.val());
    }
    let mean = (each[0].clone() + each[1].clone() + each[2].clone()) / 3.0;
    let found = standing.blocks[0].norms[0].running_mean.val();
    let difference: f32 = (mean - found).abs().max().into_scalar();
    assert!(difference < 1e-5, "{difference}");
    // With them, every channel of a large batch is nearly normal in front of the last layers.
    let var: Vec<f32> = standing.norm.running_var.val().into_data().iter().collect();
    assert!(var.iter().all(|variance| *variance > 0.0 && *variance != 1.0));
}

#[test]
fn every_field_is_checked() {
    let sound = serde_json::to_value(BigGanConfig::of_resolution(32)).unwrap();
    let written: Vec<_> = sound.as_object().unwrap().keys().collect();
    let fields = [
        "attention",
        "ch",
        "img_channels",
        "resolution",
        "shared_dim",
        "z_dim",
    ];
    assert_eq!(written, fields, "what most networks have not is not written");
    for (field, value) in [
        ("resolution", 24),
        ("resolution", 36),
        ("resolution", 512),
        ("resolution", 0),
        ("resolution", usize::MAX >> 1),
        ("z_dim", 0),
        ("z_dim", 81),
        ("z_dim", usize::MAX >> 2),
        ("shared_dim", 0),
        ("shared_dim", 1 << 20),
        ("img_channels", 5),
        ("ch", 0),
        ("ch", 257),
        ("attention", 4),
        ("attention", 12),
        ("attention", 32),
    ] {
        let mut edited = sound.clone();
        edited[field] = value.into();
        let config: BigGanConfig = serde_json::from_value(edited).unwrap();
        let error = config.validate().unwrap_err();
        assert_eq!((&*error.field, error.value), (field, value));
    }
    let mut config = BigGanConfig::deep(32);
    config.ch = 3;
    assert_eq!(
        config.validate().unwrap_err().to_string(),
        "ch is 3, expected 4 to 256"
    );
    config = BigGanConfig::of_resolution(64);
    config.attention = 64;
    assert_eq!(
        config.validate().unwrap_err().to_string(),
        "attention is 64, expected 0 or the side of maps: 8, 16, 32"
    );
    config.attention = 0;
    config.classes = classes(&[1]);
    assert_eq!(config.validate().unwrap_err().field, "classes");
}
