//! What phrases are about, for those who read them.

use super::{
    Phrasebook, find, thing,
    words::{COLORS, SKIN},
};

/// Something that phrases are about, with everything that they say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Index of the property that says what kind it is.
    pub property: usize,
    /// As the collection calls it: "clothes".
    pub name: String,
    /// As phrases call it in general: "shirt".
    pub noun: String,
    /// Its kinds: "checkered shirt".
    pub kinds: Vec<String>,
    /// Its colors: "blue".
    pub colors: Vec<String>,
}

impl Phrasebook {
    /// Everything that phrases are about.
    pub fn subjects(&self) -> Vec<Subject> {
        let bases = (0..self.properties.len()).filter(|&property| self.base(property) == property);
        let subject = |base: usize| {
            let property = &self.properties[base];
            let name = thing(&property.name);
            let table = if name == "skin" { SKIN } else { COLORS };
            // Where nothing else tells the color, a value may be one.
            let is_color = |value: &str| {
                let is_named = property.name != name || find(table, value).is_some();
                self.colors[base].is_none() && is_named
            };
            let (mut kinds, mut colors) = (vec![], vec![]);
            for (index, value) in (1..).zip(&property.values) {
                match is_color(value) {
                    true => colors.push(value.clone()),
                    false => kinds.push(self.label(base, index)),
                }
            }
            let own = self.colors[base].map(|color| self.properties[color].values.clone());
            colors.extend(own.into_iter().flatten());
            Subject {
                property: base,
                name: name.to_owned(),
                noun: self.any_label(base),
                kinds,
                colors,
            }
        };
        bases.map(subject).collect()
    }
}
