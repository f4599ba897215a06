//! StyleGAN2 against the PyTorch formulation in tests/fixtures/stylegan2/reference.py, and conditional.py beside it
//! for networks with classes: forward passes, every weight gradient and the R1 penalty.
//!
//! The reference computes in f64, the network in f32; the largest difference allowed is 1e-3 of the
//! largest value of the tensor, which leaves room for the fast convolutions.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, TensorData, activation::softplus},
};
use guise::{
    networks::generators::{
        Class, Generate, one_hot,
        stylegan2::{Discriminator, Generator, NoiseMode, StyleGan2Config},
    },
    pipeline::guide::Space,
    train::{AugPipe, Augmentation, r1_penalty},
    weights::{apply, collect},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use std::collections::BTreeMap;

const TOLERANCE: f32 = 1e-3;

fn config() -> StyleGan2Config {
    StyleGan2Config {
        z_dim: 8,
        w_dim: 10,
        num_mapping_layers: 2,
        resolution: 16,
        img_channels: 3,
        channel_base: 160,
        channel_max: 14,
        classes: vec![],
    }
}

struct Fixture(BTreeMap<String, TensorData>);

impl Fixture {
    fn load(name: &str) -> Self {
        let bytes = std::fs::read(format!("tests/fixtures/stylegan2/{name}.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |view: safetensors::tensor::TensorView| {
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect();
            TensorData::new(values, view.shape().to_vec())
        };
        Self(
            file.tensors()
                .into_iter()
                .map(|(name, view)| (name, tensor(view)))
                .collect(),
        )
    }

    fn data(&self, name: &str) -> &TensorData {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data(name).clone(), device)
    }

    /// The parameters below `prefix`, by the rest of their names.
    fn params(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        self.0
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(prefix)?.to_string(), data.clone())))
            .collect()
    }

    fn assert_close(&self, name: &str, actual: TensorData) {
        let expected: Vec<f32> = self.data(name).iter::<f32>().collect();
        let actual: Vec<f32> = actual.iter::<f32>().collect();
        assert_eq!(expected.len(), actual.len(), "{name}");
        let largest = expected
            .iter()
            .fold(1e-6f32, |largest, value| largest.max(value.abs()));
        let difference = expected
            .iter()
            .zip(&actual)
            .fold(0f32, |worst, (expected, actual)| {
                worst.max((expected - actual).abs())
            });
        assert!(
            difference <= TOLERANCE * largest,
            "{name}: off by {difference} where the largest value is {largest}"
        );
    }

    /// Compares the gradient of every trained parameter with `<prefix><name>`.
    fn assert_gradients<M: Module>(&self, prefix: &str, module: &M, gradients: &Gradients) -> usize {
        let mut compared = Gradient {
            path: vec![],
            found: vec![],
            gradients,
        };
        module.visit(&mut compared);
        for (name, gradient) in &compared.found {
            self.assert_close(&format!("{prefix}{name}"), gradient.clone());
        }
        compared.found.len()
    }

    /// Compares the gradients of the penalty's stand-in with `r1.grad.d.<name>`, and gives those that there are.
    fn assert_penalty_gradients(
        &self,
        discriminator: &Discriminator,
        surrogate: Tensor<1>,
    ) -> BTreeMap<String, TensorData> {
        let gradients = surrogate.backward();
        let mut compared = Gradient {
            path: vec![],
            found: vec![],
            gradients: &gradients,
        };
        discriminator.visit(&mut compared);
        let found: BTreeMap<_, _> = compared.found.into_iter().collect();
        for (name, expected) in self.params("r1.grad.d.") {
            match found.get(&name) {
                Some(gradient) => self.assert_close(&format!("r1.grad.d.{name}"), gradient.clone()),
                // A bias only shifts the kinks of the rectifiers, so its gradient is zero almost everywhere,
                // and the tangent pass need not even see it.
                None => assert!(
                    expected.iter::<f32>().all(|value| value == 0.0),
                    "{name} has no gradient"
                ),
            }
        }
        found
    }
}

struct Gradient<'a> {
    path: Vec<String>,
    found: Vec<(String, TensorData)>,
    gradients: &'a Gradients,
}

impl ModuleVisitor for Gradient<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.push((self.path.join("."), gradient.into_data()));
        }
    }
}

