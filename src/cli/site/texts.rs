//! The documents of a site that are not the page's. Names, credits and addresses in them are of others: all
//! of it comes out as text.

use super::{html::escape, models::Model, pictures::ICONS};
use crate::weights::{
    license::{is_web_address, terms},
    manifest::Credit,
};
use serde_json::json;
use std::fmt::Write;

/// A document that loads nothing and runs nothing.
fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"content-security-policy\" content=\"default-src 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light \
         dark\">\n\
         <title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

/// `licenses.html`: whose work each model is, and what may be done with it.
pub(super) fn licenses(models: &[Model]) -> String {
    let mut body = String::from("<p><a href=\"./\">Back to the page</a></p>\n");
    for model in models {
        let parts = &model.manifest.parts;
        let mut credits = vec![
            ("The art that it was trained on", &model.manifest.art),
            ("The generator, which draws the avatars", &parts.generator.weights),
        ];
        credits.extend(
            parts
                .upscaler
                .as_ref()
                .map(|it| ("The network that enlarges them", &it.weights)),
        );
        credits.extend(
            parts
                .image_tower
                .as_ref()
                .map(|it| ("The network that looks at pictures", &it.weights)),
        );
        credits.extend(
            parts
                .text_tower
                .as_ref()
                .map(|it| ("The network that reads sentences", &it.weights)),
        );
        credits.extend(
            parts
                .mapper
                .as_ref()
                .map(|it| ("The network that drafts avatars", &it.weights)),
        );
        // Writing to a String cannot fail.
        let _ = writeln!(body, "<h2>{}</h2>", escape(&model.manifest.name));
        let _ = writeln!(
            body,
            "<p>May you use what it draws? {}</p>",
            answer(&model.manifest.art)
        );
        for (what, credit) in credits {
            let _ = writeln!(body, "<h3>{what}</h3>\n<dl>\n{}</dl>", described(credit));
        }
        let files = [
            ("The model card, with notices", model.card()),
            (
                "The license of the network that reads sentences",
                model.text_tower_license(),
            ),
        ];
        for (what, path) in files {
            if let Some(path) = path {
                let _ = writeln!(body, "<p><a href=\"./{}\">{what}</a></p>", escape(&path));
            }
        }
    }
    document("Licenses", &body)
}

/// Whether pictures of this art may be used.
fn answer(art: &Credit) -> String {
    match terms(&art.license) {
        Some(terms) => terms.answer.into(),
        None => format!(
            "Its license is “{}”: please read it first.",
            escape(art.license.trim())
        ),
    }
}

fn described(credit: &Credit) -> String {
    let link = |address: &str, text: &str| {
        format!(
            "<a href=\"{}\" rel=\"noreferrer\">{}</a>",
            escape(address),
            escape(text)
        )
    };
    let plain = |text: &str| match is_web_address(text) {
        true => link(text, text),
        false => escape(text),
    };
    let license = credit.license.trim();
    let license = match terms(license) {
        Some(terms) => link(terms.address, license),
        None => plain(license),
    };
    let mut list = String::new();
    for (term, text) in [
        ("License", license),
        ("Credit", plain(credit.attribution.trim())),
        ("Source", plain(credit.source.trim())),
    ] {
        if !text.is_empty() {
            let _ = writeln!(list, "<dt>{term}</dt><dd>{text}</dd>");
        }
    }
    list
}

/// `404.html`. Hosts show it at any depth of path, so only a whole address could lead from it to the page.
pub(super) fn not_found(title: &str, address: Option<&str>) -> String {
    let way = match address {
        Some(address) => format!(
            "<p><a href=\"{}\">{}</a> is here.</p>\n",
            escape(address),
            escape(title)
        ),
        None => String::new(),
    };
    document(
        "Nothing is here",
        &format!("<p>This address leads to no file of the site.</p>\n{way}"),
    )
}

/// The web manifest, by which a page can be put on a home screen.
pub(super) fn web_manifest(title: &str, description: &str, background: &str, icons: &[String]) -> String {
    let icons: Vec<_> = icons
        .iter()
        .zip(ICONS)
        .map(|(src, side)| json!({"src": src, "sizes": format!("{side}x{side}"), "type": "image/png"}))
        .collect();
    let manifest = json!({
        "name": title,
        "description": description,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": background,
        "theme_color": background,
        "icons": icons,
    });
    format!("{manifest:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        let link = |source: &str| {
            described(&Credit {
                license: "CC0-1.0".into(),
                attribution: "<b>".into(),
                source: source.into(),
            })
        };
        let safe = link("https://example.org/a?b=1&c='2'");
        assert!(
            safe.contains("<a href=\"https://example.org/a?b=1&amp;c=&#39;2&#39;\" rel"),
            "{safe}"
        );
        assert!(safe.contains("<dd>&lt;b&gt;</dd>"), "{safe}");
        let license =
            "<a href=\"https://creativecommons.org/publicdomain/zero/1.0/\" rel=\"noreferrer\">CC0-1.0</a>";
        assert!(safe.contains(license), "{safe}");
        for text in [
            "javascript:alert(1)",
            "https://",
            "https://a\"b",
            "data:text/html,x",
            "//a.b",
            "see https://a.b",
        ] {
            assert_eq!(link(text).matches("<a ").count(), 1, "only the license: {text}");
        }
    }
}
