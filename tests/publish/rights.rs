//! Whether a model may be published at all.

use super::*;

#[test]
fn pictures_of_holders_need_a_word() {
    let dir = TempDir::new().unwrap();
    let bundle = dir.path().join("bundle");
    let refused = |license: &str, more: &[&str], said: &str| {
        let publish = [
            "publish",
            utf8(trained_run()),
            "--out",
            utf8(&bundle),
            "--license",
            license,
        ];
        fails(&[&publish[..], more].concat(), said);
        assert!(!bundle.exists());
    };
    refused("Holders have commercial rights", &[], "no one for all of them");
    refused("unknown", &[], "--i-have-the-rights");
    refused(
        "unknown",
        &["--i-have-the-rights", " "],
        "--i-have-the-rights is empty",
    );
}
