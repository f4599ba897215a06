//! Pictures inside JSON: `data:` URIs in every form that browsers show, and plain SVG.
//!
//! A browser takes an unescaped `#` for the end of the data. Many generators write colors with it, so it
//! stays here.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// As forgiving as the URL standard, which asks for no padding and does not look at the bits behind the last
/// byte.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether `image` is the picture itself and not where it is.
pub(super) fn is_inline(image: &str) -> bool {
    payload(image).is_some() || image.starts_with('<')
}

/// What follows the scheme.
fn payload(image: &str) -> Option<&str> {
    let (scheme, rest) = image.split_at_checked(5)?;
    scheme.eq_ignore_ascii_case("data:").then_some(rest)
}

/// The bytes of a picture that [is inline](is_inline).
///
/// # Errors
/// In words, when it is not.
pub(super) fn decode(image: &str) -> Result<Vec<u8>, String> {
    let Some(data) = payload(image) else {
        return Ok(image.as_bytes().to_vec());
    };
    let (kind, payload) = data.split_once(',').ok_or("its `data:` URI has no comma")?;
    let mut bytes = unescaped(payload);
    let (_, encoding) = kind.trim_end().rsplit_once(';').unwrap_or_default();
    if !encoding.trim_start().eq_ignore_ascii_case("base64") {
        return Ok(bytes);
    }
    // No digit of the data; here it can only begin a fragment.
    if let Some(end) = bytes.iter().position(|byte| *byte == b'#') {
        bytes.truncate(end);
    }
    bytes.retain(|byte| !byte.is_ascii_whitespace());
    while bytes.last() == Some(&b'=') {
        bytes.pop();
    }
    for byte in &mut bytes {
        // The alphabet for addresses.
        *byte = match *byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
    }
    FORGIVING
        .decode(bytes)
        .map_err(|error| format!("its `data:` URI is not base64: {error}"))
}

/// The bytes of percent-encoded text; a sign that encodes nothing stands for itself.
pub(super) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high)
                    .zip(digit(*low))
                    .map(|(high, low)| (high * 16 + low) as u8)
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { tail };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_read() {
        for uri in [
            "data:image/png;base64,/+8xMg==",
            "DATA:image/png;base64,/+8xMg==",
            "data:image/png;base64,/+8xMg",
            "data:image/png;base64,/+8xMh",
            "data:image/png;base64,/+8xMg%3D%3D",
            "data:image/png;base64,%2f%2B8xMg=",
            "data:image/png;base64, /+8x\n\tMg== ",
            "data:image/png;base64,_-8xMg",
            "data:image/png;charset=utf-8;BASE64,/+8xMg==",
            "data:image/png; base64 ,/+8xMg==",
            "data:;base64,/+8xMg==#fragment",
        ] {
            assert!(is_inline(uri), "{uri}");
            assert_eq!(decode(uri).as_deref(), Ok(&b"\xff\xef12"[..]), "{uri}");
        }
        for uri in [
            "data:image/svg+xml,<svg a='#f00'>50%</svg>",
            "data:image/svg+xml;utf8,%3Csvg a='%23f00'%3E50%%3C/svg%3E",
            "data:image/svg+xml;charset=utf-8,%3csvg%20a='#f00'>50%25</svg>",
            "<svg a='#f00'>50%</svg>",
        ] {
            assert!(is_inline(uri), "{uri}");
            assert_eq!(
                decode(uri).as_deref(),
                Ok(&b"<svg a='#f00'>50%</svg>"[..]),
                "{uri}"
            );
        }
        assert!(!is_inline("1.png") && !is_inline("dat\u{e4}") && !is_inline("https://data:80/1.png"));
        assert!(decode("data:image/png;base64").unwrap_err().contains("no comma"));
        for wrong in ["data:;base64,A", "data:;base64,AB=C", "data:;base64,&&&&"] {
            assert!(decode(wrong).unwrap_err().contains("not base64"), "{wrong}");
        }
    }
}
