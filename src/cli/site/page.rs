//! The page that a site is built from: the folder that `./x build` leaves.

use super::{
    html::{Html, has_integrity},
    place::{Piece, RECORD, is_plain},
    worker::WORKER,
};
use crate::{cli::files::read_at_most, weights::manifest::File};
use anyhow::{Context, bail, ensure};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// The environment variable that names the page.
const VARIABLE: &str = "GUISE_PAGE";

/// The page's one document.
pub(super) const INDEX: &str = "index.html";

/// The page's bundles, which the site has its own of.
const MODELS: &str = "models";

/// A page has about ten files.
const MAX_FILES: usize = 1000;

/// Larger documents are no `index.html`.
pub(super) const MAX_INDEX_BYTES: u64 = 1 << 20;

/// A page whose parts fit together.
#[derive(Debug)]
pub(super) struct Page {
    /// Its document.
    pub html: Html,
    /// Its service worker.
    pub worker: String,
    /// Its files besides.
    pub files: Vec<Piece>,
}

impl Page {
    /// Reads the page in `dir` and checks it.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let index = dir.join(INDEX);
        ensure!(
            index.exists(),
            "{} is no page: it has no {INDEX}. `./x build` in the sources of guise leaves one in dist/",
            dir.display()
        );
        ensure!(
            !dir.join(RECORD).exists(),
            "{} is a site that guise wrote, expected the page that `./x build` leaves",
            dir.display()
        );
        let read = || {
            let html = Html::parse(read_at_most(&index, MAX_INDEX_BYTES)?)?;
            html.check_policy()?;
            let mut files = files(dir)?;
            check_links(&html, &files)?;
            check_engine(&html, &files)?;
            let worker = files.remove(WORKER).context("sw.js is not beside it")?;
            let worker = String::from_utf8(read_at_most(&worker.path, MAX_INDEX_BYTES)?)
                .context("its sw.js is not UTF-8")?;
            let files = files.into_values().map(|found| found.piece).collect();
            anyhow::Ok(Self { html, worker, files })
        };
        read().with_context(|| format!("cannot use {}", index.display()))
    }
}

/// A file of the page, and its hash as `integrity` attributes name it.
struct Found {
    piece: Piece,
    path: PathBuf,
}

/// The files of the page by their paths, without its document, its bundles and what is hidden.
fn files(dir: &Path) -> anyhow::Result<BTreeMap<String, Found>> {
    let mut files = BTreeMap::new();
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let walk = WalkDir::new(dir).min_depth(1).sort_by_file_name();
    let walk = walk.into_iter().filter_entry(|entry| {
        let at_the_top = entry.depth() == 1;
        !is_hidden(entry.file_name())
            && !(at_the_top && (entry.file_name() == MODELS || entry.file_name() == INDEX))
    });
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.into_path();
        let name = path.strip_prefix(dir).unwrap_or(&path);
        let parts: Option<Vec<_>> = name.iter().map(|part| part.to_str()).collect();
        let name = parts
            .map(|parts| parts.join("/"))
            .filter(|name| is_plain(name))
            .with_context(|| format!("the page holds {}, expected plain names", path.display()))?;
        let is_link = std::fs::symlink_metadata(&path).is_ok_and(|facts| facts.is_symlink());
        ensure!(!is_link, "{} is a link, expected a file", path.display());
        let file = File::describe(&name, &read_at_most(&path, File::MAX_BYTES)?);
        let piece = Piece::copied(&name, path.clone(), &file);
        files.insert(name, Found { piece, path });
        ensure!(
            files.len() <= MAX_FILES,
            "the page has more than {MAX_FILES} files"
        );
    }
    Ok(files)
}

/// Checks that every file that the document links is there, and is the one that was meant.
fn check_links(html: &Html, files: &BTreeMap<String, Found>) -> anyhow::Result<()> {
    let links = html.tags("link").map(|tag| (tag, tag.get("href")));
    let scripts = html.tags("script").map(|tag| (tag, tag.get("src")));
    for (tag, address) in links.chain(scripts) {
        let Some(address) = address else { continue };
        let name = address.strip_prefix("./").unwrap_or(address);
        let found = files
            .get(name)
            .with_context(|| format!("it links {address:?}, which is no file beside it"))?;
        let Some(integrity) = tag.get("integrity") else {
            continue;
        };
        ensure!(
            has_integrity(&read_at_most(&found.path, found.piece.file.bytes)?, integrity),
            "{} is not the file that it links: its hash is not {integrity}",
            found.path.display()
        );
    }
    Ok(())
}