#[test]
fn generator_draws_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("stylegan2");
    let mut params = fixture.params("g.");
    params.insert("mapping.w_avg".into(), TensorData::from([0f32; 10]));
    let generator = apply(config().init_generator(&device), &params).unwrap();

    let fake = generator.forward(fixture.tensor("z", &device), 1.0, NoiseMode::Const);
    fixture.assert_close("fake", fake.to_data());

    let gradients = (fake * fixture.tensor("probe", &device)).sum().backward();
    let compared = fixture.assert_gradients("grad.g.", &generator, &gradients);
    assert_eq!(
        compared,
        fixture.params("grad.g.").len(),
        "every trained parameter has a gradient"
    );
}

#[test]
fn discriminator_judges_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("stylegan2");
    let discriminator = apply(config().init_discriminator(&device), &fixture.params("d.")).unwrap();

    let logits = discriminator.forward(fixture.tensor("image", &device), None);
    fixture.assert_close("logits", logits.to_data());

    let gradients = softplus(-logits, 1.0).mean().backward();
    let compared = fixture.assert_gradients("grad.d.", &discriminator, &gradients);
    assert_eq!(
        compared,
        fixture.params("grad.d.").len(),
        "every parameter has a gradient"
    );
}

#[test]
fn r1_penalty_is_that_of_differentiating_twice() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("stylegan2");
    let discriminator = apply(config().init_discriminator(&device), &fixture.params("d.")).unwrap();

    let image: Tensor<4> = fixture.tensor("image", &device);
    let [n, _, side, _] = image.dims();
    let nothing = Augmentation::draw(AugPipe::None, 0.0, n, side, &mut ChaCha8Rng::seed_from_u64(0));
    let (penalty, surrogate) = r1_penalty(&discriminator, image, None, &nothing);
    fixture.assert_close("r1.penalty", TensorData::from([penalty as f32]));
    // The surrogate's value is E|v|^2, twice the penalty; its gradient is the penalty's.
    assert!((surrogate.clone().into_scalar::<f32>() as f64 - 2.0 * penalty).abs() < 1e-3 * penalty);

    let found = fixture.assert_penalty_gradients(&discriminator, surrogate);
    assert!(found.contains_key("from_rgb.weight") && found.contains_key("epilogue.out.weight"));
}

#[test]
fn truncation_pulls_toward_the_average() {
    let device = Device::flex();
    let mut generator = config().init_generator(&device);
    generator.mapping.w_avg = generator.mapping.w_avg.map(|w_avg| w_avg + 3.0);
    let z = Tensor::<2>::ones([2, 8], &device);
    let ws = generator.mapping.forward(z, 0.0);
    assert!(
        ws.into_data()
            .iter::<f32>()
            .all(|value| (value - 3.0).abs() < 1e-6)
    );
}

#[test]
fn parameters_survive_by_name() {
    let device = Device::flex();
    let generator = config().init_generator(&device);
    let saved = futures::executor::block_on(collect(&generator)).unwrap();
    let loaded = apply(config().init_generator(&device), &saved).unwrap();
    let z = Tensor::<2>::ones([2, 8], &device);
    let draw = |generator: &Generator| generator.forward(z.clone(), 0.7, NoiseMode::Const).into_data();
    draw(&generator).assert_eq(&draw(&loaded), true);
}

fn conditional() -> StyleGan2Config {
    StyleGan2Config {
        z_dim: 6,
        w_dim: 8,
        channel_base: 96,
        channel_max: 8,
        classes: [("apes", 30), ("cats", 60), ("dogs", 10)]
            .map(|(name, pictures)| Class {
                name: name.into(),
                pictures,
            })
            .to_vec(),
        ..config()
    }
}

/// The generator of conditional.py, and the averages that its fixture has none of.
fn conditional_generator(fixture: &Fixture, device: &Device) -> Generator {
    let mut params = fixture.params("g.");
    params.insert("mapping.w_avg".into(), TensorData::from([0f32; 8]));
    let averages = TensorData::new((0..24).map(|i| i as f32 / 8.0).collect::<Vec<_>>(), [3, 8]);
    params.insert("mapping.class_w_avg".into(), averages);
    apply(conditional().init_generator(device), &params).unwrap()
}

#[test]
fn a_conditional_generator_draws_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("conditional");
    let generator = conditional_generator(&fixture, &device);
    let w = generator.mapping.w_from_z(
        fixture.tensor("z", &device),
        Some(fixture.tensor("classes", &device)),
    );
    let fake = generator
        .synthesis
        .forward(generator.mapping.broadcast(w), NoiseMode::Const);
    fixture.assert_close("fake", fake.to_data());

    let gradients = (fake * fixture.tensor("probe", &device)).sum().backward();
    let compared = fixture.assert_gradients("grad.g.", &generator, &gradients);
    assert_eq!(compared, fixture.params("grad.g.").len());
    assert!(fixture.0.contains_key("grad.g.mapping.embed.weight"));
}

