//! From a bundle's files to networks on a device, and back.

use super::{
    Error, Quantization, Tensors, apply, collect, gguf,
    manifest::{Credit, File, Part, SelfCheck},
};
use crate::networks::{NetworkConfig, arrange, encoders::collection_clip::TextTowerConfig};
use burn::{module::Module, tensor::Device};
use image::{ImageFormat, ImageReader, Limits, RgbaImage};
use std::io::Cursor;

/// What the parts of a bundle become; whatever opens bundles need not know the networks themselves.
pub use crate::networks::{
    encoders::{
        collection_clip::{ImageTower, TextTower},
        minilm::Tokenizer,
    },
    generators::Generator,
    mapper::Mapper,
    population::Population,
    super_resolution::Upscaler,
};

/// The network that `part` describes, from the `contents` of its file.
///
/// # Errors
///
/// [`Error::Mismatch`] when `contents` is not that file, otherwise what [`gguf::read`] and [`apply`] give.
pub fn load_part<C: NetworkConfig>(
    part: &Part<C>,
    contents: &[u8],
    device: &Device,
) -> Result<C::Network, Error> {
    let tensors = open(part, contents)?;
    apply(part.config.init(device), &tensors).map(arrange)
}

/// The tokenizer of the text tower of shape `config`, from the `contents` of the vocabulary that `file`
/// describes.
///
/// # Errors
///
/// [`Error::Mismatch`] when `contents` is not that file, is no vocabulary, or has another number of tokens
/// than the tower has embeddings.
pub fn load_vocabulary(file: &File, contents: &[u8], config: &TextTowerConfig) -> Result<Tokenizer, Error> {
    file.verify(contents)?;
    let mismatch = |reason: String| Error::Mismatch {
        file: file.name.clone(),
        reason,
    };
    let text = str::from_utf8(contents).map_err(|error| mismatch(error.to_string()))?;
    let tokenizer = Tokenizer::from_vocabulary(text).map_err(|error| mismatch(error.to_string()))?;
    let (entries, expected) = (tokenizer.entries(), config.minilm.vocab_size);
    if entries != expected {
        return Err(mismatch(format!(
            "it has {entries} tokens, expected {expected}, one for each embedding"
        )));
    }
    Ok(tokenizer)
}

/// The reference pictures of `check`, four of `side` pixels side by side, from the `contents` of their file.
///
/// # Errors
///
/// [`Error::Mismatch`] when `contents` is not that file, or no such picture.
pub fn load_references(check: &SelfCheck, contents: &[u8], side: u32) -> Result<RgbaImage, Error> {
    let file = &check.pictures;
    file.verify(contents)?;
    let mismatch = |reason: String| Error::Mismatch {
        file: file.name.clone(),
        reason,
    };
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(4 * side), Some(side));
    let mut reader = ImageReader::with_format(Cursor::new(contents), ImageFormat::Png);
    reader.limits(limits);
    let pictures = reader
        .decode()
        .map_err(|error| mismatch(error.to_string()))?
        .into_rgba8();
    let (width, height) = pictures.dimensions();
    match (width, height) == (4 * side, side) {
        true => Ok(pictures),
        false => Err(mismatch(format!(
            "it has {width} x {height} pixels, expected {} x {side}",
            4 * side
        ))),
    }
}

/// Quantizes `network` for a file called `file_name`: the contents of the file, and what the manifest says.
///
/// # Errors
///
/// What [`collect`] and [`gguf::write`] give.
pub async fn pack<M: Module, C>(
    network: &M,
    config: C,
    quantization: Quantization,
    file_name: &str,
    weights: Credit,
) -> Result<(Part<C>, Vec<u8>), Error> {
    let tensors = collect(network).await?;
    let file = (file_name, weights);
    pack_each(&tensors, config, quantization, |_| quantization, file)
}

/// As [`pack`], for a text tower. Of four bits only the embeddings of words are stored, which are half of it
/// and of which a sentence reads a few rows; at four bits, the layers of a network as narrow as MiniLM turn
/// every sentence.
///
/// # Errors
///
/// As [`pack`].
pub async fn pack_text_tower(
    tower: &TextTower,
    config: TextTowerConfig,
    quantization: Quantization,
    file_name: &str,
    weights: Credit,
) -> Result<(Part<TextTowerConfig>, Vec<u8>), Error> {
    let tensors = collect(tower).await?;
    let each = |name: &str| match quantization {
        Quantization::Q4_0 if name != "minilm.word_embeddings" => Quantization::Q8_0,
        other => other,
    };
    pack_each(&tensors, config, quantization, each, (file_name, weights))
}

fn pack_each<C>(
    tensors: &Tensors,
    config: C,
    quantization: Quantization,
    each: impl Fn(&str) -> Quantization,
    (file_name, weights): (&str, Credit),
) -> Result<(Part<C>, Vec<u8>), Error> {
    let architecture = file_name.strip_suffix(".gguf").unwrap_or(file_name);
    let contents = gguf::write_each(tensors, each, architecture)?;
    let file = File::describe(file_name, &contents);
    Ok((
        Part {
            file,
            config,
            quantization,
            parameters: count(tensors),
            weights,
        },
        contents,
    ))
}

/// The tensors of a part's file, once they are known to be enough for its network.
fn open<C: NetworkConfig>(part: &Part<C>, contents: &[u8]) -> Result<Tensors, Error> {
    part.file.verify(contents)?;
    let tensors = gguf::read(contents)?;
    let held = count(&tensors);
    let mismatch = |expected: String| {
        let reason = format!("it holds {held} parameters, expected {expected}");
        Err(Error::Mismatch {
            file: part.file.name.clone(),
            reason,
        })
    };
    if held != part.parameters {
        return mismatch(part.parameters.to_string());
    }
    // A network is built before its weights are put in. A small file must not make it a large one.
    let weights = part.config.weights();
    if weights > held {
        return mismatch(format!("{weights} or more for its network"));
    }
    Ok(tensors)
}

fn count(tensors: &Tensors) -> u64 {
    tensors.values().map(|data| data.num_elements() as u64).sum()
}
