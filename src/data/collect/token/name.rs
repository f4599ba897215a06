//! What the files of a token are called.

use sha2::{Digest, Sha256};

use super::super::sink::hex;

/// A longer name of a token is not taken for its files.
const MAX_NAME: usize = 80;

/// What the files of a token are called: as the token, where that is a plain name. Anything else gets what
/// is plain of it and its hash, so that no name climbs out, collides or means a device.
pub(in super::super) fn file_name(id: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    // Windows takes these for devices.
    let is_device = |name: &str| {
        let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        matches!(stem, "con" | "prn" | "aux" | "nul" | "com" | "lpt")
    };
    let is_reserved = matches!(
        id,
        "collection" | "provenance" | "failed" | "skipped" | "dataset" | "metadata"
    );
    if (1..=MAX_NAME).contains(&id.len()) && id.bytes().all(is_plain) && !is_device(id) && !is_reserved {
        return id.into();
    }
    let lower = id.to_lowercase();
    let plain: String = lower
        .bytes()
        .filter(|byte| is_plain(*byte))
        .take(40)
        .map(char::from)
        .collect();
    format!("{plain}-{}", &hex(&Sha256::digest(id))[..12])
        .trim_start_matches('-')
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_stay_in_the_folder() {
        for plain in ["17", "ape_17-b", &"9".repeat(78)] {
            assert_eq!(file_name(plain), plain);
        }
        let mut seen = HashSet::new();
        for id in [
            "../../etc/passwd",
            "..",
            ".",
            "",
            "a/b",
            "a\\b",
            "a\0b",
            "CON",
            "nul",
            "com1",
            "Ape",
            "ape 17",
            "\u{202e}gnp",
            "collection",
            "\u{e4}",
            &"9".repeat(300),
            ".hidden",
            "a:b",
            "17.png",
        ] {
            let name = file_name(id);
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{name}"
            );
            assert!(
                !name.is_empty() && name.len() < 64 && seen.insert(name.clone()),
                "{id:?}: {name}"
            );
            assert_eq!(file_name(id), name);
        }
    }
}
