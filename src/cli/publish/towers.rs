//! The collection's CLIP on its way into a bundle.

use super::{IMAGE_TOWER, TEXT_TOWER, VOCABULARY};
use crate::{
    art::values_from_pixel,
    cli::{files::read_at_most, progress},
    data::Dataset,
    networks::encoders::{
        ImageEncoder,
        collection_clip::{ImageTower, TextTower},
        minilm::Tokenizer,
    },
    train::clip::{ClipRun, ClipTrainer, Sentences, TextEncoder, load_towers},
    weights::{
        Quantization,
        bundle::{load_part, load_vocabulary, pack, pack_text_tower},
        manifest::{Credit, File, Parts},
    },
};
use anyhow::{Context, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use futures::executor::block_on;
use image::RgbaImage;
use std::path::Path;

/// A text tower that is stored as finely as is asked for must agree with the trained one as well as this.
fn least_cosine(quantization: Quantization) -> f64 {
    match quantization {
        Quantization::Q4_0 => 0.98,
        Quantization::Q8_0 | Quantization::F16 => 0.995,
    }
}

/// So many sentences show how well they agree.
const JUDGED: usize = 128;

/// What was said about the largest collections takes less.
const MAX_EXAMPLES_BYTES: u64 = 256 << 20;

/// So many examples are plenty, and longer ones would fill a phone.
const EXAMPLES: usize = 24;
const EXAMPLE_CHARS: usize = 48;

/// What the towers add to a bundle besides their parts.
pub(super) struct PackedTowers {
    /// Their files, by name.
    pub files: [(&'static str, Vec<u8>); 3],
    /// The least cosine between what they and the trained towers make of a picture or of a sentence.
    pub cosine: f64,
    /// The image tower as its file has it.
    pub image: ImageTower,
    /// What the text tower in its file makes of what was said about the collection's pictures, `[n,
    /// embed_dim]`.
    pub texts: Tensor<2>,
    /// Short sentences that visitors may begin with.
    pub examples: Vec<String>,
    /// The dataset that they learned from, if it is still where the run found it.
    pub dataset: Option<Dataset>,
}

/// Quantizes the towers of the run in `dir` into `parts`, the image tower never at 4 bits, and judges them by
/// the pictures `samples` and the run's sentences.
pub(super) fn pack_towers(
    dir: &Path,
    parts: &mut Parts,
    quantization: Quantization,
    samples: &[RgbaImage],
    device: &Device,
) -> anyhow::Result<PackedTowers> {
    let run = ClipRun::open(dir).with_context(|| format!("{} is no CLIP run", dir.display()))?;
    let settings = &run.settings;
    let (sees, draws) = (
        settings.image_tower.resolution,
        parts.generator.config.resolution(),
    );
    ensure!(
        sees == draws,
        "the image tower of {} sees pictures of {sees} pixels and the generator draws {draws}: \
         train a CLIP on the generator's dataset",
        dir.display()
    );
    let encoder = TextEncoder::open(&settings.text_encoder)?;
    ensure!(
        *encoder.config() == settings.text_tower.minilm,
        "the sentence encoder in {} is not of the run's shape",
        settings.text_encoder.display()
    );
    let towers = load_towers(&run, device)?;
    let text = TextTower {
        minilm: encoder.network(&settings.text_encoder, device)?,
        projection: towers.text,
    };
    let image = towers.image;

    let credit = Credit {
        license: parts.generator.weights.license.clone(),
        attribution: "Trained with guise".into(),
        source: String::new(),
    };
    // It is small, and the guided picture follows its every error: it is never stored at 4 bits.
    let storage = if quantization == Quantization::Q4_0 {
        Quantization::Q8_0
    } else {
        quantization
    };
    let packed = pack(&image, settings.image_tower.clone(), storage, IMAGE_TOWER, credit);
    let (image_part, image_file) = block_on(packed)?;
    let source = &settings.text_provenance;
    let credit = Credit {
        license: source.license.clone(),
        attribution: source.attribution.clone(),
        source: source.source.clone(),
    };
    let packed = pack_text_tower(
        &text,
        settings.text_tower.clone(),
        quantization,
        TEXT_TOWER,
        credit,
    );
    let (text_part, text_file) = block_on(packed)?;
    let vocabulary_file = encoder.vocabulary.into_bytes();
    let vocabulary = File::describe(VOCABULARY, &vocabulary_file);

    let stored = load_part(&image_part, &image_file, device)?;
    let of_images = least(&embed_images(&stored, samples), &embed_images(&image, samples));
    let quantized = load_part(&text_part, &text_file, device)?;
    let tokenizer = load_vocabulary(&vocabulary, &vocabulary_file, &text_part.config)?;
    let path = dir.join(ClipTrainer::EXAMPLES);
    let lines = read_at_most(&path, MAX_EXAMPLES_BYTES)
        .and_then(|bytes| Ok(String::from_utf8(bytes)?))
        .with_context(|| format!("cannot read {}: train the CLIP to its end first", path.display()))?;
    let sentences: Vec<String> = lines.lines().map(str::to_owned).collect();
    ensure!(!sentences.is_empty(), "{} is empty", path.display());
    let texts = embed_texts(&quantized, &tokenizer, &sentences, device);
    let step = sentences.len().div_ceil(JUDGED);
    let few: Vec<String> = sentences.iter().step_by(step).cloned().collect();
    let stored_rows: Vec<_> = rows(texts.clone()).into_iter().step_by(step).collect();
    let of_texts = least(&stored_rows, &rows(embed_texts(&text, &tokenizer, &few, device)));
    let cosine = of_images.min(of_texts);
    let expected = least_cosine(quantization);
    ensure!(
        cosine >= expected,
        "towers stored as {} give embeddings with a cosine of {cosine:.4} to those of the trained towers, \
         expected at least {expected}: choose a finer --text-quantization",
        quantization.name()
    );
    parts.image_tower = Some(image_part);
    parts.text_tower = Some(text_part);
    parts.vocabulary = Some(vocabulary);
    Ok(PackedTowers {
        files: [
            (IMAGE_TOWER, image_file),
            (TEXT_TOWER, text_file),
            (VOCABULARY, vocabulary_file),
        ],
        cosine: (cosine * 1e4).floor() / 1e4,
        image: stored,
        examples: examples(&sentences),
        dataset: dataset(&settings.dataset.data),
        texts,
    })
}

/// The dataset at `path` that a CLIP learned from, unless it is gone.
fn dataset(path: &Path) -> Option<Dataset> {
    let opened = Dataset::open(path);
    if let Err(error) = &opened {
        eprintln!(
            "note: the words of sentences are only guessed, and how well avatars fit them is not told, because the CLIP's \
             dataset is gone ({error}): guise publish --refresh adds both with --data"
        );
    }
    opened.ok()
}

/// The beginning and one other part of each of the first few captions: "curly pink hair, a red shirt with a
/// collar".
fn examples(captions: &[String]) -> Vec<String> {
    let example = |(number, caption): (usize, &String)| {
        let (_, parts) = caption.split_once(" with ")?;
        let parts: Vec<&str> = parts.split(", ").collect();
        // The last part goes on to everything that is left.
        let others = parts.len().checked_sub(2).filter(|&others| others > 0)?;
        let example = format!("{}, {}", parts[0], parts[1 + number % others]);
        (example.chars().count() <= EXAMPLE_CHARS).then_some(example)
    };
    let mut examples: Vec<String> = vec![];
    for example in captions.iter().enumerate().filter_map(example) {
        if examples.len() < EXAMPLES && !examples.contains(&example) {
            examples.push(example);
        }
    }
    examples
}

/// Embeddings of pictures, row by row.
fn embed_images(tower: &ImageTower, pictures: &[RgbaImage]) -> Vec<Vec<f32>> {
    // Large pictures are looked at one by one: all together would take gigabytes.
    let together = ((1 << 18) / tower.resolution().pow(2)).max(1);
    let embed = |pictures| embed_together(tower, pictures);
    pictures.chunks(together).flat_map(embed).collect()
}

fn embed_together(tower: &ImageTower, pictures: &[RgbaImage]) -> Vec<Vec<f32>> {
    let device = tower.logit_scale.val().device();
    let side = tower.resolution();
    let mut values = Vec::with_capacity(pictures.len() * 3 * side * side);
    for picture in pictures {
        for channel in 0..3 {
            values.extend(picture.pixels().map(|pixel| values_from_pixel(pixel.0)[channel]));
        }
    }
    let shape = [pictures.len(), 3, side, side];
    rows(tower.forward(Tensor::from_data(TensorData::new(values, shape), &device)))
}

/// Embeddings of sentences, `[n, embed_dim]`.
fn embed_texts(tower: &TextTower, tokenizer: &Tokenizer, sentences: &[String], device: &Device) -> Tensor<2> {
    let bar = progress::bar(0, "clauses for the text tower");
    let texts = sentences.iter().map(String::as_str);
    let clauses = Sentences::embed(texts, &tower.minilm, tokenizer, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        true
    });
    bar.finish_and_clear();
    let clauses = clauses.expect("nothing stopped it");
    let embed = |sentences: &[String]| {
        let texts = clauses.texts(sentences.iter().map(String::as_str), device);
        texts.embed(&tower.projection)
    };
    Tensor::cat(sentences.chunks(256).map(embed).collect(), 0)
}

fn rows(embeddings: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = embeddings.dims();
    let values: Vec<f32> = embeddings.into_data().iter::<f32>().collect();
    values.chunks_exact(width).map(<[f32]>::to_vec).collect()
}

/// The least cosine between rows of unit length.
fn least(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(a * b));
        products.sum::<f64>()
    };
    a.iter().zip(b).map(cosine).fold(1.0, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_short_parts_of_captions() {
        let captions = [
            "avatar with curly pink hair, a blue beanie, a red shirt with a collar, a smile and tan skin",
            "avatar with curly pink hair, a blue beanie, a red shirt with a collar, a smile and tan skin",
            "avatar with curly pink hair, a blue beanie and tan skin",
            "a face",
            "avatar with a pattern that is too long to be offered on the screen of a phone, a hat, a smile",
        ];
        let captions: Vec<String> = captions.map(String::from).to_vec();
        let expected = [
            "curly pink hair, a blue beanie",
            "curly pink hair, a red shirt with a collar",
        ];
        assert_eq!(examples(&captions), expected);
        let many: Vec<String> = (0..99)
            .map(|i| format!("avatar with hair {i}, a hat, a smile"))
            .collect();
        assert_eq!(examples(&many).len(), EXAMPLES);
    }
}
