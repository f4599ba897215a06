//! Training a collection's own CLIP: pictures and what people say about them, side by side.

pub(super) mod augment;
mod captions;
mod checkpoint;
mod evaluate;
mod loss;
mod sentences;
mod settings;
mod step;
mod trainer;

pub use checkpoint::load_towers;
pub use evaluate::{Evaluation, Recall, ZeroShot};
pub use loss::{Asked, answers_loss, contrastive_loss};
pub use sentences::{Sentences, TextEncoder, Texts};
pub use settings::{ClipRun, ClipSettings};
pub use step::{Batch, ClipState, ClipStats, Towers};
pub use trainer::{ClipEvent, ClipTrainer};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What randomness is for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// Which pictures are held out.
    Split,
    /// What is said about the picture of this number.
    Captions(u64),
    /// The order of the pictures in the epoch of this number.
    Order(u64),
    /// Captions, flaws and noise in the step of this number.
    Step(u64),
}

/// The random generator for a purpose in a run with `seed`.
fn rng(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let (purpose, number) = match purpose {
        Purpose::Split => (0, 0),
        Purpose::Captions(number) => (1, number),
        Purpose::Order(number) => (2, number),
        Purpose::Step(number) => (3, number),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number << 2 | purpose);
    rng
}
