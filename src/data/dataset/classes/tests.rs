use super::*;
use image::RgbImage;
use std::fs::write;

/// Small pictures, with a line of `metadata.jsonl` for each of these.
fn dataset(lines: &[String]) -> (tempfile::TempDir, Dataset) {
    let dir = tempfile::tempdir().unwrap();
    let mut metadata = String::new();
    for (index, line) in lines.iter().enumerate() {
        let name = format!("img{index:08}.png");
        RgbImage::new(8, 8).save(dir.path().join(&name)).unwrap();
        metadata += &format!("{{\"file_name\": \"{name}\", {line}}}\n");
    }
    write(dir.path().join("dataset.json"), r#"{"labels": null}"#).unwrap();
    write(dir.path().join("metadata.jsonl"), metadata).unwrap();
    let dataset = Dataset::open(dir.path()).unwrap();
    (dir, dataset)
}

fn with_hats(values: &[&str]) -> (tempfile::TempDir, Dataset) {
    let line = |value: &&str| match *value {
        "" => "\"attributes\": [{\"trait_type\": \"eyes\", \"value\": \"red\"}]".into(),
        value => format!("\"attributes\": [{{\"trait_type\": \"Hat \", \"value\": \"{value}\"}}]"),
    };
    dataset(&values.iter().map(line).collect::<Vec<_>>())
}

fn error(dataset: &mut Dataset, by: &str) -> String {
    dataset.classify(by, 5).unwrap_err().to_string()
}

fn pairs(all: &[(String, u64)]) -> Vec<(&str, u64)> {
    all.iter().map(|(name, count)| (&**name, *count)).collect()
}

#[test]
fn the_values_of_a_trait_are_classes_and_what_lacks_it_is_one_too() {
    let (_dir, mut dataset) = with_hats(&["top hat", "cap", "", "None", "CAP", "no hat", "cap"]);
    let classes = dataset.classify("hat", 5).unwrap().clone();
    assert_eq!(pairs(classes.all()), [("cap", 3), ("top hat", 1), ("none", 3)]);
    let of: Vec<usize> = (0..7).map(|index| classes.of(index)).collect();
    assert_eq!(of, [1, 0, 2, 2, 0, 2, 0]);
    assert_eq!(dataset.classes(), Some(&classes));
    assert_eq!(classes.by(), "hat");
    let [none, few] = dataset.notes() else {
        panic!("{:?}", dataset.notes());
    };
    assert!(none.starts_with("3 of 7 pictures have no hat"), "{none}");
    assert!(few.contains("cap (3), top hat (1), none (3)"), "{few}");
}

#[test]
fn of_several_values_the_first_counts() {
    let two = r#""attributes": [{"trait_type": "a", "value": "x"}, {"trait_type": "A", "value": "y"}]"#;
    let one = r#""attributes": [{"trait_type": "a", "value": "y"}]"#;
    let (_dir, mut dataset) = dataset(&[two.into(), one.into()]);
    assert_eq!(
        pairs(dataset.classify("a", 5).unwrap().all()),
        [("x", 1), ("y", 1)]
    );
    assert!(dataset.notes()[0].starts_with("1 pictures have several values for a"));
}

#[test]
fn what_makes_no_classes_is_said() {
    let (_dir, mut dataset) = with_hats(&["a", "b", "c", "d", "e", "f"]);
    let many = error(&mut dataset, "hat");
    assert!(
        many.contains("6 pictures are of 6 classes: expected at most 5"),
        "{many}"
    );
    let (_dir, mut dataset) = with_hats(&["a", "a", ""]);
    let unknown = error(&mut dataset, "shoes\u{1b}");
    assert!(
        unknown.contains(r#"has "shoes\\u{1b}", expected one of: Hat, eyes"#),
        "{unknown}"
    );
    assert!(error(&mut dataset, "labels").contains("expected one of"));
    let (_dir, mut dataset) = with_hats(&["a", "a"]);
    assert!(error(&mut dataset, "hat").contains("all of its pictures are \"a\""));
    assert_eq!(dataset.classes(), None);
}

#[test]
fn collections_are_classes() {
    let lines = ["apes", "cats", "apes"].map(|name| format!("\"collection\": \"{name}\""));
    let (_dir, mut dataset) = dataset(&lines);
    let classes = dataset.classify("Collection", 5).unwrap();
    assert_eq!(pairs(classes.all()), [("apes", 2), ("cats", 1)]);

    let lines = ["\"collection\": \"a\"", "\"text\": \"b\""].map(String::from);
    let (_dir, mut dataset) = self::dataset(&lines);
    assert!(error(&mut dataset, "collection").contains("which collection img00000001.png is from"));
}

#[test]
fn labels_are_read_as_nvidias_tool_writes_them() {
    let lines = [
        "\"text\": \"a\"".to_owned(),
        "\"text\": \"b\"".into(),
        "\"text\": \"c\"".into(),
    ];
    let (dir, _) = dataset(&lines);
    let labels = |text: &str| {
        write(dir.path().join("dataset.json"), text).unwrap();
        Dataset::open(dir.path()).unwrap()
    };
    let entry = |index: usize, label: &str| format!(r#"["img0000000{index}.png", {label}]"#);
    let all = |labels: [&str; 3]| {
        let entries: Vec<String> = labels.iter().enumerate().map(|(i, l)| entry(i, l)).collect();
        format!(r#"{{"labels": [{}], "more": 1}}"#, entries.join(", "))
    };
    let mut read = labels(&all(["10", "2", "10"]));
    assert!(read.notes()[0].contains("--classes labels"), "{:?}", read.notes());
    assert_eq!(
        pairs(read.classify("labels", 5).unwrap().all()),
        [("2", 1), ("10", 2)]
    );
    assert_eq!(read.classes().unwrap().of(2), 1);
    assert!(!read.notes().iter().any(|note| note.contains("--classes")));

    for (text, expected) in [
        (all(["1", "2", "-1"]), "dataset.json, line 1"),
        (all(["1", "2", "[0.5, 0.5]"]), "dataset.json, line 1"),
        (
            format!("{{\"labels\": [{}]}}", entry(0, "1")),
            "has no label for img00000001.png",
        ),
        (
            format!("{{\"labels\": [{}]}}", entry(7, "1")),
            "dataset.json, line 1",
        ),
        ("{\"labels\": {}}".into(), "dataset.json, line 1"),
    ] {
        let error = error(&mut labels(&text), "labels");
        assert!(error.contains(expected), "{text}: {error}");
    }
}
