//! What the page and the engine say to each other.
//!
//! A message is a JavaScript object `{ text, bytes }`: `text` is one of the enums below as JSON
//! (JSON keeps 64-bit seeds exact, which JavaScript numbers would not), and `bytes`, where a message
//! carries a picture, is its PNG file as an `ArrayBuffer`. The buffer is transferred, not copied.

use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::{JsCast, JsValue};

/// Numbers a job, so that answers to a job that is not waited for any more can be told apart.
pub type JobId = u32;

/// The device that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeviceWish {
    /// WebGPU where a real graphics adapter serves, else the CPU.
    #[default]
    Best,
    /// WebGPU, even on a software adapter; a failure instead of a fallback.
    WebGpu,
    /// The CPU.
    Cpu,
}

/// The device that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceInUse {
    /// The graphics adapter, through WebGPU.
    WebGpu,
    /// The processor, with wasm SIMD: one thread of it, and others where avatars are refined.
    Cpu,
}

/// How long the engine works on pictures that fit a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Effort {
    /// At once: what the mapper makes of the sentence, and the best of several.
    #[default]
    Draft,
    /// A draft and some steps of refinement.
    Normal,
    /// A draft and many.
    Better,
}

/// What pictures are to show.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Words {
    /// What to see, as the visitor says it; may be empty where a picture is the target.
    pub prompt: String,
    /// What not to see; may be empty.
    pub without: String,
    /// How long to work on it.
    pub effort: Effort,
}

/// What an avatar is drawn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Latent {
    /// A seed, and the distance from the average avatar.
    Seed {
        /// The seed.
        seed: u64,
        /// From 0 to 1.
        truncation_psi: f32,
        /// The class that it is drawn as, by its place; nothing where its seed decides.
        class: Option<usize>,
    },
    /// The latent `[layers, width]` itself, row by row, as [`Reply::Drawn`] had it, or a link.
    Drawn(Vec<f32>),
}

impl Latent {
    /// The seed, if it is one.
    pub fn seed(&self) -> Option<u64> {
        match self {
            Self::Seed { seed, .. } => Some(*seed),
            Self::Drawn(_) => None,
        }
    }

    /// Whether both are seeds that become latents in the same way.
    pub fn is_mapped_with(&self, other: &Self) -> bool {
        let way = |latent: &Self| match latent {
            Self::Seed {
                truncation_psi,
                class,
                ..
            } => Some((*truncation_psi, *class)),
            Self::Drawn(_) => None,
        };
        way(self).is_some() && way(self) == way(other)
    }
}

/// What the page asks of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// Say which models the site at the absolute URL `site` (with its final slash) has.
    Models {
        /// The folder that holds `models/`.
        site: String,
    },
    /// Say what some models are. This stops no job.
    Describe {
        /// Their folders, as for [`Request::Load`].
        bundles: Vec<String>,
    },
    /// Fetch, check and open the bundle at the absolute URL `bundle` (with its final slash).
    Load {
        /// The folder that holds `model.json`.
        bundle: String,
        /// The folders of all the site's bundles, whose files stay when this one's are kept; none where that
        /// is not known.
        others: Vec<String>,
        /// The device to open it on.
        device: DeviceWish,
    },
    /// Draw avatars that are known.
    Sample {
        /// This job's number.
        job: JobId,
        /// One for each picture.
        latents: Vec<Latent>,
    },
    /// Draw avatars that fit the words, and the picture file that travels with this message, if one does.
    /// With an avatar to start from they are variations of it, and then there may be neither words nor
    /// picture.
    Imagine {
        /// This job's number.
        job: JobId,
        /// What they are to show.
        words: Option<Words>,
        /// The avatar to start from.
        locked: Option<Latent>,
        /// Determines which of all that fit these are.
        seed: u64,
        /// How many.
        count: usize,
        /// Distance from the average avatar, 0 to 1.
        truncation_psi: f32,
        /// The class to begin with, by its place; nothing for all of them.
        class: Option<usize>,
    },
    /// Draw avatars that have something of each of two, from those most like the one to those most like the
    /// other.
    Mix {
        /// This job's number.
        job: JobId,
        /// The one.
        first: Latent,
        /// The other.
        second: Latent,
        /// Determines which has what of whom.
        seed: u64,
        /// How many pictures.
        count: usize,
    },
    /// Enlarge the picture that travels with this message.
    Upscale {
        /// This job's number.
        job: JobId,
    },
    /// Stop the running job.
    Cancel,
}

