//! A small page, made of the repository's `index.html` by the steps of Trunk and of `web/finish.mjs`.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256, Sha384};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The engine's name in the page.
pub const ENGINE: &str = "engine-0123456789abcdef";
/// Its script and its two programs.
const ENGINE_FILES: [&str; 3] = ["export default 2;", "the engine", "the plain engine"];

/// Trunk's start script, in its form.
pub const SCRIPT: &str =
    "\nimport init, * as bindings from './page-1a2b.js';\nconst wasm = await init();\n\n";

/// Writes the page to `parent/page`. Its style sheet says `style`, and with it its name changes.
pub fn write(parent: &Path, style: &str) -> PathBuf {
    let dir = parent.join("page");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("models/pixel-art")).unwrap();
    fs::write(dir.join("models/pixel-art/model.json"), "the page's own").unwrap();
    fs::write(dir.join(".DS_Store"), "hidden").unwrap();
    let css = format!("style-{}.css", &hex(style.as_bytes())[..16]);
    let files = [
        (css.as_str(), style),
        ("icon-77.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("page-1a2b.js", "export default 1;"),
        ("page-1a2b_bg.wasm", "the page"),
        ("start.js", "(function () {})();"),
        ("site.webmanifest", "the page's own"),
        ("sw.js", "const FILES = {\"page-1a2b.js\":\"00\"};\nself;\n"),
        (&format!("{ENGINE}.js"), ENGINE_FILES[0]),
        (&format!("{ENGINE}_bg.wasm"), ENGINE_FILES[1]),
        (&format!("{ENGINE}-plain_bg.wasm"), ENGINE_FILES[2]),
    ];
    for (name, contents) in files {
        fs::write(dir.join(name), contents).unwrap();
    }
    let integrity = |text: &str| format!("sha384-{}", STANDARD.encode(Sha384::digest(text)));
    let built = format!(
        "    <link rel=\"icon\" type=\"image/svg+xml\" href=\"./icon-77.svg\" integrity=\"{}\"/>\n    \
         <link rel=\"stylesheet\" href=\"./{css}\" integrity=\"{}\"/>\n<script \
         type=\"module\">{SCRIPT}</script>\
         <link rel=\"modulepreload\" href=\"./page-1a2b.js\" crossorigin=\"anonymous\" \
         integrity=\"{}\"></head>",
        integrity(files[1].1),
        integrity(style),
        integrity(files[2].1),
    );
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("index.html")).unwrap();
    let kept: String = source
        .lines()
        .filter(|line| !line.contains("<link data-trunk"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    let html = [
        ("  </head>", built.as_str()),
        (
            "<meta name=\"guise-engine\" content=\"\">",
            &format!(
                "<meta name=\"guise-engine\" content=\"{ENGINE}\" data-script=\"{}\" \
                 data-program=\"{}\" data-plain=\"{}\" data-bytes=\"10\">",
                integrity(ENGINE_FILES[0]),
                integrity(ENGINE_FILES[1]),
                integrity(ENGINE_FILES[2])
            ),
        ),
        (
            "'wasm-unsafe-eval' START_SCRIPT;",
            &format!("'wasm-unsafe-eval' 'sha256-{hash}';"),
        ),
    ]
    .iter()
    .fold(kept, |html, (from, to)| {
        assert_eq!(html.matches(from).count(), 1, "{from}");
        html.replace(from, to)
    });
    fs::write(dir.join("index.html"), html).unwrap();
    dir
}

/// The SHA-256 of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
