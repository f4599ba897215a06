//! From a request to pictures: sampling, upscaling and guidance as asynchronous, cancellable jobs
//! that report what they do as [`Event`]s. The command line and the page only listen.

pub mod fit;
pub mod guide;
pub mod imagine;
pub mod latent;
pub mod lexicon;
pub mod memory;
pub mod pixel_art;
pub mod prompt;
pub mod sample;
pub mod self_check;
pub mod shares;
pub mod upscale;

pub use crate::networks::{encoders::ImageEncoder, generators::Generate};
pub use fit::{Fit, Yardstick};
pub use guide::{Avatar, GuideSettings, Targets, guide};
pub use imagine::{Draft, Imagination, ImagineRequest, Quality, draft, imagine};
pub use latent::{between, mixes, z_from_seed};
pub use lexicon::{Lexicon, Reading};
pub use pixel_art::Snap;
pub use prompt::Prompt;
pub use sample::{SampleRequest, draw_latent, latent_from_z, latents_from_seeds, sample};
pub use upscale::upscale;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What a running job reports, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `done` of `total` units of work (pictures, tiles, steps) are finished.
    Progress {
        /// Finished units.
        done: usize,
        /// All units of this job.
        total: usize,
    },
    /// The picture numbered `index` of this request is there; a later event may improve it.
    Picture {
        /// Position in the request, from zero.
        index: usize,
        /// The picture itself, 8 bits a channel.
        image: image::RgbaImage,
    },
    /// An optimization took a step.
    Step {
        /// Steps taken.
        done: usize,
        /// All steps of this job.
        total: usize,
        /// The distance of each avatar from the targets before this step, without the pull toward the
        /// average.
        losses: Vec<f32>,
        /// The weighted mean of each avatar's cosines to the targets before this step.
        scores: Vec<f32>,
    },
}

/// Why a job ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was asked for through [`Cancel`].
    #[error("the job was cancelled")]
    Cancelled,
    /// The request contradicts the model or itself.
    #[error("{0}")]
    Request(String),
    /// An optimization diverged.
    #[error("the loss is no longer a number after {step} steps: take a smaller learning rate")]
    NotFinite {
        /// Steps taken before.
        step: usize,
    },
    /// A network computed infinities, or what is no number at all.
    #[error(
        "what {network} computes is no number: its weights are damaged or far too large, or the device computes wrongly"
    )]
    NotNumbers {
        /// The first network whose results are none.
        network: Network,
    },
    /// The device could not hand a result back.
    #[error("the device failed while computing: {0}")]
    Device(String),
}

/// A network of a job, as errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Draws.
    Generator,
    /// Enlarges.
    Upscaler,
    /// Embeds pictures.
    ImageEncoder,
    /// Embeds words.
    TextEncoder,
    /// Guesses latents.
    Mapper,
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Generator => "the generator",
            Self::Upscaler => "the upscaler",
            Self::ImageEncoder => "the image tower",
            Self::TextEncoder => "the text tower",
            Self::Mapper => "the mapper",
        })
    }
}

/// A switch shared between the one that runs a job and those that may stop it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Cancel {
    /// A switch that is on when `asked` is.
    fn from(asked: Arc<AtomicBool>) -> Self {
        Self(asked)
    }
}

impl Cancel {
    /// Asks every job holding a clone of this switch to stop at its next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Gives [`Error::Cancelled`] once [`Cancel::cancel`] was called.
    pub fn check(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }
}
