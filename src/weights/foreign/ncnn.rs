//! ncnn's two files: the network as text (`.param`) and the weights in the order of its layers (`.bin`).
//!
//! The text is a magic number, the counts of layers and blobs, and one line a layer:
//! `Type name input_count output_count inputs... outputs... key=value...`, where keys are small numbers
//! whose meaning depends on the type and whose absence means a default. The weights have no names and no
//! shapes, so they can only be read by walking the layers.

use super::{Error, shortened};
use burn::tensor::f16;
use std::collections::BTreeMap;

/// The first line of every ncnn network since 2017.
const PARAM_MAGIC: &str = "7767517";
/// Far more layers than any super-resolution network has.
const MAX_LAYERS: usize = 10_000;
/// Longer names are a mistake or an attack.
const MAX_NAME_BYTES: usize = 100;
/// No layer that is known here has more inputs or outputs than two.
const MAX_BLOBS: usize = 100;
/// Marks weights in half precision.
const TAG_F16: u32 = 0x0130_6B47;
/// Marks weights in single precision.
const TAG_F32: u32 = 0;

/// One layer of an ncnn network.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) line: usize,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    settings: BTreeMap<i32, f64>,
}

impl Layer {
    /// The values of the settings `known`, given as `(key, default)`.
    ///
    /// A setting that is not listed may change what the layer computes, so it is an error.
    pub(super) fn settings<const N: usize>(&self, known: [(i32, f64); N]) -> Result<[f64; N], Error> {
        match self
            .settings
            .keys()
            .find(|&key| !known.iter().any(|(k, _)| k == key))
        {
            Some(key) => Err(self.error(format!(
                "has the setting {key}={}, which is unknown here",
                self.settings[key]
            ))),
            None => Ok(known.map(|(key, default)| self.settings.get(&key).copied().unwrap_or(default))),
        }
    }

    /// An error about this layer.
    pub(super) fn error(&self, problem: impl Into<String>) -> Error {
        Error::Layer {
            line: self.line,
            layer: format!("{} ({})", self.name, self.kind),
            problem: problem.into(),
        }
    }
}

/// Reads the layers of a `.param` file.
pub(super) fn parse_param(bytes: &[u8]) -> Result<Vec<Layer>, Error> {
    let fail = |line: usize, problem: String| Error::Param { line, problem };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        fail(
            line,
            "is not text (ncnn's binary .param.bin files cannot be read, only .param)".into(),
        )
    })?;
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));

    let (_, magic) = lines.next().unwrap_or_default();
    if magic.trim() != PARAM_MAGIC {
        return Err(fail(
            1,
            format!("is {:?}, expected {PARAM_MAGIC}", shortened(magic)),
        ));
    }
    let (_, counts) = lines.next().unwrap_or_default();
    let layer_count = match counts
        .split_whitespace()
        .map(str::parse::<usize>)
        .collect::<Vec<_>>()[..]
    {
        [Ok(layers), Ok(_blobs)] if layers <= MAX_LAYERS => layers,
        _ => {
            let wanted =
                format!("expected how many layers (at most {MAX_LAYERS}) and how many blobs there are");
            return Err(fail(2, format!("is {:?}, {wanted}", shortened(counts))));
        }
    };
    let layers = lines
        .filter(|(_, text)| !text.trim().is_empty())
        .take(layer_count + 1)
        .map(|(line, text)| parse_layer(line, text).map_err(|problem| fail(line, problem)))
        .collect::<Result<Vec<_>, _>>()?;
    if layers.len() != layer_count {
        let more = if layers.len() > layer_count {
            "more"
        } else {
            "fewer"
        };
        return Err(fail(
            2,
            format!("promises {layer_count} layers, but {more} follow"),
        ));
    }
    Ok(layers)
}

