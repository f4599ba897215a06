//! `guise publish`.

mod card;
mod facts;
mod mapper;
mod place;
mod population;
mod references;
mod rights;
mod shown;
mod towers;

use super::{
    bundle::{CARD, SHEET, TEXT_TOWER_LICENSE},
    device::DeviceChoice,
    files::read_at_most,
    memory::{Memory, MemoryFlag},
    model::draw,
    progress,
    sheet::encode_png,
    snapshot::SnapshotFlag,
    traits::known_traits,
    trust,
};
use crate::{
    metrics::psnr,
    pipeline::{
        Cancel, SampleRequest,
        memory::to_draw,
        self_check::{check_pictures, reference_side},
        upscale,
    },
    train::{GeneratorRun, MapperSettings},
    weights::{
        Manifest, Quantization,
        bundle::{Generator, Upscaler, load_part, load_references, pack},
        foreign::SuperResolution,
        manifest::{Credit, File, Metrics, Parts},
    },
};
use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use clap::ValueEnum;
use facts::{resemblance_of, training};
use futures::executor::block_on;
use image::RgbaImage;
use mapper::pack_mapper;
use place::Place;
use population::pack_population;
use references::references;
use rights::license;
use shown::{judged, pixel_art, sheet};
use std::path::{Path, PathBuf};
use towers::pack_towers;

/// The files of a bundle besides its manifest.
const GENERATOR: &str = "generator.gguf";
const UPSCALER: &str = "upscaler.gguf";
const IMAGE_TOWER: &str = "image_tower.gguf";
const TEXT_TOWER: &str = "text_tower.gguf";
const VOCABULARY: &str = "vocabulary.txt";
const MAPPER: &str = "mapper.gguf";
const POPULATION: &str = "population.gguf";
/// All of these, whichever a bundle has.
const FILES: &[&str] = &[
    GENERATOR,
    UPSCALER,
    IMAGE_TOWER,
    TEXT_TOWER,
    VOCABULARY,
    MAPPER,
    POPULATION,
    references::FILE,
];

/// The sheet shows this many avatars, and quantization is judged by them.
const SHEET_SEEDS: u64 = 64;

/// So many of them are enlarged to judge the upscaler, in tiles of [`TILE`] pixels.
const ENLARGED: usize = 8;
const TILE: usize = 128;

/// A bundle whose pictures are further than this from the trained network's is not published.
const LEAST_PSNR_DB: f64 = 35.0;

/// What stands for the infinity of equal pictures, which JSON cannot hold.
const MOST_PSNR_DB: f64 = 100.0;

