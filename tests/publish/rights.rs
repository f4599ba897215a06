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

#[test]
fn an_upscaler_needs_a_license() {
    let dir = TempDir::new().unwrap();
    let [bundle, sr] = ["bundle", "sr.safetensors"].map(|name| dir.path().join(name));
    let state_dict = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sr/compact-prelu-x2.pth");
    let said = succeeds(&["import", "sr", utf8(&state_dict), "--out", utf8(&sr)]);
    assert!(said.contains("its license is not known"), "{said}");
    let publish = [
        "publish",
        utf8(trained_run()),
        "--sr",
        utf8(&sr),
        "--out",
        utf8(&bundle),
    ];
    fails(
        &publish,
        "is not known, and a published model states it: import it again with --license",
    );
    assert!(!bundle.exists());
}
