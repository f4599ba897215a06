//! Training a collection's own CLIP: pictures and what people say about them, side by side.

mod augment;
mod captions;
mod evaluate;
mod loss;
mod sentences;
mod settings;
mod step;
mod training;

pub(in crate::train) use augment::{flawed, scaled};
pub use evaluate::{Evaluation, Recall, ZeroShot};
pub use loss::{Asked, answers_loss, contrastive_loss};
pub use sentences::{Sentences, TextEncoder, Texts};
pub use settings::{ClipRecipe, ClipRun, ClipSettings};
pub use step::{Batch, ClipState, ClipStats, Towers};
pub use training::{ClipTrainer, ClipTraining, load_towers};
