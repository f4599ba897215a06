//! What people type, as weighted prompts: `pink hair:1 | glasses:-0.5`.

use super::{Error, Lexicon, Reading};
use crate::{
    networks::encoders::{
        collection_clip::{MAX_CLAUSES, TextTower},
        minilm::Tokenizer,
    },
    weights::shortened,
};

/// One wish in words, and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The words, without space around them; never empty.
    pub text: String,
    /// From -[`MAX_WEIGHT`] to [`MAX_WEIGHT`]; less than zero asks for pictures that are unlike the words.
    pub weight: f32,
}

/// The longest text that is read, in characters. A text encoder looks at its first hundred words or so.
pub const MAX_CHARS: usize = 10_000;

/// The most prompts that a text may hold.
pub const MAX_PROMPTS: usize = 32;

/// The largest weight; only the relation between weights means anything.
pub const MAX_WEIGHT: f32 = 100.0;

/// Parts of an error message are shown up to this many characters.
pub(super) const SHOWN_CHARS: usize = 40;

/// Reads `text` as prompts that `|` separates, each of which may end in a colon and its weight; without one
/// it weighs 1.
///
/// A colon that no number follows belongs to the words, and so does everything that only looks like a number
/// elsewhere (`inf`, other scripts' digits). A colon between whole numbers without a space is that of a time
/// or a ratio (`12:30`, `16:9`); a space before it makes it the weight's. Prompts without words are passed
/// over.
///
/// # Errors
///
/// [`Error::Request`] when nothing is asked for, or more than the constants of this module allow.
pub fn parse(text: &str) -> Result<Vec<Prompt>, Error> {
    let chars = text.chars().count();
    if chars > MAX_CHARS {
        return wrong(format!(
            "the prompt has {chars} characters, expected at most {MAX_CHARS}: shorten it"
        ));
    }
    let mut prompts = vec![];
    for part in text.split('|') {
        let (words, weight) = match part.rsplit_once(':') {
            Some((words, number)) => match weight(number).filter(|_| !tells_time(words, number)) {
                Some(weight) => (words, weight),
                None => (part, 1.0),
            },
            None => (part, 1.0),
        };
        // Line breaks and tabs are no more than space between words, and other control characters are
        // nothing.
        let words: Vec<String> = words
            .split_whitespace()
            .map(|word| word.chars().filter(|c| !c.is_control()).collect())
            .filter(|word: &String| !word.is_empty())
            .collect();
        let text = words.join(" ");
        if text.is_empty() {
            continue;
        }
        // NaN cannot be written, but would fail here too.
        if !(-MAX_WEIGHT..=MAX_WEIGHT).contains(&weight) {
            return wrong(format!(
                "the weight of {:?} is {weight}, expected -{MAX_WEIGHT} to {MAX_WEIGHT}",
                shortened(&text, SHOWN_CHARS)
            ));
        }
        prompts.push(Prompt { text, weight });
    }
    if prompts.len() > MAX_PROMPTS {
        return wrong(format!(
            "there are {} prompts between the bars, expected at most {MAX_PROMPTS}: join some of them",
            prompts.len()
        ));
    }
    if prompts.iter().all(|prompt| prompt.weight == 0.0) {
        return wrong(
            "the prompt asks for nothing: describe an avatar in words, such as \"pink hair\"".into(),
        );
    }
    Ok(prompts)
}

/// The weight that `number` states, if it is a number as people write them.
fn weight(number: &str) -> Option<f32> {
    let number = number.trim();
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    number.parse().ok().filter(|_| plain)
}

/// Whether the colon between `words` and `number` is that of a time or a ratio.
fn tells_time(words: &str, number: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.trim_end();
    let last = words.rsplit(char::is_whitespace).next().unwrap_or_default();
    match last.contains(':') {
        // The seconds of 12:30:15 are two digits.
        true => last.split(':').all(digits) && digits(number) && number.len() == 2,
        false => digits(last) && digits(number),
    }
}

fn wrong<T>(reason: String) -> Result<T, Error> {
    Err(Error::Request(reason))
}

/// Prompts in the words of a model, and what their author should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// What to ask the text tower for.
    pub prompts: Vec<Prompt>,
    /// Sentence fragments.
    pub remarks: Vec<String>,
}

