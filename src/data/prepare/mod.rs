//! From a collection to a dataset.
//!
//! Every source has its place in the dataset from the start (the number in the sorted list), pictures appear
//! there whole or not at all, and `dataset.json` is written last. So an interrupted run leaves nothing that
//! looks finished, and the next one goes on with the pictures that are there.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use rayon::prelude::*;
use serde::Serialize;

use super::files::{Links, read_regular};
use super::svg::Renderer;
use super::{Dataset, Entry, Error, Provenance, captions, io_error, printable, shown};
use crate::art::PixelArt;
use grid::Grid;
use options::{Style, resolution_of};
use palette::Colors;
use picture::Square;
use sources::{Collection, Place, Source};

pub(super) mod documents;
mod grid;
mod names;
mod options;
mod palette;
mod picture;
mod several;
pub(super) mod sources;
mod stored;

pub use options::{Background, PixelArtChoice, PrepareOptions};

/// Larger files are no pictures of avatars.
const MAX_FILE_BYTES: u64 = 100_000_000;
/// What could not be used, one JSON object a line.
const SKIPPED_FILE_NAME: &str = "skipped.jsonl";
/// What prepare writes beside the folders of pictures.
const JSON_FILE_NAMES: [&str; 5] = [
    Dataset::LABELS_FILE_NAME,
    Dataset::METADATA_FILE_NAME,
    Dataset::PIXEL_ART_FILE_NAME,
    Provenance::FILE_NAME,
    SKIPPED_FILE_NAME,
];

/// What prepare tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrepareEvent {
    /// The collection has been listed.
    Found {
        /// How many files will be tried.
        sources: usize,
    },
    /// One of them is done, used or not.
    Done,
}

/// A file that is not in the dataset, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The path inside the collection, safe to [print](printable).
    pub source: String,
    /// The reason, as a sentence fragment that is safe to print.
    pub reason: String,
}

impl Skipped {
    fn new(source: &str, reason: &str) -> Self {
        Self {
            source: printable(source),
            reason: printable(reason),
        }
    }
}

/// What became of a collection.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrepareSummary {
    /// The side of every picture in pixels.
    pub resolution: usize,
    /// The grid that the collection's pixel art has, if it is some.
    pub grid: Option<usize>,
    /// The same with the palette, if the grid divides the resolution: only then do the pictures lie on it.
    pub pixel_art: Option<PixelArt>,
    /// How many of the pixels have a color of the palette, from 0 to 1.
    pub palette_share: f64,
    /// How many pictures are transparent anywhere, where that is kept; with none there is no alpha.
    pub transparent: Option<usize>,
    /// The pictures in the dataset.
    pub pictures: usize,
    /// How many of them an earlier run had drawn.
    pub kept: usize,
    /// How many of them have traits.
    pub with_traits: usize,
    /// How many of them came with a caption.
    pub with_captions: usize,
    /// Pictures that were left out because they equal an earlier one.
    pub duplicates: Vec<Skipped>,
    /// Everything else that was left out.
    pub skipped: Vec<Skipped>,
    /// What pictures that were drawn in this run lost: the source and what of it is not in the dataset.
    pub notes: Vec<Skipped>,
}

/// A picture in its place in the dataset.
struct Drawn {
    hash: [u8; 32],
    kept: bool,
    /// Whether anything shows through it.
    is_transparent: bool,
    /// Whether its file has alpha.
    has_alpha: bool,
    notes: Vec<String>,
}

/// Makes a dataset in the folder `dataset` from the collection in the folder `collection`.
///
/// # Errors
/// When the collection cannot be listed, the dataset cannot be written, the folder `dataset` holds anything
/// that prepare did not write, or not one picture is usable (which leaves no dataset). Single bad files are
/// skipped.
pub fn prepare(
    collection: &Path,
    dataset: &Path,
    options: &PrepareOptions,
    listen: &(dyn Fn(PrepareEvent) + Sync),
) -> Result<PrepareSummary, Error> {
    prepare_all(&[collection], dataset, options, listen)
}

