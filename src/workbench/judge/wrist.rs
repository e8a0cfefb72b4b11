//! One wrist judged: what a reconstruction says, beside the truth that lay in
//! the case's folder and beside a null model that knows only how wide the
//! radius is.
//!
//! Everything is in the truth's frame: the PA detector's, hand toward negative
//! y. The truth may be shorter than what was reconstructed, or longer: places
//! are compared that both have.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use super::Apart;
use super::Fitted;
use super::Truth;
use super::apart;
use crate::anatomy::Bone;
use crate::anatomy::Measure;
use crate::anatomy::Side;
use crate::geometry::GeometryError;
use crate::geometry::Given;
use crate::geometry::Locator;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::trimmed_icp;
use crate::geometry::vector;

/// Places that surfaces are laid on one another by, one for at most this area.
const LAID_MM2: f64 = 2.0;
/// What is left away above a cut: its rounded edge.
const ABOVE_CUT_MM: f64 = 0.5;
/// How far up a lid that leans may reach, and what is left away above a cut
/// that has none.
const LEANING_MM: f64 = 10.0;
const OPEN_MM: f64 = 3.0;
/// The part of the radius whose width is read, from its distal end.
const WIDTH_OVER_MM: f64 = 20.0;

/// Why a case cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A file of the truth could not be read.
    #[error("reading {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `truth.json` is not what it should be.
    #[error("understanding {path}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A true surface is none.
    #[error("understanding {path}")]
    Surface {
        /// The file.
        path: PathBuf,
        /// Why.
        source: GeometryError,
    },
}

/// A bone as it was reconstructed (or as the null model has it).
#[derive(Debug, Clone)]
pub struct Found {
    /// Its surface.
    pub surface: SurfaceMesh<Given>,
    /// Vertices of the lid over its cut.
    pub lid: Vec<bool>,
    /// Vertices of its joint surface.
    pub joint: Vec<bool>,
    /// One stated SD at each vertex, along its normal, in millimeters.
    pub sigma_mm: Vec<f64>,
}

/// A measure as it was stated, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Which one.
    pub measure: Measure,
    /// Its value.
    pub value: f64,
    /// The interval's ends.
    pub low: f64,
    /// See `low`.
    pub high: f64,
}

/// What a reconstruction says of a case.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It has bones.
    Bones(Box<Reconstructed>),
    /// It refuses, with this code.
    Refused(String),
}

/// Reconstructed bones.
#[derive(Debug, Clone)]
pub struct Reconstructed {
    /// The arm that it took it for.
    pub side: Side,
    /// In the order of [`Bone::ALL`].
    pub bones: [Found; 2],
    /// What it states.
    pub measures: Vec<Interval>,
}

/// What is known without an X-ray: the training's mean.
#[derive(Debug, Clone)]
pub struct Null {
    /// Of a right arm in the nominal position before the detector: back of the
    /// hand to the source, fingers toward negative y.
    pub bones: [Found; 2],
    /// The training's mean of each measure.
    pub measures: Vec<(Measure, f64)>,
}

/// The truth of a case.
#[derive(Debug, Clone)]
pub struct Known {
    /// The arm.
    pub side: Side,
    /// In the order of [`Bone::ALL`].
    pub bones: [SurfaceMesh<Given>; 2],
    /// Those that are told.
    pub measures: Vec<(Measure, f64)>,
}

#[derive(Deserialize)]
struct TruthFile {
    side: Side,
    #[serde(default)]
    measures: serde_json::Map<String, serde_json::Value>,
}