/// Reads `prompts` with the words of a model, if it comes with any, for its text tower.
pub fn understand(
    lexicon: Option<&Lexicon>,
    tower: &TextTower,
    tokenizer: &Tokenizer,
    prompts: &[Prompt],
) -> Understood {
    let mut understood = Understood {
        prompts: prompts.to_vec(),
        remarks: vec![],
    };
    if let Some(lexicon) = lexicon {
        let read = |prompt| lexicon.read(prompt, |word| tokenizer.knows(word));
        let readings: Vec<Reading> = prompts.iter().map(read).collect();
        understood.remarks.extend(lexicon.remark(&readings));
        understood.prompts = readings.into_iter().flat_map(|reading| reading.prompts).collect();
    }
    let unread = |prompt: &Prompt| unread(tower, tokenizer, &prompt.text);
    understood
        .remarks
        .extend(understood.prompts.iter().flat_map(unread));
    understood
}

/// What of `text` a collection's text tower does not read, each as a sentence fragment.
fn unread(tower: &TextTower, tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    let unread = tower.unread(tokenizer, text);
    let most = tower.minilm.positions() - 2;
    let mut problems: Vec<String> = unread
        .cut
        .iter()
        .map(|clause| {
            format!(
                "only the first {most} pieces of words are read of \"{}\": use commas, or fewer words",
                shortened(clause, SHOWN_CHARS)
            )
        })
        .collect();
    if let Some(first) = unread.left_out.first() {
        problems.push(format!(
            "a sentence is read up to {MAX_CLAUSES} parts: nothing from \"{}\" on is read",
            shortened(first, SHOWN_CHARS)
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, f32)> {
        let prompts = parse(text).unwrap();
        prompts
            .into_iter()
            .map(|prompt| (prompt.text, prompt.weight))
            .collect()
    }

    fn one(text: &str, weight: f32) -> Vec<(String, f32)> {
        vec![(text.into(), weight)]
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn weights_are_read() {
        assert_eq!(
            of("pink hair:1 | glasses:-0.5"),
            [("pink hair".to_string(), 1.0), ("glasses".to_string(), -0.5)]
        );
        assert_eq!(of("pink hair"), one("pink hair", 1.0));
        assert_eq!(of(" pink\n\thair : +2.5e-1 "), one("pink hair", 0.25));
        assert_eq!(of("a hat:0 | hair:.5").len(), 2);
    }

    #[test]
    fn colons_of_the_text_stay() {
        for text in [
            "a man: bald",
            "hair:",
            "mood:inf",
            "size:nan",
            "x:١",
            "size:-",
            "http://a.b",
        ] {
            assert_eq!(of(text), one(text, 1.0));
        }
        for text in [
            "12:30",
            "a clock at 12:30",
            "16:9 ",
            "from 9:00 to 12:30:15",
            "0:1",
        ] {
            assert_eq!(of(text), one(text.trim(), 1.0));
        }
        for (text, words, weight) in [
            ("time 12:30:2", "time 12:30", 2.0),
            ("clock 12:30:0.5", "clock 12:30", 0.5),
            ("agent 7 :2", "agent 7", 2.0),
            ("agent 7:-1", "agent 7", -1.0),
            ("agent 7:0.5", "agent 7", 0.5),
            ("mark2:3", "mark2", 3.0),
        ] {
            assert_eq!(of(text), one(words, weight), "{text}");
        }
    }

    #[test]
    fn any_script_may_be_written() {
        assert_eq!(of("👩🏽‍🎤 rockstar:2"), one("👩🏽‍🎤 rockstar", 2.0));
        assert_eq!(
            of("שיער ורוד:0.5 | שיער"),
            [("שיער ורוד".to_string(), 0.5), ("שיער".to_string(), 1.0)]
        );
        let long = "ж".repeat(MAX_CHARS);
        assert_eq!(of(&long), one(&long, 1.0));
        assert_eq!(of("a\0b c"), one("ab c", 1.0));
    }

    #[test]
    fn nothing_and_too_much_are_refused_in_words() {
        for text in ["", " \n", "|", " | :3 |", "\0", "hat:0"] {
            assert!(error(text).contains("asks for nothing"), "{text:?}");
        }
        assert_eq!(
            error(&"x".repeat(10_001)),
            "the prompt has 10001 characters, expected at most 10000: shorten it"
        );
        assert_eq!(
            error("hat:101"),
            "the weight of \"hat\" is 101, expected -100 to 100"
        );
        assert!(error("hat:-1e99").contains("is -inf, expected"));
        assert!(error(&format!("{}:101", "ж".repeat(99))).contains(&format!("\"{}...\"", "ж".repeat(40))));
        assert!(error(&"a|".repeat(33)).contains("33 prompts"));
        assert_eq!(parse(&"a|".repeat(32)).unwrap().len(), 32);
    }
}
