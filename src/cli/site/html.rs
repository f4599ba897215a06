//! The page's `index.html`: read as a browser reads it, and changed at the tags that are known, while every
//! other byte stays as it is. So the inline script keeps the hash that the content security policy names.

use anyhow::{Context, bail, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use html5gum::{
    HtmlString, Tokenizer,
    emitters::default::{DefaultEmitter, Token},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::{collections::BTreeMap, ops::Range};

/// A start tag of the head.
#[derive(Debug)]
pub(super) struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
    at: Range<usize>,
}

impl Tag {
    /// What an attribute says.
    pub fn get(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute).map(String::as_str)
    }
}

/// An HTML file.
#[derive(Debug)]
pub(super) struct Html {
    source: String,
    /// The tags before the end of the head, in their order.
    head: Vec<Tag>,
    /// Where the title's text stands.
    title: Range<usize>,
    /// Where the head's end tag begins, and the body's.
    ends: [usize; 2],
    /// The text of each inline script, as a browser hashes it.
    scripts: Vec<Vec<u8>>,
}

impl Html {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it has no head, title or body, or more than one.
    pub fn parse(bytes: Vec<u8>) -> anyhow::Result<Self> {
        let source = String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("it is not UTF-8"))?;
        let mut emitter = DefaultEmitter::<usize>::new_with_span();
        // As a browser: what stands in a script, a style or a title is no markup.
        emitter.naively_switch_states(true);
        let (mut head, mut scripts, mut titles) = (vec![], vec![], vec![]);
        let mut ends: [Vec<usize>; 2] = [vec![], vec![]];
        let mut in_script = false;
        for token in Tokenizer::new_with_emitter(&source, emitter) {
            let Ok(token) = token;
            match token {
                Token::StartTag(tag) => {
                    let text = |text: &HtmlString| String::from_utf8_lossy(text).into_owned();
                    let tag_read = Tag {
                        name: text(&tag.name),
                        attributes: tag.attributes.iter().map(|(k, v)| (text(k), text(v))).collect(),
                        at: tag.span.start..tag.span.end,
                    };
                    in_script = tag_read.name == "script" && tag_read.get("src").is_none();
                    if in_script {
                        scripts.push(vec![]);
                    }
                    if ends[0].is_empty() {
                        head.push(tag_read);
                    }
                }
                Token::String(text) => {
                    if let (true, Some(script)) = (in_script, scripts.last_mut()) {
                        script.extend_from_slice(&text.value);
                    }
                }
                Token::EndTag(tag) => {
                    in_script = false;
                    let at = tag.span.start;
                    match tag.name.as_slice() {
                        b"head" => ends[0].push(at),
                        b"body" => ends[1].push(at),
                        b"title" if ends[0].is_empty() => titles.push(at),
                        _ => {}
                    }
                }
                Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
            }
        }
        let once = |name: &str, found: &[usize]| match found {
            [at] => Ok(*at),
            found => bail!("it has {} </{name}> tags, expected one", found.len()),
        };
        let ends = [once("head", &ends[0])?, once("body", &ends[1])?];
        let title_end = once("title", &titles)?;
        let title_start = head.iter().find(|tag| tag.name == "title");
        let title_start = title_start.context("it has no <title>")?.at.end;
        ensure!(title_start <= title_end, "its title ends before it begins");
        Ok(Self {
            source,
            head,
            title: title_start..title_end,
            ends,
            scripts,
        })
    }

    /// The tags before the end of the head of this name.
    pub fn tags(&self, name: &str) -> impl Iterator<Item = &Tag> {
        self.head.iter().filter(move |tag| tag.name == name)
    }

    /// The one `meta` tag whose `attribute` is `value`.
    pub fn meta(&self, attribute: &str, value: &str) -> anyhow::Result<&Tag> {
        let is_it = |tag: &&Tag| {
            tag.get(attribute)
                .is_some_and(|it| it.eq_ignore_ascii_case(value))
        };
        let found: Vec<_> = self.tags("meta").filter(is_it).collect();
        match found[..] {
            [tag] => Ok(tag),
            _ => bail!(
                "it has {} tags <meta {attribute}=\"{value}\">, expected one",
                found.len()
            ),
        }
    }

    /// Checks that the content security policy lets in every inline script by its hash and nothing that is
    /// inline besides, and that it lets the page load what a site has.
    pub fn check_policy(&self) -> anyhow::Result<()> {
        let tag = self.meta("http-equiv", "content-security-policy")?;
        let before = self.head.iter().take_while(|it| it.at.start < tag.at.start);
        for Tag { name, .. } in before {
            // A browser ends the head at any other tag, and obeys a policy in the head only.
            ensure!(
                ["html", "head", "meta", "title", "link"].contains(&name.as_str()),
                "<{name}> stands before its content security policy"
            );
        }
        let policy = tag.get("content").unwrap_or_default();
        let directives = policy.split(';').filter_map(|directive| {
            let mut words = directive.split_ascii_whitespace();
            Some((words.next()?.to_ascii_lowercase(), words.collect::<Vec<_>>()))
        });
        let mut policy: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, words) in directives {
            // As a browser: of two the first holds.
            policy.entry(name).or_insert(words);
        }
        let says =
            |directive: &str, word: &str| policy.get(directive).is_some_and(|words| words.contains(&word));
        for (directive, word) in [
            ("default-src", "'none'"),
            ("script-src", "'self'"),
            ("script-src", "'wasm-unsafe-eval'"),
            ("worker-src", "'self'"),
            ("worker-src", "blob:"),
            ("connect-src", "'self'"),
            ("style-src", "'self'"),
            ("img-src", "'self'"),
            ("manifest-src", "'self'"),
        ] {
            ensure!(
                says(directive, word),
                "its content security policy lacks {directive} {word}: the page is of another version of \
                 guise; \
                 build it again with `./x build`"
            );
        }
        for word in ["'unsafe-inline'", "'unsafe-eval'", "*"] {
            ensure!(
                !says("script-src", word),
                "its content security policy has script-src {word}, which lets in every script"
            );
        }
        for script in &self.scripts {
            let word = format!("'{}'", integrity::<Sha256>("sha256", script));
            ensure!(
                says("script-src", &word),
                "its content security policy does not name the inline script of the hash {word}, so no \
                 browser would \
                 run it: build the page again with `./x build`"
            );
        }
        Ok(())
    }

    /// The file with the title and the `content` of `meta` tags changed to these texts, and with markup added
    /// to the end of the head and of the body.
    pub fn with(
        &self,
        title: &str,
        metas: &[(&str, &str)],
        [head, body]: [&str; 2],
    ) -> anyhow::Result<String> {
        let mut edits = vec![(self.title.clone(), escape(title))];
        for (name, content) in metas {
            let tag = self.meta("name", name)?;
            let changed = format!("<meta name=\"{}\" content=\"{}\">", escape(name), escape(content));
            edits.push((tag.at.clone(), changed));
        }
        for (end, markup) in self.ends.iter().zip([head, body]) {
            edits.push((*end..*end, markup.to_owned()));
        }
        // From the back, so that the places in front stay what they are.
        edits.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
        let mut html = self.source.clone();
        for (at, text) in edits {
            html.replace_range(at, &text);
        }
        Ok(html)
    }
}

