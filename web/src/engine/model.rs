//! An open bundle: its networks on a device, and the jobs they do.

use super::{
    Failure,
    assistants::Assistants,
    device,
    enlarge::Enlarges,
    facts::facts,
    load::{self, Files},
    now_ms, say,
    store::Store,
    turn,
    words::Words,
};
use crate::protocol::{DeviceInUse, DeviceWish, JobId, Latent, Reply, Stage, WayOn, to_buffer};
use burn::tensor::Device;
use guise::{
    pipeline::{
        Cancel, Error, Event, Snap,
        sample::{draw_latent, latents_from_seeds},
        self_check,
    },
    weights::{
        bundle::{Generator, ImageTower, load_part, load_references},
        manifest::{self, Manifest},
    },
};
use image::{ImageFormat, RgbaImage};
use std::{cell::OnceCell, io::Cursor};

/// Progress of a download is told no more often than this.
const PROGRESS_MS: f64 = 50.0;

/// What a failure to open comes to: a sentence, and what helps.
pub type Trouble = (String, Vec<WayOn>);

/// The networks of a bundle, ready to draw.
pub struct Model {
    pub(super) generator: Generator,
    pub(super) enlarges: Enlarges,
    /// What makes of its pictures the pixel art that they mean, if they mean some.
    snap: Option<Snap>,
    pub(super) device: Device,
    kind: DeviceInUse,
    pub(super) source: Source,
    /// What judges pictures, once words have been used.
    pub(super) judge: OnceCell<ImageTower>,
    /// What else understands words, from then on.
    pub(super) words: OnceCell<Words>,
    /// Who helps with refining.
    pub(super) assistants: Assistants,
}

/// Where the parts of a bundle come from.
pub struct Source {
    /// The address of the bundle's folder.
    pub folder: String,
    /// What is kept of it between visits.
    pub store: Option<Store>,
    /// What it holds.
    pub manifest: Manifest,
}

impl Source {
    /// Loads files of the bundle, and tells the page how far that is.
    pub async fn files(
        &self,
        wanted: &[&manifest::File],
        stage: Stage,
        job: Option<JobId>,
    ) -> Result<Files, load::Error> {
        let mut said_ms = 0.0;
        load::files(&self.folder, wanted, self.store.as_ref(), |done, total| {
            if done == total || now_ms() - said_ms > PROGRESS_MS {
                said_ms = now_ms();
                let progress = Reply::Progress {
                    stage,
                    job,
                    done,
                    total,
                };
                say(&progress, None);
            }
        })
        .await
    }
}

impl Model {
    /// Fetches, checks and opens the bundle in `folder`, and tells the page how far that is. What is kept of
    /// bundles that are not in the folders `others` goes, if there are any. `doubt` is a sentence about the
    /// device that was found to compute wrongly before.
    pub async fn open(
        folder: &str,
        others: &[String],
        wish: DeviceWish,
        doubt: Option<String>,
    ) -> Result<Self, Trouble> {
        let again = |sentence: String| (sentence, vec![WayOn::TryAgain]);
        let failed = |error: load::Error| again(error.to_string());
        let source = Source {
            manifest: load::manifest(folder).await.map_err(failed)?,
            folder: folder.into(),
            store: Store::open(folder).await,
        };
        if let Some(store) = &source.store {
            let current = source.manifest.files().map(|file| file.sha256.clone()).collect();
            store.forget_all_but(&current, others).await;
        }
        let Manifest { parts, .. } = &source.manifest;
        let snap = snap(&source.manifest).map_err(again)?;
        let mut wanted = vec![&parts.generator.file];
        wanted.extend(source.manifest.self_check.as_ref().map(|it| &it.pictures));
        let files = source
            .files(&wanted, Stage::Download, None)
            .await
            .map_err(failed)?;

        say(
            &Reply::Progress {
                stage: Stage::Prepare,
                job: None,
                done: 0,
                total: 0,
            },
            None,
        );
        let opened = device::open(wish, |reason| {
            say(
                &Reply::Lost {
                    sentence: format!("The graphics adapter went away ({reason})."),
                },
                None,
            );
        })
        .await
        .map_err(|sentence| (sentence, vec![WayOn::UseCpu, WayOn::TryAgain]))?;

        let (generator, device::Opened { device, kind, why }) = settle(&source, &files, opened).await?;
        let enlarges = Enlarges::of(&source.manifest);
        let reply = Reply::Ready {
            bundle: folder.into(),
            device: kind,
            why: doubt.or(why),
            fetched: files.fetched,
            kept: files.kept,
            model: facts(&source.manifest, &generator, &enlarges, source.store.as_ref()).await,
        };
        say(&reply, None);
        Ok(Self {
            generator,
            enlarges,
            snap,
            device,
            kind,
            assistants: Assistants::new(&source),
            source,
            judge: OnceCell::new(),
            words: OnceCell::new(),
        })
    }

