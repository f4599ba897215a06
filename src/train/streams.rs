//! Independent streams of random numbers, one for each purpose.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The generator of random numbers for a `purpose`, the `number`-th time, in a run with `seed`.
///
/// Its key is a hash of all three. A resumed run draws what it would have drawn, purposes share no numbers,
/// and a new purpose changes none of the others.
pub(super) fn stream(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    let key = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(number.to_le_bytes())
        .chain_update(purpose);
    ChaCha8Rng::from_seed(key.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn every_part_of_the_key_counts() {
        let draw = |seed, purpose, number| -> u64 { stream(seed, purpose, number).random() };
        assert_eq!(draw(1, "step", 2), draw(1, "step", 2));
        for other in [draw(2, "step", 2), draw(1, "order", 2), draw(1, "step", 3)] {
            assert_ne!(draw(1, "step", 2), other);
        }
    }
}
