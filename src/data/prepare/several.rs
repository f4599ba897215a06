//! Several collections as one.

use std::collections::HashSet;
use std::path::Path;

use super::super::printable::readable;
use super::super::{Error, Provenance, shown};
use super::Skipped;
use super::sources::{self, Collection};

/// Lists the pictures of all collections, one after the other. What cannot be used goes to `skipped`.
pub(super) fn find(dirs: &[&Path], skipped: &mut Vec<Skipped>) -> Result<Collection, Error> {
    if let [dir] = dirs {
        return sources::find(dir, skipped);
    }
    let (mut sources, mut provenances, mut names) = (vec![], vec![], HashSet::new());
    for dir in dirs {
        let first = skipped.len();
        let mut found = sources::find(dir, skipped)?;
        let name = match &*found.provenance.name {
            "" => folder_name(dir),
            name => readable(name),
        };
        if name.is_empty() || !names.insert(name.to_lowercase()) {
            return Err(Error::Setting(format!(
                "{} is called {name:?}, expected another name for each collection: say it in its {}",
                shown(dir),
                Provenance::FILE_NAME
            )));
        }
        for source in &mut found.sources {
            source.name = format!("{name}/{}", source.name);
            source.collection.clone_from(&name);
        }
        for skipped in &mut skipped[first..] {
            skipped.source = format!("{name}/{}", skipped.source);
        }
        sources.append(&mut found.sources);
        provenances.push(Provenance {
            name,
            ..found.provenance
        });
    }
    Ok(Collection {
        sources,
        provenance: together(&provenances),
    })
}

fn folder_name(dir: &Path) -> String {
    let whole = dir.canonicalize();
    let name = whole.as_deref().unwrap_or(dir).file_name();
    readable(&name.unwrap_or_default().to_string_lossy())
}

/// The provenance of all collections together. Where one of them states no license, the whole has none.
fn together(provenances: &[Provenance]) -> Provenance {
    let all = |field: fn(&Provenance) -> &str, between: &str| {
        let mut said: Vec<&str> = vec![];
        for text in provenances.iter().map(field).filter(|text| !text.is_empty()) {
            if !said.contains(&text) {
                said.push(text);
            }
        }
        said.join(between)
    };
    let licensed = provenances.iter().all(|one| !one.license.trim().is_empty());
    Provenance {
        name: all(|one| &one.name, " and "),
        license: match licensed {
            true => all(|one| &one.license, " AND "),
            false => String::new(),
        },
        attribution: all(|one| &one.attribution, "; "),
        source: all(|one| &one.source, ", "),
    }
}
