//! How well the scale of a projection image is known.
//!
//! A plain X-ray magnifies: a bone 30 mm before the detector is drawn 3 %
//! too large at 1 m. Which attributes state the scale, and how far they can be
//! trusted, is told by a grade that is kept with every result.

use crate::units::Millimeters;

/// Where the scale of an image comes from, best first.
///
/// The relative standard deviation of a length is from the same table:
/// departures in the field (a detector pitch rounded in the header, a cassette
/// scanned at a nominal pitch) are larger than any one vendor states.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Grade {
    /// Pixel Spacing calibrated on a fiducial in the object's plane.
    A,
    /// Detector pitch, source distance and the object's distance (or the
    /// magnification factor).
    B,
    /// Detector pitch and source distance; the object's distance is a prior.
    C,
    /// Detector pitch alone; both distances are priors.
    D,
    /// A nominal scanning pitch, or a Pixel Spacing of unknown meaning.
    E,
    /// No scale at all: nothing in millimeters can be said.
    F,
}

impl Grade {
    /// Relative standard deviation of a length; `None` where none is known.
    #[must_use]
    pub fn relative_sigma(self) -> Option<f64> {
        match self {
            Self::A => Some(0.005),
            Self::B => Some(0.01),
            Self::C => Some(0.015),
            Self::D => Some(0.025),
            Self::E => Some(0.04),
            Self::F => None,
        }
    }
}

/// Distance between the centers of neighboring pixels, in millimeters.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Spacing {
    /// From a row to the next.
    pub row_mm: f64,
    /// From a column to the next.
    pub column_mm: f64,
}

impl Spacing {
    /// A spacing whose both numbers are lengths that a radiograph can have:
    /// 0.01 to 2 mm. The zeros that some files carry are no spacing.
    #[must_use]
    pub fn plausible(row_mm: f64, column_mm: f64) -> Option<Self> {
        let good = |value: f64| (0.01..=2.0).contains(&value);
        (good(row_mm) && good(column_mm)).then_some(Self { row_mm, column_mm })
    }

    /// The spacing, enlarged by a factor.
    #[must_use]
    fn times(self, factor: f64) -> Self {
        Self {
            row_mm: self.row_mm * factor,
            column_mm: self.column_mm * factor,
        }
    }
}

/// What the header says about scale, before it is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScaleTags {
    /// Imager Pixel Spacing (0018,1164): at the detector.
    pub imager: Option<Spacing>,
    /// Pixel Spacing (0028,0030).
    pub pixel: Option<Spacing>,
    /// Pixel Spacing Calibration Type (0028,0A02) is FIDUCIAL.
    pub fiducial: bool,
    /// Nominal Scanned Pixel Spacing (0018,2010).
    pub scanned: Option<Spacing>,
    /// Distance Source to Detector (0018,1110).
    pub source_detector_mm: Option<f64>,
    /// Distance Source to Patient (0018,1111).
    pub source_object_mm: Option<f64>,
    /// Estimated Radiographic Magnification Factor (0018,1114).
    pub magnification: Option<f64>,
}

/// The scale of an image, with its grade.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Calibration {
    /// How well the scale is known.
    pub grade: Grade,
    /// Pixel pitch in the plane of the detector; `None` only with grade F.
    pub spacing: Option<Spacing>,
    /// Source to detector, where the header says it.
    pub source_detector_mm: Option<f64>,
    /// Source to object, where the header says it or it follows from the
    /// magnification.
    pub source_object_mm: Option<f64>,
}

/// Assumed where the header is silent: source to detector 1000 to 1150 mm.
pub(super) const PRIOR_SOURCE_DETECTOR: Millimeters = Millimeters::new(1050.0);
/// Assumed where the header is silent: the wrist's middle lies 30 (±15) mm
/// before the detector.
pub(super) const PRIOR_OBJECT_DETECTOR: Millimeters = Millimeters::new(30.0);

