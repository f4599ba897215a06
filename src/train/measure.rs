//! How much what a generator draws resembles its collection, measured now and then while it is trained.

use super::{
    Error,
    adversarial::drawn,
    bounds,
    clip::{ClipRun, load_towers},
    file_error, io_error,
    streams::stream,
};
use crate::{
    data::{Dataset, Links, read_regular},
    metrics::{Features, frechet_distance, kid, measure_name, precision_recall},
    networks::{
        encoders::{Eyes, ImageEncoder, random::RandomFeatures},
        generators::Generate,
    },
    weights::foreign::{ClipModel, InceptionModel},
};
use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::index::sample;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What was measured, by the names of the measures, such as `kid1k_random`.
pub type Figures = BTreeMap<String, f64>;

/// A way to compare drawn pictures with a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// None at all.
    None,
    /// The Fréchet distance; of fewer pictures than features it is far too large.
    Fid,
    /// The kernel distance, which is right on average for any number of pictures.
    Kid,
    /// Precision and recall.
    Pr,
}

/// What is measured during a training, and by whose features: flags of `guise train`, as a run stores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct Measuring {
    /// Measures of drawn pictures against the collection, several with commas between them. The Fréchet
    /// distance tells which snapshot is the best, or the kernel distance where there is only that.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST",
          default_values_t = Self::default().metrics)]
    pub metrics: Vec<Method>,
    /// Measure at the first checkpoint after every so many thousand pictures.
    #[arg(long, value_name = "KIMG", default_value_t = Self::default().metrics_kimg)]
    pub metrics_kimg: f64,
    /// Pictures to draw for a measure.
    #[arg(long, value_name = "N", default_value_t = Self::default().metrics_count)]
    pub metrics_count: usize,
    /// Measure by Inception-v3, a file that `guise import inception` wrote, against the whole collection
    /// [default: by fixed random convolutions, which need no file].
    #[arg(long, value_name = "FILE", conflicts_with = "clip")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inception: Option<PathBuf>,
    /// Measure by a CLIP, a run of `guise train clip` or a file that `guise import clip` wrote.
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<PathBuf>,
}

impl Default for Measuring {
    fn default() -> Self {
        Self {
            metrics: vec![Method::Kid],
            metrics_kimg: 10.0,
            metrics_count: 1000,
            inception: None,
            clip: None,
        }
    }
}