/// Checks that the engine is there and the one that the document names.
fn check_engine(html: &Html, files: &BTreeMap<String, Found>) -> anyhow::Result<()> {
    let tag = html.meta("name", "guise-engine")?;
    let engine = tag.get("content").unwrap_or_default();
    let hash = engine.strip_prefix("engine-").unwrap_or_default();
    ensure!(
        !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "its engine is {engine:?}, expected a name such as engine-0123456789abcdef: the build was not \
         finished"
    );
    for (ending, attribute) in [
        (".js", "data-script"),
        ("_bg.wasm", "data-program"),
        ("-plain_bg.wasm", "data-plain"),
    ] {
        let name = format!("{engine}{ending}");
        let file = files
            .get(&name)
            .with_context(|| format!("{name} is not beside it"))?;
        let hash = tag.get(attribute).unwrap_or_default();
        ensure!(
            has_integrity(&read_at_most(&file.path, file.piece.file.bytes)?, hash),
            "{} is not the file that it names: its hash is not {hash:?}",
            file.path.display()
        );
    }
    Ok(())
}

/// The folder of the page: what was given, what the environment names, what an installation has beside its
/// program, or what the build left in the sources.
pub(super) fn find(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    if let Some(dir) = given.or(named.map(PathBuf::from)) {
        return Ok(dir);
    }
    let program = std::env::current_exe().unwrap_or_default();
    find_among(&places(&program, &std::env::current_dir().unwrap_or_default()))
}

/// Where a page may be, for a program and the folder that it was started in.
fn places(program: &Path, started_in: &Path) -> Vec<PathBuf> {
    let mut places = vec![];
    if let Some(folder) = program.parent() {
        places.push(folder.join("page"));
        places.extend(folder.parent().map(|prefix| prefix.join("share/guise/page")));
    }
    // The sources are known by the file that says how the page is built.
    let sources = program.ancestors().skip(1).chain([started_in]);
    places.extend(
        sources
            .filter(|folder| folder.join("Trunk.toml").exists())
            .map(|folder| folder.join("dist")),
    );
    places.dedup();
    places
}

fn find_among(places: &[PathBuf]) -> anyhow::Result<PathBuf> {
    match places.iter().find(|dir| dir.join(INDEX).is_file()) {
        Some(dir) => Ok(dir.clone()),
        None => {
            let looked: Vec<_> = places.iter().map(|dir| dir.display().to_string()).collect();
            bail!(
                "there is no page to make a site of in {}: `./x build` in the sources of guise leaves one \
                 in dist/; \
                 name that folder with --page DIR, or in the environment variable {VARIABLE}",
                looked.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    #[test]
    fn the_page_is_found_beside_the_program_and_in_the_sources() {
        let root = TempDir::new().unwrap();
        let at = |path: &str| root.path().join(path);
        let make = |path: &str| {
            fs::create_dir_all(at(path)).unwrap();
            fs::write(at(path).join(INDEX), "").unwrap();
        };
        let find = || find_among(&places(&at("target/release/guise"), &at("elsewhere")));
        let said = format!("{:#}", find().unwrap_err());
        for part in [
            "`./x build`",
            "--page DIR",
            VARIABLE,
            "release/page",
            "share/guise/page",
        ] {
            assert!(said.contains(part), "{said}");
        }
        make("dist");
        assert!(find().is_err(), "these are no sources of guise");
        fs::write(at("Trunk.toml"), "").unwrap();
        assert_eq!(find().unwrap(), at("dist"));
        make("target/share/guise/page");
        assert_eq!(find().unwrap(), at("target/share/guise/page"));
        make("target/release/page");
        assert_eq!(find().unwrap(), at("target/release/page"));
    }
}
