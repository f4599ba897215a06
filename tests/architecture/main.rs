//! The rules of ARCHITECTURE.md, held against the source as it stands.

use guise::weights::Manifest;
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

mod source;
use source::{code, files, reached, read, root};

/// The modules that compile to WebAssembly and touch nothing but memory.
const PORTABLE: [&str; 6] = ["art", "ops", "networks", "weights", "metrics", "pipeline"];

/// No file has more lines of code than this; comments and empty lines are free.
const MAX_LINES: usize = 400;

/// The table of ARCHITECTURE.md: what each module may import.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let row = Regex::new(r"(?m)^\| `(\w+)` \| (.+) \|$").unwrap();
    let name = Regex::new(r"`(\w+)`").unwrap();
    let arrows: BTreeMap<_, BTreeSet<_>> = row
        .captures_iter(&read(&root().join("ARCHITECTURE.md")))
        .map(|row| {
            (
                row[1].to_owned(),
                name.captures_iter(&row[2])
                    .map(|name| name[1].to_owned())
                    .collect(),
            )
        })
        .collect();
    assert!(!arrows.is_empty(), "ARCHITECTURE.md has no table of imports");
    arrows
}

/// The modules that src/lib.rs declares.
fn modules() -> BTreeSet<String> {
    let declaration = Regex::new(r"(?m)^pub mod (\w+);").unwrap();
    declaration
        .captures_iter(&read(&root().join("src/lib.rs")))
        .map(|declaration| declaration[1].to_owned())
        .collect()
}

#[test]
fn the_table_of_imports_is_sound() {
    let arrows = arrows();
    let mut expected = modules();
    expected.insert("web".into());
    assert_eq!(
        arrows.keys().cloned().collect::<BTreeSet<_>>(),
        expected,
        "one row per module of src/lib.rs"
    );
    for (module, imports) in &arrows {
        for import in imports {
            assert!(
                arrows.contains_key(import),
                "`{module}` may import `{import}`, which has no row"
            );
            assert!(
                import != "cli" && import != "web",
                "`{module}` may not import `{import}`: it is a program"
            );
        }
        if PORTABLE.contains(&module.as_str()) {
            let native: Vec<_> = imports
                .iter()
                .filter(|import| !PORTABLE.contains(&import.as_str()))
                .collect();
            assert!(
                native.is_empty(),
                "the portable `{module}` may not import the native {native:?}"
            );
        }
    }
    assert!(!arrows["train"].contains("pipeline") && !arrows["pipeline"].contains("train"));
    // A table without cycles can be taken apart by removing, again and again, what imports nothing that is
    // left.
    let mut left = arrows.clone();
    while !left.is_empty() {
        let names: BTreeSet<_> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|_, imports| imports.iter().any(|import| names.contains(import)));
        assert!(left.len() < before, "the table has a cycle among {names:?}");
    }
}

