//! The sentence encoder's embeddings of every text, computed once: it is not trained.

use super::ClipRun;
use crate::{
    networks::{
        collection_clip::TextProjection,
        minilm::{MiniLm, MiniLmConfig, Tokenizer, batch},
    },
    train::{Error, file_error, run::write_whole},
    weights::{
        Tensors,
        foreign::{SentenceEncoder, safetensors},
    },
};
use burn::tensor::{Device, Tensor, TensorData, f16};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::Read,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// No sentence encoder that can be used is larger.
const MAX_BYTES: u64 = 1 << 29;

/// A sentence encoder in the files in which the library transformers keeps it.
pub struct TextEncoder {
    /// Its shape and weights.
    pub encoder: SentenceEncoder,
    /// Its `vocab.txt`.
    pub vocabulary: String,
    tokenizer: Tokenizer,
}

impl TextEncoder {
    /// Reads `config.json`, `model.safetensors` and `vocab.txt` in `dir`.
    ///
    /// # Errors
    ///
    /// [`Error::TextEncoder`] when a file is missing, is no BERT encoder, or does not fit the others.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let fail = |path: &Path, reason: String| Error::TextEncoder {
            path: path.to_owned(),
            reason,
        };
        let read = |name: &str| {
            let path = dir.join(name);
            let mut bytes = vec![];
            fs::File::open(&path)
                .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
                .map_err(|error| {
                    fail(
                        &path,
                        format!("{error}; `tools/minilm.sh FOLDER` fetches an encoder"),
                    )
                })?;
            if bytes.len() as u64 > MAX_BYTES {
                return Err(fail(&path, format!("it is larger than {MAX_BYTES} bytes")));
            }
            Ok(bytes)
        };
        let encoder = SentenceEncoder::from_bert(&read("config.json")?, &read("model.safetensors")?)
            .map_err(|error| fail(dir, error.to_string()))?;
        let vocabulary = String::from_utf8(read("vocab.txt")?)
            .map_err(|error| fail(&dir.join("vocab.txt"), error.to_string()))?;
        let tokenizer = Tokenizer::from_vocabulary(&vocabulary)
            .map_err(|error| fail(&dir.join("vocab.txt"), error.to_string()))?;
        let (entries, rows) = (tokenizer.entries(), encoder.config.vocab_size);
        if entries != rows {
            return Err(fail(
                &dir.join("vocab.txt"),
                format!("it has {entries} tokens, the encoder has {rows}: take both from one model"),
            ));
        }
        Ok(Self {
            encoder,
            vocabulary,
            tokenizer,
        })
    }

    /// The encoder's shape.
    pub fn config(&self) -> &MiniLmConfig {
        &self.encoder.config
    }

    /// The encoder's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The network on `device`.
    ///
    /// # Errors
    ///
    /// [`Error::TextEncoder`] when its tensors are not those of its shape.
    pub fn network(&self, dir: &Path, device: &Device) -> Result<MiniLm, Error> {
        self.encoder.network(device).map_err(|error| Error::TextEncoder {
            path: dir.to_owned(),
            reason: error.to_string(),
        })
    }
}

/// Texts and their embeddings.
pub(super) struct Sentences {
    rows: HashMap<String, usize>,
    values: Vec<f32>,
    width: usize,
}

impl Sentences {
    /// Where a run keeps them, so that a resumed one need not compute them again.
    pub const FILE: &str = "sentences.safetensors";

    /// Sentences in a batch; similar lengths go together.
    const BATCH: usize = 64;

    /// The name of the embeddings in their file.
    const NAME: &str = "embeddings";
    /// What the file says about the texts.
    const KEY: &str = "texts_sha256";

