//! CLIP's tokenizer: byte-pair encoding (Sennrich et al. 2016) of lower-cased text over bytes, as GPT-2 does
//! it.
//!
//! The vocabulary is the one that OpenAI published with CLIP (`merges.txt`, MIT license beside it): 256
//! bytes, the same at the end of a word, 48,894 pairs in the order in which they merge, and two special
//! tokens.

use std::collections::HashMap;
use tokenizers::{
    AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    models::bpe::BPE,
    normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers, replace::ReplacePattern},
    pre_tokenizers::{
        byte_level::ByteLevel,
        sequence::Sequence as PreTokenizers,
        split::{Split, SplitPattern},
    },
};

const MERGES: &str = include_str!("merges.txt");
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Marks the last symbol of a word.
const END_OF_WORD: &str = "</w>";
/// Texts are split into contractions, words, single digits, and runs of anything else.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Turns texts into tokens.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    start: u32,
    end: u32,
}

impl Tokenizer {
    /// Number of tokens that there are.
    pub const VOCAB_SIZE: usize = 49_408;

    /// The tokenizer of every CLIP that OpenAI published, and of most that others trained.
    pub fn openai() -> Self {
        // Nothing here depends on anything but this file and the one that it includes, so it cannot fail.
        Self::build().expect("the embedded vocabulary is whole")
    }

    fn build() -> tokenizers::Result<Self> {
        let bytes = byte_symbols();
        let merges: Vec<(&str, &str)> = MERGES.lines().filter_map(|line| line.split_once(' ')).collect();
        let symbols = bytes
            .iter()
            .cloned()
            .chain(bytes.iter().map(|byte| format!("{byte}{END_OF_WORD}")))
            .chain(merges.iter().map(|(left, right)| format!("{left}{right}")))
            .chain([START, END].map(str::to_owned));
        let vocabulary: HashMap<String, u32> = symbols.zip(0..).collect();
        let [start, end] = [START, END].map(|name| vocabulary[name]);

        let merges = merges
            .into_iter()
            .map(|(left, right)| (left.to_owned(), right.to_owned()))
            .collect();
        let model = BPE::builder()
            .vocab_and_merges(
                vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
                merges,
            )
            .unk_token(END.into())
            .end_of_word_suffix(END_OF_WORD.into())
            .build()?;
        let mut inner = tokenizers::Tokenizer::new(model);
        inner.with_normalizer(Some(Normalizers::new(vec![
            NormalizerWrapper::from(NFC),
            Replace::new(ReplacePattern::Regex(r"\s+".into()), " ")?.into(),
            Lowercase.into(),
        ])))?;
        inner.with_pre_tokenizer(Some(PreTokenizers::new(vec![
            PreTokenizerWrapper::from(Split::new(
                SplitPattern::Regex(WORDS.into()),
                SplitDelimiterBehavior::Removed,
                true,
            )?),
            ByteLevel::new(false, true, true).into(),
        ])));
        inner.add_special_tokens([START, END].map(|name| AddedToken::from(name, true)))?;
        Ok(Self { inner, start, end })
    }

    /// The tokens of `text` between those of start and end, at most `context_length` of them: what does not
    /// fit is left out before the end.
    ///
    /// # Panics
    /// When fewer than two tokens fit.
    pub fn encode(&self, text: &str, context_length: usize) -> Vec<u32> {
        assert!(context_length >= 2, "start and end alone are two tokens");
        let encoding = self.inner.encode_fast(text, false);
        let encoding = encoding.expect("every byte is in the vocabulary");
        let fitting = encoding.get_ids().iter().take(context_length - 2);
        let mut tokens = vec![self.start];
        tokens.extend(fitting);
        tokens.push(self.end);
        tokens
    }
}

/// The character that stands for each byte, in the order of the vocabulary: printable bytes stand for
/// themselves and come first, the others follow as the characters from U+0100 on.
fn byte_symbols() -> Vec<String> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let bytes = || 0..=255u8;
    let others = bytes().filter(|byte| !printable(byte)).count() as u32;
    bytes()
        .filter(printable)
        .map(char::from)
        .chain((0..others).filter_map(|i| char::from_u32(0x100 + i)))
        .map(String::from)
        .collect()
}
