//! Tables with one picture a row: the `metadata.csv` of an image folder, and what marketplaces take.

use csv::ReaderBuilder;

use super::super::super::data_uri::is_inline;
use super::super::super::traits::{CONTAINERS, NOT_SEEN, Reading, key};
use super::{IDS, TEXTS, Token, named};

/// What a column is about.
enum Column {
    Image,
    Id,
    Text,
    /// Attributes as JSON.
    Container,
    /// The trait of this name.
    Trait(String),
    /// A trait of this name if the table has no captions, and else anything.
    Other(String),
    Nothing,
}

/// Calls `each` with every row.
///
/// # Errors
/// In words, when the table does not say which picture a row is about.
pub(super) fn tokens(text: &str, each: &mut dyn FnMut(Result<Token, String>)) -> Result<(), String> {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    let delimiter = b",;\t"
        .iter()
        .copied()
        .max_by_key(|delimiter| (count(*delimiter), *delimiter == b','));
    let mut rows = ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = rows.headers().map_err(|error| format!("not a table: {error}"))?;
    let columns: Vec<Column> = header.iter().map(column).collect();
    let has = |wanted: fn(&Column) -> bool| columns.iter().any(wanted);
    if !has(|column| matches!(column, Column::Image | Column::Id)) {
        return Err("a table without a column `file_name`".into());
    }
    let has_captions = has(|column| matches!(column, Column::Text));
    for (number, row) in rows.records().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                each(Err(format!("row {}: {error}", number + 2)));
                continue;
            }
        };
        let mut token = Token::default();
        let mut reading = Reading::default();
        let (mut text, mut holds_picture) = (None, false);
        for (column, cell) in columns.iter().zip(&row) {
            match column {
                Column::Image if is_inline(cell.trim()) => holds_picture = true,
                Column::Image => token.images.extend(named(cell.trim())),
                Column::Id => token.ids.push(cell.trim().to_string()),
                Column::Text => text = text.or(Some(cell.to_string())),
                Column::Container => reading.add(&cell.into()),
                Column::Trait(name) => reading.named(name, cell),
                Column::Other(name) if !has_captions => reading.named(name, cell),
                Column::Other(_) | Column::Nothing => {}
            }
        }
        if holds_picture {
            let reason = "a picture inside a table is not read: write it as a file";
            each(Err(format!("row {}: {reason}", number + 2)));
            continue;
        }
        token.say(reading, text.as_ref());
        each(Ok(token));
    }
    Ok(())
}

fn column(header: &str) -> Column {
    let name = key(header);
    let is = |names: &[&str]| names.contains(&name.as_str());
    // `attributes[hair]`, as OpenSea writes it.
    let bracketed = header
        .trim()
        .strip_suffix(']')
        .and_then(|header| header.split_once('['));
    match bracketed {
        Some((group, inner)) if CONTAINERS.contains(&key(group).as_str()) => Column::Trait(inner.to_string()),
        _ if is(&["filename", "file", "image", "imageurl", "imagefile", "path"]) => Column::Image,
        _ if is(IDS) => Column::Id,
        _ if is(TEXTS) => Column::Text,
        _ if is(CONTAINERS) => Column::Container,
        _ if is(NOT_SEEN) => Column::Nothing,
        _ => Column::Other(header.to_string()),
    }
}
