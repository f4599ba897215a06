//! From a request to pictures: sampling, upscaling and guidance as asynchronous, cancellable jobs
//! that report what they do as [`Event`]s. The command line and the page only listen.

pub mod latent;
pub mod sample;
pub mod upscale;

pub use latent::z_from_seed;
pub use sample::{SampleRequest, sample};
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
}

/// Why a job ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody asked for it through [`Cancel`].
    #[error("the job was cancelled")]
    Cancelled,
    /// The request contradicts the model or itself.
    #[error("{0}")]
    Request(String),
    /// The device could not hand a result back.
    #[error("the device failed while computing: {0}")]
    Device(String),
}

/// A switch shared between whoever runs a job and whoever may stop it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks every job holding a clone of this switch to stop at its next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Gives [`Error::Cancelled`] once somebody has called [`Cancel::cancel`].
    pub fn check(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }
}