impl Known {
    /// Opens a case's truth.
    ///
    /// # Errors
    /// [`JudgeError`] where a file is missing or is not what it should be.
    pub fn open(folder: &Path) -> Result<Self, JudgeError> {
        let bytes = |name: &str| {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok((path, bytes)),
                Err(source) => Err(JudgeError::Read { path, source }),
            }
        };
        let surface = |bone: Bone| {
            let (path, bytes) = bytes(&format!("{}.stl", bone.name()))?;
            SurfaceMesh::from_stl(&bytes).map_err(|source| JudgeError::Surface { path, source })
        };
        let (path, text) = bytes("truth.json")?;
        let told: TruthFile =
            serde_json::from_slice(&text).map_err(|source| JudgeError::Json { path, source })?;
        let value = |measure: Measure| Some((measure, told.measures.get(measure.key())?.as_f64()?));
        Ok(Self {
            side: told.side,
            bones: [surface(Bone::Radius)?, surface(Bone::Ulna)?],
            measures: Measure::ALL.into_iter().filter_map(value).collect(),
        })
    }
}

/// How one bone came out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BoneScore {
    /// In the frame given; none if it was refused.
    pub given: Option<Apart>,
    /// After a rigid motion onto the truth, without scale.
    pub aligned: Option<Apart>,
    /// The null model, laid on the truth.
    pub null: Option<Apart>,
}

/// How one measure came out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MeasureScore {
    /// Which one.
    #[serde(skip)]
    pub measure: Measure,
    /// As stated; none where it is not, or the case was refused.
    pub value: Option<f64>,
    /// The stated interval.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// As it is.
    pub truth: f64,
    /// Stated less true.
    pub error: Option<f64>,
    /// The training's mean less true.
    pub null_error: Option<f64>,
    /// Whether the interval holds the truth.
    pub inside: Option<bool>,
}

/// How a case came out.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// The code of a refusal.
    pub refused: Option<String>,
    /// Whether the arm was told right.
    pub side_right: Option<bool>,
    /// In the order of [`Bone::ALL`].
    pub bones: [BoneScore; 2],
    /// Of the measures whose truth is told.
    pub measures: Vec<MeasureScore>,
}

/// Judges one case.
#[must_use]
pub fn score(answer: &Answer, known: &Known, null: &Null) -> Score {
    let (bones, refused) = match answer {
        Answer::Bones(bones) => (Some(bones), None),
        Answer::Refused(code) => (None, Some(code.clone())),
    };
    let sized = null.sized(known);
    let one = |number: usize| {
        let truth = Covered::of(&known.bones[number]);
        let found = bones.map(|b| &b.bones[number]);
        let null = &sized[number];
        BoneScore {
            given: found.and_then(|f| truth.compare(f)),
            aligned: found.and_then(|f| truth.compare(&truth.aligned(f))),
            null: truth.compare(&truth.aligned(&truth.brought(null))),
        }
    };
    let measures = known.measures.iter().map(|(measure, truth)| {
        let stated = bones.and_then(|b| b.measures.iter().find(|m| m.measure == *measure));
        let middle = null.measures.iter().find(|(m, _)| m == measure);
        MeasureScore {
            measure: *measure,
            value: stated.map(|s| s.value),
            low: stated.map(|s| s.low),
            high: stated.map(|s| s.high),
            truth: *truth,
            error: stated.map(|s| s.value - truth),
            null_error: middle.map(|(_, value)| value - truth),
            inside: stated.map(|s| (s.low..=s.high).contains(truth)),
        }
    });
    Score {
        refused,
        side_right: bones.map(|b| b.side == known.side),
        bones: [one(0), one(1)],
        measures: measures.collect(),
    }
}

impl Null {
    /// The mean bones as the arm that it is, as large as the true radius is
    /// wide in the PA image.
    fn sized(&self, known: &Known) -> [Found; 2] {
        let grow = width(&known.bones[0]) / width(&self.bones[0].surface);
        let grow = if grow.is_finite() {
            grow.clamp(0.5, 2.0)
        } else {
            1.0
        };
        self.bones.clone().map(|found| {
            let places = found.surface.vertices().iter();
            let larger = places.map(|v| vector::scale(*v, grow)).collect();
            let surface = found.surface.with_vertices(larger).unwrap_or(found.surface);
            let surface = match known.side {
                Side::Right => surface,
                Side::Left => surface.mirrored_x(),
            };
            Found { surface, ..found }
        })
    }
}