/// Publish a trained run as a quantized bundle.
///
/// The bundle is a folder of static files that the page and `guise generate` draw from: a snapshot's
/// generator, by default that of the best, a super-resolution network and the towers of a CLIP as GGUF,
/// model.json, a model card and a sheet of samples. It is written whole or not at all. A bundle that is there
/// already is replaced; a folder that holds any other file is left alone.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run folder that `guise train` wrote.
    #[arg(required_unless_present = "refresh")]
    run: Option<PathBuf>,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// Add to a bundle that an earlier version published what this one adds: the reference pictures of the
    /// self-check, and with --data what its words are about, and some of its pictures as its words see them.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["run", "out", "sr", "clip", "name", "license", "i_have_the_rights"])]
    refresh: Option<PathBuf>,
    /// The dataset that the words of a bundle to refresh were trained on.
    #[arg(long, value_name = "DATASET", requires = "refresh")]
    data: Option<PathBuf>,
    /// The super-resolution network, as `guise import` writes it.
    #[arg(long, value_name = "FILE")]
    sr: Option<PathBuf>,
    /// The collection's CLIP: the run folder that `guise train clip` wrote. Its sentence encoder is taken
    /// from where the run found it.
    #[arg(long, value_name = "RUN")]
    clip: Option<PathBuf>,
    /// Samples that the mapper for its towers learns from; it takes some minutes.
    #[arg(long, value_name = "N", default_value_t = MapperSettings::SAMPLES as u64,
          value_parser = clap::value_parser!(u64).range(64..=1_000_000))]
    mapper_samples: u64,
    /// The folder to write, such as models/NAME.
    #[arg(long, value_name = "DIR", required_unless_present = "refresh")]
    out: Option<PathBuf>,
    /// The model's name as people say it [default: the collection's].
    #[arg(long)]
    name: Option<String>,
    /// One or two sentences for the model card and the page.
    #[arg(long, default_value = "")]
    description: String,
    /// The license of the art and of the trained weights, best an SPDX identifier [default: the
    /// collection's].
    #[arg(long)]
    license: Option<String>,
    /// Publish a model of pictures whose license is unknown or gives rights to the holders of tokens only:
    /// say in your own words why you may, such as "I drew all of it". The words stand in the bundle.
    #[arg(long, value_name = "WORDS")]
    i_have_the_rights: Option<String>,
    /// Whom to credit for the art [default: whom the collection credits].
    #[arg(long)]
    attribution: Option<String>,
    /// How weight matrices are stored.
    #[arg(long, value_enum, default_value_t)]
    quantization: Storage,
    /// How the weight matrices of the CLIP's text tower are stored, which are most of a bundle; of four bits
    /// only the embeddings of its words [default: as the others].
    #[arg(long, value_enum, requires = "clip")]
    text_quantization: Option<Storage>,
    /// The truncation_psi that the model suggests, from 0 to 1.
    #[arg(long, value_name = "PSI", default_value_t = 0.7)]
    truncation_psi: f32,
    /// What the run was trained on, for the model card [default: what it was started on].
    #[arg(long, value_name = "TEXT")]
    hardware: Option<String>,
    /// Where the samples are drawn.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    memory: MemoryFlag,
}

/// [`Quantization`] as a flag.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Storage {
    /// 8 bits a weight.
    #[default]
    #[value(name = "q8_0")]
    Q8_0,
    /// 4 bits a weight.
    #[value(name = "q4_0")]
    Q4_0,
    /// 16 bits a weight.
    #[value(name = "f16")]
    F16,
}

impl From<Storage> for Quantization {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::Q8_0 => Self::Q8_0,
            Storage::Q4_0 => Self::Q4_0,
            Storage::F16 => Self::F16,
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let (Some(run), Some(out)) = (&args.run, &args.out) else {
        let dir = args.refresh.context("RUN and --out are missing")?;
        return references::refresh(&dir, args.data.as_deref());
    };
    let place = Place::new(out)?;
    let run = GeneratorRun::open(run)?;
    let art = art_credit(&args, &run)?;
    let (pixel_art, snap) = pixel_art(&run.facts, args.sr.is_some())?;
    let memory = args.memory.limit();
    let device = args.device.open()?;
    let snapshot = args.snapshot.find(&run)?;
    let trained = run.load_snapshot(&snapshot, &device)?;
    let upscaler = args.sr.as_deref().map(read_upscaler).transpose()?;

    let quantization = Quantization::from(args.quantization);
    let weights = Credit {
        license: art.license.clone(),
        attribution: "Trained with guise".into(),
        source: String::new(),
    };
    let packed = pack(
        &trained,
        run.facts.generator.clone(),
        quantization,
        GENERATOR,
        weights,
    );
    let (part, generator_file) = block_on(packed)?;
    let drawing = load_part(&part, &generator_file, &device)?;
    let pictures =
        [&trained, &drawing].map(|generator| samples(generator, args.truncation_psi, &device, memory));
    let [trained, quantized] = pictures.map(|pictures| {
        pictures.with_context(|| format!("cannot draw from {snapshot} of {}", run.dir.display()))
    });
    let [trained, quantized] = [trained?, quantized?];
    let quantized_psnr_db = judge("drawn", quantization, &quantized, &trained)?;

