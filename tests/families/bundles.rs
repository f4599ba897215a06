//! Bundles in memory.

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use futures::executor::block_on;
use guise::{
    networks::{
        NetworkConfig,
        encoders::collection_clip::ImageTowerConfig,
        generators::{Generate, Generator, GeneratorConfig},
    },
    pipeline::{
        Avatar, Cancel, Event, GuideSettings, Targets, guide,
        guide::{Modality, Space},
        z_from_seed,
    },
    weights::{
        Manifest, Quantization, apply,
        bundle::pack,
        collect,
        manifest::{Credit, Part},
    },
};

/// `module` with normal values of the deviation that `scale` gives for a name, the same everywhere; a scale
/// of zero leaves it alone.
pub fn randomize<M: Module>(module: M, scale: impl Fn(&str) -> f32) -> M {
    let mut tensors = block_on(collect(&module)).unwrap();
    for (index, (name, data)) in tensors
        .iter_mut()
        .enumerate()
        .filter(|(_, (name, _))| scale(name) != 0.0)
    {
        let values = z_from_seed(1000 + index as u64, data.num_elements());
        let values: Vec<f32> = values.iter().map(|value| value * scale(name)).collect();
        *data = TensorData::new(values, data.shape().clone());
    }
    apply(module, &tensors).unwrap()
}

/// `network`, which is of `config`, in the file of a bundle.
pub fn packed(network: &Generator, config: &GeneratorConfig) -> (Part<GeneratorConfig>, Vec<u8>) {
    let credit = Credit {
        license: "CC0-1.0".into(),
        attribution: String::new(),
        source: String::new(),
    };
    let packed = pack(
        network,
        config.clone(),
        Quantization::Q8_0,
        "generator.gguf",
        credit,
    );
    block_on(packed).unwrap()
}

/// `n` latents of 16 numbers.
pub fn z(n: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(z_from_seed(3, n * 16), [n, 16]), device)
}

/// Two avatars of `generator` guided toward a wish by an image tower that sees pictures of `side` pixels: the
/// losses of each step, and the avatars.
pub fn guided(generator: &Generator, side: usize, settings: &GuideSettings) -> (Vec<Vec<f32>>, Vec<Avatar>) {
    let device = Device::flex();
    let tower = ImageTowerConfig {
        resolution: side,
        channel_base: 128,
        channel_max: 8,
        embed_dim: 6,
    };
    let tower = randomize(tower.init(&device), |name| match name {
        "logit_scale" => 0.0,
        _ => 0.3,
    });
    let wish = TensorData::new(z_from_seed(5, 6), [1, 6]);
    let wish = (Tensor::from_data(wish, &device), vec![1.0], Modality::Text);
    let targets = Targets::new(vec![wish]).unwrap();
    let mut losses = vec![];
    let mut emit = async |event| {
        if let Event::Step { losses: now, .. } = event {
            losses.push(now);
        }
    };
    // In the space w it is latents that guidance starts from.
    let start = match settings.space {
        Space::Z => z(2, &device).unsqueeze_dim(1),
        _ => generator.latents_from_z(z(2, &device), 1.0),
    };
    let cancel = Cancel::default();
    let guided = guide(generator, &tower, &targets, start, settings, &cancel, &mut emit);
    let guided = block_on(guided).unwrap();
    assert_eq!(guided.len(), 2);
    assert_eq!(losses.len(), settings.steps);
    (losses, guided)
}

/// The committed bundle's manifest with this generator in it.
pub fn parsed(generator: serde_json::Value) -> Result<Manifest, String> {
    let text = std::fs::read("tests/fixtures/bundle-tiny/model.json").unwrap();
    let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
    // Towers and their mapper belong to the generator that they were trained with.
    let parts = json["parts"].as_object_mut().unwrap();
    parts.retain(|name, _| name == "upscaler");
    parts.insert("generator".into(), generator);
    json.as_object_mut()
        .unwrap()
        .retain(|name, _| !["self_check", "examples"].contains(&name.as_str()));
    Manifest::parse(json.to_string().as_bytes()).map_err(|error| error.to_string())
}
