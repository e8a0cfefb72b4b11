//! One color table for words, chips, legends and the 3-D view, so that a
//! legend and what it explains cannot drift apart: the style sheet's variables
//! are written from it and the 3-D view reads those.

/// A color for dark and for light surroundings (print, bright rooms).
#[derive(Debug, Clone, Copy)]
struct Color {
    variable: &'static str,
    dark: [u8; 3],
    light: [u8; 3],
}

const fn color(variable: &'static str, dark: u32, light: u32) -> Color {
    const fn parts(rgb: u32) -> [u8; 3] {
        let [_, red, green, blue] = rgb.to_be_bytes();
        [red, green, blue]
    }
    Color {
        variable,
        dark: parts(dark),
        light: parts(light),
    }
}

/// Amber and blue tell apart with every common kind of color vision; no
/// meaning is carried by red against green. The bones' two are the orange and
/// sky blue of Okabe and Ito's set.
const COLORS: &[Color] = &[
    color("ground", 0x000b_0f14, 0x00ff_ffff),
    color("panel", 0x0013_1a22, 0x00f4_f6f8),
    color("raised", 0x001b_242e, 0x00e8_ecf0),
    color("line", 0x0036_4452, 0x00b8_c2cc),
    color("text", 0x00e6_edf3, 0x0010_161c),
    color("muted", 0x00a9_b7c4, 0x0048_5460),
    color("link", 0x007c_c4ff, 0x0005_4f8f),
    color("busy", 0x007c_c4ff, 0x0005_4f8f),
    color("done", 0x009f_e0c8, 0x0005_5a46),
    color("person", 0x00ff_b84d, 0x008a_4b00),
    color("refused", 0x00d8_c7ff, 0x0049_3a80),
    color("stage", 0x0006_090d, 0x0006_090d),
    color("bone-radius", 0x00f0_b040, 0x00f0_b040),
    color("bone-ulna", 0x0056_b4e9, 0x0056_b4e9),
];

/// The colors of every page.
#[derive(Debug, Clone, Copy)]
pub struct ColorTable;

impl ColorTable {
    /// The table as variables of a style sheet, dark first, light for print
    /// and for readers who ask for it.
    #[must_use]
    pub fn css() -> String {
        let list = |pick: fn(&Color) -> [u8; 3]| {
            COLORS
                .iter()
                .map(|color| format!("--{}:{};", color.variable, hex(pick(color))))
                .collect::<String>()
        };
        let (dark, light) = (list(|color| color.dark), list(|color| color.light));
        format!(
            ":root{{color-scheme:dark;{dark}}}\n\
             @media print{{:root{{color-scheme:light;{light}}}}}\n\
             @media (prefers-contrast:more) and (prefers-color-scheme:light){{\
             :root{{color-scheme:light;{light}}}}}\n"
        )
    }

    /// A color on dark ground as `#rrggbb`: of `bone-radius` and `bone-ulna`
    /// in the 3-D view and its legend, and of the style sheet's other names.
    #[must_use]
    pub fn on_dark(name: &str) -> Option<String> {
        let found = COLORS.iter().find(|color| color.variable == name)?;
        Some(hex(found.dark))
    }
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Contrast ratio of WCAG 2.2 (relative luminance, sRGB).
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |rgb: [u8; 3]| {
            let [red, green, blue] = rgb.map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 {
                    part / 12.92
                } else {
                    ((part + 0.055) / 1.055).powf(2.4)
                }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn words_can_be_read_on_every_ground() {
        let find = |name| COLORS.iter().find(|color| color.variable == name).unwrap();
        for ground in ["ground", "panel", "raised"] {
            for words in ["text", "muted", "link", "busy", "done", "person", "refused"] {
                let (ground, words) = (find(ground), find(words));
                for ratio in [
                    contrast(ground.dark, words.dark),
                    contrast(ground.light, words.light),
                ] {
                    assert!(ratio >= 4.5, "{words:?} on {ground:?}: {ratio:.2}");
                }
            }
        }
        for bone in ["bone-radius", "bone-ulna"] {
            assert!(contrast(find("stage").dark, find(bone).dark) >= 3.0);
        }
    }
}
