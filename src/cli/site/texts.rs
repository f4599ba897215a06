//! The documents of a site that are not the page's. Names, credits and addresses in them are of others: all
//! of it comes out as text.

use super::{html::escape, models::Model, pictures::ICONS};
use crate::weights::manifest::Credit;
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

fn described(credit: &Credit) -> String {
    let mut list = String::new();
    for (term, text) in [
        ("License", &credit.license),
        ("Credit", &credit.attribution),
        ("Source", &credit.source),
    ] {
        if text.trim().is_empty() {
            continue;
        }
        let shown = escape(text.trim());
        let text = match is_web_address(text.trim()) {
            true => format!("<a href=\"{shown}\" rel=\"noreferrer\">{shown}</a>"),
            false => shown,
        };
        let _ = writeln!(list, "<dt>{term}</dt><dd>{text}</dd>");
    }
    list
}

/// Whether `text` is an address that a link may lead to, and nothing else.
pub(super) fn is_web_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| lower.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(plain))
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
        for text in [
            "javascript:alert(1)",
            "https://",
            "https://a\"b",
            "data:text/html,x",
            "//a.b",
            "see https://a.b",
        ] {
            assert!(!link(text).contains("<a "), "{text}");
        }
    }
}