/// `text` as text or as the value of an attribute in quotes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A hash as policies and `integrity` attributes name it.
fn integrity<D: Digest>(name: &str, bytes: &[u8]) -> String {
    format!("{name}-{}", STANDARD.encode(D::digest(bytes)))
}

/// The hash of a file that is linked.
pub(super) fn integrity_of(bytes: &[u8]) -> String {
    integrity::<Sha384>("sha384", bytes)
}

/// Whether `bytes` is what an `integrity` attribute says, which may name several hashes.
pub(super) fn has_integrity(bytes: &[u8], expected: &str) -> bool {
    expected.split_ascii_whitespace().any(|hash| {
        hash == integrity::<Sha256>("sha256", bytes)
            || hash == integrity::<Sha384>("sha384", bytes)
            || hash == integrity::<Sha512>("sha512", bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\nif (1 < 2) \"<title>no title</title><meta name='description'>\";\n";

    fn page(script_before: &str, policy: &str) -> String {
        format!(
            "<!doctype html><html lang=\"en\"><head>{script_before}\
             <!-- <meta name=\"description\" content=\"no tag\"> -->\
             <META http-equiv=Content-Security-Policy content=\"{policy}\">\
             <meta name='description' content='old &amp; gold'>\n<title>Old</title>\
             <script type=\"module\">{SCRIPT}</script></head><body><svg><title>In a \
             picture</title></svg></body></html>"
        )
    }

    fn policy() -> String {
        let hash = integrity::<Sha256>("sha256", SCRIPT.as_bytes());
        format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' '{hash}'; worker-src 'self' blob:; \
             connect-src 'self'; \
             style-src 'self'; img-src 'self' blob:; manifest-src 'self'"
        )
    }

    fn parse(html: &str) -> anyhow::Result<Html> {
        Html::parse(html.as_bytes().to_vec())
    }

    #[test]
    fn only_the_tags_that_are_meant_are_changed() {
        let source = page("", &policy());
        let html = parse(&source).unwrap();
        html.check_policy().unwrap();
        assert_eq!(
            html.meta("name", "description").unwrap().get("content"),
            Some("old & gold")
        );
        let hostile = "</title><script>alert(\"1\")</script>' & more";
        let changed = html
            .with(hostile, &[("description", hostile)], ["<link rel=\"x\">", "<p>"])
            .unwrap();
        let safe = "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; &amp; more";
        let expected = source
            .replace("<title>Old", &format!("<title>{safe}"))
            .replace("'old &amp; gold'", &format!("\"{safe}\""))
            .replace("<meta name='description' ", "<meta name=\"description\" ")
            .replace("</head>", "<link rel=\"x\"></head>")
            .replace("</body>", "<p></body>");
        assert_eq!(changed, expected);
        let changed = parse(&changed).unwrap();
        changed.check_policy().unwrap();
        assert_eq!(changed.scripts.len(), 1, "markup came out as text");
        assert_eq!(
            changed.meta("name", "description").unwrap().get("content"),
            Some(hostile)
        );
    }

    #[test]
    fn a_policy_that_does_not_hold_is_refused() {
        let refused = |html: String| format!("{:#}", parse(&html).unwrap().check_policy().unwrap_err());
        let said = refused(page("", &policy()).replace("(1 < 2)", "(1 < 3)"));
        assert!(said.contains("does not name the inline script"), "{said}");
        let said = refused(page("<script>early()</script>", &policy()));
        assert!(said.contains("<script> stands before"), "{said}");
        let said = refused(page("<p>", &policy()));
        assert!(said.contains("<p> stands before"), "{said}");
        let said = refused(page(
            "",
            &policy().replace("'self' 'wasm", "'self' 'unsafe-inline' 'wasm"),
        ));
        assert!(said.contains("'unsafe-inline'"), "{said}");
        let said = refused(page("", &policy().replace("manifest-src 'self'", "")));
        assert!(said.contains("lacks manifest-src 'self'"), "{said}");
        let said = refused(page("", &policy()).replace("http-equiv", "name"));
        assert!(
            said.contains("0 tags <meta http-equiv=\"content-security-policy\">"),
            "{said}"
        );
        // A browser hashes line feeds, however the file ends its lines.
        parse(&page("", &policy()).replace('\n', "\r\n"))
            .unwrap()
            .check_policy()
            .unwrap();
    }

    #[test]
    fn a_file_that_is_no_page_is_refused() {
        let said = |html: &str| format!("{:#}", parse(html).unwrap_err());
        assert!(said("").contains("0 </head> tags"));
        assert!(said("<head><title>x").contains("0 </head> tags"));
        assert!(said("<head></head><body></body>").contains("0 </title> tags"));
        assert!(said("<head><title>x</title></head></head><body></body>").contains("2 </head> tags"));
        assert!(Html::parse(vec![0xff]).is_err());
    }
}
