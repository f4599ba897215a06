//! What a transformer learns from: the codes that a VQGAN makes of the pictures.

use super::PriorRun;
use crate::{
    data::Dataset,
    networks::{NetworkConfig, generators::vqgan::VqGan},
    train::{Error, checkpoint, file_error, streams::stream},
};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor, TensorData},
};
use rand::seq::SliceRandom;

/// Pictures that are turned into codes together.
const TOGETHER: usize = 16;

/// Turns the pictures of a dataset into codes, each once.
pub struct Codes {
    vqgan: VqGan,
    /// Those of the pictures that were seen already, by their places in the dataset.
    known: Vec<Option<Box<[u16]>>>,
}

impl Codes {
    /// The codes that `vqgan`, without autodiff, makes of pictures.
    pub fn new(vqgan: VqGan) -> Self {
        Self { vqgan, known: vec![] }
    }

    /// What makes them.
    pub fn vqgan(&self) -> &VqGan {
        &self.vqgan
    }

    /// The codes of the pictures at these places, one picture after another.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] when a picture cannot be read.
    pub fn of(&mut self, places: &[usize], dataset: &Dataset, device: &Device) -> Result<Vec<u16>, Error> {
        self.known.resize(dataset.len(), None);
        let is_new = |place: &usize| self.known[*place].is_none();
        let mut new: Vec<usize> = places.iter().copied().filter(is_new).collect();
        new.sort_unstable();
        new.dedup();
        let side = dataset.resolution();
        for places in new.chunks(TOGETHER) {
            let images = TensorData::new(dataset.images(places)?, [places.len(), 3, side, side]);
            let codes = self.vqgan.codes(Tensor::from_data(images, device)).into_data();
            // There are at most 65,536 codes.
            let codes: Vec<u16> = codes.iter::<i64>().map(|code| code as u16).collect();
            for (&place, codes) in places.iter().zip(codes.chunks_exact(codes.len() / places.len())) {
                self.known[place] = Some(codes.into());
            }
        }
        let codes = places.iter().flat_map(|&place| self.known[place].iter());
        Ok(codes.flat_map(|codes| codes.iter().copied()).collect())
    }
}

/// Which pictures of a dataset are learned from, and which say how much of others is known.
#[derive(Debug, Clone)]
pub struct Split {
    /// Places of those that are learned from.
    pub training: Vec<usize>,
    /// Places of the others.
    pub held_out: Vec<usize>,
}

impl Split {
    /// Keeps so many of `len` pictures back, which the seed chooses.
    pub fn new(len: usize, held_out: usize, seed: u64) -> Self {
        let mut training: Vec<usize> = (0..len).collect();
        training.shuffle(&mut stream(seed, "held out", 0));
        let mut held_out = training.split_off(len - held_out);
        // Those that lie beside each other are read beside each other.
        training.sort_unstable();
        held_out.sort_unstable();
        Self { training, held_out }
    }
}

impl PriorRun {
    /// The VQGAN in the run folder, which went there when the run began: the run does not change when the one
    /// that it was taken from is trained on.
    pub const VQGAN: &str = "vqgan.bpk";

    /// Keeps `vqgan` in the folder of a run that begins.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it cannot be written.
    pub(super) fn keep_vqgan(&mut self, vqgan: &VqGan) -> Result<(), Error> {
        let path = self.dir.join(Self::VQGAN);
        let saved = vqgan.clone().save_file(&path);
        saved.map_err(|error| file_error("write", &path, error))?;
        self.settings.vqgan_sha256 = checkpoint::sum(&path)?;
        Ok(())
    }

    /// The VQGAN whose codes it learns.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it is missing, or another than the run began with.
    pub fn load_vqgan(&self, device: &Device) -> Result<VqGan, Error> {
        let path = self.dir.join(Self::VQGAN);
        let expected = &self.settings.vqgan_sha256;
        let found = checkpoint::sum(&path)?;
        if found != *expected {
            let reason = format!(
                "its sha256 is {found}, expected {expected}: the transformer learned the codes of another \
                 VQGAN, so put that one back"
            );
            return Err(file_error("use", &path, reason));
        }
        let read = self.settings.codes.init(device).try_load_file(&path);
        let read = read.map_err(|error| file_error("read", &path, error))?;
        Ok(read.map(&mut InMemory))
    }
}

/// Reads every value now. What burn loads stays in the file until it is first used, and a run folder gets its
/// name before that.
struct InMemory;

impl ModuleMapper for InMemory {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            let (device, shape) = (tensor.device(), tensor.dims());
            let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
            Tensor::from_data(TensorData::new(values, shape), &device)
        })
    }
}
