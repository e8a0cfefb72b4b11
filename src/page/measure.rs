//! The clinical names of the figures, and what is usual in healthy adults.

use super::Language;

/// What people call a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasureText {
    figure: &'static str,
    names: [&'static str; 2],
    /// What is usual, if a source measured it the same way: in three dimensions.
    pub reference: Option<Reference>,
}

/// What is usual in a population: mean and one standard deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// The mean, in the figure's unit.
    pub mean: f64,
    /// One standard deviation, in the figure's unit.
    pub deviation: f64,
    /// Who was measured, how, and where it is written.
    pub source: &'static str,
}

const CADAVERS: &str = "37 paired male cadavers, right side, 3-D CT (J Hand Surg 2019)";
const CONE_BEAM: &str = "121 adults without symptoms, cone-beam CT (Acta Radiol 2023)";

const fn measure(
    figure: &'static str,
    names: [&'static str; 2],
    mean: f64,
    deviation: f64,
    source: &'static str,
) -> MeasureText {
    MeasureText {
        figure,
        names,
        reference: Some(Reference {
            mean,
            deviation,
            source,
        }),
    }
}

const MEASURES: [MeasureText; 4] = [
    measure(
        "radial_inclination_deg",
        ["橈骨傾斜角", "Radial inclination"],
        24.2,
        3.4,
        CADAVERS,
    ),
    measure(
        "volar_tilt_deg",
        ["掌側傾斜角", "Volar tilt"],
        10.8,
        3.2,
        CADAVERS,
    ),
    measure(
        "radial_height_mm",
        ["橈骨高", "Radial height"],
        12.9,
        1.7,
        CADAVERS,
    ),
    measure(
        "ulnar_variance_mm",
        ["尺骨バリアンス", "Ulnar variance"],
        -1.6,
        1.5,
        CONE_BEAM,
    ),
];

impl MeasureText {
    /// The text of a figure's machine-readable name (`volar_tilt_deg`); `None`
    /// for a name that is not in the table: show the name.
    #[must_use]
    pub fn of(figure: &str) -> Option<Self> {
        MEASURES
            .into_iter()
            .find(|measure| measure.figure == figure)
    }

    /// Every measure that has a text.
    #[must_use]
    pub fn all() -> [Self; 4] {
        MEASURES
    }

    /// The clinical name.
    #[must_use]
    pub const fn name(&self, language: Language) -> &'static str {
        let [ja, en] = self.names;
        match language {
            Language::Japanese => ja,
            Language::English => en,
        }
    }
}

/// A unit's UCUM code as people write it.
#[must_use]
pub fn unit_text(unit: &str) -> &str {
    match unit {
        "deg" => "°",
        "1" => "",
        "mg/cm3" => "mg/cm³",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_have_clinical_names() {
        let name = |language| MeasureText::of("volar_tilt_deg").map(|text| text.name(language));
        assert_eq!(name(Language::Japanese), Some("掌側傾斜角"));
        assert_eq!(name(Language::English), Some("Volar tilt"));
        assert_eq!(MeasureText::of("unknown_mm"), None);
    }

    #[test]
    fn units_are_written_as_people_write_them() {
        assert_eq!(["deg", "mm", "1"].map(unit_text), ["°", "mm", ""]);
    }
}