/// How wide a radius is across, near its distal end.
fn width(mesh: &SurfaceMesh<Given>) -> f64 {
    let top = mesh.bounds()[0][1];
    let near = mesh
        .vertices()
        .iter()
        .filter(|v| v[1] < top + WIDTH_OVER_MM);
    let (low, high) = near.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v[0]), high.max(v[0]))
    });
    high - low
}

/// A true bone and what of it is compared: all but the lid over its own cut.
struct Covered<'a> {
    surface: &'a SurfaceMesh<Given>,
    locator: Locator<'a, Given>,
    /// Along the shaft toward the hand.
    axis: [f64; 3],
    /// Places at this height along the axis and above are compared.
    from: f64,
}

impl<'a> Covered<'a> {
    fn of(surface: &'a SurfaceMesh<Given>) -> Self {
        let axis = axis(surface);
        let height = |p: [f64; 3]| vector::dot(p, axis);
        let lowest = surface.vertices().iter().map(|v| height(*v));
        let lowest = lowest.fold(f64::INFINITY, f64::min);
        let lid = surface.corners().filter(|[a, b, c]| {
            let normal = vector::cross(vector::sub(*b, *a), vector::sub(*c, *a));
            let down = vector::dot(vector::unit(normal), axis) < -0.7;
            down && height(*a) < lowest + LEANING_MM
        });
        let top = lid.flatten().map(height).fold(lowest, f64::max);
        let closed = surface.is_closed();
        Self {
            surface,
            locator: Locator::new(surface),
            axis,
            from: top + if closed { ABOVE_CUT_MM } else { OPEN_MM },
        }
    }

    fn has(&self, place: [f64; 3]) -> bool {
        vector::dot(place, self.axis) > self.from
    }

    /// A bone shifted so that its distal end lies on the truth's.
    fn brought(&self, found: &Found) -> Found {
        let end = |mesh: &SurfaceMesh<Given>| {
            let top = mesh.bounds()[0][1];
            let near: Vec<_> = mesh
                .vertices()
                .iter()
                .filter(|v| v[1] < top + 10.0)
                .collect();
            #[allow(clippy::cast_precision_loss, reason = "a vertex count")]
            let share = 1.0 / near.len().max(1) as f64;
            let sum = near.iter().fold([0.0; 3], |sum, v| vector::add(sum, **v));
            vector::scale(sum, share)
        };
        let by = vector::sub(end(self.surface), end(&found.surface));
        found.moved(&Rigid::from_rotation_vector([0.0; 3], by))
    }

    /// A bone laid on the truth by a rigid motion, of what both have.
    fn aligned(&self, found: &Found) -> Found {
        let mut laid = found.clone();
        // What both have changes a little as the bone moves.
        for _ in 0..3 {
            let own = Locator::new(&laid.surface);
            let places: Vec<[f64; 3]> = laid
                .surface
                .sampled(LAID_MM2)
                .into_iter()
                .map(|(place, _)| place)
                .filter(|place| {
                    let triangle = own.closest(Point::new(*place)).triangle;
                    let corners = laid.surface.triangles()[triangle];
                    self.has(*place) && !corners.iter().any(|v| laid.lid[*v as usize])
                })
                .collect();
            if places.len() < 20 {
                return laid;
            }
            let start = Rigid::<Given, Given>::identity();
            let found = trimmed_icp(&places, &self.locator, start, 1.0, 40);
            laid = laid.moved(&found.motion);
        }
        laid
    }

    fn compare(&self, found: &Found) -> Option<Apart> {
        let on_found = Locator::new(&found.surface);
        // The true joint surface: what lies nearest to the found one's.
        let joint: Vec<bool> = self
            .surface
            .vertices()
            .iter()
            .map(|v| {
                let triangle = on_found.closest(Point::new(*v)).triangle;
                let corners = found.surface.triangles()[triangle];
                corners.iter().all(|v| found.joint[*v as usize])
            })
            .collect();
        apart(
            &Fitted {
                surface: &found.surface,
                lid: &found.lid,
                sigma_mm: &found.sigma_mm,
            },
            &Truth {
                surface: self.surface,
                joint: &joint,
                compared: &|place| self.has(place),
            },
        )
    }
}

