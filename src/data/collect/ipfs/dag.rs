//! What a block of IPFS says: DAG-PB nodes that hold UnixFS files and folders.
//!
//! Both are Protocol Buffers of a handful of fields, read here as they are specified
//! (<https://ipld.io/specs/codecs/dag-pb/spec/>, <https://specs.ipfs.tech/unixfs/>).

use std::collections::HashMap;

use cid::Cid;

/// The codecs of blocks that can be followed.
pub const RAW: u64 = 0x55;
pub const DAG_PB: u64 = 0x70;
/// The hash that places names in a sharded folder.
const MURMUR3_X64_64: u64 = 0x22;

/// A block, read.
#[derive(Debug, PartialEq)]
pub enum Node {
    /// A file or a piece of one: its own bytes, then the pieces below.
    File { bytes: Vec<u8>, parts: Vec<Cid> },
    /// A folder, with what is in it.
    Folder(HashMap<String, Cid>),
    /// A part of a folder with very many files.
    Shard(Shard),
}

/// A folder's hash array mapped trie, at one level.
#[derive(Debug, PartialEq)]
pub struct Shard {
    /// The bits of a name's hash that choose among its places.
    bits: u32,
    /// The hexadecimal digits of a place in front of each link's name.
    digits: usize,
    links: Vec<(String, Cid)>,
}

/// What a shard has for a name.
#[derive(Debug, PartialEq)]
pub enum Found {
    Entry(Cid),
    /// It is in this shard, if anywhere.
    Below(Cid),
    Nothing,
}

impl Shard {
    /// What is at the place of `name` at this level, from 0 at the top.
    pub fn find(&self, name: &str, level: u32) -> Found {
        let shift = 64u32.checked_sub(self.bits * (level + 1));
        let Some(shift) = shift else {
            return Found::Nothing;
        };
        let place = (murmur3(name.as_bytes()) >> shift) & ((1 << self.bits) - 1);
        let prefix = format!("{place:0width$X}", width = self.digits);
        for (link, cid) in &self.links {
            match link.strip_prefix(&prefix) {
                Some("") => return Found::Below(*cid),
                Some(own) if own == name => return Found::Entry(*cid),
                _ => {}
            }
        }
        Found::Nothing
    }

    /// The entries of this level, and the shards below it, with empty names.
    pub fn links(&self) -> impl Iterator<Item = (&str, Cid)> {
        let links = self.links.iter();
        links.filter_map(|(link, cid)| Some((link.get(self.digits..)?, *cid)))
    }
}

impl Node {
    /// Reads a block of this codec.
    ///
    /// # Errors
    /// In words, when it is none of these.
    pub fn read(codec: u64, block: &[u8]) -> Result<Self, String> {
        match codec {
            RAW => Ok(Self::File {
                bytes: block.to_vec(),
                parts: vec![],
            }),
            DAG_PB => dag_pb(block).ok_or("it is a broken block of DAG-PB")?,
            other => Err(format!(
                "it is a block of the codec {other:#x}, expected a file or a folder"
            )),
        }
    }
}

fn dag_pb(block: &[u8]) -> Option<Result<Node, String>> {
    let (mut data, mut links) = (None, vec![]);
    for field in fields(block) {
        match field? {
            (1, Value::Bytes(bytes)) => data = Some(bytes),
            (2, Value::Bytes(link)) => links.push(read_link(link)?),
            _ => {}
        }
    }
    let (mut kind, mut bytes, mut hash, mut fanout) = (None, &[][..], 0, 0);
    for field in fields(data?) {
        match field? {
            (1, Value::Number(number)) => kind = Some(number),
            (2, Value::Bytes(own)) => bytes = own,
            (5, Value::Number(number)) => hash = number,
            (6, Value::Number(number)) => fanout = number,
            _ => {}
        }
    }
    Some(match kind? {
        0 | 2 => Ok(Node::File {
            bytes: bytes.to_vec(),
            parts: links.into_iter().map(|(_, cid)| cid).collect(),
        }),
        1 => Ok(Node::Folder(links.into_iter().collect())),
        5 if hash == MURMUR3_X64_64 && fanout.is_power_of_two() && (8..=1024).contains(&fanout) => {
            Ok(Node::Shard(Shard {
                bits: fanout.ilog2(),
                digits: format!("{:X}", fanout - 1).len(),
                links,
            }))
        }
        5 => Err(format!(
            "its folder is sharded with the hash {hash:#x} and {fanout} places, which is not known"
        )),
        4 => Err("it is a symbolic link, which is not followed".into()),
        other => Err(format!(
            "it is of UnixFS's type {other}, expected a file or a folder"
        )),
    })
}

