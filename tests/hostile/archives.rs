//! PyTorch archives that are valid, and made to take as much time or memory as possible.

use crate::limits::within;
use burn::tensor::Device;
use guise::weights::foreign::{ClipModel, ClipOptions};
use std::{
    io::{Cursor, Write},
    time::Duration,
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A state dict, in an archive with these storages.
fn archive(pickle: &[u8], storages: &[Vec<u8>]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(vec![]));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("a/data.pkl", options).unwrap();
    zip.write_all(pickle).unwrap();
    for (key, storage) in storages.iter().enumerate() {
        zip.start_file(format!("a/data/{key}"), options).unwrap();
        zip.write_all(storage).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn int(int: u32) -> Vec<u8> {
    [&b"J"[..], &int.to_le_bytes()].concat()
}

/// A tensor that is a part of the storage `key`, of the class `class`.
fn tensor(class: &str, key: &str, offset: u32, shape: &[u32], strides: &[u32]) -> Vec<u8> {
    let mut pickle = b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(text("storage"));
    pickle.extend(format!("ctorch\n{class}\n").bytes());
    pickle.extend([text(key), text("cpu"), int(2)].concat());
    pickle.extend(b"tQ");
    pickle.extend(int(offset));
    for ints in [shape, strides] {
        pickle.push(b'(');
        pickle.extend(ints.iter().flat_map(|&number| int(number)));
        pickle.push(b't');
    }
    pickle.extend(b"\x89NtR");
    pickle
}

/// A dictionary of these.
fn dictionary(items: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut pickle = b"}(".to_vec();
    for (name, value) in items {
        pickle.extend(text(&name));
        pickle.extend(value);
    }
    pickle.push(b'u');
    pickle
}

fn program(value: Vec<u8>) -> Vec<u8> {
    [&b"\x80\x02"[..], &value, b"."].concat()
}

/// Reads `file`, which is no CLIP, and gives what is said of it.
fn refused(name: &str, file: &[u8], memory: usize) -> String {
    within(name.into(), file, memory, Duration::from_secs(5), |file| {
        let options = ClipOptions::default();
        let model = ClipModel::from_foreign(file, &options, "MIT".into(), "a test".into(), &Device::flex());
        match model {
            Ok(_) => panic!("{name} was read, although it is no CLIP"),
            Err(error) => error.to_string(),
        }
    })
}

pub fn check() {
    // Two storages that take turns: each is read once all the same.
    let storages = [vec![0; 1_200_000], vec![0; 1_200_000]];
    let views = (0..15_000u32).map(|i| {
        let key = ["0", "1"][i as usize % 2];
        (format!("t{i}"), tensor("FloatStorage", key, i, &[10], &[1]))
    });
    let file = archive(&program(dictionary(views)), &storages);
    let said = refused("pytorch-turns", &file, 160 << 20);
    assert!(said.contains("but it has 15000"), "{said}");

    // Values that lie apart, in half precision: the storage once more, and twice that as they are read.
    let storage = vec![0; 24 << 20];
    let strided = tensor("HalfStorage", "0", 0, &[3, 4 << 20], &[1, 3]);
    let file = archive(&program(dictionary([("t".into(), strided)])), &[storage]);
    let said = refused("pytorch-strided", &file, (24 << 20) * 3 + (8 << 20));
    assert!(said.contains("but it has 1"), "{said}");

    // One long name before many.
    let one = tensor("FloatStorage", "0", 0, &[1], &[1]);
    let many = dictionary((0..15_000).map(|i| (format!("{i}"), one.clone())));
    let long = dictionary([("x".repeat(1 << 20), many)]);
    let file = archive(&program(long), &[vec![0; 4]]);
    let said = refused("pytorch-names", &file, 160 << 20);
    assert!(said.contains("whose name takes more than 1000 bytes"), "{said}");
}
