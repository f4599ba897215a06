//! Panels of curves as an SVG file, and that as PNG.

use crate::cli::drawing::{drawn, text_width};
use anyhow::anyhow;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::{io::Cursor, ops::Range};

/// Colors that are told apart in print and by most eyes; Okabe and Ito's first (2008).
pub(super) const COLORS: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 94, 240),
    RGBColor(138, 90, 60),
    RGBColor(90, 90, 90),
    RGBColor(190, 30, 60),
];
const INK: RGBColor = RGBColor(45, 48, 56);
const PALE: RGBColor = RGBColor(120, 125, 135);
const GRID: RGBColor = RGBColor(228, 230, 235);

/// Units of the drawing in a pixel: its coordinates are whole numbers, and curves must not have steps.
const UNITS: u32 = 10;
/// Size of a panel, in pixels.
const PANEL: (u32, u32) = (520, 300);
/// Height of a row of a legend, and of what is below the panels, in pixels.
const ROW: u32 = 22;
/// Around the whole picture, in pixels.
const MARGIN: u32 = 16;
/// How many pixels of a PNG come to one of these.
const PNG_SCALE: f32 = 2.0;

/// A curve and what it is called.
pub(super) struct Series {
    pub name: String,
    /// A number of [`COLORS`].
    pub color: usize,
    /// Time and value, the earliest first.
    pub points: Vec<(f64, f64)>,
}

/// Curves with axes in common.
pub(super) struct Panel {
    pub title: String,
    /// Whether the names of its curves stand beside the title.
    pub has_legend: bool,
    pub series: Vec<Series>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// An SVG file with all `panels`, and above them a `legend` of what the colors are, in their order; `time`
/// says what the horizontal axes count.
pub(super) fn svg(panels: &[Panel], legend: &[String], time: &str) -> anyhow::Result<String> {
    let columns = panels.len().clamp(1, 2) as u32;
    let rows = (panels.len() as u32).div_ceil(columns);
    let entries: Vec<_> = legend.iter().map(String::as_str).zip(0..).collect();
    let width = columns * PANEL.0 + 2 * MARGIN;
    let header = place(&entries, 0, f64::from(width - 2 * MARGIN))
        .last()
        .map_or(0, |entry| entry.1 + 1)
        * ROW;
    let height = rows * PANEL.1 + header + ROW + 2 * MARGIN;
    let mut svg = String::new();
    let size = (width * UNITS, height * UNITS);
    draw(panels, &entries, time, [columns, rows, header], &mut svg, size)
        .map_err(|error| anyhow!("cannot draw the curves: {error}"))?;
    // The file's own size is in pixels; inside, they are divided into units.
    let [in_units, in_pixels] =
        [size, (width, height)].map(|(width, height)| format!("<svg width=\"{width}\" height=\"{height}\""));
    Ok(svg.replacen(&in_units, &in_pixels, 1))
}

fn draw(
    panels: &[Panel],
    legend: &[(&str, usize)],
    time: &str,
    [columns, rows, header]: [u32; 3],
    svg: &mut String,
    size: (u32, u32),
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.margin(units(MARGIN), units(MARGIN), units(MARGIN), units(MARGIN));
    let (top, rest) = root.split_vertically(units(header));
    write_legend(&top, legend, 0)?;
    let (middle, bottom) = rest.split_vertically(units(rows * PANEL.1));
    for (area, panel) in middle
        .split_evenly((rows as usize, columns as usize))
        .iter()
        .zip(panels)
    {
        draw_panel(area, panel)?;
    }
    let mut note = time.to_owned();
    if panels
        .iter()
        .flat_map(|panel| &panel.series)
        .any(|series| window(series) > 1)
    {
        note += "; pale as measured, dark the mean over 2 % of the run";
    }
    let anchor = Pos::new(HPos::Center, VPos::Center);
    let at = (units(columns * PANEL.0) / 2, units(ROW) / 2);
    bottom.draw(&Text::new(note, at, font(12.0, &PALE).pos(anchor)))?;
    root.present()?;
    Ok(())
}

fn draw_panel(area: &Area, panel: &Panel) -> Result<(), Box<dyn std::error::Error>> {
    let (top, below) = area.split_vertically(units(ROW));
    let anchor = Pos::new(HPos::Left, VPos::Center);
    let at = (units(8), units(ROW) / 2);
    top.draw(&Text::new(panel.title.clone(), at, font(14.0, &INK).pos(anchor)))?;
    if panel.has_legend {
        let names: Vec<_> = panel
            .series
            .iter()
            .map(|series| (series.name.as_str(), series.color))
            .collect();
        write_legend(&top, &names, 16 + text_width(&panel.title, 14.0) as u32)?;
    }
    let times = panel
        .series
        .iter()
        .flat_map(|series| series.points.iter().map(|point| point.0));
    let (x, y) = (range(times, 0.0), values(&panel.series));
    let mut chart = ChartBuilder::on(&below)
        .margin_right(units(16))
        .margin_top(units(4))
        .margin_bottom(units(8))
        .x_label_area_size(units(22))
        .y_label_area_size(units(56))
        .build_cartesian_2d(x, y.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(UNITS))
        .axis_style(PALE.stroke_width(UNITS))
        .set_all_tick_mark_size(units(4))
        .label_style(font(11.0, &INK))
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|value| label(*value))
        .y_label_formatter(&|value| label(*value))
        .draw()?;
    let within = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        // Outliers end at the border, which nothing else would keep them in.
        points
            .iter()
            .map(|&(x, value)| (x, value.clamp(y.start, y.end)))
            .collect()
    };
    for series in &panel.series {
        let color = COLORS[series.color % COLORS.len()];
        let (points, window) = (within(&series.points), window(series));
        if let &[point] = &points[..] {
            let dot = Circle::new(point, units(3), color.filled());
            chart.draw_series(std::iter::once(dot))?;
            continue;
        }
        let line = color.stroke_width(UNITS * 7 / 4);
        if window > 1 {
            let pale = color.mix(0.25).stroke_width(UNITS);
            chart.draw_series(LineSeries::new(points, pale))?;
            chart.draw_series(LineSeries::new(within(&smoothed(&series.points, window)), line))?;
        } else {
            chart.draw_series(LineSeries::new(points, line))?;
        }
    }
    Ok(())
}

