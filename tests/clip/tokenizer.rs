//! The tokenizer against Hugging Face's on a thousand strings.

use super::bytes;
use guise::networks::encoders::clip::Tokenizer;

#[test]
fn a_thousand_texts_give_the_tokens_of_the_reference() {
    let tokenizer = Tokenizer::openai();
    let lines = String::from_utf8(bytes("tokens.jsonl")).unwrap();
    let mut wrong = vec![];
    let mut seen = 0;
    for line in lines.lines() {
        let (text, expected): (String, Vec<u32>) = serde_json::from_str(line).unwrap();
        let tokens = tokenizer.encode(&text, 77);
        if tokens != expected {
            wrong.push(format!("{text:?}: {tokens:?}, expected {expected:?}"));
        }
        seen += 1;
    }
    assert_eq!(seen, 1000);
    assert!(
        wrong.is_empty(),
        "{} of them differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn long_texts_end_where_the_context_does() {
    let tokenizer = Tokenizer::openai();
    let long = "hair ".repeat(100_000);
    for context_length in [2, 3, 77] {
        let tokens = tokenizer.encode(&long, context_length);
        assert_eq!(tokens.len(), context_length);
        assert_eq!((tokens[0], tokens[context_length - 1]), (49_406, 49_407));
    }
    assert!(tokenizer.encode("", 77).len() == 2);
    assert!((Tokenizer::VOCAB_SIZE as u32) == 49_407 + 1);
}
