//! `guise site` and `guise serve` as people run them: the tiny bundle becomes a site with a small page.

mod hostile;
mod page;
mod serve;

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A page, a model and the place for a site.
struct Bench {
    root: TempDir,
    page: PathBuf,
    model: PathBuf,
    out: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let page = page::write(root.path(), "p { color: var(--accent) }");
        let model = root.path().join("Tiny Model");
        copy_bundle(&model);
        let out = root.path().join("site");
        Self {
            root,
            page,
            model,
            out,
        }
    }

    /// Runs `guise site` for the model and gives what it said, and whether it succeeded.
    fn run(&self, more: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_guise"))
            .env("XDG_CACHE_HOME", self.root.path().join("cache"))
            .args(["site", utf8(&self.model), "--out", utf8(&self.out)])
            .args(["--page", utf8(&self.page)])
            .args(more)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    #[track_caller]
    fn succeeds(&self, more: &[&str]) -> String {
        let (success, text) = self.run(more);
        assert!(success, "{text}");
        text
    }

    #[track_caller]
    fn fails(&self, more: &[&str], expected: &str) -> String {
        let (success, text) = self.run(more);
        assert!(
            !success && text.contains(expected),
            "expected {expected:?}:\n{text}"
        );
        text
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.out.join(path)).unwrap()
    }

    /// The site's one file with such a name.
    fn named(&self, start: &str, end: &str) -> String {
        let found: Vec<_> = files(&self.out)
            .into_keys()
            .filter(|path| path.starts_with(start) && path.ends_with(end))
            .collect();
        assert_eq!(found.len(), 1, "{start}*{end}: {found:?}");
        found.into_iter().next().unwrap()
    }
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn copy_bundle(to: &Path) {
    fs::create_dir(to).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny");
    for entry in fs::read_dir(fixture).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Every file below `dir` with its contents.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, dir: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(root, &path, files),
                false => {
                    let name = utf8(path.strip_prefix(root).unwrap()).replace('\\', "/");
                    files.insert(name, fs::read(&path).unwrap());
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    if dir.exists() {
        walk(dir, dir, &mut found);
    }
    found
}

#[test]
fn a_model_and_a_page_become_a_site() {
    let bench = Bench::new();
    for name in ["README.md", "samples.png", "text_tower-LICENSE.txt", "notes.txt"] {
        fs::write(bench.model.join(name), name).unwrap();
    }
    let said = bench.succeeds(&["--url", "https://example.org/avatars", "--accent", "#06c"]);
    assert!(
        said.contains("bytes in") && said.contains("models/tiny-model/"),
        "{said}"
    );

    let site = files(&bench.out);
    let names: Vec<_> = site.keys().map(String::as_str).collect();
    let [card, accent] = [bench.named("card-", ".png"), bench.named("accent-", ".css")];
    let icons = [180, 192, 512].map(|side| bench.named(&format!("icon-{side}-"), ".png"));
    let style = bench.named("style-", ".css");
    let engine = page::ENGINE;
    let mut expected: Vec<String> = [
        ".nojekyll",
        "404.html",
        "SHA256SUMS",
        "icon-77.svg",
        "index.html",
        "licenses.html",
        "models/index.json",
        "page-1a2b.js",
        "page-1a2b_bg.wasm",
        "site.webmanifest",
        "start.js",
        "sw.js",
    ]
    .map(String::from)
    .into();
    expected.extend(["", "-plain"].map(|kind| format!("{engine}{kind}_bg.wasm")));
    expected.push(format!("{engine}.js"));
    expected.extend([&card, &accent, &style].map(String::clone));
    expected.extend(icons.clone());
    expected.extend(
        [
            "README.md",
            "generator.gguf",
            "image_tower.gguf",
            "model.json",
            "references.png",
            "samples.png",
            "text_tower-LICENSE.txt",
            "text_tower.gguf",
            "upscaler.gguf",
            "vocabulary.txt",
        ]
        .map(|name| format!("models/tiny-model/{name}")),
    );
    expected.sort();
    assert_eq!(names, expected, "all of this and nothing else");
    for (path, contents) in &site {
        if let Some(name) = path.strip_prefix("models/tiny-model/") {
            assert!(
                *contents == fs::read(bench.model.join(name)).unwrap(),
                "{path} is a copy"
            );
        }
    }

    // The list is of every other file, as `sha256sum -c` reads it.
    let mut listed: BTreeMap<_, _> = site
        .iter()
        .map(|(path, contents)| (path.as_str(), page::hex(contents)))
        .collect();
    listed.remove("SHA256SUMS");
    let sums = bench.read("SHA256SUMS");
    let found: BTreeMap<_, _> = sums
        .lines()
        .skip(1)
        .map(|line| line.split_once("  ").unwrap())
        .map(|(sum, path)| (path, sum.to_owned()))
        .collect();
    assert_eq!(found, listed);

    // The service worker knows what a visit takes by its hashes.
    let worker = bench.read("sw.js");
    let kept = worker
        .strip_prefix("const FILES = ")
        .and_then(|rest| rest.strip_suffix(";\nself;\n"))
        .unwrap_or_else(|| panic!("{worker}"));
    let kept: BTreeMap<&str, String> = serde_json::from_str(kept).unwrap();
    let is_kept =
        |path: &str| !path.starts_with("models/") && ![".nojekyll", "404.html", "sw.js"].contains(&path);
    listed.retain(|path, _| is_kept(path));
    assert_eq!(kept, listed);

    let index = bench.read("index.html");
    for part in [
        "<html lang=\"en\">",
        "<title>Tiny: new avatars, drawn on your device</title>",
        "<meta name=\"description\" content=\"Random weights, for tests.\">",
        "<meta name=\"guise-model\" content=\"models/tiny-model/\">",
        &format!("<meta property=\"og:image\" content=\"https://example.org/avatars/{card}\">"),
        "<link rel=\"canonical\" href=\"https://example.org/avatars/\">",
        "<link rel=\"manifest\" href=\"./site.webmanifest\">",
        &format!("<link rel=\"apple-touch-icon\" href=\"./{}\">", icons[0]),
        &format!("<link rel=\"stylesheet\" href=\"./{accent}\" integrity=\"sha384-"),
        &format!("<script type=\"module\">{}</script>", page::SCRIPT),
        "<a href=\"./licenses.html\">",
    ] {
        assert_eq!(index.matches(part).count(), 1, "{part}\n{index}");
    }
    assert!(bench.read(&accent).contains("--accent: #0066cc;"));

    let list: Value = serde_json::from_str(&bench.read("models/index.json")).unwrap();
    assert_eq!(list, serde_json::json!({"models": ["models/tiny-model/"]}));

    let manifest: Value = serde_json::from_str(&bench.read("site.webmanifest")).unwrap();
    assert_eq!(manifest["start_url"], "./");
    for (icon, side) in icons.iter().zip([180, 192, 512]) {
        assert!(manifest["icons"].to_string().contains(icon.as_str()));
        assert_eq!(
            image::image_dimensions(bench.out.join(icon)).unwrap(),
            (side, side)
        );
    }
    let card = image::open(bench.out.join(&card)).unwrap().into_rgba8();
    assert_eq!(card.dimensions(), (1200, 630));
    assert!(
        card[(100, 100)] != card[(300, 100)],
        "two avatars are not the same"
    );
    let licenses = bench.read("licenses.html");
    for part in [
        "<h2>Tiny</h2>",
        "May you use what it draws? Yes, for anything",
        "<a href=\"https://creativecommons.org/publicdomain/zero/1.0/\" rel=\"noreferrer\">CC0-1.0</a>",
        "Nobody: there was no art",
        "models/tiny-model/README.md",
        "models/tiny-model/text_tower-LICENSE.txt",
    ] {
        assert!(licenses.contains(part), "{part}\n{licenses}");
    }
    assert!(
        bench
            .read("404.html")
            .contains("href=\"https://example.org/avatars/\"")
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(bench.out.join("index.html"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o444, 0o444, "a host reads it as another user");
    }
}

#[test]
fn a_rerun_updates_in_place_and_prune_removes_what_is_old() {
    let bench = Bench::new();
    bench.succeeds(&[]);
    let first = files(&bench.out);
    let said = bench.succeeds(&[]);
    assert!(said.contains("of which 0 were written now"), "{said}");
    assert_eq!(files(&bench.out), first, "the same again is the same");

    // Another page and another title: the old hashed file stays for a tab that is open.
    let old = bench.named("style-", ".css");
    page::write(bench.root.path(), "p { color: red }");
    fs::write(bench.out.join("CNAME"), "example.org").unwrap();
    let said = bench.succeeds(&["--title", "Other"]);
    assert!(said.contains("1 older files of 26 bytes stay"), "{said}");
    assert!(bench.read("index.html").contains("<title>Other</title>"));
    assert!(bench.out.join(&old).exists() && bench.read("SHA256SUMS").contains(&old));
    let said = bench.succeeds(&["--title", "Other"]);
    assert!(said.contains("1 older files"), "it is known later too:\n{said}");

    // Another model: the first one's files are old as a whole.
    let other = bench.root.path().join("other");
    copy_bundle(&other);
    let bench = Bench {
        model: other,
        ..bench
    };
    bench.succeeds(&["--title", "Other"]);
    assert!(bench.out.join("models/tiny-model/model.json").exists());
    // What was changed since is not ours any more.
    let card = bench.out.join("models/tiny-model/vocabulary.txt");
    fs::write(&card, "mine").unwrap();
    let said = bench.succeeds(&["--title", "Other", "--prune"]);
    assert!(
        said.contains("7 older files") && said.contains("were removed"),
        "{said}"
    );
    assert!(said.contains("vocabulary.txt is of an earlier site"), "{said}");
    let left = files(&bench.out);
    assert!(!left.contains_key(&old));
    let of_the_first: Vec<_> = left
        .keys()
        .filter(|path| path.starts_with("models/tiny-model"))
        .collect();
    assert_eq!(of_the_first, ["models/tiny-model/vocabulary.txt"]);
    assert_eq!(left["CNAME"], b"example.org", "files of others stay");
    fs::remove_file(card).unwrap();
    let said = bench.succeeds(&["--title", "Other", "--prune"]);
    assert!(!said.contains("older files"), "{said}");
}

#[test]
fn several_models_have_names_of_their_own() {
    let bench = Bench::new();
    let second = bench.root.path().join("more/tiny_model");
    fs::create_dir(bench.root.path().join("more")).unwrap();
    copy_bundle(&second);
    let json = fs::read_to_string(second.join("model.json")).unwrap();
    fs::write(
        second.join("model.json"),
        json.replace("\"name\": \"Tiny\"", "\"name\": \"Second\""),
    )
    .unwrap();
    bench.succeeds(&[utf8(&second), "--default", utf8(&second)]);
    let list: Value = serde_json::from_str(&bench.read("models/index.json")).unwrap();
    let paths = ["models/tiny-model/", "models/tiny-model-2/"];
    assert_eq!(list, serde_json::json!({"models": paths}));
    let index = bench.read("index.html");
    assert!(index.contains("content=\"models/tiny-model-2/\"") && index.contains("<title>Second:"));
    bench.succeeds(&[utf8(&second), "--default", "tiny-model"]);
    assert!(bench.read("index.html").contains("<title>Tiny:"));
    bench.fails(
        &["--default", "other"],
        "--default is \"other\", expected one of tiny-model",
    );
}