#[test]
fn a_conditional_discriminator_judges_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    let fixture = Fixture::load("conditional");
    let discriminator = apply(conditional().init_discriminator(&device), &fixture.params("d.")).unwrap();
    let classes = || Some(fixture.tensor("classes", &device));
    let logits = discriminator.forward(fixture.tensor("image", &device), classes());
    fixture.assert_close("logits", logits.to_data());

    let gradients = softplus(-logits, 1.0).mean().backward();
    let compared = fixture.assert_gradients("grad.d.", &discriminator, &gradients);
    assert_eq!(compared, fixture.params("grad.d.").len());

    let nothing = Augmentation::draw(AugPipe::None, 0.0, 8, 16, &mut ChaCha8Rng::seed_from_u64(0));
    let image = fixture.tensor("image", &device);
    let (penalty, surrogate) = r1_penalty(&discriminator, image, classes(), &nothing);
    fixture.assert_close("r1.penalty", TensorData::from([penalty as f32]));
    let found = fixture.assert_penalty_gradients(&discriminator, surrogate);
    assert!(found.contains_key("mapping.embed.weight") && found.contains_key("mapping.layers.1.weight"));
}

/// What is asked for is drawn, whatever else is in the batch, and toward the average of its class.
#[test]
fn a_class_that_is_asked_for_is_drawn() {
    let device = Device::flex();
    let generator = conditional_generator(&Fixture::load("conditional"), &device);
    let z = Fixture::load("conditional").tensor::<2>("z", &device);
    let of_all = generator.latents_from_z(z.clone(), 0.5).to_data();
    let rows: Vec<f32> = of_all.iter::<f32>().collect();
    let latents = |class: usize, psi: f32| -> Vec<f32> {
        let generator = generator.clone().of_class(Some(class));
        let latents = generator.latents_from_z(z.clone(), psi).into_data();
        latents.iter::<f32>().collect()
    };
    let each: Vec<Vec<f32>> = (0..3).map(|class| latents(class, 0.5)).collect();
    let width = 8 * 6;
    let mut met = [0; 3];
    for row in 0..8 {
        let at = row * width..(row + 1) * width;
        let same = |class: &usize| {
            let pairs = rows[at.clone()].iter().zip(&each[*class][at.clone()]);
            pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs())) < 1e-5
        };
        let classes: Vec<usize> = (0..3).filter(same).collect();
        assert_eq!(classes.len(), 1, "each latent is drawn as one class: {classes:?}");
        met[classes[0]] += 1;
    }
    assert!(met.iter().filter(|&&count| count > 0).count() > 1, "{met:?}");

    let whole = latents(2, 0.0);
    assert!(
        whole
            .chunks_exact(8)
            .all(|w| w == [2.0, 2.125, 2.25, 2.375, 2.5, 2.625, 2.75, 2.875])
    );
    let one = generator.clone().of_class(Some(2));
    let centre: Vec<f32> = one.latent_centre().into_data().iter::<f32>().collect();
    assert_eq!(centre, whole[..8]);
    assert_eq!((generator.length_chooses(), one.length_chooses()), (true, false));
    assert_eq!((one.z_dim(), one.latent_shape()), (6, [6, 8]));
    let error = Space::Z.check(&generator).unwrap_err().to_string();
    assert!(error.contains("ask for one class"), "{error}");
    Space::Z.check(&one).and(Space::W.check(&generator)).unwrap();
}

#[test]
fn averages_of_classes_follow_their_own_rows() {
    let device = Device::flex();
    let mapping = conditional().init_generator(&device).mapping;
    let w = Tensor::<2>::from_data([[1.0; 8], [3.0; 8], [8.0; 8]], &device);
    let mapping = mapping.track_class_w_avg(w, one_hot(&[0, 0, 2], 3, &device), 0.75);
    let averages: Vec<f32> = mapping
        .class_w_avg
        .unwrap()
        .val()
        .into_data()
        .iter::<f32>()
        .collect();
    assert_eq!(averages, [[0.5f32; 8], [0.0; 8], [2.0; 8]].concat());
}

/// Configurations of before there were classes are read, and written as they were.
#[test]
fn a_network_without_classes_is_what_it_was() {
    let json = serde_json::to_value(config()).unwrap();
    assert_eq!(json.get("classes"), None);
    assert_eq!(serde_json::from_value::<StyleGan2Config>(json).unwrap(), config());
    let names: Vec<String> = futures::executor::block_on(collect(&config().init_generator(&Device::flex())))
        .unwrap()
        .into_keys()
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.contains("class") || name.contains("embed")),
        "{names:?}"
    );
}