    let mut files = vec![(GENERATOR, generator_file)];
    let mut parts = Parts {
        generator: part,
        upscaler: None,
        image_tower: None,
        text_tower: None,
        vocabulary: None,
        mapper: None,
        population: None,
    };
    let mut enlarged_psnr_db = None;
    if let Some(model) = upscaler {
        let network = model.network(&device)?;
        let credit = Credit {
            license: model.license,
            attribution: model.source,
            source: String::new(),
        };
        // Enlarged pictures show the upscaler's own errors, and it is small: it is never stored at 4 bits.
        let storage = if quantization == Quantization::Q4_0 {
            Quantization::Q8_0
        } else {
            quantization
        };
        let (part, contents) = block_on(pack(&network, model.config, storage, UPSCALER, credit))?;
        let quantized_network = load_part(&part, &contents, &device)?;
        let pictures = &quantized[..ENLARGED];
        let enlarged = [&network, &quantized_network].map(|network| enlarge(network, pictures));
        let [full, enlarged] = enlarged;
        enlarged_psnr_db = Some(judge("enlarged", storage, &enlarged?, &full?)?);
        parts.upscaler = Some(part);
        files.push((UPSCALER, contents));
    }
    let (mut quantized_cosine, mut mapper_metrics, mut examples) = (None, None, vec![]);
    let (mut resemblance, mut traits) = (None, vec![]);
    if let Some(clip) = &args.clip {
        let towers = pack_towers(
            clip,
            &mut parts,
            args.text_quantization.map_or(quantization, Quantization::from),
            &quantized,
            &device,
        )?;
        files.extend(towers.files);
        quantized_cosine = Some(towers.cosine);
        examples = towers.examples;
        if let Some(dataset) = &towers.dataset {
            traits = known_traits(dataset);
            let population = pack_population(dataset, &towers.image, &mut parts, &device)?;
            files.push((POPULATION, population));
        }
        let networks = (&drawing, &towers.image);
        let settings = (args.mapper_samples as usize, args.truncation_psi);
        let (mapper, metrics) = pack_mapper(towers.texts, &mut parts, networks, settings)?;
        files.push((MAPPER, mapper));
        mapper_metrics = Some(metrics);
        resemblance = resemblance_of(&drawing, &towers.image, &run.facts, &device, memory)?;
        if parts
            .text_tower
            .as_ref()
            .is_some_and(|part| part.weights.license == "Apache-2.0")
        {
            files.push((TEXT_TOWER_LICENSE, card::APACHE_2_0.into()));
        }
    }
    let contents = |file: &File| -> anyhow::Result<Vec<u8>> {
        let found = files.iter().find(|(name, _)| *name == file.name);
        Ok(found.context("a part without a file")?.1.clone())
    };
    let (self_check, pictures) = references(&parts, args.truncation_psi, contents)?;
    let strip = load_references(
        &self_check,
        &pictures,
        reference_side(run.facts.generator.resolution()),
    )?;
    if let Err(deviation) = block_on(check_pictures(&drawing, args.truncation_psi, &strip, &device))? {
        bail!(
            "{} does not draw what the model is ({deviation}), so nothing that was measured on it holds: \
             use --device cpu, or GUISE_ISA=plain",
            trust::describe(&device)
        );
    }
    files.push((references::FILE, pictures));
    let manifest = Manifest {
        version: Manifest::VERSION,
        name: name(&args, &run, &place),
        description: args.description,
        parts,
        art,
        training: training(&run, &snapshot, args.hardware),
        metrics: Metrics {
            quantized_psnr_db,
            quantized_psnr_pictures: SHEET_SEEDS,
            enlarged_psnr_db,
            quantized_cosine,
            mapper: mapper_metrics,
            resemblance,
        },
        truncation_psi: args.truncation_psi,
        pixel_grid: pixel_art.as_ref().map(|art| art.pixel_grid),
        palette: pixel_art.map(|art| art.palette).unwrap_or_default(),
        examples,
        traits,
        self_check: Some(self_check),
    };
    // What is written must be what every reader accepts.
    manifest.validate()?;
    let mut json = serde_json::to_vec_pretty(&manifest)?;
    json.push(b'\n');
    files.push((Manifest::FILE_NAME, json));
    files.push((
        CARD,
        card::write(&manifest, run.facts.generator.resolution()).into_bytes(),
    ));