fn read_link(link: &[u8]) -> Option<(String, Cid)> {
    let (mut name, mut cid) = (String::new(), None);
    for field in fields(link) {
        match field? {
            (1, Value::Bytes(bytes)) => cid = Some(Cid::try_from(bytes).ok()?),
            (2, Value::Bytes(bytes)) => name = String::from_utf8(bytes.to_vec()).ok()?,
            _ => {}
        }
    }
    Some((name, cid?))
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message of Protocol Buffers; nothing for a broken one, which is the last.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Option<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The first half of MurmurHash3's 128 bits for 64-bit machines, with the seed 0.
fn murmur3(bytes: &[u8]) -> u64 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let first = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let second = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let finish = |mut k: u64| {
        k = (k ^ k >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        k = (k ^ k >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        k ^ k >> 33
    };
    let (mut h1, mut h2) = (0u64, 0u64);
    let mut blocks = bytes.chunks_exact(16);
    for block in &mut blocks {
        h1 = (h1 ^ first(word(&block[..8]))).rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ second(word(&block[8..]))).rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= second(word(high));
    h1 ^= first(word(low));
    let length = bytes.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1.wrapping_add(h2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_as_others_hash_them() {
        // Values of the Python package mmh3: `mmh3.hash64(name, signed=False)[0]`.
        for (name, hash) in [
            ("", 0),
            ("a", 0x8555_5565_f659_7889),
            ("1.png", 0x039e_cc12_f77d_0c12),
            ("12345678", 0x3b4a_6406_38b1_419c),
            ("123456789", 0x3c84_645e_db66_cca4),
            ("1234567890123456", 0x4fbe_5dc5_c0e3_2cf8),
            (
                "a longer name, of more than two blocks.json",
                0x473a_fe28_8531_6ef1,
            ),
        ] {
            assert_eq!(murmur3(name.as_bytes()), hash, "{name}");
        }
    }

    #[test]
    fn broken_blocks_are_refused() {
        let cid = Cid::try_from("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o").unwrap();
        let hash = cid.to_bytes();
        let mut link = vec![0x0a, hash.len() as u8];
        link.extend(&hash);
        link.extend(b"\x12\x011");
        let mut block = vec![0x12, link.len() as u8];
        block.extend(&link);
        block.extend(b"\x0a\x02\x08\x01");
        let folder = Node::read(DAG_PB, &block).unwrap();
        assert_eq!(folder, Node::Folder(HashMap::from([("1".into(), cid)])));
        for end in 0..block.len() {
            assert!(
                Node::read(DAG_PB, &block[..end]).is_err(),
                "{end} of {} bytes",
                block.len()
            );
        }
        for (block, reason) in [
            (&b"\x0a\x02\x08\x04"[..], "symbolic link"),
            (b"\x0a\x02\x08\x03", "type 3"),
            (b"\x0a\x06\x08\x05\x28\x22\x30\x00", "sharded"),
            (b"\x0a\x02\x08\x05", "sharded"),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "broken"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "broken"),
            (b"\x0d\x01\x02\x03\x04", "broken"),
        ] {
            let said = Node::read(DAG_PB, block).unwrap_err();
            assert!(said.contains(reason), "{block:?}: {said}");
        }
        assert!(Node::read(0x71, &[]).unwrap_err().contains("codec 0x71"));
    }
}