#[test]
fn imports_follow_the_table() {
    let arrows = arrows();
    let modules = modules();
    let supers = Regex::new(r"(super::)+").unwrap();
    let mut broken = Vec::new();
    let mut check = |path: &Path, module: &str, reached: BTreeSet<String>| {
        for import in reached.intersection(&modules) {
            if import != module && !arrows[module].contains(import) {
                broken.push(format!("{}: `{module}` imports `{import}`", path.display()));
            }
        }
    };
    for module in &modules {
        for path in files(&root().join("src").join(module), &["rs"]) {
            let code = code(&path);
            check(&path, module, reached(&code, "crate"));
            // A chain of `super::` may not leave the module, or it would be an arrow that is not seen.
            let inside = path.strip_prefix(root().join("src")).unwrap();
            let depth = inside.components().count() - usize::from(inside.ends_with("mod.rs"));
            for chain in supers.find_iter(&code) {
                let steps = chain.len() / "super::".len();
                assert!(
                    steps < depth,
                    "{}: `{}` leaves `{module}`: use `crate::`",
                    path.display(),
                    chain.as_str()
                );
            }
        }
    }
    for path in files(&root().join("web"), &["rs"]) {
        check(&path, "web", reached(&code(&path), "guise"));
    }
    assert!(
        broken.is_empty(),
        "imports that ARCHITECTURE.md does not allow:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_portable_core_names_no_host() {
    let host = Regex::new(
        r"\b(clap|anyhow|indicatif|web_sys|js_sys|leptos|std::(fs|time|thread|env|process|net)|e?print(ln)?!|dbg!)",
    )
    .unwrap();
    let group = Regex::new(r"use std::\{[^;]*\b(fs|time|thread|env|process|net)\b[^;]*;").unwrap();
    let mut broken = Vec::new();
    for module in PORTABLE {
        for path in files(&root().join("src").join(module), &["rs"]) {
            let code = code(&path);
            for named in host.find_iter(&code).chain(group.find_iter(&code)) {
                broken.push(format!("{}: {}", path.display(), named.as_str()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "the portable core names its host:\n{}",
        broken.join("\n")
    );
}

/// What names a family: its networks, its recipe, the enum of generators, and the two lists of what can be
/// trained.
const FAMILIES: [&str; 4] = [
    "src/networks/generators",
    "src/train/families",
    "src/train/mod.rs",
    "src/cli/train",
];

#[test]
fn families_are_named_where_they_live_only() {
    let family = Regex::new(r"(?i)\b(stylegan2|\w*dcgan|deepimagify|biggan)\w*").unwrap();
    let mut broken = Vec::new();
    for folder in ["src", "web/src"] {
        for path in files(&root().join(folder), &["rs"]) {
            let inside = path.strip_prefix(root()).unwrap();
            let is_test =
                inside.ends_with("tests.rs") || inside.components().any(|part| part.as_os_str() == "tests");
            if is_test || FAMILIES.iter().any(|home| inside.starts_with(home)) {
                continue;
            }
            let code = code(&path);
            for named in family.find_iter(&code) {
                broken.push(format!("{}: {}", inside.display(), named.as_str()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "a family is named outside {FAMILIES:?}:\n{}",
        broken.join("\n")
    );
}

#[test]
fn devices_are_opened_in_programs_only() {
    let opens = Regex::new(
        r"\bDevice::(default|new|cpu|cuda|rocm|flex|ndarray|libtorch\w*|wgpu\w*|webgpu\w*|vulkan|metal|remote)\b",
    )
    .unwrap();
    let mut broken = Vec::new();
    for path in files(&root().join("src"), &["rs"])
        .into_iter()
        .chain(files(&root().join("web"), &["rs"]))
    {
        let inside = path.strip_prefix(root()).unwrap();
        let in_engine = inside.starts_with("web") && inside.to_string_lossy().contains("engine");
        // A module of tests in a file of its own carries its `#[cfg(test)]` where it is declared.
        let is_test =
            inside.ends_with("tests.rs") || inside.components().any(|part| part.as_os_str() == "tests");
        if inside.starts_with("src/cli") || in_engine || is_test {
            continue;
        }
        for opened in opens.find_iter(&code(&path)) {
            broken.push(format!("{}: {}", inside.display(), opened.as_str()));
        }
    }
    assert!(
        broken.is_empty(),
        "a device is always an argument, but these open one:\n{}",
        broken.join("\n")
    );
}

#[test]
fn no_file_is_too_long() {
    let free = Regex::new(r"^\s*($|//|#([^!\[]|$))").unwrap();
    let extensions = ["rs", "mjs", "js", "py", "sh", "css", "html"];
    let too_long: Vec<String> = ["src", "web", "tests", "tools", "benches", "examples"]
        .iter()
        .map(|folder| root().join(folder))
        .filter(|folder| folder.exists())
        .flat_map(|folder| files(&folder, &extensions))
        .chain(
            [root().join("x"), root().join("index.html")]
                .into_iter()
                .filter(|path| path.exists()),
        )
        .filter_map(|path| {
            let lines = read(&path).lines().filter(|line| !free.is_match(line)).count();
            (lines > MAX_LINES).then(|| format!("{}: {lines} lines of code", path.display()))
        })
        .collect();
    assert!(
        too_long.is_empty(),
        "a file over {MAX_LINES} lines of code becomes a folder:\n{}",
        too_long.join("\n")
    );
}

#[test]
fn licenses_are_on_the_list() {
    let deny: toml::Table = read(&root().join("deny.toml"))
        .parse()
        .expect("deny.toml is TOML");
    let licenses = &deny["licenses"];
    let allowed: BTreeSet<&str> = licenses["allow"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let clarified: BTreeMap<&str, &str> = licenses["clarify"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["crate"].as_str().unwrap(),
                entry["expression"].as_str().unwrap(),
            )
        })
        .collect();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .args([
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
            "--filter-platform",
            "wasm32-unknown-unknown",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(
        packages.len() > 100,
        "cargo metadata lists only {} packages",
        packages.len()
    );
    let refused: Vec<String> = packages
        .iter()
        .filter_map(|package| {
            let name = package["name"].as_str().unwrap();
            let stated = clarified
                .get(name)
                .copied()
                .or(package["license"].as_str())
                .unwrap_or("no license");
            let allows = spdx::Expression::parse_mode(stated, spdx::ParseMode::LAX)
                .is_ok_and(|license| license.evaluate(|part| allowed.contains(part.to_string().as_str())));
            (!allows).then(|| format!("{name} {}: {stated}", package["version"]))
        })
        .collect();
    assert!(
        refused.is_empty(),
        "licenses that deny.toml does not allow:\n{}",
        refused.join("\n")
    );
}

#[test]
fn what_the_documents_tell_to_type_exists() {
    let output = Command::new(root().join("x"))
        .arg("--help")
        .output()
        .expect("./x runs");
    let workshop = String::from_utf8(output.stdout).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_guise"))
        .arg("--help")
        .output()
        .expect("guise runs");
    let companion = String::from_utf8(output.stdout).unwrap();
    // Commands stand in code: in backticks or on a line of a block.
    let told = Regex::new(r"(?m)(?:^|`|\$ )(\./x|guise|target/release/guise) ([a-z]+)").unwrap();
    let mut seen = 0;
    for document in [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "docs/benchmarks.md",
        "docs/deploy.md",
    ] {
        let path = root().join(document);
        if !path.exists() {
            continue;
        }
        for command in told.captures_iter(&read(&path)) {
            let help = if &command[1] == "./x" {
                &workshop
            } else {
                &companion
            };
            let listed = Regex::new(&format!(r"(?m)^ +{}\b", &command[2])).unwrap();
            assert!(
                listed.is_match(help),
                "{document} says `{}`, which does not exist",
                &command[0]
            );
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} commands were found in the documents");
}

#[test]
fn bundles_are_what_their_manifests_say() {
    for path in files(&root().join("models"), &["json"]) {
        if !path.ends_with(Manifest::FILE_NAME) {
            continue;
        }
        let manifest = Manifest::parse(read(&path).as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for file in manifest.files() {
            let contents = std::fs::read(path.with_file_name(&file.name))
                .unwrap_or_else(|error| panic!("{}: {}: {error}", path.display(), file.name));
            file.verify(&contents)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}
