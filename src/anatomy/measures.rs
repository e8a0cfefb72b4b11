//! The four measures that are read on a wrist X-ray, taken in three dimensions.
//!
//! Reading frame, from the bone alone, so that turning the forearm before the
//! detector changes nothing: the long axis runs through the centers of the
//! radius' shaft about 6 and 3 cm from the joint, toward the hand; the radial
//! direction is that from the middle of the two ulnar corners to the tip of the
//! radial styloid, made perpendicular to the axis; dorsal is perpendicular to
//! both. The plane of axis and radial direction is that of a true
//! posteroanterior view, the plane of axis and dorsal direction that of a true
//! lateral one.
//!
//! Definitions after Medoff, "Essential radiographic evaluation for distal
//! radius fractures", Hand Clin. 21 (2005) 279, whose central reference point
//! (the middle between the volar and dorsal ulnar corners) makes inclination,
//! height and ulnar variance independent of volar tilt.

use serde::Deserialize;
use serde::Serialize;

use super::AnatomyError;
use super::Landmark;
use super::Landmarks;
use super::Side;
use crate::geometry::Frame;
use crate::geometry::vector;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The slope of the joint surface toward the ulna, seen from the front.
    RadialInclination,
    /// The slope of the joint surface toward the palm, seen from the side.
    VolarTilt,
    /// How far the radial styloid stands out beyond the ulnar side of the joint surface.
    RadialHeight,
    /// How far the ulna reaches beyond the radius; negative when it is shorter.
    UlnarVariance,
}

impl Measure {
    /// All of them, in the order that every array over measures has.
    pub const ALL: [Self; 4] = [
        Self::RadialInclination,
        Self::VolarTilt,
        Self::RadialHeight,
        Self::UlnarVariance,
    ];

    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RadialInclination => "Radial inclination",
            Self::VolarTilt => "Volar tilt",
            Self::RadialHeight => "Radial height",
            Self::UlnarVariance => "Ulnar variance",
        }
    }

    /// Its key in a JSON file: the name with its unit.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::RadialInclination => "radial_inclination_deg",
            Self::VolarTilt => "volar_tilt_deg",
            Self::RadialHeight => "radial_height_mm",
            Self::UlnarVariance => "ulnar_variance_mm",
        }
    }

    /// The UCUM code of its unit.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::RadialInclination | Self::VolarTilt => "deg",
            Self::RadialHeight | Self::UlnarVariance => "mm",
        }
    }

    /// How it is defined, in one sentence.
    #[must_use]
    pub const fn definition(self) -> &'static str {
        match self {
            Self::RadialInclination => {
                "Angle between the line from the radial styloid tip to the middle of the ulnar \
                 corners and the perpendicular to the radius' long axis, in the posteroanterior \
                 plane of the bone (Medoff 2005)."
            }
            Self::VolarTilt => {
                "Angle between the line from the dorsal to the volar rim of the joint surface and \
                 the perpendicular to the radius' long axis, in the lateral plane of the bone; \
                 positive when the surface faces the palm (Medoff 2005)."
            }
            Self::RadialHeight => {
                "Distance along the radius' long axis from the middle of the ulnar corners to the \
                 radial styloid tip (Medoff 2005)."
            }
            Self::UlnarVariance => {
                "Distance along the radius' long axis from the middle of the radius' ulnar corners \
                 to the distal end of the ulnar head beside the styloid; positive when the ulna is \
                 longer (Medoff 2005)."
            }
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::RadialInclination => 0,
            Self::VolarTilt => 1,
            Self::RadialHeight => 2,
            Self::UlnarVariance => 3,
        }
    }
}

/// The four measures of one forearm, each in its own unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Measures([f64; 4]);

/// The written form, a key a measure.
#[derive(Serialize, Deserialize)]
struct Written {
    radial_inclination_deg: f64,
    volar_tilt_deg: f64,
    radial_height_mm: f64,
    ulnar_variance_mm: f64,
}

impl From<Written> for Measures {
    fn from(w: Written) -> Self {
        Self([
            w.radial_inclination_deg,
            w.volar_tilt_deg,
            w.radial_height_mm,
            w.ulnar_variance_mm,
        ])
    }
}

