//! How a visit goes: the apparatus that takes all X-rays of it, and how a
//! radiographer lays the wrist for each: nearly right.

use super::specimen::Generator;
use super::specimen::Specimen;
use crate::anatomy::Landmark;
use crate::anatomy::Side;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::radiography::Camera;
use crate::radiography::Collimation;
use crate::radiography::Exposure;
use crate::radiography::Photometric;
use crate::radiography::PoseVector;
use crate::radiography::Projection;
use crate::radiography::Random;

/// Pixel spacings that detectors for the hand have.
const SPACINGS_MM: [f64; 6] = [0.1, 0.125, 0.143, 0.15, 0.168, 0.2];

/// One X-ray of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// Palm on the detector.
    #[serde(rename = "pa")]
    PosteroAnterior,
    /// Little finger's side on the detector.
    Lateral,
    /// Half way between them.
    Oblique,
}

impl Take {
    /// All of them, in the order that they are taken.
    pub const ALL: [Self; 3] = [Self::PosteroAnterior, Self::Lateral, Self::Oblique];

    /// Its name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PosteroAnterior => "pa",
            Self::Lateral => "lateral",
            Self::Oblique => "oblique",
        }
    }

    /// The projection whose nominal position its poses are counted from.
    #[must_use]
    pub const fn projection(self) -> Projection {
        match self {
            Self::PosteroAnterior | Self::Oblique => Projection::PosteroAnterior,
            Self::Lateral => Projection::Lateral,
        }
    }
}

impl From<Projection> for Take {
    fn from(projection: Projection) -> Self {
        match projection {
            Projection::PosteroAnterior => Self::PosteroAnterior,
            Projection::Lateral => Self::Lateral,
        }
    }
}

/// The apparatus of a visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Apparatus {
    pub sid_mm: f64,
    pub spacing_mm: f64,
    pub rows: u32,
    pub columns: u32,
    pub photometric: Photometric,
    photons_per_mm2: f64,
    scatter: f64,
    blur_mm: f64,
    contrast: f64,
    collimates: bool,
    marks: bool,
}

impl Apparatus {
    pub(super) fn draw(random: &mut Random) -> Self {
        let sid_mm = if random.chance(0.5) {
            [1000.0, 1050.0, 1100.0, 1150.0][index(random, 4)]
        } else {
            random.between(1000.0, 1150.0).round()
        };
        let spacing_mm = SPACINGS_MM[index(random, SPACINGS_MM.len())];
        let mut even = |low, high| {
            let pairs = (0.5 * random.between(low, high) / spacing_mm).round();
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "below a thousand"
            )]
            let count = 2 * pairs as u32;
            count
        };
        let (rows, columns) = (even(144.0, 158.0), even(114.0, 126.0));
        Self {
            sid_mm,
            spacing_mm,
            rows,
            columns,
            photometric: if random.chance(0.3) {
                Photometric::Monochrome1
            } else {
                Photometric::Monochrome2
            },
            photons_per_mm2: 10_f64.powf(random.between(4.8, 5.5)),
            scatter: random.between(0.1, 0.4),
            blur_mm: random.between(0.06, 0.2),
            contrast: random.between(1.4, 2.4),
            collimates: random.chance(0.7),
            marks: random.chance(0.85),
        }
    }

    /// Half of the detector across and along the arm.
    pub(super) fn half_mm(&self) -> [f64; 2] {
        [self.columns, self.rows].map(|count| 0.5 * f64::from(count) * self.spacing_mm)
    }

    /// Where source and detector stand for one X-ray of a right wrist whose
    /// origin lies at `oid_mm`. The distance that is told is the protocol's, a
    /// few millimeters off.
    pub(super) fn camera(&self, oid_mm: f64, random: &mut Random) -> Camera {
        let mut aim = || random.around(0.0, 8.0, 2.5);
        let principal_point_mm = [aim(), aim()];
        Camera {
            sid_mm: self.sid_mm,
            oid_mm: (oid_mm + random.around(0.0, 4.0, 2.0)).round().max(0.0),
            principal_point_mm,
            pixel_spacing_mm: [self.spacing_mm; 2],
            rows: self.rows,
            columns: self.columns,
        }
    }

    /// The window that the collimator leaves of one X-ray.
    pub(super) fn window(&self, random: &mut Random) -> Option<Collimation> {
        let half = self.half_mm();
        let mut margin = |most: f64| random.between(0.5, most);
        let (low, high) = ([margin(8.0), margin(7.0)], [margin(8.0), margin(7.0)]);
        self.collimates.then(|| Collimation {
            low_mm: [0, 1].map(|a| low[a] - half[a]),
            high_mm: [0, 1].map(|a| half[a] - high[a]),
            edge_mm: 0.8,
        })
    }

    /// The exposure of one X-ray, the marker inside the window.
    pub(super) fn exposure(
        &self,
        side: Side,
        window: Option<&Collimation>,
        random: &mut Random,
    ) -> Exposure {
        let half = self.half_mm();
        let open = window.map_or((half.map(|h| -h), half), |w| (w.low_mm, w.high_mm));
        self.within(side, open, random)
    }

    /// The exposure of an image that is another camera's.
    pub(super) fn exposure_on(&self, camera: &Camera, side: Side, random: &mut Random) -> Exposure {
        let half = [camera.columns, camera.rows]
            .map(|count| 0.5 * f64::from(count) * camera.pixel_spacing_mm[0]);
        self.within(side, (half.map(|h| -h), half), random)
    }

    fn within(
        &self,
        side: Side,
        (low, high): ([f64; 2], [f64; 2]),
        random: &mut Random,
    ) -> Exposure {
        let aside = random.between(7.0, 11.0);
        let x = if random.chance(0.5) {
            low[0] + aside
        } else {
            high[0] - aside
        };
        let y = random.between(low[1] + 10.0, 0.2 * high[1]);
        Exposure {
            seed: random.bits(),
            photons_per_mm2: self.photons_per_mm2 * random.between(0.8, 1.25),
            scatter: self.scatter,
            blur_mm: self.blur_mm,
            contrast: self.contrast,
            brightness: random.between(-0.35, 0.25),
            photometric: self.photometric,
            marker: self.marks.then_some((side.letter(), [x, y])),
        }
    }
}

