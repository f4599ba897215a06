//! What measures are called.

/// Method, number of drawn pictures, features: `fid10k_full`, `kid512_clip`, `kid1k_random`. A measure says
/// nothing beside one of another name.
pub fn measure_name(method: &str, pictures: u64, features: &str) -> String {
    match pictures % 1000 {
        0 => format!("{method}{}k_{features}", pictures / 1000),
        _ => format!("{method}{pictures}_{features}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_named_with_what_it_depends_on() {
        assert_eq!(measure_name("fid", 10_000, "full"), "fid10k_full");
        assert_eq!(measure_name("kid", 512, "clip"), "kid512_clip");
    }
}