    files.push((SHEET, encode_png(&sheet(quantized, snap.as_ref())?)?));
    place.write(&files)?;
    print!("{}", card::summary(&manifest, &place.dir));
    Ok(())
}

/// Whose art it is, as flags and provenance say.
fn art_credit(args: &Args, run: &GeneratorRun) -> anyhow::Result<Credit> {
    let provenance = &run.facts.provenance;
    let stated = args.license.as_ref().unwrap_or(&provenance.license);
    Ok(Credit {
        license: license(stated, args.i_have_the_rights.as_deref())?,
        attribution: args
            .attribution
            .as_ref()
            .unwrap_or(&provenance.attribution)
            .clone(),
        source: provenance.source.clone(),
    })
}

fn name(args: &Args, run: &GeneratorRun, place: &Place) -> String {
    let collection = Some(run.facts.provenance.name.clone()).filter(|name| !name.is_empty());
    args.name
        .clone()
        .or(collection)
        .unwrap_or_else(|| place.name.clone())
}

fn read_upscaler(path: &Path) -> anyhow::Result<SuperResolution> {
    let bytes = read_at_most(path, File::MAX_BYTES)?;
    let model = SuperResolution::from_safetensors(&bytes)
        .with_context(|| format!("cannot use {}", path.display()))?;
    ensure!(
        model.license != SuperResolution::UNKNOWN_LICENSE,
        "the license of {} is not known, and a published model states it: import it again with --license",
        path.display()
    );
    Ok(model)
}

/// The pictures that the model is judged by and shown with.
fn samples(
    generator: &Generator,
    truncation_psi: f32,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Vec<RgbaImage>> {
    let batch_size = memory.batch(None, 8, |n| to_draw(generator, n))?;
    let bar = progress::bar(SHEET_SEEDS, "samples");
    let seeds = (0..SHEET_SEEDS).collect();
    let request = SampleRequest {
        seeds,
        truncation_psi,
        batch_size,
    };
    let mut pictures = vec![];
    draw(generator, &request, device, &bar, |_, picture| {
        pictures.push(picture);
        Ok(())
    })?;
    bar.finish_and_clear();
    Ok(pictures)
}

/// `pictures` through a super-resolution network.
fn enlarge(network: &Upscaler, pictures: &[RgbaImage]) -> anyhow::Result<Vec<RgbaImage>> {
    let bar = progress::bar(pictures.len() as u64, "enlarged samples");
    let enlarge = |picture| {
        let enlarged = block_on(upscale(network, picture, TILE, &Cancel::default(), async |_| {}));
        bar.inc(1);
        Ok(enlarged?)
    };
    let enlarged = pictures.iter().map(enlarge).collect();
    bar.finish_and_clear();
    enlarged
}

/// The PSNR in dB of what quantized weights give against what the original ones give, if it is enough.
fn judge(
    verb: &str,
    quantization: Quantization,
    quantized: &[RgbaImage],
    original: &[RgbaImage],
) -> anyhow::Result<f64> {
    let db = psnr(&judged(quantized), &judged(original));
    ensure!(
        db >= LEAST_PSNR_DB,
        "pictures {verb} by weights stored as {} are {db:.1} dB from those of the original weights, \
         expected at least {LEAST_PSNR_DB} dB: choose a finer --quantization",
        quantization.name()
    );
    Ok((db.min(MOST_PSNR_DB) * 10.0).round() / 10.0)
}