impl Calibration {
    /// Judges what the header says. Distances outside 300 to 4000 mm and
    /// magnifications outside 1 to 2 count as not said.
    #[must_use]
    pub fn judge(tags: ScaleTags) -> Self {
        let plausible = |value: &f64| (300.0..=4000.0).contains(value);
        let source_detector_mm = tags.source_detector_mm.filter(plausible);
        let stated = tags
            .source_object_mm
            .filter(plausible)
            .filter(|object| source_detector_mm.is_none_or(|detector| *object <= detector));
        let magnification = tags.magnification.filter(|m| (1.0..=2.0).contains(m));
        let source_object_mm = stated.or(match (source_detector_mm, magnification) {
            (Some(detector), Some(factor)) => Some(detector / factor),
            _ => None,
        });
        let bare = Self {
            grade: Grade::F,
            spacing: None,
            source_detector_mm,
            source_object_mm,
        };
        let with = |grade, spacing| Self {
            grade,
            spacing: Some(spacing),
            ..bare
        };
        match (tags.pixel.filter(|_| tags.fiducial), tags.imager) {
            (Some(_), Some(imager)) => with(Grade::A, imager),
            (Some(object), None) => with(Grade::A, object.times(bare.magnification())),
            (None, Some(imager)) => match (source_detector_mm, source_object_mm) {
                (Some(_), Some(_)) => with(Grade::B, imager),
                (Some(_), None) => with(Grade::C, imager),
                (None, _) => with(Grade::D, imager),
            },
            (None, None) => tags
                .pixel
                .or(tags.scanned)
                .map_or(bare, |spacing| with(Grade::E, spacing)),
        }
    }

    /// Source to detector, stated or assumed.
    #[must_use]
    pub fn source_detector(&self) -> Millimeters {
        self.source_detector_mm
            .map_or(PRIOR_SOURCE_DETECTOR, Millimeters::new)
    }

    /// Object to detector, stated or assumed.
    #[must_use]
    pub fn object_detector(&self) -> Millimeters {
        match (self.source_detector_mm, self.source_object_mm) {
            (Some(detector), Some(object)) => Millimeters::new(detector - object),
            _ => PRIOR_OBJECT_DETECTOR,
        }
    }

    /// How much larger than life the object is drawn at the detector.
    #[must_use]
    pub fn magnification(&self) -> f64 {
        let detector = self.source_detector().get();
        detector / (detector - self.object_detector().get()).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(mm: f64) -> Option<Spacing> {
        Spacing::plausible(mm, mm)
    }

    fn check(tags: ScaleTags, grade: Grade, row_mm: Option<f64>) {
        let calibration = Calibration::judge(tags);
        assert_eq!(calibration.grade, grade, "{tags:?}");
        let found = calibration.spacing.map(|spacing| spacing.row_mm);
        assert_eq!(found.is_some(), row_mm.is_some(), "{tags:?}");
        for (found, row_mm) in found.iter().zip(&row_mm) {
            assert!((found - row_mm).abs() < 1e-9, "{tags:?}");
        }
    }

    #[test]
    fn grades_follow_the_attributes() {
        let none = ScaleTags::default();
        let imager = ScaleTags {
            imager: square(0.15),
            ..none
        };
        let distance = ScaleTags {
            source_detector_mm: Some(1000.0),
            ..imager
        };
        let both = ScaleTags {
            source_object_mm: Some(970.0),
            ..distance
        };
        let factor = ScaleTags {
            magnification: Some(1.031),
            ..distance
        };
        let fiducial = ScaleTags {
            pixel: square(0.145),
            fiducial: true,
            ..both
        };
        check(none, Grade::F, None);
        check(imager, Grade::D, Some(0.15));
        check(distance, Grade::C, Some(0.15));
        check(both, Grade::B, Some(0.15));
        check(factor, Grade::B, Some(0.15));
        check(fiducial, Grade::A, Some(0.15));
        check(
            ScaleTags {
                pixel: square(0.2),
                ..none
            },
            Grade::E,
            Some(0.2),
        );
        check(
            ScaleTags {
                scanned: square(0.1),
                ..none
            },
            Grade::E,
            Some(0.1),
        );
        // As a chest file in the field has it: spacing 0\0.
        check(
            ScaleTags {
                pixel: square(0.0),
                ..none
            },
            Grade::F,
            None,
        );
    }

    #[test]
    fn a_fiducial_alone_is_carried_to_the_detector() {
        let tags = ScaleTags {
            pixel: square(0.1),
            fiducial: true,
            source_detector_mm: Some(1000.0),
            source_object_mm: Some(800.0),
            ..ScaleTags::default()
        };
        check(tags, Grade::A, Some(0.125));
    }

    #[test]
    fn distances_that_cannot_be_are_not_believed() {
        let calibration = Calibration::judge(ScaleTags {
            imager: square(0.15),
            source_detector_mm: Some(0.0),
            source_object_mm: Some(1200.0),
            ..ScaleTags::default()
        });
        assert_eq!(calibration.grade, Grade::D);
        assert!((calibration.magnification() - 1050.0 / 1020.0).abs() < 1e-12);
        assert!(Grade::A.relative_sigma() < Grade::E.relative_sigma());
    }
}