    /// Embeds every text once, or reads what an earlier sitting kept in `cache`; nothing when `stop` is set meanwhile.
    ///
    /// Embeddings are rounded to half precision, in which they are kept, so that a resumed run sees the same numbers.
    pub fn embed<'a>(
        texts: impl Iterator<Item = &'a str>,
        (dir, encoder): (&Path, &TextEncoder),
        cache: &Path,
        device: &Device,
        stop: &AtomicBool,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Option<Self>, Error> {
        let texts: BTreeSet<&str> = texts.collect();
        let width = encoder.config().hidden_size;
        let mut hash = Sha256::new();
        for text in &texts {
            hash.update(text);
            hash.update([0]);
        }
        let hash = format!("{:x}", hash.finalize());
        let rows = texts
            .iter()
            .zip(0..)
            .map(|(text, row)| (text.to_string(), row))
            .collect();
        if let Some(values) = Self::kept(cache, &hash, texts.len() * width) {
            return Ok(Some(Self { rows, values, width }));
        }

        let network = encoder.network(dir, device)?;
        let tokens: Vec<Vec<u32>> = texts.iter().map(|text| encoder.tokenizer.encode(text)).collect();
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&index| tokens[index].len());
        let mut values = vec![0f32; tokens.len() * width];
        for (number, indices) in order.chunks(Self::BATCH).enumerate() {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let sentences: Vec<_> = indices.iter().map(|&index| tokens[index].clone()).collect();
            let (ids, mask) = batch(&sentences, device);
            let embedded: Vec<f32> = network.forward(ids, mask).into_data().iter::<f32>().collect();
            for (&index, embedding) in indices.iter().zip(embedded.chunks_exact(width)) {
                for (value, embedded) in values[index * width..].iter_mut().zip(embedding) {
                    *value = f16::from_f32(*embedded).to_f32();
                }
            }
            progress(
                (number * Self::BATCH + indices.len()).min(tokens.len()),
                tokens.len(),
            );
        }
        let data = TensorData::new(values.clone(), [tokens.len(), width]);
        let tensors = Tensors::from([(Self::NAME.to_owned(), data)]);
        let metadata = HashMap::from([(Self::KEY.to_owned(), hash)]);
        let bytes =
            safetensors::write(&tensors, metadata).map_err(|error| file_error("write", cache, error))?;
        write_whole(cache, &bytes)?;
        Ok(Some(Self { rows, values, width }))
    }

    /// Every embedding that `cache` holds, `[n, width]`.
    fn all(cache: &Path, device: &Device) -> Result<Tensor<2>, Error> {
        let fail = |reason: String| file_error("read", cache, reason);
        let bytes =
            fs::read(cache).map_err(|error| fail(format!("{error}; train the CLIP to its end first")))?;
        let (tensors, _) = safetensors::read(&bytes).map_err(|error| fail(error.to_string()))?;
        match tensors.get(Self::NAME) {
            Some(data) if data.shape().len() == 2 => {
                Ok(Tensor::from_data(data.clone().convert::<f32>(), device))
            }
            _ => Err(fail(
                "it holds no embeddings; remove it and resume the CLIP run".into(),
            )),
        }
    }

    /// What `cache` holds, if it is of these texts.
    fn kept(cache: &Path, hash: &str, count: usize) -> Option<Vec<f32>> {
        let (tensors, metadata) = safetensors::read(&fs::read(cache).ok()?).ok()?;
        let values: Vec<f32> = tensors.get(Self::NAME)?.iter::<f32>().collect();
        (metadata.get(Self::KEY)? == hash && values.len() == count).then_some(values)
    }

    /// The embedding of a text that was given.
    fn get(&self, text: &str) -> &[f32] {
        let start = self.rows[text] * self.width;
        &self.values[start..start + self.width]
    }

    /// The embeddings of texts that were given, `[n, width]`.
    pub fn tensor<'a>(&self, texts: impl IntoIterator<Item = &'a str>, device: &Device) -> Tensor<2> {
        let values: Vec<f32> = texts
            .into_iter()
            .flat_map(|text| self.get(text))
            .copied()
            .collect();
        let n = values.len() / self.width;
        Tensor::from_data(TensorData::new(values, [n, self.width]), device)
    }
}

/// Everything that was said about the pictures of `run`, embedded by its text tower, `[n, embed_dim]`, in no order.
///
/// # Errors
///
/// [`Error::File`] when the run was not trained yet, or its files do not fit each other.
pub fn text_embeddings(
    run: &ClipRun,
    projection: &TextProjection,
    device: &Device,
) -> Result<Tensor<2>, Error> {
    let cache = run.dir.join(Sentences::FILE);
    let sentences = Sentences::all(&cache, device)?;
    let [_, width] = sentences.dims();
    let expected = run.settings.text_tower.minilm.hidden_size;
    if width != expected {
        let reason =
            format!("sentences are {width} wide, expected {expected}; remove it and resume the CLIP run");
        return Err(file_error("use", &cache, reason));
    }
    Ok(projection.forward(sentences))
}
