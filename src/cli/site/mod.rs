//! `guise site`.

mod accent;
mod html;
mod models;
mod page;
mod pictures;
mod place;
mod texts;
mod worker;

use super::files::read_at_most;
use crate::weights::license::is_web_address;
use accent::{Color, WALLS};
use anyhow::{Context, ensure};
use html::{Html, escape};
use page::{INDEX, Page};
use pictures::{ICONS, Pictures};
use place::{Piece, Written};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Keeps GitHub Pages from taking the site for sources of Jekyll, which leaves files out.
const NO_JEKYLL: &str = ".nojekyll";

const LICENSES: &str = "licenses.html";
const NOT_FOUND: &str = "404.html";
const WEB_MANIFEST: &str = "site.webmanifest";

/// The largest file that Cloudflare Pages takes, the least of the limits in docs/deploy.md.
const LARGE_BYTES: u64 = 25 << 20;

/// Write a whole static site for published models: the page, the models, and what hosts and previews of links
/// ask for.
///
/// The folder can be put on any static host, at any path; docs/deploy.md says how. Nothing is overwritten
/// that an earlier run did not write, by the SHA256SUMS that the site holds. A rerun updates in place, and
/// files that the site needs no more stay until --prune, for visitors who have it open.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folders of published models, as `guise publish` writes them.
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<PathBuf>,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The page, as `./x build` leaves it in dist/ [default: GUISE_PAGE, or what lies beside the program or
    /// in its sources].
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// The site's title [default: the model's name and a few words].
    #[arg(long, value_parser = text)]
    title: Option<String>,
    /// A sentence for search engines and previews of links [default: the model's].
    #[arg(long, value_parser = text)]
    description: Option<String>,
    /// The model that visitors see, by its folder or its name in the site [default: the first].
    #[arg(long, value_name = "MODEL")]
    default: Option<String>,
    /// The color of buttons and links, such as #b8401a; it is shaded where it could not be read.
    #[arg(long, value_name = "COLOR")]
    accent: Option<Color>,
    /// Where the site will be, such as https://example.org/avatars/. Previews of links show its card by this
    /// address only.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    url: Option<String>,
    /// Remove what earlier runs wrote and this site does not need.
    #[arg(long)]
    prune: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let page_dir = page::find(args.page)?;
    for source in args.models.iter().chain([&page_dir]) {
        check_apart(&args.out, source)?;
    }
    let page = Page::read(&page_dir)?;
    let models = models::read(&args.models)?;
    let shown = models::choose(&models, args.default.as_deref())?;
    let title = args
        .title
        .unwrap_or_else(|| format!("{}: new avatars, drawn on your device", shown.manifest.name));
    let description = args
        .description
        .or_else(|| Some(one_line(&shown.manifest.description)).filter(|text| !text.is_empty()))
        .unwrap_or_else(|| "New avatars, drawn on your own device.".into());
    let url = args.url.as_deref();

    let pictures = Pictures::draw(&shown.dir)?;
    let card = hashed("card", "png", pictures.card);
    let icons: Vec<Piece> = ICONS
        .iter()
        .zip(pictures.icons)
        .map(|(side, png)| hashed(&format!("icon-{side}"), "png", png))
        .collect();
    let accent = args.accent.map(|color| {
        let css = accent::style_sheet(color);
        let piece = hashed("accent", "css", css.clone());
        let link = accent::link(&piece.file.name, &css);
        (piece, link)
    });
    let link = accent.as_ref().map_or("", |(_, link)| link);
    let head = head(&title, &description, url, &card, &icons[0]) + link;
    let body = format!("  <p class=\"number\"><a href=\"./{LICENSES}\">Licenses</a></p>\n  ");
    let metas = [
        ("description", description.as_str()),
        ("guise-model", &shown.path()),
    ];
    let index = page.html.with(&title, &metas, [&head, &body])?;

    let icon_names: Vec<_> = icons.iter().map(|icon| icon.file.name.clone()).collect();
    let web_manifest = texts::web_manifest(&title, &description, &WALLS[0].css(), &icon_names);
    let mut made = vec![card];
    made.extend(icons);
    made.extend(accent.map(|(piece, _)| piece));
    made.extend([
        Piece::made(LICENSES, texts::licenses(&models)),
        Piece::made(NOT_FOUND, texts::not_found(&title, url)),
        Piece::made(WEB_MANIFEST, web_manifest),
        Piece::made(NO_JEKYLL, ""),
        models::list(&models)?,
        // The document last: what it names is there before it.
        Piece::made(INDEX, index),
    ]);
    let (shown, default) = (shown.path(), shown.manifest.name.clone());
    // Ours takes the place of the page's.
    let files = page
        .files
        .into_iter()
        .filter(|piece| piece.file.name != WEB_MANIFEST);
    let mut pieces: Vec<_> = files.collect();
    pieces.extend(made);
    // Last of all: it keeps nothing that is not as it says.
    let worker = worker::with_files(&page.worker, &pieces)?;
    pieces.splice(0..0, models.into_iter().flat_map(|model| model.pieces));
    pieces.push(worker);
    let written = place::write(&args.out, &pieces, args.prune)?;
    check_index(&args.out, &shown)?;
    report(&args.out, &pieces, &written, args.prune);
    println!("shows {default} ({shown}); every hash and the content security policy were checked");
    if url.is_none() {
        println!("previews of links show no card without --url, which says where the site will be");
    }
    println!(
        "`guise serve {}` shows it on this machine, and docs/deploy.md says how to put it online",
        args.out.display()
    );
    Ok(())
}

