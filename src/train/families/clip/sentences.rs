//! The sentence encoder's embeddings of every clause of every text, computed once: it is not trained.

use crate::{
    data::{Links, read_regular},
    networks::{
        encoders::collection_clip::{TextProjection, clauses},
        encoders::minilm::{MiniLm, MiniLmConfig, Tokenizer, batch},
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
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

/// No sentence encoder that can be used is larger.
const MAX_BYTES: u64 = 1 << 29;
/// Ten million clauses take less.
const MAX_KEPT_BYTES: u64 = 1 << 33;

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
            read_regular(&path, Links::Followed, MAX_BYTES).map_err(|error| {
                fail(
                    &path,
                    format!("{error}; `tools/minilm.sh FOLDER` fetches an encoder"),
                )
            })
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

/// Texts as [`TextProjection::forward`] takes them.
#[derive(Debug, Clone)]
pub struct Texts {
    /// `[k, width]`, of unit length: what the sentence encoder makes of each clause.
    pub clauses: Tensor<2>,
    /// `[n, k]`, one where a clause belongs to a text and zero elsewhere.
    pub texts: Tensor<2>,
}

impl Texts {
    /// Their embeddings, `[n, embed_dim]` of unit length.
    pub fn embed(self, projection: &TextProjection) -> Tensor<2> {
        projection.forward(self.clauses, self.texts)
    }
}

/// Every clause that is needed, and its embedding.
///
/// Embeddings are rounded to half precision, in which they are kept, so that a resumed run sees the same
/// numbers.
pub struct Sentences {
    rows: BTreeMap<String, usize>,
    values: Vec<f32>,
    width: usize,
}

impl Sentences {
    /// Where a run keeps them, so that a resumed one need not compute them again.
    pub(super) const FILE: &str = "clauses.safetensors";

    /// Clauses in a batch; similar lengths go together.
    const BATCH: usize = 64;

    /// The name of the embeddings in their file.
    const NAME: &str = "embeddings";
    /// What the file says about the clauses.
    const KEY: &str = "clauses_sha256";

    /// Embeds the clauses of `texts` once each. `go_on` hears how many are done and how many there are, and
    /// says whether to go on; nothing comes out where it does not.
    pub fn embed<'a>(
        texts: impl Iterator<Item = &'a str>,
        network: &MiniLm,
        tokenizer: &Tokenizer,
        mut go_on: impl FnMut(usize, usize) -> bool,
    ) -> Option<Self> {
        let rows = rows(texts);
        let device = network.word_embeddings.val().device();
        let fitting = |clause: &String| tokenizer.encode_within(clause, network.positions()).0;
        let tokens: Vec<Vec<u32>> = rows.keys().map(fitting).collect();
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&index| tokens[index].len());
        let mut width = 0;
        let mut values = vec![];
        for (number, indices) in order.chunks(Self::BATCH).enumerate() {
            let clauses: Vec<_> = indices.iter().map(|&index| tokens[index].clone()).collect();
            let (ids, mask) = batch(&clauses, &device);
            let embedded = network.forward(ids, mask);
            width = embedded.dims()[1];
            values.resize(tokens.len() * width, 0f32);
            let embedded: Vec<f32> = embedded.into_data().iter::<f32>().collect();
            for (&index, embedding) in indices.iter().zip(embedded.chunks_exact(width)) {
                for (value, embedded) in values[index * width..].iter_mut().zip(embedding) {
                    *value = f16::from_f32(*embedded).to_f32();
                }
            }
            if !go_on(number * Self::BATCH + indices.len(), tokens.len()) {
                return None;
            }
        }
        Some(Self { rows, values, width })
    }

    /// What an earlier sitting wrote to the file `kept`, if it is of the clauses of `texts`.
    pub(super) fn read<'a>(texts: impl Iterator<Item = &'a str>, width: usize, kept: &Path) -> Option<Self> {
        let rows = rows(texts);
        let bytes = read_regular(kept, Links::Refused, MAX_KEPT_BYTES).ok()?;
        let (tensors, metadata) = safetensors::read(&bytes).ok()?;
        let values: Vec<f32> = tensors.get(Self::NAME)?.iter::<f32>().collect();
        let fits = *metadata.get(Self::KEY)? == hash(&rows) && values.len() == rows.len() * width;
        fits.then_some(Self { rows, values, width })
    }

    /// Keeps them in the file `kept`.
    pub(super) fn write(&self, kept: &Path) -> Result<(), Error> {
        let data = TensorData::new(self.values.clone(), [self.rows.len(), self.width]);
        let tensors = Tensors::from([(Self::NAME.to_owned(), data)]);
        let metadata = HashMap::from([(Self::KEY.to_owned(), hash(&self.rows))]);
        let bytes =
            safetensors::write(&tensors, metadata).map_err(|error| file_error("write", kept, error))?;
        write_whole(kept, &bytes)
    }

    /// Texts that were given.
    pub fn texts<'a>(&self, texts: impl IntoIterator<Item = &'a str>, device: &Device) -> Texts {
        let mut values = vec![];
        let mut counts = vec![];
        for text in texts {
            let clauses = clauses(text);
            counts.push(clauses.len());
            for clause in clauses {
                let start = self.rows[&clause] * self.width;
                values.extend_from_slice(&self.values[start..start + self.width]);
            }
        }
        let [n, k] = [counts.len(), counts.iter().sum()];
        let mut belongs = vec![0f32; n * k];
        let mut first = 0;
        for (row, count) in counts.into_iter().enumerate() {
            belongs[row * k + first..][..count].fill(1.0);
            first += count;
        }
        Texts {
            clauses: Tensor::from_data(TensorData::new(values, [k, self.width]), device),
            texts: Tensor::from_data(TensorData::new(belongs, [n, k]), device),
        }
    }
}

/// The clauses of `texts` and their places, in alphabetical order.
fn rows<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let clauses: BTreeSet<String> = texts.flat_map(clauses).collect();
    clauses.into_iter().zip(0..).collect()
}

fn hash(rows: &BTreeMap<String, usize>) -> String {
    let mut hash = Sha256::new();
    for clause in rows.keys() {
        hash.update(clause);
        hash.update([0]);
    }
    format!("{:x}", hash.finalize())
}