/// What the engine is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Bytes of the engine itself are arriving. The page fetches them, so the engine never says it.
    Engine,
    /// Bytes of the model are arriving.
    Download,
    /// The networks are being built and the device warmed up.
    Prepare,
    /// Pictures are being drawn.
    Sample,
    /// Bytes of what understands words are arriving.
    Words,
    /// Bytes of what enlarges are arriving.
    Enlarger,
    /// Pictures are being brought closer to a sentence.
    Guide,
    /// Tiles of a picture are being enlarged.
    Upscale,
}

/// Text of a manifest, and the address that it leads to, where it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// What to show.
    pub text: String,
    /// An address of the web.
    pub address: Option<String>,
}

/// Whose work something is, as plain text from the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// What the credit is for.
    pub subject: String,
    /// Whom to credit, as they ask for it; may be empty.
    pub attribution: String,
    /// What may be done with it.
    pub license: Linked,
    /// Where the original is; may be empty.
    pub source: Linked,
}

/// A model to choose, all of it plain text from its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Its name.
    pub name: String,
    /// A sentence or two about it.
    pub description: String,
    /// The side of its pictures in pixels.
    pub resolution: usize,
    /// What it takes to draw, in bytes.
    pub draw_bytes: u64,
    /// What words take besides, in bytes; zero where it understands none.
    pub words_bytes: u64,
    /// The license of its art.
    pub license: Linked,
}

/// How well a picture fits a clause of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// The clause, as the model understood it.
    pub clause: String,
    /// The share of the collection's pictures that fit it less, in percent, 0 to 99.
    pub percent: u8,
}

/// "blue shirt 31 %".
impl std::fmt::Display for Fit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} %", self.clause, self.percent)
    }
}

/// What the page shows about the model, all of it plain text from the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// Its name.
    pub name: String,
    /// A sentence or two about it.
    pub description: String,
    /// Whether what it draws may be used.
    pub answer: String,
    /// Whose work it is made of.
    pub credits: Vec<Credit>,
    /// The truncation psi at which its pictures look best.
    pub truncation_psi: f32,
    /// How many layers a latent of it has, and how wide they are.
    pub latent_shape: (usize, usize),
    /// By how much one enlargement grows a side, or nothing if it cannot enlarge.
    pub upscale_factor: Option<u32>,
    /// Whether it draws pixel art, whose pixels stay squares at every size.
    pub is_pixel_art: bool,
    /// Sentences that this model can draw, to begin with; none if it understands no words.
    pub examples: Vec<String>,
    /// Whether it understands words.
    pub takes_words: bool,
    /// What the first words will fetch, in bytes; zero once it is here.
    pub words_bytes: u64,
    /// What the first enlargement will fetch, in bytes; zero once it is here.
    pub enlarger_bytes: u64,
    /// The names of the classes that it can be asked for; none in most models.
    pub classes: Vec<String>,
}

/// What helps after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WayOn {
    /// The same again.
    TryAgain,
    /// Start over on the CPU.
    UseCpu,
}

