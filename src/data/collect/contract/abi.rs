//! How calls of contracts are written (<https://docs.soliditylang.org/en/latest/abi-spec.html>), as far as a
//! collection needs it.

/// 256 bits, the first byte the highest.
pub type Word = [u8; 32];

/// The first four bytes of each function's hash.
pub const SUPPORTS_INTERFACE: [u8; 4] = [0x01, 0xff, 0xc9, 0xa7];
pub const NAME: [u8; 4] = [0x06, 0xfd, 0xde, 0x03];
pub const CONTRACT_URI: [u8; 4] = [0xe8, 0xa3, 0xd4, 0x85];
pub const TOTAL_SUPPLY: [u8; 4] = [0x18, 0x16, 0x0d, 0xdd];
pub const TOKEN_BY_INDEX: [u8; 4] = [0x4f, 0x6c, 0xcc, 0xe7];
pub const TOKEN_URI: [u8; 4] = [0xc8, 0x7b, 0x56, 0xdd];
pub const URI: [u8; 4] = [0x0e, 0x89, 0x34, 0x1c];
/// `aggregate3((address,bool,bytes)[])` of Multicall3.
const AGGREGATE3: [u8; 4] = [0x82, 0xad, 0x56, 0xcb];

pub fn word(number: u64) -> Word {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

/// Four bytes, as `supportsInterface` takes them: at the front.
pub fn front(bytes: [u8; 4]) -> Word {
    let mut word = [0; 32];
    word[..4].copy_from_slice(&bytes);
    word
}

pub fn call(function: [u8; 4], arguments: &[Word]) -> Vec<u8> {
    [&function[..], &arguments.concat()].concat()
}

/// Many calls of the contract at `address` in one, of which each may fail.
pub fn aggregate(address: [u8; 20], calls: &[Vec<u8>]) -> Vec<u8> {
    let mut target = [0; 32];
    target[12..].copy_from_slice(&address);
    let mut offsets = vec![];
    let mut tuples: Vec<u8> = vec![];
    for call in calls {
        offsets.push(word((calls.len() * 32 + tuples.len()) as u64));
        for part in [target, word(1), word(0x60), word(call.len() as u64)] {
            tuples.extend(part);
        }
        tuples.extend(call);
        tuples.resize(tuples.len().next_multiple_of(32), 0);
    }
    let head = [word(0x20), word(calls.len() as u64)];
    let mut bytes = AGGREGATE3.to_vec();
    bytes.extend(head.concat());
    bytes.extend(offsets.concat());
    bytes.extend(tuples);
    bytes
}

/// What each of `count` calls returned; nothing for one that failed.
pub fn aggregated(bytes: &[u8], count: usize) -> Option<Vec<Option<Vec<u8>>>> {
    let list = bytes.get(number(bytes, 0)?..)?;
    if number(list, 0)? != count {
        return None;
    }
    let list = list.get(32..)?;
    let results = (0..count).map(|index| {
        let tuple = list.get(number(list, index * 32)?..)?;
        let returned = byte_string(tuple, number(tuple, 32)?)?;
        Some((number(tuple, 0)? == 1).then(|| returned.to_vec()))
    });
    results.collect()
}

/// The text that a call returned.
pub fn text(bytes: &[u8]) -> Option<String> {
    let text = byte_string(bytes, number(bytes, 0)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// The bytes whose length stands at `offset`.
fn byte_string(bytes: &[u8], offset: usize) -> Option<&[u8]> {
    let length = number(bytes, offset)?;
    bytes.get(offset.checked_add(32)?..)?.get(..length)
}

/// The word at `offset` as a number; nothing if it is larger than any offset.
pub fn number(bytes: &[u8], offset: usize) -> Option<usize> {
    let word = word_at(bytes, offset)?;
    let (high, low) = word.split_at(24);
    let low = u64::from_be_bytes(low.try_into().ok()?);
    (high.iter().all(|byte| *byte == 0) && low <= 1 << 40).then_some(low as usize)
}

pub fn word_at(bytes: &[u8], offset: usize) -> Option<Word> {
    bytes.get(offset..offset.checked_add(32)?)?.try_into().ok()
}

/// A word in decimal digits, as tokens are called.
pub fn decimal(word: &Word) -> String {
    let mut rest = *word;
    let mut digits = vec![];
    while rest.iter().any(|byte| *byte != 0) {
        let mut remainder = 0u32;
        for byte in &mut rest {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 10) as u8;
            remainder = value % 10;
        }
        digits.push(char::from(b'0' + remainder as u8));
    }
    match digits.is_empty() {
        true => "0".into(),
        false => digits.into_iter().rev().collect(),
    }
}

/// Hexadecimal digits behind `0x` as bytes.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some((value(*high)? * 16 + value(*low)?) as u8),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbers() {
        assert_eq!(decimal(&word(0)), "0");
        assert_eq!(decimal(&word(u64::MAX)), u64::MAX.to_string());
        assert_eq!(
            decimal(&[255; 32]),
            "115792089237316195423570985008687907853269984665640564039457584007913129639935"
        );
        assert_eq!(number(&word(7), 0), Some(7));
        assert_eq!(
            (
                number(&[255; 32], 0),
                number(&word(7), 1),
                number(&word(7), usize::MAX)
            ),
            (None, None, None)
        );
        assert_eq!(from_hex("0x00fF"), Some(vec![0, 255]));
        assert_eq!(
            (from_hex("00"), from_hex("0x0"), from_hex("0xgg")),
            (None, None, None)
        );
    }

    #[test]
    fn calls_are_written_as_solidity_does() {
        let calls = [call(TOKEN_URI, &[word(1)]), vec![1, 2, 3]];
        let written = aggregate([0xaa; 20], &calls);
        let words: Vec<&[u8]> = written[4..].chunks(32).collect();
        let at = |index: usize| number(words[index], 0).unwrap();
        assert_eq!(written[..4], AGGREGATE3);
        // The list, its length, where its two entries begin, and the first of them.
        assert_eq!([at(0), at(1), at(2), at(3)], [0x20, 2, 0x40, 0x40 + 0xc0]);
        assert_eq!(&words[4][12..], [0xaa; 20]);
        assert_eq!([at(5), at(6), at(7)], [1, 0x60, 36]);
        assert_eq!(&words[8][..4], TOKEN_URI);
        assert_eq!([at(11), at(12), at(13)], [1, 0x60, 3]);
        assert_eq!(words[14][..4], [1, 2, 3, 0]);
        assert_eq!(words.len(), 15);
    }

    #[test]
    fn answers_are_read_or_refused() {
        let answer = [
            word(0x20),
            word(2),
            word(0x40),
            word(0xc0),
            word(1),
            word(0x40),
            word(3),
            front(*b"abc\0"),
            word(0),
            word(0x40),
            word(0),
        ]
        .concat();
        assert_eq!(aggregated(&answer, 2), Some(vec![Some(b"abc".to_vec()), None]));
        assert_eq!(aggregated(&answer, 3), None);
        for end in 0..answer.len() {
            assert_eq!(aggregated(&answer[..end], 2), None, "{end} bytes");
        }
        let mut far = answer.clone();
        far[2 * 32..3 * 32].fill(255);
        assert_eq!(aggregated(&far, 2), None);
        let said = [word(0x20), word(5), front(*b"hell"), front(*b"o   ")].concat();
        assert_eq!(text(&said).as_deref(), Some("hell\0"));
        assert_eq!(text(&said[..66]), None);
    }
}