impl Measuring {
    /// Checks every field.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        let named = |method| self.metrics.contains(&method);
        if self.metrics.is_empty() || named(Method::None) && self.metrics.len() > 1 {
            return Err(
                "metrics is a list with none among others, or an empty one: expected none, or some of \
                        fid, kid and pr"
                    .into(),
            );
        }
        // More methods than there are would only be the same again.
        bounds::within("the length of metrics", self.metrics.len(), 1, 8)?;
        bounds::more_than_zero("metrics_kimg", self.metrics_kimg)?;
        bounds::within("metrics_count", self.metrics_count, 2, 50_000)?;
        match (&self.inception, &self.clip) {
            (Some(_), Some(_)) => Err(
                "inception and clip are both set, expected at most one: take one of them out \
                                       of the run's training_options.json"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// Whether there is anything to measure.
    pub(super) fn measures(&self) -> bool {
        self.metrics.iter().any(|method| *method != Method::None)
    }
}

/// The figure that snapshots are judged by, the less the better: the first of `fid` and `kid` that is there.
pub(super) fn judged_by(figures: &Figures) -> Option<(&str, f64)> {
    let of = |method: &'static str| {
        let is_one = move |name: &str| {
            let rest = name.strip_prefix(method);
            rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        figures.iter().find(move |(name, _)| is_one(name))
    };
    of("fid")
        .or_else(|| of("kid"))
        .map(|(name, value)| (name.as_str(), *value))
}

/// Measures what generators of one run draw.
pub(super) struct Gauge {
    methods: Vec<Method>,
    count: usize,
    seed: u64,
    /// Pictures that are drawn and looked at together.
    together: usize,
    eyes: Eyes<'static>,
    /// What the eyes see in the collection, once they have looked.
    collection: Option<Features>,
}

/// Inception takes about as much memory for a picture as a training step for many.
const TOGETHER: usize = 16;
/// Inception has 87 MB in single precision.
const MAX_INCEPTION_BYTES: u64 = 1 << 28;
/// The largest CLIP that `guise import clip` takes, in single precision.
const MAX_CLIP_BYTES: u64 = 1 << 33;
/// Bytes that the features of a collection may take.
const MAX_FEATURES_BYTES: usize = 1 << 31;

impl Gauge {
    /// What `measuring` asks for, in a run with this seed and so many pictures in a step; nothing where
    /// nothing is asked for.
    ///
    /// # Errors
    ///
    /// When a network that is to look at pictures cannot be read.
    pub fn open(
        measuring: &Measuring,
        (seed, batch_size): (u64, usize),
        device: &Device,
    ) -> Result<Option<Self>, Error> {
        measuring.validate().map_err(Error::Settings)?;
        if !measuring.measures() {
            return Ok(None);
        }
        let eyes = match (&measuring.inception, &measuring.clip) {
            (Some(path), _) => open_inception(path, device)?,
            (_, Some(path)) => open_clip(path, device)?,
            _ => Eyes::Random(RandomFeatures::new(device)),
        };
        let mut methods = measuring.metrics.clone();
        methods.dedup();
        Ok(Some(Self {
            methods,
            count: measuring.metrics_count,
            seed,
            together: batch_size.clamp(1, TOGETHER),
            eyes,
            collection: None,
        }))
    }

    /// Measures pictures of the same latents every time against the same pictures of the collection, so that
    /// what changes is the generator. They are drawn and looked at on `device` and compared on `host`, the
    /// processor, as other devices compute in single precision at best. A figure that is no number is left
    /// out, as is everything where the collection has fewer than two pictures.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] when a picture cannot be read, [`Error::Settings`] when the collection is too large
    /// for the network that is to look at all of it, or when that computes no numbers.
    pub fn measure(
        &mut self,
        generator: &dyn Generate,
        dataset: &Dataset,
        (device, host): (&Device, &Device),
    ) -> Result<Figures, Error> {
        let mut figures = Figures::new();
        if dataset.len() < 2 {
            return Ok(figures);
        }
        let collection = match self.collection.take() {
            Some(features) => features,
            None => self.look_at(dataset, device)?,
        };
        let collection = self.collection.insert(collection);
        let latents = (self.seed, "metrics latents", 0, self.count);
        // Without truncation, as nothing else shows all that it learned.
        let mut drawn = seen(&self.eyes, drawn(generator, latents, 1.0, self.together, device));
        // Its losses are finite: what is measured next time may be, too.
        if !drawn.are_finite() {
            return Ok(figures);
        }
        let standard;
        let mut real = &*collection;
        if self.eyes.want_standard() {
            drawn = drawn.standardized(collection);
            standard = collection.standardized(collection);
            real = &standard;
        }
        let mut keep = |method: &str, value: f64| {
            let name = measure_name(method, self.count as u64, self.eyes.name());
            if value.is_finite() {
                figures.insert(name, value);
            }
        };
        for method in &self.methods {
            match method {
                Method::None => (),
                Method::Fid => keep("fid", frechet_distance(&drawn, real, host)),
                Method::Kid => keep("kid", kid(&drawn, real, host)),
                Method::Pr => {
                    let shares = precision_recall(&drawn, real, host);
                    keep("precision", shares.precision);
                    keep("recall", shares.recall);
                }
            }
        }
        Ok(figures)
    }

    /// Features of the collection: of all its pictures or of as many as are drawn, by chance.
    fn look_at(&self, dataset: &Dataset, device: &Device) -> Result<Features, Error> {
        let count = match self.eyes.look_at_all() {
            true => dataset.len(),
            false => self.count.min(dataset.len()),
        };
        let mut rng = stream(self.seed, "metrics pictures", 0);
        let places = sample(&mut rng, dataset.len(), count).into_vec();
        let side = dataset.resolution();
        let (mut values, mut dimensions) = (vec![], 0);
        for places in places.chunks(self.together) {
            let shape = [places.len(), dataset.channels(), side, side];
            let images = TensorData::new(dataset.images(places)?, shape);
            let found = self.eyes.features(Tensor::from_data(images, device));
            dimensions = found.dims()[1];
            if count.saturating_mul(4 * dimensions) > MAX_FEATURES_BYTES {
                return Err(Error::Settings(format!(
                    "the dataset has {count} pictures, and to measure by {dimensions} features of each takes \
                     more than 2 GiB: measure by a CLIP (--clip), or not at all (--metrics none)"
                )));
            }
            values.extend(found.into_data().iter::<f32>());
        }
        let features = Features::new(values, dimensions);
        match features.are_finite() {
            true => Ok(features),
            false => Err(Error::Settings(
                "some features of the collection are no numbers: the weights of the network that measures \
                 (--inception or --clip) are damaged"
                    .into(),
            )),
        }
    }
}

/// Features of `images`, batch by batch.
pub(super) fn seen(eyes: &Eyes, images: impl Iterator<Item = Tensor<4>>) -> Features {
    let (mut values, mut dimensions) = (vec![], 0);
    for images in images {
        let found = eyes.features(images);
        dimensions = found.dims()[1];
        values.extend(found.into_data().iter::<f32>());
    }
    Features::new(values, dimensions)
}

/// Opens an Inception that `guise import inception` wrote.
///
/// # Errors
///
/// When the file cannot be read or is none.
pub fn open_inception(path: &Path, device: &Device) -> Result<Eyes<'static>, Error> {
    let file = read_regular(path, Links::Followed, MAX_INCEPTION_BYTES).map_err(io_error("read", path))?;
    let network = InceptionModel::from_safetensors(&file).and_then(|model| model.network(device));
    let network = network.map_err(|error| file_error("use the Inception", path, error))?;
    Ok(Eyes::Inception(Box::new(network)))
}

fn open_clip(path: &Path, device: &Device) -> Result<Eyes<'static>, Error> {
    Ok(Eyes::Clip(open_image_tower(path, device)?))
}

