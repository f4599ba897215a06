//! Guise's side of `./x bench`: it is given work, does it once so that the result can be compared with the
//! peer's, then repeats it and says how long each time took. `tools/bench/peers.py` asks.
//!
//! One line of standard input is one question, one line of standard output its answer:
//!
//! - a [`Work`] as JSON: prepares it, does it once, writes the result to `output`; answers `ready`
//! - `run N`: does it N times; answers N times in milliseconds

use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor, TensorData},
};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        encoders::collection_clip::ImageTowerConfig,
        generators::{
            Generate,
            stylegan2::{Discriminator, Generator, NoiseMode, StyleGan2Config},
        },
        super_resolution::{Enlarge, srvgg::SrvggNetCompactConfig},
    },
    pipeline::{sample::pictures_from_images, z_from_seed},
    train::{discriminator_loss, generator_loss},
    weights::{
        Manifest, Tensors, apply,
        bundle::load_part,
        collect,
        foreign::{ClipModel, safetensors},
    },
};
use serde::Deserialize;
use std::{
    io::{BufRead, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// As in `guise` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Something to do. Every path names a safetensors file, except for `bundle`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Work {
    /// `z [n, z_dim] -> image`.
    Generator {
        config: StyleGan2Config,
        weights: PathBuf,
        input: PathBuf,
        output: PathBuf,
    },
    /// `x [n, 3, h, w] -> [n, 3, 4 h, 4 w]`.
    Upscaler {
        config: SrvggNetCompactConfig,
        weights: PathBuf,
        input: PathBuf,
        output: PathBuf,
    },
    /// One step of both networks on `real`, `z_discriminator` and `z_generator`.
    Step {
        config: StyleGan2Config,
        generator: PathBuf,
        discriminator: PathBuf,
        input: PathBuf,
        output: PathBuf,
        learning_rate: f64,
    },
    /// A CLIP that `guise import clip` wrote: `image [n, 3, h, w] -> embedding`, and with a `direction` like
    /// it also the gradient of their product with respect to the image.
    Clip {
        model: PathBuf,
        input: PathBuf,
        output: PathBuf,
        gradient: bool,
    },
    /// What a step of guidance computes: `ws [n, num_ws, w_dim]` drawn and embedded, `[n, d]`, and the
    /// gradient of the embeddings' product with `direction [n, d]` with respect to `ws`.
    Guide {
        config: StyleGan2Config,
        tower: ImageTowerConfig,
        generator: PathBuf,
        encoder: PathBuf,
        input: PathBuf,
        output: PathBuf,
    },
    /// Writes what the browser's peer needs to draw `seed` of a bundle into the folder `output`: the networks
    /// with the numbers that the page computes with, the seed's latent, and its picture.
    Unpack {
        bundle: PathBuf,
        seed: u64,
        output: PathBuf,
    },
}

fn read(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    safetensors::read(&bytes)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .0
}

fn write(path: &Path, tensors: &Tensors) {
    let bytes = safetensors::write(tensors, Default::default()).expect("tensors become safetensors");
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn tensor<const D: usize>(tensors: &Tensors, name: &str, device: &Device) -> Tensor<D> {
    Tensor::from_data(
        tensors
            .get(name)
            .unwrap_or_else(|| panic!("no tensor {name}"))
            .clone(),
        device,
    )
}

/// Both networks, their optimizers, and what a step needs; the losses of the latest step.
struct Training {
    generator: Generator,
    discriminator: Discriminator,
    generator_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
    real: Tensor<4>,
    z_discriminator: Tensor<2>,
    z_generator: Tensor<2>,
    learning_rate: f64,
    losses: [f32; 2],
}

impl Training {
    /// `guise train`'s step without what is not in every step (R1) and what is not comparable (randomness).
    fn step(mut self) -> Self {
        let fake = self
            .generator
            .valid()
            .forward(self.z_discriminator.clone(), 1.0, NoiseMode::Const);
        let real_logits = self.discriminator.forward(self.real.clone(), None);
        let loss = discriminator_loss(real_logits, self.discriminator.forward(fake, None));
        let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
        self.losses[0] = loss.into_scalar::<f32>();
        let rate = self.learning_rate;
        self.discriminator = self
            .discriminator_optimizer
            .step(rate, self.discriminator, gradients);

        let fake = self
            .generator
            .forward(self.z_generator.clone(), 1.0, NoiseMode::Const);
        let loss = generator_loss(self.discriminator.clone().no_grad().forward(fake, None));
        let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
        self.losses[1] = loss.into_scalar::<f32>();
        self.generator = self.generator_optimizer.step(rate, self.generator, gradients);
        self
    }
}

/// Prepares `work` and returns what does it once; each call ends when its result is on the host.
fn prepare(work: Work, device: &Device) -> Box<dyn FnMut()> {
    match work {
        Work::Generator {
            config,
            weights,
            input,
            output,
        } => {
            let network = apply(config.init_generator(device), &read(&weights)).expect("the weights fit");
            let z: Tensor<2> = tensor(&read(&input), "z", device);
            let run = move || network.forward(z.clone(), 1.0, NoiseMode::Const).into_data();
            write(&output, &Tensors::from([("image".into(), run())]));
            Box::new(move || drop(run()))
        }
        Work::Upscaler {
            config,
            weights,
            input,
            output,
        } => {
            let network = apply(config.init(device), &read(&weights)).expect("the weights fit");
            let x: Tensor<4> = tensor(&read(&input), "image", device);
            let run = move || network.forward(x.clone()).into_data();
            write(&output, &Tensors::from([("image".into(), run())]));
            Box::new(move || drop(run()))
        }
        Work::Step {
            config,
            generator,
            discriminator,
            input,
            output,
            learning_rate,
        } => {
            let input = read(&input);
            let training_device = device.clone().autodiff();
            let adam = || {
                AdamConfig::new()
                    .with_beta_1(0.0)
                    .with_beta_2(0.99)
                    .with_epsilon(1e-8)
                    .init()
            };
            let training = Training {
                generator: apply(config.init_generator(&training_device), &read(&generator))
                    .expect("the weights fit"),
                discriminator: apply(config.init_discriminator(&training_device), &read(&discriminator))
                    .expect("the weights fit"),
                generator_optimizer: adam(),
                discriminator_optimizer: adam(),
                real: tensor(&input, "real", device),
                z_discriminator: tensor(&input, "z_discriminator", device),
                z_generator: tensor(&input, "z_generator", device),
                learning_rate,
                losses: [0.0; 2],
            }
            .step();
            let mut result = Tensors::from([("losses".into(), TensorData::from(training.losses))]);
            let networks = [
                ("g", block_on(collect(&training.generator))),
                ("d", block_on(collect(&training.discriminator))),
            ];
            for (network, tensors) in networks {
                let tensors = tensors.expect("the networks can be read back");
                result.extend(
                    tensors
                        .into_iter()
                        .map(|(name, data)| (format!("{network}.{name}"), data)),
                );
            }
            write(&output, &result);
            let mut training = Some(training);
            Box::new(move || training = training.take().map(Training::step))
        }
        Work::Clip {
            model,
            input,
            output,
            gradient,
        } => {
            let bytes = std::fs::read(&model).unwrap_or_else(|error| panic!("{}: {error}", model.display()));
            let model = ClipModel::from_safetensors(&bytes).expect("an imported CLIP");
            drop(bytes);
            let device = if gradient {
                device.clone().autodiff()
            } else {
                device.clone()
            };
            let clip = model.network(&device).expect("the weights fit");
            drop(model);
            let input = read(&input);
            let image: Tensor<4> = tensor(&input, "image", &device);
            let direction: Tensor<2> = tensor(&input, "direction", &device);
            let run = move || {
                let image = image.clone();
                if !gradient {
                    return [clip.embed_image(image).into_data()].to_vec();
                }
                let image = image.require_grad();
                let embedding = clip.embed_image(image.clone());
                let gradients = (embedding.clone() * direction.clone()).sum().backward();
                let gradient = image.grad(&gradients).expect("the picture has a gradient");
                vec![embedding.into_data(), gradient.into_data()]
            };
            let names = ["embedding", "gradient"].map(String::from);
            write(&output, &names.into_iter().zip(run()).collect());
            Box::new(move || drop(run()))
        }
        Work::Guide {
            config,
            tower,
            generator,
            encoder,
            input,
            output,
        } => {
            let generator = apply(config.init_generator(device), &read(&generator)).expect("the weights fit");
            let encoder = apply(tower.init(device), &read(&encoder)).expect("the weights fit");
            let input = read(&input);
            let device = device.clone().autodiff();
            let ws: Tensor<3> = tensor(&input, "ws", &device);
            let direction: Tensor<2> = tensor(&input, "direction", &device);
            let run = move || {
                let ws = ws.clone().require_grad();
                let images = generator.synthesis.forward(ws.clone(), NoiseMode::Const);
                let embedding = encoder.forward(images);
                let gradients = (embedding.clone() * direction.clone()).sum().backward();
                let gradient = ws.grad(&gradients).expect("the latents have a gradient");
                vec![embedding.into_data(), gradient.into_data()]
            };
            let names = ["embedding", "gradient"].map(String::from);
            write(&output, &names.into_iter().zip(run()).collect());
            Box::new(move || drop(run()))
        }
        Work::Unpack { bundle, seed, output } => {
            let file =
                |name: &str| std::fs::read(bundle.join(name)).expect("the bundle has the files it names");
            let manifest = Manifest::parse(&file(Manifest::FILE_NAME)).expect("a valid manifest");
            let part = &manifest.parts.generator;
            let generator = load_part(part, &file(&part.file.name), device).expect("a valid generator");
            write(
                &output.join("generator.safetensors"),
                &block_on(collect(&generator)).expect("readable"),
            );
            if let Some(part) = &manifest.parts.upscaler {
                let upscaler = load_part(part, &file(&part.file.name), device).expect("a valid upscaler");
                write(
                    &output.join("upscaler.safetensors"),
                    &block_on(collect(&upscaler)).expect("readable"),
                );
            }
            let z_dim = generator.z_dim();
            let z = TensorData::new(z_from_seed(seed, z_dim), [1, z_dim]);
            write(
                &output.join("z.safetensors"),
                &Tensors::from([("z".into(), z.clone())]),
            );
            let image = generator.draw(generator.latents_from_z(Tensor::from_data(z, device), 1.0));
            let pictures = block_on(pictures_from_images(image)).expect("readable");
            pictures[0]
                .save(output.join("picture.png"))
                .expect("the folder takes a picture");
            Box::new(|| {})
        }
    }
}

fn main() {
    let device = Device::flex();
    let mut work: Option<Box<dyn FnMut()>> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input is text");
        match (line.strip_prefix("run "), &mut work) {
            (Some(times), Some(work)) => {
                let times: usize = times.trim().parse().expect("`run` takes a number");
                let milliseconds: Vec<String> = (0..times)
                    .map(|_| {
                        let began = Instant::now();
                        work();
                        format!("{:.4}", began.elapsed().as_secs_f64() * 1e3)
                    })
                    .collect();
                println!("{}", milliseconds.join(" "));
            }
            (Some(_), None) => panic!("`run` comes after a work"),
            (None, _) => {
                work = Some(prepare(
                    serde_json::from_str(&line).expect("a work as JSON"),
                    &device,
                ));
                println!("ready");
            }
        }
        std::io::stdout().flush().expect("standard output is open");
    }
}