/// Makes one dataset of several collections, each picture with the name of its own: that of its
/// `collection.json`, or its folder's. Pictures of the first come first, so that what was drawn stays where
/// it is when another is added.
///
/// # Errors
/// As [`prepare`], and when two collections have the same name.
pub fn prepare_all(
    collections: &[&Path],
    dataset: &Path,
    options: &PrepareOptions,
    listen: &(dyn Fn(PrepareEvent) + Sync),
) -> Result<PrepareSummary, Error> {
    options.check()?;
    for collection in collections {
        check_folders(collection, dataset)?;
    }
    let old = written_pictures(dataset)?;
    remove_partial(dataset)?;
    let mut summary = PrepareSummary::default();
    let Collection { sources, provenance } = several::find(collections, &mut summary.skipped)?;

    std::fs::create_dir_all(dataset).map_err(io_error("create", dataset))?;
    remove(&dataset.join(Dataset::LABELS_FILE_NAME))?;
    for folder in (0..sources.len()).step_by(1000) {
        let folder = dataset.join(file_name(folder)).with_file_name("");
        std::fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
    }
    let renderer = Renderer::new(options.program.clone());
    let grid = match options.pixel_art {
        PixelArtChoice::Auto => grid::find(&sources, options.background, &renderer)?,
        PixelArtChoice::Off => None,
        PixelArtChoice::Grid(side) => Some(Grid::given(side)),
    };
    summary.grid = grid.map(|grid| grid.side);
    summary.resolution = options.resolution.unwrap_or_else(|| resolution_of(summary.grid));
    let style = Style {
        resolution: summary.resolution,
        background: options.background,
        grid,
    };
    let own_grid = summary.grid.filter(|grid| style.resolution.is_multiple_of(*grid));
    let colors = own_grid.map(|_| Colors::default());
    listen(PrepareEvent::Found {
        sources: sources.len(),
    });
    let drawn: Vec<Result<Drawn, String>> = sources
        .par_iter()
        .enumerate()
        .map(|(index, source)| {
            let path = dataset.join(file_name(index));
            let result = draw(source, &path, &style, (&renderer, colors.as_ref()));
            listen(PrepareEvent::Done);
            result
        })
        .collect::<Result<_, Error>>()?;

    let mut first_with: HashMap<[u8; 32], usize> = HashMap::new();
    // The source that a picture is drawn from, and the one that says what it shows: of equal ones the first
    // that does.
    let mut pictures: Vec<(usize, usize)> = vec![];
    let (mut with_alpha, mut transparent) = (vec![], 0);
    for (index, (source, drawn)) in sources.iter().zip(drawn).enumerate() {
        let left_out = |reason: String| Skipped::new(&source.name, &reason);
        match drawn {
            Err(reason) => summary.skipped.push(left_out(reason)),
            Ok(drawn) => match first_with.entry(drawn.hash) {
                MapEntry::Occupied(place) => {
                    let (first, told) = &mut pictures[*place.get()];
                    let reason = format!("the same picture as {}", sources[*first].name);
                    summary.duplicates.push(left_out(reason));
                    if sources[*told].traits.is_empty() && sources[*told].text.is_none() {
                        *told = index;
                    }
                }
                MapEntry::Vacant(place) => {
                    place.insert(pictures.len());
                    pictures.push((index, index));
                    with_alpha.push(drawn.has_alpha);
                    transparent += usize::from(drawn.is_transparent);
                    summary.kept += usize::from(drawn.kept);
                    summary.notes.extend(drawn.notes.into_iter().map(left_out));
                }
            },
        }
    }
    summary.transparent = (options.background == Background::Keep).then_some(transparent);
    let places = pictures.iter().map(|&(first, _)| first);
    let others: Vec<usize> = places
        .zip(with_alpha)
        .filter_map(|(place, has_alpha)| (has_alpha != (transparent > 0)).then_some(place))
        .collect();
    others
        .into_par_iter()
        .try_for_each(|place| stored::convert(&dataset.join(file_name(place)), transparent > 0))?;
    let mut entries = vec![];
    for (first, told) in pictures {
        let Source { traits, text, .. } = &sources[told];
        summary.with_traits += usize::from(!traits.is_empty());
        summary.with_captions += usize::from(text.is_some());
        entries.push(Entry {
            file_name: file_name(first),
            text: text.clone().unwrap_or_else(|| captions::caption(traits)),
            attributes: traits.clone(),
            collection: sources[first].collection.clone(),
        });
    }
    summary.pictures = entries.len();

    let current: HashSet<PathBuf> = entries
        .iter()
        .map(|entry| dataset.join(&entry.file_name))
        .collect();
    let places = (0..sources.len()).map(|index| dataset.join(file_name(index)));
    for path in old
        .into_iter()
        .chain(places)
        .filter(|path| !current.contains(path))
    {
        remove(&path)?;
    }
    if entries.is_empty() {
        clear(dataset)?;
        return Err(Error::NothingUsable {
            path: collections
                .first()
                .map_or_else(PathBuf::new, |path| path.to_path_buf()),
            skipped: summary.skipped,
        });
    }
    let mut left_out: Vec<&Skipped> = summary.skipped.iter().chain(&summary.duplicates).collect();
    left_out.sort_by(|a, b| a.source.cmp(&b.source));
    write_json_lines(&dataset.join(SKIPPED_FILE_NAME), &left_out)?;
    write_json_lines(&dataset.join(Dataset::METADATA_FILE_NAME), &entries)?;
    write_json_lines(&dataset.join(Provenance::FILE_NAME), &[provenance])?;
    if let Some((pixel_grid, colors)) = own_grid.zip(colors) {
        let (palette, share) = colors.into_palette();
        summary.palette_share = share;
        summary.pixel_art = Some(PixelArt { pixel_grid, palette });
    }
    match &summary.pixel_art {
        Some(art) => write_json_lines(&dataset.join(Dataset::PIXEL_ART_FILE_NAME), &[art])?,
        None => remove(&dataset.join(Dataset::PIXEL_ART_FILE_NAME))?,
    }
    write_json_lines(
        &dataset.join(Dataset::LABELS_FILE_NAME),
        &[serde_json::json!({ "labels": null })],
    )?;
    remove_empty_folders(dataset)?;
    Ok(summary)
}

