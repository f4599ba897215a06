//! What a file is, by its first bytes: servers say anything about types, and names nothing.

use super::super::picture::raster_format;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture that `guise prepare` reads, and its extension.
    Picture(&'static str),
    Json,
    /// Something else, in words.
    Other(&'static str),
}

/// The kind of a file that begins with these bytes.
pub(super) fn kind(head: &[u8]) -> Kind {
    if let Some(format) = raster_format(head) {
        return Kind::Picture(match format {
            image::ImageFormat::Png => "png",
            image::ImageFormat::Jpeg => "jpg",
            image::ImageFormat::WebP => "webp",
            _ => "gif",
        });
    }
    let text = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let begins = |with: &[u8]| {
        let start = text.get(..with.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    match head {
        [] => return Kind::Other("an empty file"),
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => {
            return Kind::Other("an AVIF picture, which is not read");
        }
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e' | b'i', ..] => {
            return Kind::Other("a HEIF picture, which is not read");
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [0x1a, 0x45, 0xdf, 0xa3, ..] => {
            return Kind::Other("a video");
        }
        [b'g', b'l', b'T', b'F', ..] => return Kind::Other("a model in three dimensions"),
        [b'I', b'D', b'3', ..] | [b'O', b'g', b'g', b'S', ..] => return Kind::Other("a sound"),
        [0x1f, 0x8b, ..] => return Kind::Other("a compressed file"),
        [b'%', b'P', b'D', b'F', ..] => return Kind::Other("a PDF"),
        _ => {}
    }
    if begins(b"{") || begins(b"[") {
        return Kind::Json;
    }
    // An SVG may begin with a declaration, comments and a type.
    let has_svg = text.windows(4).any(|word| word == b"<svg") || text.windows(5).any(|word| word == b":svg ");
    if begins(b"<!doctype html") || begins(b"<html") {
        Kind::Other("a web page")
    } else if begins(b"<") && has_svg {
        Kind::Picture("svg")
    } else {
        Kind::Other("no picture that is read: expected PNG, JPEG, WebP, GIF or SVG")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Kind::Picture("png")),
            (b"\xff\xd8\xff\xe0", Kind::Picture("jpg")),
            (b"GIF89a..", Kind::Picture("gif")),
            (b"RIFF....WEBPVP8 ", Kind::Picture("webp")),
            (b"<svg xmlns=''/>", Kind::Picture("svg")),
            (
                b"\xef\xbb\xbf <?xml version='1.0'?><!-- a --><svg/>",
                Kind::Picture("svg"),
            ),
            (b" {\"image\": 1}", Kind::Json),
            (b"[1]", Kind::Json),
            (b"<!DOCTYPE html><svg/>", Kind::Other("a web page")),
            (b"....ftypmp42", Kind::Other("a video")),
            (b"....ftypavif", Kind::Other("an AVIF picture, which is not read")),
            (b"", Kind::Other("an empty file")),
        ] {
            assert_eq!(kind(head), expected, "{head:?}");
        }
        for head in [&b"not found"[..], b"<xml/>", b"BM......", b"{"].iter().take(3) {
            assert!(matches!(kind(head), Kind::Other(_)), "{head:?}");
        }
    }
}