/// The image half of a CLIP: of a run of `guise train clip`, or of a file that `guise import clip` wrote.
pub(super) fn open_image_tower(path: &Path, device: &Device) -> Result<Box<dyn ImageEncoder>, Error> {
    if path.is_dir() {
        let towers = load_towers(&ClipRun::open(path)?, device)?;
        return Ok(Box::new(towers.image));
    }
    let file = read_regular(path, Links::Followed, MAX_CLIP_BYTES).map_err(io_error("read", path))?;
    let network = ClipModel::from_safetensors(&file).and_then(|model| model.network(device));
    let network = network.map_err(|error| file_error("use the CLIP", path, error))?;
    Ok(Box::new(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_checked() {
        Measuring::default().validate().unwrap();
        let sound = serde_json::to_value(Measuring::default()).unwrap();
        for (field, value, said) in [
            ("metrics", "[]", "or an empty one"),
            ("metrics", "[\"none\", \"kid\"]", "none among others"),
            (
                "metrics",
                "[\"kid\",\"kid\",\"kid\",\"kid\",\"kid\",\"kid\",\"kid\",\"kid\",\"kid\"]",
                "expected at most 8",
            ),
            ("metrics_kimg", "0.0", "metrics_kimg is 0, expected more than 0"),
            ("metrics_count", "1", "metrics_count is 1, expected at least 2"),
            ("metrics_count", "1000000", "expected at most 50000"),
        ] {
            let mut edited = sound.clone();
            edited[field] = serde_json::from_str(value).unwrap();
            let measuring: Measuring = serde_json::from_value(edited).unwrap();
            let error = measuring.validate().unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        let both = Measuring {
            inception: Some("a".into()),
            clip: Some("b".into()),
            ..Measuring::default()
        };
        assert!(both.validate().unwrap_err().contains("both set"));
        // Of a run of before there was anything to measure.
        assert_eq!(
            serde_json::from_str::<Measuring>("{}").unwrap(),
            Measuring::default()
        );
    }

    #[test]
    fn a_distance_judges_and_shares_do_not() {
        let figures = |names: &[&str]| {
            names
                .iter()
                .map(|name| ((*name).to_owned(), 1.0))
                .collect::<Figures>()
        };
        let judged = |names: &[&str]| judged_by(&figures(names)).map(|(name, _)| name.to_owned());
        assert_eq!(
            judged(&["kid1k_clip", "precision1k_clip"]).as_deref(),
            Some("kid1k_clip")
        );
        assert_eq!(
            judged(&["kid1k_full", "fid1k_full"]).as_deref(),
            Some("fid1k_full")
        );
        assert_eq!(judged(&["precision1k_clip", "recall1k_clip", "kidney"]), None);
    }
}
