//! What the manifest says of a model's words.

use crate::tiny::TinyBundle;
use guise::weights::Manifest;

/// What its words are about may be missing, and is bounded like everything else.
#[test]
fn traits_are_optional_and_bounded() {
    let parse = |traits: serde_json::Value| {
        let mut json = serde_json::to_value(TinyBundle::new().manifest).unwrap();
        assert!(json.get("traits").is_none(), "none are not written");
        json["traits"] = traits;
        Manifest::parse(json.to_string().as_bytes())
    };
    let hair = serde_json::json!({"name": "hair", "noun": "hair", "colors": ["pink"]});
    let read = parse(serde_json::json!([hair])).unwrap().traits;
    assert_eq!((read[0].kinds.len(), read[0].optional), (0, false));
    let error = |traits| parse(traits).unwrap_err().to_string();
    let many = serde_json::Value::Array(vec![hair.clone(); 65]);
    assert!(error(many).contains("a list of 65, expected at most 64"));
    let of =
        |name: &str, kinds: Vec<String>| serde_json::json!([{"name": name, "noun": "hair", "kinds": kinds}]);
    assert!(
        error(of("hair", vec!["long".into(); 4097])).contains("4097 kinds and colors, expected at most 4096")
    );
    for wrong in ["", " ", "a\u{7}", &"x".repeat(201)] {
        assert!(error(of(wrong, vec![])).contains("traits"), "{wrong:?}");
        assert!(error(of("hair", vec![wrong.into()])).contains("1 to 200 printable characters"));
    }
    assert!(error(serde_json::json!({"hair": 1})).contains("invalid type"));
}