impl Found {
    fn moved(&self, motion: &Rigid<Given, Given>) -> Self {
        Self {
            surface: self.surface.moved(motion),
            ..self.clone()
        }
    }
}

/// The direction of a bone's shaft toward the hand: from the middle of its
/// proximal quarter to that of the next one.
fn axis(mesh: &SurfaceMesh<Given>) -> [f64; 3] {
    let [low, high] = mesh.bounds();
    let (top, bottom) = (low[1], high[1]);
    let middle = |from: f64, to: f64| {
        let (mut sum, mut all) = ([0.0; 3], 0.0);
        for (place, area) in mesh.sampled(LAID_MM2) {
            let share = (bottom - place[1]) / (bottom - top).max(1e-9);
            if (from..to).contains(&share) {
                sum = vector::add(sum, vector::scale(place, area));
                all += area;
            }
        }
        vector::scale(sum, 1.0 / f64::max(all, 1e-9))
    };
    let along = vector::sub(middle(0.25, 0.5), middle(0.02, 0.25));
    if vector::length(along) > 1e-6 && along[1] < 0.0 {
        vector::unit(along)
    } else {
        [0.0, -1.0, 0.0]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A bone-like rod: thicker at its distal end (negative y), which leans.
    fn rod(length: f64, wide: f64) -> SurfaceMesh<Given> {
        const AROUND: u32 = 24;
        let levels = 40;
        let mut vertices = Vec::new();
        for level in 0..=levels {
            let part = f64::from(level) / f64::from(levels);
            let y = length * part;
            let girth = 7.0 + wide * (-y / 12.0).exp();
            for step in 0..AROUND {
                let turn = std::f64::consts::TAU * f64::from(step) / f64::from(AROUND);
                let lean = if level == 0 { 3.0 * turn.cos() } else { 0.0 };
                vertices.push([
                    1.3 * girth * turn.cos(),
                    y + lean,
                    girth * turn.sin() - 40.0,
                ]);
            }
        }
        let top = u32::try_from(vertices.len()).unwrap();
        vertices.push([0.0, 0.0, -40.0]);
        vertices.push([0.0, length, -40.0]);
        let mut triangles = Vec::new();
        for step in 0..AROUND {
            let next = (step + 1) % AROUND;
            for level in 0..levels {
                let (a, b) = (level * AROUND + step, level * AROUND + next);
                triangles.extend([[a, b, b + AROUND], [a, b + AROUND, a + AROUND]]);
            }
            let last = levels * AROUND;
            triangles.push([top, next, step]);
            triangles.push([top + 1, last + step, last + next]);
        }
        let mesh = SurfaceMesh::new(vertices, triangles).unwrap();
        if mesh.signed_volume() < 0.0 {
            let turned = mesh
                .triangles()
                .iter()
                .map(|[a, b, c]| [*a, *c, *b])
                .collect();
            return SurfaceMesh::new(mesh.vertices().to_vec(), turned).unwrap();
        }
        mesh
    }

    fn found(surface: SurfaceMesh<Given>) -> Found {
        let bottom = surface.bounds()[1][1];
        let each = |pick: &dyn Fn(&[f64; 3]) -> bool| surface.vertices().iter().map(pick).collect();
        let (lid, joint) = (each(&|v| v[1] > bottom - 0.1), each(&|v| v[1] < 3.5));
        let sigma_mm = vec![0.5; surface.vertices().len()];
        Found {
            lid,
            joint,
            sigma_mm,
            surface,
        }
    }

    fn known(radius: SurfaceMesh<Given>, ulna: SurfaceMesh<Given>) -> Known {
        Known {
            side: Side::Right,
            bones: [radius, ulna],
            measures: vec![(Measure::VolarTilt, 10.0), (Measure::UlnarVariance, 0.5)],
        }
    }

    fn null() -> Null {
        Null {
            bones: [found(rod(80.0, 6.0)), found(rod(80.0, 3.0))],
            measures: vec![(Measure::VolarTilt, 11.0)],
        }
    }

    #[test]
    fn a_moved_bone_is_off_as_given_and_right_when_aligned() {
        let away = Rigid::<Given, Given>::from_rotation_vector([0.0, 0.04, 0.02], [1.0, 0.5, -2.0]);
        // The truth is longer than what was found, and the other way around.
        for (true_length, found_length) in [(100.0, 80.0), (60.0, 80.0), (80.0, 80.0)] {
            let bones = [6.0, 3.0].map(|w| found(rod(found_length, w)).moved(&away));
            let answer = Answer::Bones(Box::new(Reconstructed {
                side: Side::Left,
                bones,
                measures: vec![Interval {
                    measure: Measure::VolarTilt,
                    value: 12.5,
                    low: 9.0,
                    high: 16.0,
                }],
            }));
            let known = known(rod(true_length, 6.0), rod(true_length, 3.0));
            let judged = score(&answer, &known, &null());
            assert_eq!(judged.side_right, Some(false));
            for bone in judged.bones {
                let (given, aligned) = (bone.given.unwrap(), bone.aligned.unwrap());
                assert!(given.rms_mm > 1.0, "{given:?}");
                assert!(aligned.rms_mm < 0.12, "{true_length} {aligned:?}");
                assert!(aligned.joint_rms_mm.unwrap() < 0.12);
                assert!(aligned.inside > 0.99);
                assert!(bone.null.unwrap().rms_mm < 0.15, "{:?}", bone.null);
            }
            let [tilt, variance] = judged.measures.as_slice() else {
                unreachable!("two are told");
            };
            assert_eq!((tilt.error, tilt.inside), (Some(2.5), Some(true)));
            assert_eq!(tilt.null_error, Some(1.0));
            assert_eq!((variance.error, variance.null_error), (None, None));
        }
    }

    #[test]
    fn a_refusal_keeps_the_null_models_error_and_its_size_is_read_off_the_width() {
        let larger = |mesh: SurfaceMesh<Given>| {
            let places = mesh.vertices().iter().map(|v| v.map(|x| 1.1 * x)).collect();
            mesh.with_vertices(places).unwrap()
        };
        let known = known(larger(rod(80.0, 6.0)), larger(rod(80.0, 3.0)));
        let judged = score(&Answer::Refused("no_wrist".into()), &known, &null());
        assert_eq!(judged.refused.as_deref(), Some("no_wrist"));
        for bone in judged.bones {
            assert!(bone.given.is_none() && bone.aligned.is_none());
            let rms = bone.null.unwrap().rms_mm;
            assert!(rms < 0.25, "{rms}");
        }
    }

    #[test]
    fn the_truth_is_read_from_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("radius.stl", &rod(80.0, 6.0).to_stl("radius"));
        assert!(matches!(
            Known::open(folder.path()),
            Err(JudgeError::Read { .. })
        ));
        write("ulna.stl", &rod(80.0, 3.0).to_stl("ulna"));
        write("truth.json", b"{\"side\": \"left\"}");
        assert!(matches!(
            Known::open(folder.path()),
            Err(JudgeError::Json { .. })
        ));
        let text =
            "{\"side\": \"L\", \"measures\": {\"volar_tilt_deg\": 9, \"x\": null}, \"seed\": 1}";
        write("truth.json", text.as_bytes());
        let known = Known::open(folder.path()).unwrap();
        assert_eq!(known.side, Side::Left);
        assert_eq!(known.measures, [(Measure::VolarTilt, 9.0)]);
        assert!(known.bones[0].is_closed());
        write("ulna.stl", b"solid");
        assert!(matches!(
            Known::open(folder.path()),
            Err(JudgeError::Surface { .. })
        ));
    }
}
