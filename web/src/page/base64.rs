//! Bytes as base64url without padding, which needs no escaping anywhere.

use leptos::prelude::window;

/// Bytes as text. The browser's own function takes a character for each byte.
pub fn encode(bytes: &[u8]) -> Option<String> {
    let characters: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let text = window().btoa(&characters).ok()?;
    Some(text.trim_end_matches('=').replace('+', "-").replace('/', "_"))
}

/// The bytes of such text; nothing if it is none, or longer than it may be.
pub fn decode(text: &str, max_chars: usize) -> Option<Vec<u8>> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > max_chars || !text.bytes().all(known) {
        return None;
    }
    let characters = window().atob(&text.replace('-', "+").replace('_', "/")).ok()?;
    characters
        .chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect()
}