/// The bytes of a source, or in words why there are none.
fn read(source: &Source) -> Result<Vec<u8>, String> {
    match &source.place {
        Place::Inline(document, place) => documents::inline(document, place),
        Place::File(path) => read_regular(path, Links::Refused, MAX_FILE_BYTES)
            .map_err(|error| format!("cannot be read: {error}")),
    }
}

/// Draws one source into its place, unless the picture there was drawn from the same bytes in the same style,
/// and notes its colors. The inner error is a reason to skip the source, the outer one ends the run.
fn draw(
    source: &Source,
    path: &Path,
    style: &Style,
    (renderer, colors): (&Renderer, Option<&Colors>),
) -> Result<Result<Drawn, String>, Error> {
    let bytes = &match read(source) {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Err(reason)),
    };
    let drawn = |pixels: &[u8], has_alpha, kept, notes| {
        if let Some(colors) = colors {
            colors.note(pixels);
        }
        Ok(Ok(Drawn {
            hash: stored::pixel_hash(pixels),
            kept,
            is_transparent: pixels.as_chunks::<4>().0.iter().any(|pixel| pixel[3] < 255),
            has_alpha,
            notes,
        }))
    };
    let fingerprint = stored::fingerprint(bytes, style);
    if let Some((pixels, has_alpha)) = stored::read(path, &fingerprint, style.resolution as u32) {
        return drawn(&pixels, has_alpha, true, vec![]);
    }
    match picture::square(bytes, style, renderer)? {
        Err(reason) => Ok(Err(reason)),
        Ok(Square { pixels, notes }) => {
            // All files become alike once it is known whether any picture is transparent.
            let has_alpha = style.background == Background::Keep;
            stored::write(path, &pixels, has_alpha, &fingerprint)?;
            drawn(&pixels, has_alpha, false, notes)
        }
    }
}

/// The place of a picture, as StyleGAN's dataset tool numbers them: `00012/img00012345.png`.
fn file_name(index: usize) -> String {
    format!("{:05}/img{index:08}.png", index / 1000)
}