/// What the engine tells the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// The engine runs and listens.
    Awake,
    /// The models that the site has.
    Models {
        /// Their names in addresses: lower-case letters, digits and hyphens. None where the site lists none.
        names: Vec<String>,
    },
    /// What a model is.
    Described {
        /// Its folder, as it was asked for.
        bundle: String,
        /// What its manifest says; nothing if that could not be read.
        card: Option<ModelCard>,
    },
    /// `done` of `total` units (bytes, pictures, tiles) are finished.
    Progress {
        /// What is being done.
        stage: Stage,
        /// The job it is done for, or nothing while loading.
        job: Option<JobId>,
        /// Finished units.
        done: u64,
        /// All units.
        total: u64,
    },
    /// The model is open; pictures can be asked for.
    Ready {
        /// Its folder, as it was asked for.
        bundle: String,
        /// Where it computes.
        device: DeviceInUse,
        /// A sentence saying why, where that is not what one would expect.
        why: Option<String>,
        /// Bytes that came over the network; the rest was kept from an earlier visit.
        fetched: u64,
        /// Whether the model is kept for the next visit.
        kept: bool,
        /// The model.
        model: ModelFacts,
    },
    /// More of the model is here.
    Fetched {
        /// What it was fetched for: [`Stage::Words`] or [`Stage::Enlarger`].
        stage: Stage,
        /// Bytes that came over the network; the rest was kept from an earlier visit.
        bytes: u64,
        /// Whether that is kept for the next visit.
        kept: bool,
    },
    /// A picture is there; its PNG file travels with this message. A later one may take its place.
    Picture {
        /// The job it belongs to.
        job: JobId,
        /// Its place in the request.
        index: usize,
        /// Its side in pixels.
        side: u32,
    },
    /// How well the pictures of a job fit that is under way.
    Scores {
        /// Which job.
        job: JobId,
        /// The cosine between each picture and the words, -1 to 1, by its place in the request.
        scores: Vec<f32>,
    },
    /// What the picture at a place was drawn from in the end, and how well it fits.
    Drawn {
        /// The job it belongs to.
        job: JobId,
        /// Its place in the request.
        index: usize,
        /// What it can be drawn from again.
        latent: Latent,
        /// The cosine between picture and words, -1 to 1, where there were words.
        score: Option<f32>,
        /// How well it fits each clause of the words, where the model can tell.
        fits: Vec<Fit>,
    },
    /// Something about what was asked for, to be told with the result.
    Remark {
        /// The job it is about.
        job: JobId,
        /// What there is to say.
        sentence: String,
    },
    /// The job has given all its pictures.
    Done {
        /// Which job.
        job: JobId,
        /// How long it took.
        duration_ms: f64,
    },
    /// The job was stopped, because the page asked for that or for something newer.
    Cancelled {
        /// Which job.
        job: JobId,
    },
    /// The device went away and took everything on it along: this engine draws nothing any more.
    Lost {
        /// What happened, for people.
        sentence: String,
    },
    /// Something did not work.
    Failed {
        /// The job it happened in, or nothing while loading.
        job: Option<JobId>,
        /// What happened, for people.
        sentence: String,
        /// What helps, in order of preference.
        ways_on: Vec<WayOn>,
    },
}

/// Packs a message for `postMessage`, and the list of what it transfers.
pub fn pack<T: Serialize>(message: &T, bytes: Option<ArrayBuffer>) -> (JsValue, Array) {
    let text = serde_json::to_string(message).expect("a message of plain enums is always JSON");
    let object = Object::new();
    let transfer = Array::new();
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&object, &"text".into(), &text.into());
    if let Some(bytes) = bytes {
        let _ = Reflect::set(&object, &"bytes".into(), &bytes);
        transfer.push(&bytes);
    }
    (object.into(), transfer)
}

/// Unpacks what the other side packed; nothing if it is not a message of this protocol.
pub fn unpack<T: DeserializeOwned>(data: &JsValue) -> Option<(T, Option<ArrayBuffer>)> {
    let text = Reflect::get(data, &"text".into()).ok()?.as_string()?;
    let message = serde_json::from_str(&text).ok()?;
    let bytes = Reflect::get(data, &"bytes".into()).ok()?.dyn_into().ok();
    Some((message, bytes))
}

/// Copies bytes out of this program's memory into a buffer that can be transferred.
pub fn to_buffer(bytes: &[u8]) -> ArrayBuffer {
    Uint8Array::from(bytes).buffer()
}