    /// Opens what refining takes, on the CPU, of a bundle that another engine has opened: its generator and
    /// its image tower. The manifest is that engine's, so that both draw with the same weights, whatever
    /// became of the server's.
    pub async fn open_as_assistant(folder: String, manifest: Manifest) -> Result<Self, Trouble> {
        let useless = |sentence: String| (sentence, vec![]);
        let source = Source {
            store: Store::open(&folder).await,
            folder,
            manifest,
        };
        let Manifest { parts, .. } = &source.manifest;
        let snap = snap(&source.manifest).map_err(useless)?;
        let tower = parts
            .image_tower
            .as_ref()
            .ok_or_else(|| useless("This model judges no pictures.".into()))?;
        let mut wanted = vec![&parts.generator.file, &tower.file];
        wanted.extend(source.manifest.self_check.as_ref().map(|it| &it.pictures));
        let files = source
            .files(&wanted, Stage::Download, None)
            .await
            .map_err(|error| useless(error.to_string()))?;
        let opened = device::open(DeviceWish::Cpu, |_| {}).await.map_err(useless)?;
        let unusable = |error: guise::weights::Error| useless(format!("This model cannot be used: {error}."));
        let file = |file: &manifest::File| files.contents[&file.name].as_slice();
        let (generator, device::Opened { device, kind, why }) = settle(&source, &files, opened).await?;
        let judge = load_part(tower, file(&tower.file), &device).map_err(unusable)?;
        let enlarges = Enlarges::No;
        let reply = Reply::Ready {
            bundle: source.folder.clone(),
            device: kind,
            why,
            fetched: files.fetched,
            kept: files.kept,
            model: facts(&source.manifest, &generator, &enlarges, None).await,
        };
        say(&reply, None);
        Ok(Self {
            generator,
            enlarges,
            snap,
            device,
            kind,
            assistants: Assistants::new(&source),
            source,
            judge: judge.into(),
            words: OnceCell::new(),
        })
    }

    /// Opens the bundle again on the next best device, because this one was found to compute wrongly.
    pub async fn reopen(&self, deviation: &str) -> Result<Self, Trouble> {
        let doubt = next_best(self.kind, deviation)?;
        Self::open(&self.source.folder, &[], DeviceWish::Cpu, Some(doubt)).await
    }

    /// How a guided step deviates from what the bundle keeps of it, if it does.
    pub(super) async fn deviation(&self, judge: &ImageTower) -> Result<Option<String>, String> {
        let manifest = &self.source.manifest;
        let Some((check, step)) = manifest
            .self_check
            .as_ref()
            .and_then(|it| Some((it, it.guided.as_ref()?)))
        else {
            return Ok(None);
        };
        let wanted = [&check.pictures];
        let store = self.source.store.as_ref();
        let files = load::files(&self.source.folder, &wanted, store, |_, _| {})
            .await
            .map_err(|error| error.to_string())?;
        let references = references(manifest, check, &files)?;
        let psi = manifest.truncation_psi;
        let checked =
            self_check::check_step(&self.generator, judge, psi, &references, step, &self.device).await;
        Ok(match checked {
            Ok(Ok(())) => None,
            Ok(Err(deviation)) => Some(deviation.to_string()),
            Err(error) => Some(error.to_string()),
        })
    }

    /// The generator, drawing this class only where one is given.
    pub(super) fn of_class(&self, class: Option<usize>) -> Result<Generator, Error> {
        let count = self.source.manifest.parts.generator.config.classes().len();
        match class.is_some_and(|class| class >= count) {
            true => Err(Error::Request("this model has no such class".into())),
            false => Ok(self.generator.clone().of_class(class)),
        }
    }

    /// Whether it computes on a graphics adapter.
    pub fn is_on_gpu(&self) -> bool {
        self.kind == DeviceInUse::WebGpu
    }

    /// Draws avatars that are known, and sends each to the page as soon as it is there.
    pub async fn sample(&self, job: JobId, latents: Vec<Latent>, cancel: Cancel) -> Result<(), Failure> {
        let total = latents.len();
        for (index, latent) in self.latents(latents).await?.iter().enumerate() {
            cancel.check()?;
            self.draw(job, [index, total], latent).await?;
        }
        Ok(())
    }

    /// Draws the avatar of a latent as the picture at a place in a request of so many, and sends it to the
    /// page.
    pub(super) async fn draw(
        &self,
        job: JobId,
        [index, total]: [usize; 2],
        latent: &[f32],
    ) -> Result<(), Failure> {
        let image = draw_latent(&self.generator, latent, &self.device).await?;
        self.show(job, Stage::Sample, Event::Picture { index, image })
            .await?;
        let done = index + 1;
        self.show(job, Stage::Sample, Event::Progress { done, total })
            .await?;
        Ok(())
    }

    /// Passes an event on to the page, its picture as the pixel art that it means where it means some. What
    /// the networks go on with is not touched.
    pub(super) async fn show(&self, job: JobId, stage: Stage, mut event: Event) -> Result<(), Error> {
        if let (Some(snap), Event::Picture { image, .. }) = (&self.snap, &mut event) {
            snap.apply(image);
        }
        tell(job, stage, event).await
    }

