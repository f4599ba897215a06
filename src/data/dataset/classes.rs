//! Classes: which kind of pictures each picture of a dataset is of.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::printable;
use super::{Dataset, Entry, MAX_JSON_BYTES};
use crate::data::Error;
use crate::data::captions::NOTHING;

/// What pictures are called where a trait says nothing of them.
const NONE: &str = "none";
/// Classes of fewer pictures are said.
const FEW: u64 = 50;

/// The classes of a dataset's pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    by: String,
    /// Name and number of pictures of each.
    all: Vec<(String, u64)>,
    /// The class of each picture.
    of: Vec<usize>,
}

impl Classes {
    /// What [`Dataset::classify`] takes for the labels of `dataset.json`.
    pub const LABELS: &str = "labels";
    /// What [`Dataset::classify`] takes for the collections that a dataset was prepared from.
    pub const COLLECTION: &str = "collection";

    /// What the pictures were told apart by, as [`Dataset::classify`] takes it.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// The name and the number of pictures of each class, at least two.
    pub fn all(&self) -> &[(String, u64)] {
        &self.all
    }

    /// The class of the picture at this place.
    ///
    /// # Panics
    ///
    /// When there is no such picture.
    pub fn of(&self, index: usize) -> usize {
        self.of[index]
    }
}

impl Dataset {
    /// Sorts the pictures into classes, at most `most`: by the [labels](Classes::LABELS) of `dataset.json`,
    /// by
    /// [collection](Classes::COLLECTION), or by the values of a trait, whatever their case. Classes are
    /// ordered by number or name.
    ///
    /// Pictures that lack the trait, or have "none" for it, are a class of that name: a collection leaves out
    /// what there is nothing to see of. Of several values the first counts. [`notes`](Self::notes) say so,
    /// and name classes of few pictures.
    ///
    /// # Errors
    ///
    /// [`Error::NotADataset`] when there is nothing to sort by, a picture has no label, or there is only one
    /// class or too many.
    pub fn classify(&mut self, by: &str, most: usize) -> Result<&Classes, Error> {
        let folded = by.trim().to_lowercase();
        let found = match &*folded {
            Classes::LABELS if self.has_labels => self.by_labels()?,
            Classes::COLLECTION if self.entries.iter().any(|entry| !entry.collection.is_empty()) => {
                self.by_collection()?
            }
            _ => self.by_trait(&folded)?,
        };
        let classes = self.sorted(by.trim(), found, most)?;
        self.class_notes(&classes, folded == Classes::LABELS);
        Ok(self.classes.insert(classes))
    }

