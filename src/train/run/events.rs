//! The statistics once more, as TensorBoard reads them.
//!
//! A file of events is a row of records, each a protocol buffer between its length and a checksum
//! (TensorFlow's `TFRecord`). What is written here takes two messages of a few fields, so they are encoded by
//! hand.

use super::curves::{Group, figures};
use crate::{
    data::{Links, open_regular},
    train::{Error, io_error},
};
use serde_json::{Map, Value};
use std::{
    fs,
    io::{BufReader, ErrorKind, Read, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// The file in a run folder. TensorBoard knows one by `tfevents` in its name.
pub(super) const EVENTS: &str = "events.out.tfevents.guise";
/// What the first event of a file says about those that follow.
const VERSION: &str = "brain.Event:2";
/// No event of ours is larger.
const MAX_EVENT_BYTES: u64 = 1 << 20;

/// Appends the figures of a line of statistics, as values at the step `images_seen`.
pub(super) fn append(run: &Path, images_seen: u64, line: &Map<String, Value>) -> Result<(), Error> {
    let path = run.join(EVENTS);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall_time = now.map_or(0.0, |since| since.as_secs_f64());
    let mut summary = vec![];
    for (name, value) in figures(line) {
        let mut scalar = vec![];
        put_bytes(
            &mut scalar,
            1,
            format!("{}/{name}", Group::of(name).name()).as_bytes(),
        );
        // simple_value
        put_key(&mut scalar, 2, FIXED_32);
        scalar.extend((value as f32).to_le_bytes());
        put_bytes(&mut summary, 1, &scalar);
    }
    let mut scalars = event(wall_time, images_seen);
    put_bytes(&mut scalars, 5, &summary);
    let write = || {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
        let mut records = vec![];
        if file.metadata()?.len() == 0 {
            let mut first = event(wall_time, 0);
            put_bytes(&mut first, 3, VERSION.as_bytes());
            records = record(&first);
        }
        records.extend(record(&scalars));
        file.write_all(&records)
    };
    write().map_err(io_error("write", &path))
}

/// Cuts off the events after `images_seen` pictures, which a resumed run will write again, and what is
/// damaged, with everything after it.
pub(super) fn rewind(run: &Path, images_seen: u64) -> Result<(), Error> {
    let path = run.join(EVENTS);
    let file = match open_regular(&path, Links::Refused) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(io_error("read", &path))?,
    };
    let length = file.metadata().map_err(io_error("read", &path))?.len();
    let mut reader = BufReader::new(file);
    let mut kept = 0;
    while let Some((size, step)) = next(&mut reader).map_err(io_error("read", &path))? {
        if step > images_seen {
            break;
        }
        kept += size;
    }
    if length > kept {
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(kept))
            .map_err(io_error("write", &path))?;
    }
    Ok(())
}

/// How many bytes the next record has, and the step of its event, if it is a whole record of ours.
fn next(reader: &mut impl Read) -> std::io::Result<Option<(u64, u64)>> {
    let mut bytes = vec![];
    reader.by_ref().take(12).read_to_end(&mut bytes)?;
    let Some(&length) = bytes.first_chunk::<8>() else {
        return Ok(None);
    };
    let length = u64::from_le_bytes(length);
    if length > MAX_EVENT_BYTES {
        return Ok(None);
    }
    reader.by_ref().take(length + 4).read_to_end(&mut bytes)?;
    let size = length + 16;
    let event = bytes.get(12..12 + length as usize);
    Ok(event
        .filter(|event| record(event) == bytes)
        .and_then(|event| Some((size, step(event)?))))
}

/// The step of an event as [`event`] writes it.
fn step(event: &[u8]) -> Option<u64> {
    let (&key, rest) = event.get(9..)?.split_first()?;
    let end = rest.iter().position(|byte| byte & 0x80 == 0)?;
    let digits = rest[..=end].iter().rev();
    (key == 2 << 3 && end < 10).then(|| digits.fold(0, |step, byte| step << 7 | u64::from(byte & 0x7f)))
}

/// Wire types of protocol buffers.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

/// An event: when it was, in seconds since 1970, and at which step. What it says follows.
fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut event = vec![];
    put_key(&mut event, 1, FIXED_64);
    event.extend(wall_time.to_le_bytes());
    put_key(&mut event, 2, VARINT);
    put_varint(&mut event, step);
    event
}