impl From<Measures> for Written {
    fn from(m: Measures) -> Self {
        let [inclination, tilt, height, variance] = m.0;
        Self {
            radial_inclination_deg: inclination,
            volar_tilt_deg: tilt,
            radial_height_mm: height,
            ulnar_variance_mm: variance,
        }
    }
}

impl Measures {
    /// From values in the order of [`Measure::ALL`].
    #[must_use]
    pub const fn new(values: [f64; 4]) -> Self {
        Self(values)
    }

    /// One of them, in its unit.
    #[must_use]
    pub const fn get(&self, measure: Measure) -> f64 {
        self.0[measure.place()]
    }

    /// Each with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, f64)> {
        Measure::ALL.into_iter().zip(self.0)
    }
}

/// Reads the measures of a forearm of this side, in any frame.
///
/// # Errors
/// [`AnatomyError::NoLandmark`] or [`AnatomyError::Degenerate`].
pub fn measures<F: Frame>(landmarks: &Landmarks<F>, side: Side) -> Result<Measures, AnatomyError> {
    let at = |landmark| landmarks.at(landmark).map(|p| p.xyz());
    let toward =
        |from, to| -> Result<[f64; 3], AnatomyError> { Ok(vector::sub(at(to)?, at(from)?)) };
    let direction = |v: [f64; 3], what| {
        if vector::length(v) > 1e-6 {
            Ok(vector::unit(v))
        } else {
            Err(AnatomyError::Degenerate(what))
        }
    };
    let axis = direction(
        toward(Landmark::RadialShaftProximal, Landmark::RadialShaftDistal)?,
        "the two shaft centers",
    )?;
    let corner = vector::scale(
        vector::add(
            at(Landmark::UlnarCornerVolar)?,
            at(Landmark::UlnarCornerDorsal)?,
        ),
        0.5,
    );
    let across = vector::sub(at(Landmark::RadialStyloidTip)?, corner);
    let height = vector::dot(across, axis);
    let radial = direction(
        vector::sub(across, vector::scale(axis, height)),
        "styloid tip and ulnar corners",
    )?;
    let dorsal = match side {
        Side::Right => vector::cross(axis, radial),
        Side::Left => vector::cross(radial, axis),
    };
    let rim = toward(Landmark::VolarRim, Landmark::DorsalRim)?;
    let variance = vector::dot(vector::sub(at(Landmark::UlnarDome)?, corner), axis);
    Ok(Measures::new([
        height.atan2(vector::dot(across, radial)).to_degrees(),
        vector::dot(rim, axis)
            .atan2(vector::dot(rim, dorsal))
            .to_degrees(),
        height,
        variance,
    ]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Detector;
    use crate::geometry::Model;
    use crate::geometry::Point;
    use crate::geometry::Rigid;

    /// A forearm drawn with ruler and protractor.
    fn drawn(inclination: f64, tilt: f64, variance: f64) -> Vec<(Landmark, [f64; 3])> {
        let height = 26.0 * inclination.to_radians().tan();
        let lift = 9.0 * tilt.to_radians().tan();
        vec![
            (Landmark::RadialShaftProximal, [0.0, 0.0, -60.0]),
            (Landmark::RadialShaftDistal, [0.0, 0.0, -30.0]),
            (Landmark::RadialStyloidTip, [13.0, 0.0, height - 5.0]),
            (Landmark::UlnarCornerVolar, [-13.0, -6.0, -5.0 - 2.0]),
            (Landmark::UlnarCornerDorsal, [-13.0, 6.0, -5.0 + 2.0]),
            (Landmark::VolarRim, [-4.0, -9.0, -lift]),
            (Landmark::DorsalRim, [-4.0, 9.0, lift]),
            (Landmark::UlnarDome, [-24.0, 0.0, -5.0 + variance]),
        ]
    }

    fn read(places: &[(Landmark, [f64; 3])], side: Side) -> Measures {
        let marks = Landmarks::<Model>::of(places.iter().map(|(l, p)| (*l, Point::new(*p))));
        measures(&marks, side).unwrap()
    }

    fn check(found: Measures, expected: [f64; 4]) {
        for ((measure, value), right) in found.iter().zip(expected) {
            assert!(
                (value - right).abs() < 1e-6,
                "{measure:?}: {value}, not {right}"
            );
        }
    }

    #[test]
    fn reads_what_was_drawn() {
        let height = 26.0 * 23f64.to_radians().tan();
        check(
            read(&drawn(23.0, 11.0, -1.0), Side::Right),
            [23.0, 11.0, height, -1.0],
        );
    }

    #[test]
    fn three_degrees_more_read_three_degrees_more() {
        let before = read(&drawn(23.0, 11.0, 0.5), Side::Right);
        let after = read(&drawn(26.0, 8.0, 0.5), Side::Right);
        let change = |m: Measure| after.get(m) - before.get(m);
        assert!((change(Measure::RadialInclination) - 3.0).abs() < 1e-6);
        assert!((change(Measure::VolarTilt) + 3.0).abs() < 1e-6);
        assert!(change(Measure::UlnarVariance).abs() < 1e-9);
    }

    #[test]
    fn a_distal_end_turned_about_the_dorsal_axis_reads_the_turn() {
        let places = drawn(23.0, 11.0, 0.0);
        let turn =
            Rigid::<Model, Model>::from_rotation_vector([0.0, -3f64.to_radians(), 0.0], [0.0; 3]);
        let turned: Vec<_> = places
            .iter()
            .map(|(l, p)| {
                let shaft = [Landmark::RadialShaftDistal, Landmark::RadialShaftProximal];
                (
                    *l,
                    if shaft.contains(l) {
                        *p
                    } else {
                        turn.move_xyz(*p)
                    },
                )
            })
            .collect();
        let (before, after) = (read(&places, Side::Right), read(&turned, Side::Right));
        let change = after.get(Measure::RadialInclination) - before.get(Measure::RadialInclination);
        assert!((change - 3.0).abs() < 1e-6, "{change}");
    }

    #[test]
    fn lying_otherwise_or_being_the_left_arm_changes_nothing() {
        let places = drawn(21.0, 13.0, -2.0);
        let right = read(&places, Side::Right);
        let pose =
            Rigid::<Model, Detector>::from_rotation_vector([0.4, -1.3, 2.0], [9.0, 8.0, -30.0]);
        let lying = Landmarks::of(places.iter().map(|(l, p)| (*l, pose.apply(Point::new(*p)))));
        let lying = measures(&lying, Side::Right).unwrap();
        let mirrored: Vec<_> = places
            .iter()
            .map(|(l, p)| (*l, [-p[0], p[1], p[2]]))
            .collect();
        let left = read(&mirrored, Side::Left);
        for m in Measure::ALL {
            assert!((lying.get(m) - right.get(m)).abs() < 1e-9);
            assert!((left.get(m) - right.get(m)).abs() < 1e-9);
        }
        // Read as the wrong side, the tilt is another: the side matters.
        let wrong = read(&mirrored, Side::Right).get(Measure::VolarTilt);
        assert!((wrong - (180.0 - 13.0)).abs() < 1e-6, "{wrong}");
    }

    #[test]
    fn what_is_missing_or_degenerate_is_said() {
        let mut places = drawn(23.0, 11.0, 0.0);
        places.pop();
        let marks = Landmarks::<Model>::of(places.iter().map(|(l, p)| (*l, Point::new(*p))));
        assert_eq!(
            measures(&marks, Side::Right),
            Err(AnatomyError::NoLandmark(Landmark::UlnarDome))
        );
        let mut places = drawn(23.0, 11.0, 0.0);
        places[1].1 = places[0].1;
        let marks = Landmarks::<Model>::of(places.iter().map(|(l, p)| (*l, Point::new(*p))));
        assert!(matches!(
            measures(&marks, Side::Right),
            Err(AnatomyError::Degenerate(_))
        ));
    }

    #[test]
    fn the_written_form_has_the_keys_that_name_the_units() {
        let value = serde_json::to_value(Measures::new([1.0, 2.0, 3.0, 4.0])).unwrap();
        for (measure, number) in Measure::ALL.iter().zip([1.0, 2.0, 3.0, 4.0]) {
            assert_eq!(value[measure.key()], number);
        }
    }
}