    /// What [`classify`](Self::classify) found.
    pub fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }

    /// The name of each picture's class, by the numbers in `dataset.json`.
    fn by_labels(&self) -> Result<Vec<String>, Error> {
        let names = self.entries.iter().map(|entry| &*entry.file_name);
        let places: HashMap<&str, usize> = names.zip(0..).collect();
        let path = self.place.path_of(Self::LABELS_FILE_NAME);
        let read = self
            .place
            .text(Self::LABELS_FILE_NAME, MAX_JSON_BYTES, |reader| {
                let mut json = serde_json::Deserializer::from_reader(reader);
                Labels(&places)
                    .deserialize(&mut json)
                    .map_err(|source| Error::Json {
                        line: source.line(),
                        path,
                        source,
                    })
            })?;
        let labels = read.unwrap_or_else(|| vec![None; self.entries.len()]);
        let named = labels.into_iter().zip(&self.entries).map(|(label, entry)| {
            label.map(|label| label.to_string()).ok_or_else(|| {
                self.unusable(format!(
                    "{} has no label for {}",
                    Self::LABELS_FILE_NAME,
                    printable(&entry.file_name)
                ))
            })
        });
        named.collect()
    }

    fn by_collection(&self) -> Result<Vec<String>, Error> {
        let named = self.entries.iter().map(|entry| match &*entry.collection {
            "" => Err(self.unusable(format!(
                "{} does not say which collection {} is from",
                Self::METADATA_FILE_NAME,
                printable(&entry.file_name)
            ))),
            collection => Ok(printable(collection)),
        });
        named.collect()
    }

    /// `name` in lower case.
    fn by_trait(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let is_meant = |trait_type: &str| trait_type.trim().to_lowercase() == name;
        let values = |entry: &Entry| -> Vec<String> {
            let meant = entry.attributes.iter().filter(|one| is_meant(&one.trait_type));
            meant.map(|one| printable(one.value.trim())).collect()
        };
        let each: Vec<Vec<String>> = self.entries.iter().map(values).collect();
        if each.iter().all(Vec::is_empty) {
            return Err(self.unusable(self.nothing_to_sort_by(name)));
        }
        let several = each.iter().filter(|values| values.len() > 1).count();
        if several > 0 {
            self.notes.push(format!(
                "{several} pictures have several values for {}: the first says their class",
                printable(name)
            ));
        }
        let says_nothing = |value: &str| NOTHING.contains(&value) || value == format!("no {name}");
        // Of spellings that differ by case alone, the first that is met.
        let mut spelled: HashMap<String, String> = HashMap::new();
        let mut named = |values: Vec<String>| match values.into_iter().next() {
            Some(value) if !says_nothing(&value.to_lowercase()) => {
                spelled.entry(value.to_lowercase()).or_insert(value).clone()
            }
            _ => NONE.to_owned(),
        };
        Ok(each.into_iter().map(&mut named).collect())
    }

    /// Puts classes in order and counts them.
    fn sorted(&self, by: &str, found: Vec<String>, most: usize) -> Result<Classes, Error> {
        let by = printable(by);
        let mut counts: BTreeMap<(bool, u64, String, &str), u64> = BTreeMap::new();
        for name in &found {
            // Numbers by value, names by the alphabet, and what has none of either last.
            let number = name.parse().unwrap_or(u64::MAX);
            let key = (name == NONE, number, name.to_lowercase(), &**name);
            *counts.entry(key).or_default() += 1;
        }
        if counts.len() < 2 {
            let only = found.first().map_or("", |name| name);
            return Err(self.unusable(format!(
                "by {by}, all of its pictures are {only:?}: expected two classes"
            )));
        }
        if counts.len() > most {
            return Err(self.unusable(format!(
                "by {by}, its {} pictures are of {} classes: expected at most {most}, as a class is learned from many \
                 pictures",
                found.len(),
                counts.len()
            )));
        }
        let all: Vec<(String, u64)> = counts
            .into_iter()
            .map(|((.., name), count)| (name.to_owned(), count))
            .collect();
        let places: HashMap<&str, usize> = all.iter().map(|(name, _)| &**name).zip(0..).collect();
        let of = found.iter().map(|name| places[&**name]).collect();
        Ok(Classes { by, all, of })
    }

    fn class_notes(&mut self, classes: &Classes, are_labels: bool) {
        const SHOWN: usize = 5;
        if are_labels {
            self.notes.retain(|note| !note.contains(UNUSED_LABELS));
        }
        let Classes { by, all, of } = classes;
        if let Some((_, count)) = all.iter().find(|(name, _)| name == NONE) {
            self.notes.push(format!(
                "{count} of {} pictures have no {by}: they are the class {NONE:?}",
                of.len()
            ));
        }
        let few: Vec<String> = all
            .iter()
            .filter(|(_, count)| *count < FEW)
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        if !few.is_empty() {
            let more = match few.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.notes.push(format!(
                "classes of fewer than {FEW} pictures will be drawn much like those pictures: {}{more}",
                few[..few.len().min(SHOWN)].join(", ")
            ));
        }
    }

    /// Why there are no classes of this name, and what there is instead.
    fn nothing_to_sort_by(&self, name: &str) -> String {
        const SHOWN: usize = 20;
        let traits = self.entries.iter().flat_map(|entry| &entry.attributes);
        let mut names: Vec<String> = traits.map(|one| printable(one.trait_type.trim())).collect();
        names.sort();
        names.dedup();
        if self.has_labels {
            names.insert(0, Classes::LABELS.into());
        }
        let name = printable(name);
        if names.is_empty() {
            return format!("no picture has {name:?}, and there are no traits or labels to tell classes by");
        }
        let more = if names.len() > SHOWN { ", and others" } else { "" };
        names.truncate(SHOWN);
        format!(
            "no picture has {name:?}, expected one of: {}{more}",
            names.join(", ")
        )
    }

    fn unusable(&self, reason: String) -> Error {
        Error::NotADataset {
            path: self.place.path_of(""),
            reason,
        }
    }
}

/// What the note about labels says until they are used.
pub(super) const UNUSED_LABELS: &str = "are used with --classes labels only";

/// Reads `{"labels": [["00000/img00000000.png", 3], ...]}`: the label of the picture at each place. What it
/// takes is bounded by the number of pictures, not by the file.
struct Labels<'a>(&'a HashMap<&'a str, usize>);

impl<'de> DeserializeSeed<'de> for Labels<'_> {
    type Value = Vec<Option<u64>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Labels<'_> {
    type Value = Vec<Option<u64>>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map with labels, such as {\"labels\": [[\"00000/img00000000.png\", 3]]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut labels = vec![None; self.0.len()];
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                Classes::LABELS => map.next_value_seed(List(self.0, &mut labels))?,
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
            }
        }
        Ok(labels)
    }
}

struct List<'a>(&'a HashMap<&'a str, usize>, &'a mut [Option<u64>]);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of pictures, each with a whole number")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        /// A file name and its label.
        #[derive(Deserialize)]
        struct Label(String, u64);
        while let Some(Label(name, label)) = seq.next_element()? {
            let place = self.0.get(&*name).ok_or_else(|| {
                let name = printable(&name);
                serde::de::Error::custom(format!("a label for {name:?}, and that picture is missing"))
            })?;
            self.1[*place] = Some(label);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