fn put_key(message: &mut Vec<u8>, field: u64, wire_type: u64) {
    put_varint(message, field << 3 | wire_type);
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn put_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(message, field, BYTES);
    put_varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// `[length, its checksum, event, its checksum]`.
fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(crc32c(&length)).to_le_bytes());
    record.extend(event);
    record.extend(masked(crc32c(event)).to_le_bytes());
    record
}

/// TFRecord's checksums are turned and shifted, so that a checksum of data with checksums in it stays sound.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Castagnoli's cyclic redundancy check, bit by bit: an event is short.
fn crc32c(bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| match crc & 1 {
            1 => crc >> 1 ^ 0x82f6_3b78,
            _ => crc >> 1,
        })
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // The check value of CRC-32C in the catalogs, and a vector of RFC 3720, B.4.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    /// Reads a file as the format's description says, by other means than the writer.
    fn read(bytes: &[u8]) -> Vec<(u64, Vec<(String, f32)>)> {
        /// All fields of a message: number, and either a number or bytes.
        fn fields(mut message: &[u8]) -> Vec<(u64, u64, &[u8])> {
            let mut found = vec![];
            let varint = |message: &mut &[u8]| {
                let mut value = 0u64;
                for shift in 0.. {
                    let (&byte, rest) = message.split_first().unwrap();
                    *message = rest;
                    value += u64::from(byte % 128) << (7 * shift);
                    if byte < 128 {
                        break;
                    }
                }
                value
            };
            while !message.is_empty() {
                let key = varint(&mut message);
                let (number, length) = match key % 8 {
                    0 => (varint(&mut message), 0),
                    1 => (0, 8),
                    2 => (0, varint(&mut message) as usize),
                    5 => (0, 4),
                    other => panic!("wire type {other}"),
                };
                let (bytes, rest) = message.split_at(length);
                message = rest;
                found.push((key / 8, number, bytes));
            }
            found
        }
        let mut at = 0;
        let mut events = vec![];
        while at < bytes.len() {
            let length = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            let message = &bytes[at + 12..at + 12 + length];
            at += length + 16;
            let (mut step, mut scalars) = (0, vec![]);
            for (field, number, bytes) in fields(message) {
                match field {
                    1 => assert!(f64::from_le_bytes(bytes.try_into().unwrap()) > 1.7e9),
                    2 => step = number,
                    3 => assert_eq!(bytes, b"brain.Event:2"),
                    5 => {
                        for (_, _, value) in fields(bytes) {
                            let value = fields(value);
                            let tag = String::from_utf8(value[0].2.to_vec()).unwrap();
                            scalars.push((tag, f32::from_le_bytes(value[1].2.try_into().unwrap())));
                        }
                    }
                    other => panic!("field {other}"),
                }
            }
            events.push((step, scalars));
        }
        events
    }

    fn line(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_file_reads_as_what_was_measured_and_is_cut_where_the_run_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        rewind(dir.path(), 7).unwrap();
        for images in [4u64, 300, 70_000] {
            let text =
                format!("{{\"kimg\":1,\"duration_secs\":2,\"d_loss\":{images},\"speed\":0.5,\"no\":null}}");
            append(dir.path(), images, &line(&text)).unwrap();
        }
        let path = dir.path().join(EVENTS);
        let all = fs::read(&path).unwrap();
        let scalars = |images: u64| {
            let scalars = vec![
                ("losses/d_loss".to_owned(), images as f32),
                ("other/speed".to_owned(), 0.5),
            ];
            (images, scalars)
        };
        let expected = [(0, vec![]), scalars(4), scalars(300), scalars(70_000)];
        assert_eq!(read(&all), expected);
        for (images, events) in [(80_000, 4), (70_000, 4), (69_999, 3), (300, 3), (4, 2), (3, 1)] {
            for torn in [&[][..], &[1], &[0; 20], &[255; 40], &all[..all.len() - 9]] {
                fs::write(&path, [&all, torn].concat()).unwrap();
                rewind(dir.path(), images).unwrap();
                let kept = read(&fs::read(&path).unwrap());
                // What is torn off may begin with whole events, which are as old as they say.
                assert_eq!(kept[..events], expected[..events], "{images}");
                assert!(
                    kept.len() == events || torn.len() > 40 && images >= 70_000,
                    "{images}"
                );
            }
        }
        // A damaged record ends what is kept.
        let mut damaged = all.clone();
        damaged[all.len() - 60] ^= 1;
        fs::write(&path, &damaged).unwrap();
        rewind(dir.path(), 70_000).unwrap();
        assert_eq!(read(&fs::read(&path).unwrap()), expected[..3]);
    }
}
