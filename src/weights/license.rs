//! What well-known licenses answer to "may I use this?", and where their texts are.

/// What a license comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Its name, as its authors write it.
    pub name: &'static str,
    /// Where its text is.
    pub address: &'static str,
    /// Whether pictures may be used that were drawn from art under it, as a sentence or two.
    pub answer: &'static str,
}

const WITH_NOTICE: &str = "Yes, for anything. Who passes it on keeps its notice with it.";

/// The licenses that are known, by their SPDX identifiers.
const KNOWN: [(&str, Terms); 8] = [
    (
        "CC0-1.0",
        Terms {
            name: "CC0 1.0",
            address: "https://creativecommons.org/publicdomain/zero/1.0/",
            answer: "Yes, for anything, without asking: its makers gave up their rights to it.",
        },
    ),
    (
        "CC-BY-4.0",
        Terms {
            name: "CC BY 4.0",
            address: "https://creativecommons.org/licenses/by/4.0/",
            answer: "Yes, for anything, if you credit its makers.",
        },
    ),
    (
        "CC-BY-SA-4.0",
        Terms {
            name: "CC BY-SA 4.0",
            address: "https://creativecommons.org/licenses/by-sa/4.0/",
            answer: "Yes, if you credit its makers and share what you make of it under the same terms.",
        },
    ),
    (
        "CC-BY-NC-4.0",
        Terms {
            name: "CC BY-NC 4.0",
            address: "https://creativecommons.org/licenses/by-nc/4.0/",
            answer: "Yes, if you credit its makers, but not to earn money with it.",
        },
    ),
    (
        "CC-BY-NC-SA-4.0",
        Terms {
            name: "CC BY-NC-SA 4.0",
            address: "https://creativecommons.org/licenses/by-nc-sa/4.0/",
            answer: "Yes, if you credit its makers and share what you make of it under the same terms, but not \
                     to earn money with it.",
        },
    ),
    (
        "MIT",
        Terms {
            name: "MIT",
            address: "https://spdx.org/licenses/MIT.html",
            answer: WITH_NOTICE,
        },
    ),
    (
        "Apache-2.0",
        Terms {
            name: "Apache 2.0",
            address: "https://www.apache.org/licenses/LICENSE-2.0",
            answer: WITH_NOTICE,
        },
    ),
    (
        "BSD-3-Clause",
        Terms {
            name: "BSD 3-Clause",
            address: "https://spdx.org/licenses/BSD-3-Clause.html",
            answer: WITH_NOTICE,
        },
    ),
];

/// The terms of a license by its SPDX identifier; nothing where it is not known.
pub fn terms(license: &str) -> Option<Terms> {
    let known = KNOWN
        .iter()
        .find(|(id, _)| id.eq_ignore_ascii_case(license.trim()));
    known.map(|&(_, terms)| terms)
}

/// Whether `text` is an address that a link may lead to, and nothing else.
pub fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| lower.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_license_has_a_text_to_read() {
        for (id, known) in KNOWN {
            assert_eq!(terms(&format!(" {} ", id.to_lowercase())), Some(known));
            assert!(is_web_address(known.address), "{id}");
            assert!(
                known.answer.starts_with("Yes") && known.answer.ends_with('.'),
                "{id}"
            );
        }
        assert_eq!(terms("all rights reserved"), None);
        assert_eq!(terms(""), None);
    }
}
