//! A folder that holds anything but a bundle is left alone.

use super::{guise, names, tiny_bundle, trained_run, utf8};
use std::{fs, path::Path};
use tempfile::TempDir;

#[test]
fn nothing_but_a_bundle_is_replaced() {
    let dir = TempDir::new().unwrap();
    let publish = |out: &Path| guise(&["publish", utf8(trained_run()), "--out", utf8(out)]);

    // A file called model.json makes no bundle.
    let trap = dir.path().join("trap");
    fs::create_dir(&trap).unwrap();
    fs::write(trap.join("model.json"), "not a model").unwrap();
    fs::write(trap.join("precious.txt"), "x").unwrap();
    let (success, said) = publish(&trap);
    assert!(
        !success && said.contains("is there already and is no model"),
        "{said}"
    );
    assert_eq!(names(&trap), ["model.json", "precious.txt"]);

    // A bundle with anything else in it is not ours alone.
    let model = tiny_bundle(dir.path());
    let before = names(&model);
    fs::write(model.join("precious.txt"), "x").unwrap();
    let (success, said) = publish(&model);
    assert!(
        !success && said.contains("precious.txt is no file of its model"),
        "{said}"
    );
    fs::remove_file(model.join("precious.txt")).unwrap();
    assert_eq!(names(&model), before);

    // Without it, the bundle is replaced, and what the new one has not is gone.
    let (success, said) = publish(&model);
    assert!(success, "{said}");
    assert_eq!(
        names(&model),
        [
            "README.md",
            "generator.gguf",
            "model.json",
            "references.png",
            "samples.png"
        ]
    );
    assert_eq!(names(dir.path()), ["tiny", "trap"]);
}