/// How many points of a curve are averaged to see where it goes: 2 % of a long one.
fn window(series: &Series) -> usize {
    (series.points.len() / 50).max(1)
}

/// The mean of the `window` points around each, of fewer at the ends.
fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let mean = |i: usize| {
        // As many on both sides, so that the curve does not move in time.
        let reach = (window / 2).min(i).min(points.len() - 1 - i);
        let near = &points[i - reach..=i + reach];
        near.iter().map(|point| point.1).sum::<f64>() / near.len() as f64
    };
    (0..points.len()).map(|i| (points[i].0, mean(i))).collect()
}

/// What a vertical axis shows: everything of short curves, and all but 1 % of long ones.
fn values(series: &[Series]) -> Range<f64> {
    let bounds = series.iter().flat_map(|series| {
        let mut values: Vec<f64> = series.points.iter().map(|point| point.1).collect();
        values.sort_by(f64::total_cmp);
        let left_out = values.len() / 200;
        [values[left_out], values[values.len() - 1 - left_out]]
    });
    range(bounds, 0.05)
}

/// From the least to the greatest, with a `margin` of that on both sides.
fn range(values: impl Iterator<Item = f64>, margin: f64) -> Range<f64> {
    let (least, greatest) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| {
        (least.min(value), greatest.max(value))
    });
    // Halved first, because the difference of the largest numbers is none.
    let (middle, half) = (least / 2.0 + greatest / 2.0, greatest / 2.0 - least / 2.0);
    let wide = half > middle.abs() * 1e-9 && half > f64::MIN_POSITIVE;
    let half = if wide {
        half * (1.0 + 2.0 * margin)
    } else {
        (middle.abs() * 0.1).max(0.5)
    };
    (middle - half).max(f64::MIN / 4.0)..(middle + half).min(f64::MAX / 4.0)
}