/// Makes sure that the site is not written into what it is made of.
fn check_apart(out: &Path, source: &Path) -> anyhow::Result<()> {
    let real = |path: &Path| {
        let there = path.ancestors().find_map(|folder| {
            let real = match folder.as_os_str().is_empty() {
                true => Path::new(".").canonicalize(),
                false => folder.canonicalize(),
            };
            let rest = path.strip_prefix(folder).ok()?;
            Some(real.ok()?.join(rest))
        });
        there.unwrap_or_else(|| path.to_owned())
    };
    ensure!(
        !real(out).starts_with(real(source)),
        "--out is {}, which lies in {}, that the site is made of: name another folder",
        out.display(),
        source.display()
    );
    Ok(())
}

/// A file whose name changes with its contents, so that no cache keeps an old one for it.
fn hashed(name: &str, extension: &str, contents: impl Into<Vec<u8>>) -> Piece {
    let mut piece = Piece::made("", contents);
    piece.file.name = format!("{name}-{}.{extension}", &piece.file.sha256[..16]);
    piece
}

/// What the site adds to the end of the page's head.
fn head(title: &str, description: &str, url: Option<&str>, card: &Piece, icon: &Piece) -> String {
    let address = |path: &str| format!("{}{path}", url.unwrap_or("./"));
    let [width, height] = pictures::CARD.map(|side| side.to_string());
    let mut properties = vec![
        ("property", "og:type", "website".to_owned()),
        ("property", "og:title", title.to_owned()),
        ("property", "og:description", description.to_owned()),
        ("property", "og:image", address(&card.file.name)),
        ("property", "og:image:width", width),
        ("property", "og:image:height", height),
        (
            "property",
            "og:image:alt",
            "Avatars that this page draws".to_owned(),
        ),
        ("name", "twitter:card", "summary_large_image".to_owned()),
    ];
    let mut links = vec![
        ("apple-touch-icon", format!("./{}", icon.file.name)),
        ("license", format!("./{LICENSES}")),
    ];
    if let Some(url) = url {
        properties.push(("property", "og:url", url.to_owned()));
        links.push(("canonical", url.to_owned()));
    }
    let properties = properties.iter().map(|(kind, name, content)| {
        format!("    <meta {kind}=\"{name}\" content=\"{}\">\n", escape(content))
    });
    let links = links
        .iter()
        .map(|(rel, href)| format!("    <link rel=\"{rel}\" href=\"{}\">\n", escape(href)));
    properties.chain(links).collect()
}

/// Reads the document that was written as a browser does, and checks it.
fn check_index(dir: &Path, model: &str) -> anyhow::Result<()> {
    let path = dir.join(INDEX);
    let check = || {
        let html = Html::parse(read_at_most(&path, 2 * page::MAX_INDEX_BYTES)?)?;
        html.check_policy()?;
        let named = html.meta("name", "guise-model")?.get("content");
        ensure!(named == Some(model), "it shows {named:?}, expected {model}");
        Ok(())
    };
    check().with_context(|| format!("{} was not written as it should be", path.display()))
}

/// Says what the site holds, folder by folder, and what of it a host may refuse.
fn report(dir: &Path, pieces: &[Piece], written: &Written, pruned: bool) {
    let mut folders: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for Piece { file, .. } in pieces {
        let folder = file.name.rfind('/').map_or("", |end| &file.name[..=end]);
        let (files, bytes) = folders.entry(folder).or_default();
        *files += 1;
        *bytes += file.bytes;
    }
    for (folder, (files, bytes)) in &folders {
        let folder = dir.join(folder);
        println!("{bytes:>12} bytes in {files:>3} files  {}", folder.display());
    }
    let bytes: u64 = folders.values().map(|(_, bytes)| bytes).sum();
    println!(
        "{bytes:>12} bytes in {:>3} files, of which {} were written now",
        pieces.len(),
        written.changed
    );
    if !written.old.is_empty() {
        let bytes: u64 = written.old.iter().map(|(_, bytes)| bytes).sum();
        let done = match pruned {
            true => "were removed",
            false => "stay for visitors who have the site open; --prune removes them",
        };
        println!("{} older files of {bytes} bytes {done}", written.old.len());
    }
    for path in &written.changed_by_others {
        eprintln!(
            "note: {} is of an earlier site and was changed since, so it stays",
            dir.join(path).display()
        );
    }
    for Piece { file, .. } in pieces.iter().filter(|piece| piece.file.bytes > LARGE_BYTES) {
        eprintln!(
            "note: {} has {} bytes; some hosts take at most {LARGE_BYTES} a file (docs/deploy.md)",
            file.name, file.bytes
        );
    }
}

/// `text` without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A title or a description, as a flag.
fn text(text: &str) -> Result<String, String> {
    let text = text.trim();
    let plain = !text.chars().any(char::is_control) && (1..=500).contains(&text.chars().count());
    plain
        .then(|| text.to_owned())
        .ok_or_else(|| "expected 1 to 500 characters on one line".into())
}

/// The site's address, as a flag.
fn address(text: &str) -> Result<String, String> {
    let plain = is_web_address(text) && !text.contains(['?', '#']);
    let slash = if text.ends_with('/') { "" } else { "/" };
    plain
        .then(|| format!("{text}{slash}"))
        .ok_or_else(|| "expected an address such as https://example.org/avatars/".into())
}