    /// The numbers of a latent, row by row.
    pub(super) async fn latent(&self, latent: Latent) -> Result<Vec<f32>, Error> {
        Ok(self.latents(vec![latent]).await?.concat())
    }

    /// The numbers of latents, row by row. Neighboring seeds are mapped together: on a graphics adapter a
    /// dozen programs are launched for all of them, and one answer is waited for.
    async fn latents(&self, latents: Vec<Latent>) -> Result<Vec<Vec<f32>>, Error> {
        let mut all = vec![];
        for alike in latents.chunk_by(Latent::is_mapped_with) {
            match &alike[0] {
                Latent::Drawn(latent) => all.push(latent.clone()),
                Latent::Seed {
                    truncation_psi: psi,
                    class,
                    ..
                } => {
                    let seeds: Vec<u64> = alike.iter().filter_map(Latent::seed).collect();
                    let generator = self.of_class(*class)?;
                    all.extend(latents_from_seeds(&generator, &seeds, *psi, &self.device).await?);
                }
            }
        }
        Ok(all)
    }
}

/// The generator of a bundle, on a device that draws the bundle's reference pictures: the one that is open,
/// or the next best.
async fn settle(
    source: &Source,
    files: &Files,
    mut opened: device::Opened,
) -> Result<(Generator, device::Opened), Trouble> {
    let manifest = &source.manifest;
    let part = &manifest.parts.generator;
    let again = |reason: String| {
        (
            format!("This model cannot be used: {reason}."),
            vec![WayOn::TryAgain],
        )
    };
    let references = match &manifest.self_check {
        Some(check) => Some(references(manifest, check, files).map_err(again)?),
        None => None,
    };
    loop {
        let generator = load_part(part, &files.contents[&part.file.name], &opened.device)
            .map_err(|error| again(error.to_string()))?;
        let Some(references) = &references else {
            return Ok((generator, opened));
        };
        let psi = manifest.truncation_psi;
        let deviation = match self_check::check_pictures(&generator, psi, references, &opened.device).await {
            Ok(Ok(())) => return Ok((generator, opened)),
            Ok(Err(deviation)) => deviation.to_string(),
            Err(error) => error.to_string(),
        };
        opened = device::Opened {
            why: Some(next_best(opened.kind, &deviation)?),
            device: Device::flex(),
            kind: DeviceInUse::Cpu,
        };
    }
}

/// What to tell the visitor when a device that deviates is passed over for the next best, which the processor
/// is told to be.
fn next_best(kind: DeviceInUse, deviation: &str) -> Result<String, Trouble> {
    match kind {
        DeviceInUse::WebGpu => Ok(format!(
            "The graphics adapter computes wrongly here ({deviation}), so the processor is used instead."
        )),
        DeviceInUse::Cpu => match self_check::simpler_processor() {
            Some(_) => Ok(format!(
                "The fast instructions of this browser compute wrongly ({deviation}), so slower ones are used instead."
            )),
            None => Err((
                format!("This browser computes wrong pictures ({deviation}), so none are shown."),
                vec![WayOn::TryAgain],
            )),
        },
    }
}

/// The reference pictures of a bundle, from its files.
fn references(manifest: &Manifest, check: &manifest::SelfCheck, files: &Files) -> Result<RgbaImage, String> {
    let side = self_check::reference_side(manifest.parts.generator.config.resolution());
    load_references(check, &files.contents[&check.pictures.name], side).map_err(|error| error.to_string())
}

/// What snaps the pictures of a model to its grid and palette, if it draws pixel art.
fn snap(manifest: &Manifest) -> Result<Option<Snap>, String> {
    let resolution = manifest.parts.generator.config.resolution();
    let snap = manifest.pixel_art().map(|art| Snap::new(&art, resolution));
    snap.transpose()
        .map_err(|error| format!("This model cannot be used: {error}."))
}

/// Passes an event on to the page, then lets the browser hand over whatever the page has said meanwhile.
pub(super) async fn tell(job: JobId, stage: Stage, event: Event) -> Result<(), Error> {
    let progress = |done: usize, total: usize| Reply::Progress {
        stage,
        job: Some(job),
        done: done as u64,
        total: total as u64,
    };
    match event {
        Event::Progress { done, total } => say(&progress(done, total), None),
        Event::Step {
            done, total, scores, ..
        } => {
            say(&progress(done, total), None);
            say(&Reply::Scores { job, scores }, None);
        }
        Event::Picture { index, image } => {
            let png = encode(&image)?;
            say(
                &Reply::Picture {
                    job,
                    index,
                    side: image.width(),
                },
                Some(to_buffer(&png)),
            );
        }
    }
    turn().await;
    Ok(())
}

fn encode(image: &RgbaImage) -> Result<Vec<u8>, Error> {
    let mut png = Cursor::new(vec![]);
    image
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| Error::Request(format!("the picture could not be written ({error})")))?;
    Ok(png.into_inner())
}
