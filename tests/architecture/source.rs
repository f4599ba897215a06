//! Reading the source as text: which files there are, what of them is code, which modules the code reaches.

use regex::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folder of this repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file that must be there.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Every file below `folder` whose name ends in one of `extensions`, without installed packages; none if
/// there is no such folder.
pub fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    if !folder.exists() {
        return vec![];
    }
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "node_modules")
        .map(|entry| entry.expect("the tree can be read").into_path())
        .filter(|path| {
            path.is_file()
                && path
                    .extension()
                    .is_some_and(|found| extensions.iter().any(|extension| found == *extension))
        })
        .collect();
    found.sort();
    found
}

/// The code of a Rust file: no comments, no string literals, nothing under `#[cfg(test)]`.
///
/// This leans on rustfmt, which `./x test` enforces: an item under an attribute ends at the first line that
/// is indented like the attribute and closes a brace or ends in a semicolon.
pub fn code(path: &Path) -> String {
    let source = read(path);
    let mut kept = String::new();
    let mut skipped_indent: Option<usize> = None;
    let strings = Regex::new(r#""(\\.|[^"\\])*""#).unwrap();
    for line in source.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(attribute_indent) = skipped_indent {
            let ends = line.trim_end().ends_with(['}', ';']) && indent == attribute_indent;
            if ends {
                skipped_indent = None;
            }
            continue;
        }
        if line.trim() == "#[cfg(test)]" {
            skipped_indent = Some(indent);
            continue;
        }
        let line = strings.replace_all(line, "\"\"");
        kept.push_str(line.split("//").next().unwrap_or_default());
        kept.push('\n');
    }
    assert!(
        skipped_indent.is_none(),
        "{}: an item under #[cfg(test)] has no end",
        path.display()
    );
    kept
}

/// The top-level modules that `code` reaches through `start::`, single or in a group.
pub fn reached(code: &str, start: &str) -> BTreeSet<String> {
    let path = Regex::new(&format!(r"\b{start}::(?:(\w+)|\{{)")).unwrap();
    let mut found = BTreeSet::new();
    for matched in path.captures_iter(code) {
        if let Some(name) = matched.get(1) {
            found.insert(name.as_str().to_owned());
            continue;
        }
        // `use crate::{a::b, c::{d, e}}`: the names at depth one that begin an entry.
        let (mut depth, mut entry_begins, mut name) = (1, true, String::new());
        for letter in code[matched.get(0).unwrap().end()..].chars() {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            let in_name = letter.is_alphanumeric() || letter == '_';
            if depth == 1 && entry_begins && in_name {
                name.push(letter);
            } else if !name.is_empty() {
                found.insert(std::mem::take(&mut name));
                entry_begins = false;
            }
            if depth == 1 && letter == ',' {
                entry_begins = true;
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}