fn is_picture_folder(name: &str) -> bool {
    name.len() == 5 && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Refuses folders that would make prepare read what it writes, or delete what it did not write.
fn check_folders(collection: &Path, dataset: &Path) -> Result<(), Error> {
    let source = collection
        .canonicalize()
        .map_err(io_error("open the collection", collection))?;
    if !source.is_dir() {
        return Err(Error::Setting(format!(
            "{} is not a folder; expected a collection",
            shown(collection)
        )));
    }
    // The dataset may not exist yet; the nearest folder above it does.
    let above = dataset.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        path.canonicalize().ok()
    });
    if above.is_some_and(|above| above.starts_with(&source)) {
        return Err(Error::Setting(format!(
            "{} lies inside the collection {}; put the dataset elsewhere",
            shown(dataset),
            shown(collection)
        )));
    }
    for name in list(dataset)? {
        let is_known = JSON_FILE_NAMES.contains(&name.as_str()) || stored::is_partial(&name);
        if !is_known && !is_picture_folder(&name) {
            return Err(Error::Setting(format!(
                "{} holds {name:?}, which is not of a dataset; choose an empty or a new folder",
                shown(dataset)
            )));
        }
    }
    Ok(())
}

/// The pictures of an earlier run.
fn written_pictures(dataset: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut pictures = vec![];
    for folder in list(dataset)?.into_iter().filter(|name| is_picture_folder(name)) {
        for name in list(&dataset.join(&folder))? {
            let path = dataset.join(&folder).join(&name);
            if stored::is_partial(&name) {
                continue;
            }
            if !stored::is_ours(&path) {
                return Err(Error::Setting(format!(
                    "{} was not written by `guise prepare`; choose an empty or a new folder",
                    shown(&path)
                )));
            }
            pictures.push(path);
        }
    }
    Ok(pictures)
}

/// Removes what a run that was killed was writing. That comes first: the disk may be full of it.
fn remove_partial(dataset: &Path) -> Result<(), Error> {
    let names = list(dataset)?;
    let folders = names.iter().filter(|name| is_picture_folder(name));
    for folder in folders
        .map(|name| dataset.join(name))
        .chain([dataset.to_path_buf()])
    {
        for name in list(&folder)?.iter().filter(|name| stored::is_partial(name)) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// The names in a folder; one that does not exist is empty.
fn list(dir: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.map_err(io_error("list", dir))?,
    };
    entries
        .map(|entry| {
            Ok(entry
                .map_err(io_error("list", dir))?
                .file_name()
                .to_string_lossy()
                .into_owned())
        })
        .collect()
}

/// Removes everything that prepare wrote.
fn clear(dataset: &Path) -> Result<(), Error> {
    for path in written_pictures(dataset)? {
        remove(&path)?;
    }
    for name in [
        Dataset::METADATA_FILE_NAME,
        Dataset::PIXEL_ART_FILE_NAME,
        Provenance::FILE_NAME,
        SKIPPED_FILE_NAME,
    ] {
        remove(&dataset.join(name))?;
    }
    remove_empty_folders(dataset)?;
    std::fs::remove_dir(dataset).map_err(io_error("remove", dataset))
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_empty_folders(dataset: &Path) -> Result<(), Error> {
    for name in list(dataset)?.into_iter().filter(|name| is_picture_folder(name)) {
        let folder = dataset.join(name);
        if list(&folder)?.is_empty() {
            std::fs::remove_dir(&folder).map_err(io_error("remove", &folder))?;
        }
    }
    Ok(())
}

/// Writes one JSON value a line, beside the file's place, and renames it.
fn write_json_lines<T: Serialize>(path: &Path, values: &[T]) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        let mut file = AtomicWriteFile::open(path)?;
        let mut lines = BufWriter::new(&mut file);
        for value in values {
            serde_json::to_writer(&mut lines, value)?;
            lines.write_all(b"\n")?;
        }
        lines.flush()?;
        drop(lines);
        file.commit()
    };
    write().map_err(io_error("write", path))
}