fn index(random: &mut Random, count: usize) -> usize {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a handful"
    )]
    let number = (random.unit() * count as f64) as usize;
    number.min(count - 1)
}

/// How the radius lies for each take, before it is lifted off the detector.
///
/// The forearm is turned by up to 15 degrees from where it should lie in the
/// first; the second is 60 to 120 degrees (90 as a rule, SD 10) from the first,
/// an oblique one 45 (SD 6).
pub(super) fn lay(
    generator: Generator,
    apparatus: &Apparatus,
    random: &mut Random,
) -> [PoseVector; 3] {
    let first = random.around(0.0, 6_f64.to_radians(), 2.5);
    let quarter = std::f64::consts::FRAC_PI_2;
    // From the first view's position the arm turns the thumb toward the source:
    // negative about the detector's y. The lateral's is counted from a quarter.
    let rolls = [
        first,
        first + quarter - random.around(90.0, 10.0, 3.0).to_radians(),
        first - random.around(45.0, 6.0, 2.5).to_radians(),
    ];
    [0, 1, 2].map(|take| {
        let mut turn = |sd: f64| random.around(0.0, sd.to_radians(), 2.5);
        let (tilt, spin) = (turn(3.0), turn(4.0));
        let (oid, oid_sd, middle) = [(34.0, 4.0, -8.0), (50.0, 5.0, 0.0), (42.0, 5.0, -5.0)][take];
        let oid = random.around(oid, oid_sd, 2.0);
        let x = random.around(middle, 4.0, 2.0);
        // How much of the shaft is to be seen: generator A has no more of it.
        let shaft = match generator {
            Generator::A => random.between(54.0, 65.0),
            Generator::BDev | Generator::BTest => random.between(56.0, 78.0),
        };
        let grows = apparatus.sid_mm / (apparatus.sid_mm - oid);
        let y = apparatus.half_mm()[1] / grows - shaft;
        [tilt, rolls[take], spin, x, y, -oid]
    })
}

/// The turn of the ulna about its head's axis, seen from the radius, with the
/// little play that the joint between them has.
pub(super) fn about_ulna(specimen: &Specimen, random: &mut Random) -> Rigid<Model, Model> {
    let radians = random.around(0.0, 5_f64.to_radians(), 2.5);
    let play = [(); 2].map(|()| random.around(0.0, 0.25, 2.0));
    let head = specimen.landmarks.at(Landmark::UlnarHeadCenter);
    let center = head.map_or([0.0; 3], |p| p.xyz());
    let away = Rigid::<Model, Model>::from_rotation_vector([0.0; 3], center.map(|v| -v));
    let back = [center[0] + play[0], center[1] + play[1], center[2]];
    away.then(&Rigid::<Model, Model>::from_rotation_vector(
        [0.0, 0.0, radians],
        back,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_lie_apart_as_they_should() {
        let mut random = Random::new(1, 9);
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..400 {
            let apparatus = Apparatus::draw(&mut random);
            let poses = lay(Generator::BDev, &apparatus, &mut random);
            assert!(poses[0][1].to_degrees().abs() <= 15.0);
            let motions = [0, 1, 2].map(|k| Take::ALL[k].projection().pose(poses[k]));
            // How far the arm itself turned: between the back's directions,
            // seen along the arm.
            let turn = |k: usize| {
                let [x, _, z] = motions[k].rotate([0.0, 1.0, 0.0]);
                x.atan2(-z).to_degrees()
            };
            let (second, third) = (turn(1) - turn(0), turn(2) - turn(0));
            // Tilt and spin move what is seen by a degree or two.
            assert!((57.0..123.0).contains(&second), "{second}");
            assert!((28.0..62.0).contains(&third), "{third}");
            sum += second;
            count += 1.0;
        }
        assert!((sum / count - 90.0).abs() < 2.0, "{}", sum / count);
    }
}
