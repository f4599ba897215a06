//! Weights that other programs wrote.

use super::{Format, all, bytes, format};
use burn::tensor::Device;
use guise::weights::foreign::{ClipModel, ClipOptions, SentenceEncoder, SuperResolution, VqGanModel};
use std::io::{Cursor, Read, Write};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

pub fn formats() -> Vec<Format> {
    let clip = |contents: &[u8]| {
        let device = Device::flex();
        let options = ClipOptions {
            image_heads: Some(4),
            text_heads: Some(3),
            ..ClipOptions::default()
        };
        let model = ClipModel::from_foreign(contents, &options, "MIT".into(), "a test".into(), &device)?;
        ClipModel::from_safetensors(&model.to_safetensors()?)?;
        Ok::<_, guise::weights::foreign::Error>(())
    };
    let pytorch = ["clip/checkpoint.pt", "clip/openai.pt", "clip/script.pt"];
    let archives: Vec<Archive> = pytorch.iter().map(|name| Archive::open(&bytes(name))).collect();
    let pickles = archives.iter().map(|archive| archive.pickle.clone()).collect();
    let pickle = move |contents: &[u8]| {
        // The storages of one of them fit; the checksum is right, as a liar's would be.
        let results: Vec<_> = archives
            .iter()
            .map(|archive| clip(&archive.with(contents)))
            .collect();
        results
            .into_iter()
            .reduce(Result::or)
            .expect("there are archives")
    };
    let [param, bin] = ["param", "bin"].map(|kind| bytes(&format!("upscale/realesr-animevideov3-x4.{kind}")));
    let super_resolution = SuperResolution::from_ncnn(&param, &bin, "MIT".into(), "a test".into()).unwrap();
    let own = ["clip/hugging_face.safetensors", "clip/resnet.safetensors"].map(|name| {
        let options = ClipOptions {
            image_heads: Some(4),
            text_heads: Some(3),
            ..ClipOptions::default()
        };
        let model =
            ClipModel::from_foreign(&bytes(name), &options, "MIT".into(), "a".into(), &Device::flex());
        model.unwrap().to_safetensors().unwrap()
    });
    let config = bytes("minilm/config.json");
    let weights = bytes("minilm/model.safetensors");
    let params = all(&[
        "upscale/realesr-animevideov3-x4.param",
        "upscale/realesr-animevideov3-x2.param",
    ]);
    let whole_bin = bin.clone();
    let [checkpoint, yaml] = ["vqgan/taming/last.ckpt", "vqgan/taming/model.yaml"].map(bytes);
    let [folder, json] = ["diffusion_pytorch_model.safetensors", "config.json"]
        .map(|name| bytes(&format!("vqgan/diffusers/{name}")));
    let taming = move |yaml: &[u8]| {
        VqGanModel::from_taming(&checkpoint, yaml, "MIT".into(), "a test".into(), &Device::flex())
    };
    let diffusers = |weights: &[u8], json: &[u8]| {
        VqGanModel::from_diffusers(weights, json, "MIT".into(), "a test".into(), &Device::flex())
    };
    let vqgan = diffusers(&folder, &json).unwrap().to_safetensors().unwrap();
    let (weights_of_folder, described) = (folder.clone(), json.clone());
    let mut formats = vec![
        format(
            "safetensors",
            all(&[
                "clip/hugging_face.safetensors",
                "clip/open_clip.safetensors",
                "clip/resnet.safetensors",
            ]),
            clip,
        ),
        format("pytorch", all(&pytorch), clip),
        format("pickle", pickles, pickle),
        format("clip", own.into(), |contents| {
            let model = ClipModel::from_safetensors(contents)?;
            model.network(&Device::flex()).map(drop)
        }),
        format(
            "upscaler",
            vec![super_resolution.to_safetensors().unwrap()],
            |contents| {
                let model = SuperResolution::from_safetensors(contents)?;
                model.network(&Device::flex()).map(drop)
            },
        ),
        format("encoder", all(&["minilm/model.safetensors"]), move |contents| {
            let encoder = SentenceEncoder::from_bert(&config, contents)?;
            encoder.network(&Device::flex()).map(drop)
        }),
        format("bert-config", all(&["minilm/config.json"]), move |contents| {
            let encoder = SentenceEncoder::from_bert(contents, &weights)?;
            encoder.network(&Device::flex()).map(drop)
        }),
        format("vqgan", vec![vqgan], |contents| {
            let model = VqGanModel::from_safetensors(contents)?;
            model.network(&Device::flex()).map(drop)
        }),
        format("vqgan-yaml", vec![yaml], move |contents| {
            taming(contents).map(drop)
        }),
        format("vqgan-config", vec![json], move |contents| {
            diffusers(&weights_of_folder, contents).map(drop)
        }),
        format("vqgan-weights", vec![folder], move |contents| {
            diffusers(contents, &described).map(drop)
        }),
        format("ncnn-param", params, move |contents| {
            SuperResolution::from_ncnn(contents, &whole_bin, "MIT".into(), "a test".into()).map(drop)
        }),
        format("ncnn-bin", vec![bin], move |contents| {
            SuperResolution::from_ncnn(&param, contents, "MIT".into(), "a test".into()).map(drop)
        }),
    ];
    for format in &mut formats {
        if matches!(
            format.name,
            "upscaler" | "ncnn-bin" | "ncnn-param" | "pickle" | "vqgan-yaml"
        ) {
            format.slowness = 4;
        }
    }
    formats
}

/// A PyTorch archive, taken apart.
struct Archive {
    pickle: Vec<u8>,
    pickle_name: String,
    others: Vec<(String, Vec<u8>)>,
}

impl Archive {
    fn open(bytes: &[u8]) -> Self {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let (mut pickle, mut pickle_name, mut others) = (vec![], String::new(), vec![]);
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).unwrap();
            let name = String::from_utf8(entry.name_raw().to_vec()).unwrap();
            let mut contents = vec![];
            entry.read_to_end(&mut contents).unwrap();
            match name.ends_with("data.pkl") {
                true => (pickle, pickle_name) = (contents, name),
                false => others.push((name, contents)),
            }
        }
        Self {
            pickle,
            pickle_name,
            others,
        }
    }

    /// The archive with another pickle.
    fn with(&self, pickle: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(vec![]));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(self.pickle_name.as_str(), options).unwrap();
        zip.write_all(pickle).unwrap();
        for (name, contents) in &self.others {
            zip.start_file(name.as_str(), options).unwrap();
            zip.write_all(contents).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}