/// A number as axes show it.
fn label(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size < 1e-12 => "0".into(),
        _ if !(1e-3..1e6).contains(&size) => format!("{value:.1e}"),
        _ => {
            let text = format!("{value:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

fn units(pixels: u32) -> i32 {
    (pixels * UNITS) as i32
}

/// Text of so many pixels.
fn font(pixels: f64, color: &RGBColor) -> TextStyle<'static> {
    // plotters writes 1 / 1.24 of the size into the file.
    ("sans-serif", pixels * f64::from(UNITS) * 1.24)
        .into_font()
        .color(color)
}

/// Where the entries of a legend begin, in pixels from the left, and in which row each stands.
fn place(entries: &[(&str, usize)], left: u32, width: f64) -> Vec<(f64, u32)> {
    let (mut at, mut row) = (f64::from(left), 0);
    let mut places = vec![];
    for (name, _) in entries {
        let needed = 40.0 + text_width(name, 12.0);
        if at + needed > width && at > f64::from(left) {
            (at, row) = (f64::from(left), row + 1);
        }
        places.push((at, row));
        at += needed;
    }
    places
}

/// Names beside their colors, from `left` on.
fn write_legend(area: &Area, entries: &[(&str, usize)], left: u32) -> Result<(), Box<dyn std::error::Error>> {
    let width = f64::from(area.dim_in_pixel().0) / f64::from(UNITS);
    for (&(name, color), (at, row)) in entries.iter().zip(place(entries, left, width)) {
        let (x, y) = (
            (at * f64::from(UNITS)) as i32 + units(8),
            units(row * ROW + ROW / 2),
        );
        let color = COLORS[color % COLORS.len()];
        area.draw(&PathElement::new(
            vec![(x, y), (x + units(14), y)],
            color.stroke_width(3 * UNITS),
        ))?;
        let style = font(12.0, &INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(name.to_owned(), (x + units(19), y), style))?;
    }
    Ok(())
}

/// The picture `svg` as a PNG file, with letters of Noto Sans.
pub(super) fn png(svg: &str) -> anyhow::Result<Vec<u8>> {
    let mut file = Cursor::new(vec![]);
    // It is opaque.
    image::DynamicImage::from(drawn(svg, PNG_SCALE)?)
        .into_rgb8()
        .write_to(&mut file, image::ImageFormat::Png)?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, points: Vec<(f64, f64)>) -> Series {
        Series {
            name: name.into(),
            color: 0,
            points,
        }
    }

    #[test]
    fn whatever_was_measured_can_be_drawn_and_names_are_escaped() {
        let long = (0..500).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        let panels: Vec<Panel> = [
            vec![(0.0, 1.0)],
            vec![(3.0, 5.0), (3.0, 5.0)],
            vec![(0.0, f64::MAX), (1e300, f64::MIN)],
            vec![(0.0, 1e-320), (1e-320, 0.0)],
            long,
        ]
        .into_iter()
        .map(|points| Panel {
            title: "</text><script>&\"".into(),
            has_legend: true,
            series: vec![series("a<b>", points.clone()), series("c", points)],
        })
        .collect();
        let svg = svg(&panels, &["<&>".into(), "two".into()], "kimg").unwrap();
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;") && svg.contains("&lt;&amp;&gt;"));
        assert!(svg.contains("2 % of the run"));
        let picture = image::load_from_memory(&png(&svg).unwrap()).unwrap();
        let [width, height] = [picture.width(), picture.height()];
        assert_eq!(
            [width, height],
            [2 * (2 * 520 + 32), 2 * (3 * 300 + 22 + 22 + 32)]
        );
    }

    #[test]
    fn a_png_has_letters_and_curves() {
        let blank = |panels: &[Panel]| {
            let svg = svg(panels, &[], "kimg").unwrap();
            let picture = image::load_from_memory(&png(&svg).unwrap()).unwrap().into_rgb8();
            let close = |a: u8, b: u8| a.abs_diff(b) < 8;
            let count = |color: RGBColor| {
                let alike = |p: &&image::Rgb<u8>| {
                    close(p[0], color.0) && close(p[1], color.1) && close(p[2], color.2)
                };
                picture.pixels().filter(alike).count()
            };
            [count(INK), count(COLORS[0])]
        };
        let [ink, blue] = blank(&[Panel {
            title: "a title of many letters".into(),
            has_legend: false,
            series: vec![series("a title of many letters", vec![(0.0, 0.0), (9.0, 4.0)])],
        }]);
        assert!(ink > 500 && blue > 500, "{ink} and {blue}");
    }

    #[test]
    fn a_smoothed_curve_keeps_straight_lines_and_its_place_in_time() {
        let line: Vec<_> = (0..40).map(|i| (f64::from(i), 3.0 * f64::from(i))).collect();
        for (found, expected) in smoothed(&line, 9).iter().zip(&line) {
            assert!((found.1 - expected.1).abs() < 1e-9 && found.0 == expected.0);
        }
    }

    #[test]
    fn axes_say_short_numbers() {
        let labels = [0.0, 250.0, 0.75, -1.5, 1e-5, 2e7].map(label);
        assert_eq!(labels, ["0", "250", "0.75", "-1.5", "1.0e-5", "2.0e7"]);
    }
}
