//! The service worker, by which the page works without a network. Its list of the site's files has their
//! hashes.

use super::{NO_JEKYLL, NOT_FOUND, place::Piece};
use anyhow::ensure;
use std::collections::BTreeMap;

/// Its file.
pub(super) const WORKER: &str = "sw.js";

/// How the line begins that holds the list.
const LIST: &str = "const FILES = ";

/// The worker `source` of a page with the list of `pieces`, all that the site has but its models, in the
/// place of the list of the page's.
pub(super) fn with_files(source: &str, pieces: &[Piece]) -> anyhow::Result<Piece> {
    let count = source.lines().filter(|line| line.starts_with(LIST)).count();
    ensure!(
        count == 1,
        "{WORKER} has {count} lines that begin with {LIST:?}, expected one: build the page again with `./x build`"
    );
    // A visitor without a network is shown none of these.
    let is_asked_for = |name: &str| ![NO_JEKYLL, NOT_FOUND].contains(&name) && !name.starts_with("models/");
    let files: BTreeMap<_, _> = pieces
        .iter()
        .filter(|piece| is_asked_for(&piece.file.name))
        .map(|Piece { file, .. }| (&file.name, &file.sha256))
        .collect();
    let list = format!("{LIST}{};", serde_json::to_string(&files)?);
    let lines = source.lines().map(|line| match line.starts_with(LIST) {
        true => list.as_str(),
        false => line,
    });
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    Ok(Piece::made(WORKER, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::manifest::File;

    #[test]
    fn the_list_is_of_this_site() {
        let pieces =
            ["index.html", "404.html", ".nojekyll", "models/index.json"].map(|name| Piece::made(name, name));
        let source = "// Text\nconst FILES = {\"old.js\":\"00\"};\nself;\n";
        let worker = with_files(source, &pieces).unwrap();
        let sha256 = File::describe("", b"index.html").sha256;
        let expected = format!("// Text\nconst FILES = {{\"index.html\":\"{sha256}\"}};\nself;\n");
        assert_eq!(worker.file, File::describe(WORKER, expected.as_bytes()));
        for source in ["self;", "const FILES = {};\nconst FILES = {};"] {
            let said = with_files(source, &pieces).unwrap_err().to_string();
            assert!(said.contains("expected one"), "{said}");
        }
    }
}