/// The layer on a line, or the end of a sentence that begins with the line's number.
fn parse_layer(line: usize, text: &str) -> Result<Layer, String> {
    let mut words = text.split_whitespace();
    // Names and lists are repeated in errors, where a megabyte is not read.
    let mut word = |what: &str| match words.next() {
        Some(word) if word.len() <= MAX_NAME_BYTES => Ok(word),
        Some(word) => Err(format!("has {} bytes where {what} is expected", word.len())),
        None => Err(format!("ends before {what}")),
    };
    let kind = word("the layer's type")?.to_owned();
    let name = word("the layer's name")?.to_owned();
    let mut count = |what: &str| {
        let text = word(what)?;
        let number = text.parse().ok().filter(|&number: &usize| number <= MAX_BLOBS);
        number.ok_or_else(|| format!("has {text:?} where {what}, at most {MAX_BLOBS}, is expected"))
    };
    let input_count = count("the number of inputs")?;
    let output_count = count("the number of outputs")?;
    let mut blobs = |count: usize, what: &str| -> Result<Vec<String>, String> {
        (0..count).map(|_| word(what).map(str::to_owned)).collect()
    };
    let inputs = blobs(input_count, "its last input")?;
    let outputs = blobs(output_count, "its last output")?;
    let mut settings = BTreeMap::new();
    for word in words {
        let setting = word.split_once('=').and_then(|(key, value)| {
            let value = value.parse::<f64>().ok().filter(|value| value.is_finite())?;
            Some((key.parse::<i32>().ok()?, value))
        });
        let Some((key, value)) = setting else {
            return Err(format!(
                "has {:?} where a setting such as 0=64 is expected",
                shortened(word)
            ));
        };
        if settings.insert(key, value).is_some() {
            return Err(format!("has the setting {key} twice"));
        }
    }
    Ok(Layer {
        line,
        kind,
        name,
        inputs,
        outputs,
        settings,
    })
}

/// Takes weights from a `.bin` file, front to back.
pub(super) struct Bin<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bin<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `count` values in single or half precision, as the tag before them says.
    pub(super) fn tagged(&mut self, count: usize, layer: &Layer) -> Result<Vec<f32>, Error> {
        let tag = self.take(1, 4, layer)?;
        let tag = u32::from_le_bytes([tag[0], tag[1], tag[2], tag[3]]);
        match tag {
            TAG_F32 => self.plain(count, layer),
            TAG_F16 => {
                let halves = self.take(count, 2, layer)?.chunks_exact(2);
                let values = halves
                    .map(|half| f16::from_le_bytes([half[0], half[1]]).to_f32())
                    .collect();
                // Every array starts at a multiple of four bytes.
                self.take(count % 2, 2, layer)?;
                self.checked(values, layer)
            }
            _ => Err(Error::Bin {
                problem: format!(
                    "of the layer {} are marked {tag:#010x}, expected {TAG_F32:#010x} (single precision) or \
                     {TAG_F16:#010x} (half precision): quantized models cannot be imported",
                    layer.name
                ),
            }),
        }
    }

    /// The next `count` values in single precision.
    pub(super) fn plain(&mut self, count: usize, layer: &Layer) -> Result<Vec<f32>, Error> {
        let values = self.take(count, 4, layer)?.chunks_exact(4);
        let values = values
            .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
            .collect();
        self.checked(values, layer)
    }

    /// Makes sure that all weights have been taken.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self.bytes.len() - self.position {
            0 => Ok(()),
            left => Err(Error::Bin {
                problem: format!(
                    "go on for {left} bytes after the last layer: they belong to another network"
                ),
            }),
        }
    }

    fn take(&mut self, count: usize, size: usize, layer: &Layer) -> Result<&'a [u8], Error> {
        let left = &self.bytes[self.position..];
        let taken = count.checked_mul(size).and_then(|length| left.get(..length));
        let Some(taken) = taken else {
            return Err(Error::Bin {
                problem: format!(
                    "end within the layer {}: {count} values of {size} bytes are needed at byte {}, {} bytes are left. \
                     The file is truncated or belongs to another network",
                    layer.name,
                    self.position,
                    left.len()
                ),
            });
        };
        self.position += taken.len();
        Ok(taken)
    }

    fn checked(&self, values: Vec<f32>, layer: &Layer) -> Result<Vec<f32>, Error> {
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok(values),
            Some(value) => Err(Error::Bin {
                problem: format!(
                    "of the layer {} hold {value} before byte {}: the file is damaged or belongs to another network",
                    layer.name, self.position
                ),
            }),
        }
    }
}
