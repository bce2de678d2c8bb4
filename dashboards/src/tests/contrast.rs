//! Every text colour on every ground it stands on has the contrast of WCAG 2.2, level AA, in light and in dark.

use std::collections::BTreeMap;

const STYLESHEET: &str = include_str!("../../static/app.css");
/// For text (success criterion 1.4.3).
const TEXT: f64 = 4.5;
/// For the edges of fields and the parts of charts (success criterion 1.4.11).
const SHAPES: f64 = 3.0;

/// The stylesheet's colours by name, light and dark.
fn colours() -> BTreeMap<&'static str, [&'static str; 2]> {
    let pair = |line: &'static str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
        let (light, dark) = value.strip_suffix(");")?.split_once(", ")?;
        Some((name, [light, dark]))
    };
    STYLESHEET.lines().filter_map(pair).collect()
}

/// Relative luminance as WCAG defines it.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn check(front: &str, ground: &str, least: f64) {
    let colours = colours();
    for (theme, at) in [("light", 0), ("dark", 1)] {
        let found = contrast(colours[front][at], colours[ground][at]);
        assert!(found >= least, "{front} on {ground} in {theme}: {found:.2} is less than {least}");
    }
}

#[test]
fn texts_and_shapes_stand_out_from_their_grounds() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    for text in ["ink", "soft", "accent", "critical", "high", "medium", "low", "info", "good"] {
        for ground in ["paper", "panel", "raised"] {
            check(text, ground, TEXT);
        }
    }
    for (text, ground) in [
        ("ink", "accent-tint"),
        ("soft", "accent-tint"),
        ("accent", "accent-tint"),
        ("ink", "caution-tint"),
        ("medium", "caution-tint"),
        ("ink", "bad-tint"),
        ("soft", "bad-tint"),
        ("critical", "bad-tint"),
    ] {
        check(text, ground, TEXT);
    }
    for shape in ["edge", "normal-edge", "accent"] {
        for ground in ["paper", "panel"] {
            check(shape, ground, SHAPES);
        }
    }
}
