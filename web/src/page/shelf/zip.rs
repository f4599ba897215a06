//! A zip archive whose files are stored as they are: pictures are compressed already.

use super::super::png::checksum;

/// What every archive begins, lists and ends its parts with.
const FILE: [u8; 4] = *b"PK\x03\x04";
const LISTED: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// The version of the format that unpacks it, and the flag that names are UTF-8.
const VERSION: u16 = 20;
const UTF8: u16 = 1 << 11;
/// The first of January 1980: the archive says nothing about when it was made.
const DAY: u16 = 1 << 5 | 1;

/// An archive of these files, in their order.
pub fn stored(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut list) = (vec![], vec![]);
    for (name, content) in files {
        let start = archive.len() as u32;
        let size = content.len() as u32;
        let mut about = vec![];
        for number in [VERSION, UTF8, 0, 0, DAY] {
            about.extend(number.to_le_bytes());
        }
        for number in [checksum(content), size, size] {
            about.extend(number.to_le_bytes());
        }
        about.extend((name.len() as u16).to_le_bytes());
        about.extend(0_u16.to_le_bytes());
        archive.extend(FILE);
        archive.extend(&about);
        archive.extend(name.bytes());
        archive.extend(content);
        list.extend(LISTED);
        list.extend(VERSION.to_le_bytes());
        list.extend(&about);
        // No remark, on the first disk, of no kind, with no attributes.
        list.extend([0; 10]);
        list.extend(start.to_le_bytes());
        list.extend(name.bytes());
    }
    let (count, start) = (files.len() as u16, archive.len() as u32);
    archive.extend(&list);
    archive.extend(END);
    archive.extend([0; 4]);
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend((list.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// The content of the first file, if the archive begins as [`stored`] has it, with a file of this name.
pub fn first<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let header = archive.strip_prefix(&FILE)?;
    let two = |at: usize| Some(u16::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let is_stored = two(4)? == 0;
    let size = u32::from_le_bytes(*header.get(14..)?.first_chunk()?) as usize;
    let rest = header.get(26..)?.strip_prefix(name.as_bytes())?;
    let is_named = usize::from(two(22)?) == name.len() && two(24)? == 0;
    (is_stored && is_named).then(|| rest.get(..size)).flatten()
}
