//! What is measured, as captions, JSON and Markdown.

use super::nearness;
use image::RgbaImage;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

/// How well one picture was enlarged one way.
pub(super) struct Score {
    seconds: f64,
    /// PSNR in dB, and SSIM where the picture is large enough for it; nothing without an original.
    nearness: Option<(f64, Option<f64>)>,
}

impl Score {
    pub fn new(time: Duration, large: &RgbaImage, original: Option<&RgbaImage>) -> Self {
        Self {
            seconds: time.as_secs_f64(),
            nearness: original.map(|original| nearness(large, original)),
        }
    }

    /// In a few words.
    pub fn caption(&self) -> String {
        let mut words = vec![];
        if let Some((psnr, ssim)) = self.nearness {
            words.push(match psnr.is_finite() {
                true => format!("{psnr:.2} dB"),
                false => "the same".into(),
            });
            words.extend(ssim.map(|ssim| format!("{ssim:.4}")));
        }
        words.push(match self.seconds {
            seconds if seconds < 1.0 => format!("{seconds:.3} s"),
            seconds => format!("{seconds:.1} s"),
        });
        words.join(", ")
    }

    /// JSON has no infinity, so equal pictures have no PSNR.
    fn json(&self, way: &str) -> serde_json::Value {
        let psnr = self.nearness.map(|(psnr, _)| psnr);
        json!({
            "name": way,
            "seconds": self.seconds,
            "psnr": psnr.filter(|psnr| psnr.is_finite()),
            "ssim": self.nearness.and_then(|(_, ssim)| ssim),
        })
    }
}

/// What is measured of a row.
pub(super) struct Row {
    pub picture: PathBuf,
    pub from: [u32; 2],
    pub to: [u32; 2],
    pub scores: Vec<Score>,
}

/// What is measured.
pub(super) struct Figures {
    pub scale: usize,
    /// The ways to enlarge, as the columns are named.
    pub ways: Vec<String>,
    pub rows: Vec<Row>,
}

impl Figures {
    pub fn json(&self) -> String {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                let scores = self.ways.iter().zip(&row.scores);
                json!({
                    "picture": row.picture.display().to_string(),
                    "from": row.from,
                    "to": row.to,
                    "enlarged": scores.map(|(way, score)| score.json(way)).collect::<Vec<_>>(),
                })
            })
            .collect();
        format!("{:#}\n", json!({"scale": self.scale, "rows": rows}))
    }

    /// A table.
    pub fn markdown(&self) -> String {
        let mut head = vec!["picture".into(), "from".into(), "to".into()];
        head.extend(self.ways.iter().map(|way| plain(way)));
        let mut lines = vec![line(&head), format!("|{}", "---|".repeat(head.len()))];
        for row in &self.rows {
            let size = |[width, height]: [u32; 2]| format!("{width} x {height}");
            let mut cells = vec![
                plain(&row.picture.display().to_string()),
                size(row.from),
                size(row.to),
            ];
            cells.extend(row.scores.iter().map(Score::caption));
            lines.push(line(&cells));
        }
        lines.push(String::new());
        lines.push(
            "PSNR and SSIM against the original, where there is one, and the time of one run.\n".into(),
        );
        lines.join("\n")
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// A name of others, in which nothing is Markdown.
fn plain(text: &str) -> String {
    let text = crate::weights::printable_lines(text).replace('\n', " ");
    text.chars().fold(String::new(), |mut plain, c| {
        if c.is_ascii_punctuation() && !matches!(c, '.' | '/' | '-' | ',') {
            plain.push('\\');
        }
        plain.push(c);
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let gray = |value| RgbaImage::from_pixel(8, 8, image::Rgba([value, value, value, 255]));
        let time = Duration::from_millis(250);
        Figures {
            scale: 4,
            ways: vec!["nearest".into(), "a|b*".into()],
            rows: vec![Row {
                picture: "x/y_1.png".into(),
                from: [2, 2],
                to: [8, 8],
                scores: vec![
                    Score::new(time, &gray(7), Some(&gray(7))),
                    Score::new(time, &gray(7), None),
                ],
            }],
        }
    }

    #[test]
    fn what_is_not_known_is_null() {
        let json: serde_json::Value = serde_json::from_str(&figures().json()).unwrap();
        let enlarged = &json["rows"][0]["enlarged"];
        assert_eq!(enlarged[0]["ssim"], 1.0);
        assert!(enlarged[0]["psnr"].is_null() && enlarged[1]["psnr"].is_null());
        assert_eq!(enlarged[1]["seconds"], 0.25);
    }

    #[test]
    fn names_make_no_table() {
        let text = figures().markdown();
        assert!(text.contains(r"| nearest | a\|b\* |"), "{text}");
        assert!(
            text.contains(r"| x/y\_1.png | 2 x 2 | 8 x 8 | the same, 1.0000, 0.250 s | 0.250 s |"),
            "{text}"
        );
    }
}
