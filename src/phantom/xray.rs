//! The X-rays that would be taken of a subject: positioned by hand, that is
//! never quite true, on one of several sets of apparatus.

use super::Parameters;
use super::PhantomError;
use super::Subject;
use super::body;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Landmark;
use crate::anatomy::Side;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Camera;
use crate::radiography::Exposure;
use crate::radiography::FIELD_PIXEL_MM;
use crate::radiography::FIELD_PIXELS;
use crate::radiography::Photometric;
use crate::radiography::PoseVector;
use crate::radiography::Projection;
use crate::radiography::Random;
use crate::radiography::Scene;
use crate::radiography::Tissue;
use crate::radiography::expose;

/// The least distance from a bone to the detector: skin and the detector's cover.
const CLEARANCE_MM: f64 = 8.0;

/// How finely an X-ray is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// As a detector has it: 1000 rows of 800 pixels of 0.15 mm.
    Full,
    /// Just what a network's field needs, by the same physics: pixels of half
    /// the field's, over its area.
    Field,
}

/// A simulated X-ray with everything that is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedXray {
    /// 12-bit pixels, row after row.
    pub pixels: Vec<u16>,
    /// Where source, wrist and detector stood; also rows, columns and spacing.
    pub camera: Camera,
    /// How the wrist lay.
    pub projection: Projection,
    /// Which way the values run.
    pub photometric: Photometric,
    /// Which wrist it is.
    pub side: Side,
    /// Where each bone of the *right* model lies in the frame of this image's
    /// detector, after a left image has been turned left to right.
    pub truth: [Rigid<Model, Detector>; 2],
    /// The same as numbers.
    pub pose: [PoseVector; 2],
}

impl SimulatedXray {
    /// The bones as they lie before this image's detector (a left arm is a left arm).
    #[must_use]
    pub fn bones(&self, subject: &Subject) -> Forearm<Detector> {
        let lying = subject
            .forearm
            .moved_apart([&self.truth[0], &self.truth[1]]);
        match self.side {
            Side::Right => lying,
            Side::Left => lying.mirrored_x(),
        }
    }

    /// The pixels with bone bright, as a right wrist, as plain numbers: what
    /// [`crate::radiography`]'s `field` takes.
    #[must_use]
    pub fn folded(&self) -> Vec<f32> {
        let columns = self.camera.columns as usize;
        let bright = |pixel: &u16| match self.photometric {
            Photometric::Monochrome2 => f32::from(*pixel),
            Photometric::Monochrome1 => 4095.0 - f32::from(*pixel),
        };
        self.pixels
            .chunks_exact(columns)
            .flat_map(|row| -> Vec<f32> {
                match self.side {
                    Side::Right => row.iter().map(bright).collect(),
                    Side::Left => row.iter().rev().map(bright).collect(),
                }
            })
            .collect()
    }

    /// The camera of the folded image.
    #[must_use]
    pub fn folded_camera(&self) -> Camera {
        match self.side {
            Side::Right => self.camera,
            Side::Left => self.camera.mirrored(),
        }
    }
}

impl Subject {
    /// A posteroanterior and a lateral X-ray of this subject at full size.
    ///
    /// # Errors
    /// [`PhantomError`] when the wrist does not fit before the detector, which
    /// no seed is known to do.
    pub fn radiographs(&self, seed: u64) -> Result<[SimulatedXray; 2], PhantomError> {
        self.radiographs_at(seed, Detail::Full)
    }

    /// The same in one of several details. Seeds of visits are apart from
    /// those of subjects: one subject may come many times.
    ///
    /// # Errors
    /// As [`Self::radiographs`].
    pub fn radiographs_at(
        &self,
        seed: u64,
        detail: Detail,
    ) -> Result<[SimulatedXray; 2], PhantomError> {
        let mut random = Random::new(self.seed, 2_u64.wrapping_add(seed.wrapping_mul(2)));
        let wrist = Wrist::new(self, &mut random)?;
        let inverted = random.chance(0.3);
        // One apparatus takes both.
        let sid_mm = if random.chance(0.5) {
            1000.0
        } else {
            random.between(1000.0, 1150.0)
        };
        let [pa, lateral] =
            Projection::ALL.map(|view| wrist.taken(view, sid_mm, inverted, detail, &mut random));
        Ok([pa?, lateral?])
    }
}

/// A subject's wrist, ready to be laid before a detector.
struct Wrist<'a> {
    subject: &'a Subject,
    shells: [Forearm<Model>; 2],
    hand: Vec<body::Shell>,
    flesh: SurfaceMesh<Model>,
}

impl<'a> Wrist<'a> {
    fn new(subject: &'a Subject, random: &mut Random) -> Result<Self, PhantomError> {
        let p = &subject.parameters;
        let turn = [random.around(0.0, 0.09, 2.5), random.around(0.0, 0.07, 2.5)];
        Ok(Self {
            subject,
            shells: subject.shells()?,
            hand: body::hand(p, turn)?,
            flesh: body::flesh(p)?,
        })
    }

    /// Takes one X-ray.
    fn taken(
        &self,
        projection: Projection,
        sid_mm: f64,
        inverted: bool,
        detail: Detail,
        random: &mut Random,
    ) -> Result<SimulatedXray, PhantomError> {
        let subject = self.subject;
        let mut radius_pose = lay(projection, random);
        // The radius turns about the ulnar head: between views never the same.
        let turned = about_ulna(subject, random.around(0.0, 5_f64.to_radians(), 2.5));
        // No bone lies in the detector: an arm that leans is lifted.
        let lying = projection.pose(radius_pose);
        let outer = self.shells[0].moved_apart([&lying, &turned.then(&lying)]);
        let lowest = Bone::ALL
            .map(|bone| outer.bone(bone).bounds()[1][2])
            .into_iter()
            .fold(f64::NEG_INFINITY, f64::max);
        radius_pose[5] -= (lowest + CLEARANCE_MM).max(0.0);
        let radius = projection.pose(radius_pose);
        let ulna = turned.then(&radius);
        let truth = [radius, ulna];
        let pose = truth.map(|motion| projection.vector_of(&motion));
        let camera = self.camera(detail, sid_mm, -radius_pose[5], random);
        let exposure = exposed(subject.side, inverted, &camera, random);
        let mut actual = camera;
        if subject.side == Side::Left {
            actual = camera.mirrored();
        }
        let scene = self.scene(&truth)?;
        Ok(SimulatedXray {
            pixels: expose(&scene, actual, &exposure)?,
            camera: actual,
            projection,
            photometric: exposure.photometric,
            side: subject.side,
            truth,
            pose,
        })
    }

    fn camera(&self, detail: Detail, sid_mm: f64, oid_mm: f64, random: &mut Random) -> Camera {
        let mut aim = || random.around(0.0, 8.0, 2.5);
        let principal_point_mm = [aim(), aim()];
        let (spacing, rows, columns) = match detail {
            Detail::Full => (0.15, 1000, 800),
            Detail::Field => (FIELD_PIXEL_MM / 2.0, FIELD_PIXELS * 2, FIELD_PIXELS * 2),
        };
        Camera {
            sid_mm,
            oid_mm,
            principal_point_mm,
            pixel_spacing_mm: [spacing; 2],
            rows: u32::try_from(rows).unwrap_or(u32::MAX),
            columns: u32::try_from(columns).unwrap_or(u32::MAX),
        }
    }

    /// Everything where it lies; a left arm mirrored at the detector's middle.
    fn scene(&self, truth: &[Rigid<Model, Detector>; 2]) -> Result<Scene, PhantomError> {
        let side = self.subject.side;
        let p: &Parameters = &self.subject.parameters;
        let laid = |mesh: &SurfaceMesh<Model>, motion| {
            let mesh: SurfaceMesh<Detector> = mesh.moved(motion);
            match side {
                Side::Right => mesh,
                Side::Left => mesh.mirrored_x(),
            }
        };
        let spongy = Tissue {
            water: Tissue::CANCELLOUS.water,
            bone: Tissue::CANCELLOUS.bone * p.density,
        };
        let mut scene = Scene::new();
        // Skin is pressed flat where it meets the detector, and the hand's
        // bones stay in it.
        let pressed = |mesh: &SurfaceMesh<Model>| {
            let mesh = laid(mesh, &truth[0]);
            let vertices = mesh.vertices().iter().map(|v| [v[0], v[1], v[2].min(-2.0)]);
            mesh.with_vertices(vertices.collect())
        };
        scene.fill(pressed(&self.flesh)?, Tissue::AIR, Tissue::SOFT);
        for (bone, motion) in Bone::ALL.into_iter().zip(truth) {
            let [outer, inner] = &self.shells;
            scene.fill(laid(outer.bone(bone), motion), Tissue::SOFT, Tissue::CORTEX);
            scene.fill(laid(inner.bone(bone), motion), Tissue::CORTEX, spongy);
        }
        for [outer, inner] in &self.hand {
            scene.fill(pressed(outer)?, Tissue::SOFT, Tissue::CORTEX);
            scene.fill(pressed(inner)?, Tissue::CORTEX, spongy);
        }
        Ok(scene)
    }
}

/// How a radiographer lays a wrist: nearly right.
fn lay(projection: Projection, random: &mut Random) -> PoseVector {
    let mut turn = |sd: f64, limit: f64| random.around(0.0, sd.to_radians(), limit);
    // About the detector's x (tilt), y (the arm's own length), z (in the image).
    let (tilt, roll, spin) = match projection {
        Projection::PosteroAnterior => (turn(3.0, 2.5), turn(6.0, 2.5), turn(4.0, 2.5)),
        Projection::Lateral => (turn(3.0, 2.5), turn(5.0, 2.4), turn(4.0, 2.5)),
    };
    let mut shift = |middle: f64, sd: f64| random.around(middle, sd, 2.0);
    let oid = match projection {
        Projection::PosteroAnterior => shift(34.0, 5.0),
        Projection::Lateral => shift(58.0, 6.0),
    };
    // The ulna lies beside the radius: the radius' axis is off the middle.
    let middle = match projection {
        Projection::PosteroAnterior => -8.0,
        Projection::Lateral => 0.0,
    };
    [tilt, roll, spin, shift(middle, 5.0), shift(0.0, 6.0), -oid]
}

/// The turn of the ulna about its own head's axis, seen from the radius.
fn about_ulna(subject: &Subject, radians: f64) -> Rigid<Model, Model> {
    let center = subject
        .landmarks
        .at(Landmark::UlnarHeadCenter)
        .map_or([0.0; 3], |p| p.xyz());
    let away = Rigid::<Model, Model>::from_rotation_vector([0.0; 3], center.map(|v| -v));
    let turn = Rigid::<Model, Model>::from_rotation_vector([0.0, 0.0, radians], center);
    away.then(&turn)
}

/// The exposure: apparatus differ in dose, scatter, sharpness and look.
fn exposed(side: Side, inverted: bool, camera: &Camera, random: &mut Random) -> Exposure {
    let half = [
        0.5 * f64::from(camera.columns) * camera.pixel_spacing_mm[1],
        0.5 * f64::from(camera.rows) * camera.pixel_spacing_mm[0],
    ];
    let corner = if random.chance(0.5) { -1.0 } else { 1.0 };
    let marker = [
        corner * (half[0] - random.between(7.0, 12.0)),
        random.between(-0.9, 0.1) * (half[1] - 10.0),
    ];
    Exposure {
        seed: random.bits(),
        photons_per_mm2: 10_f64.powf(random.between(4.2, 5.2)),
        scatter: random.between(0.1, 0.45),
        blur_mm: random.between(0.06, 0.22),
        contrast: random.between(1.5, 3.2),
        brightness: random.between(-0.4, 0.3),
        photometric: if inverted {
            Photometric::Monochrome1
        } else {
            Photometric::Monochrome2
        },
        marker: random.chance(0.8).then_some((side.letter(), marker)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "tests"
    )]
    use super::*;
    use crate::geometry::Point;
    use crate::phantom::DEMO_SEEDS;
    use crate::radiography::field;

    #[test]
    fn both_details_show_the_same_field() {
        let subject = Subject::draw(DEMO_SEEDS.start).unwrap();
        let full = subject.radiographs_at(1, Detail::Full).unwrap();
        let quick = subject.radiographs_at(1, Detail::Field).unwrap();
        for (a, b) in full.iter().zip(&quick) {
            assert_eq!(a.truth, b.truth);
            let look = |x: &SimulatedXray| {
                let c = x.camera;
                field(&x.folded(), c.rows, c.columns, c.pixel_spacing_mm).unwrap()
            };
            let gap: f32 = look(a)
                .iter()
                .zip(look(b))
                .map(|(a, b)| (a - b).abs())
                .sum();
            assert!(gap / 16384.0 < 0.06, "{}", gap / 16384.0);
        }
    }

    #[test]
    fn bones_are_bright_where_they_are_said_to_be() {
        for seed in 0..6 {
            let subject = Subject::draw(seed).unwrap();
            for xray in subject.radiographs_at(0, Detail::Field).unwrap() {
                let camera = xray.folded_camera();
                let image = xray.folded();
                let look = |place: Point<Detector>| {
                    let [column, row] = camera.project(place).unwrap();
                    let index = row.round() * f64::from(camera.columns) + column.round();
                    image[index as usize]
                };
                let at = |model: [f64; 3]| look(xray.truth[0].apply(Point::new(model)));
                // Within the radius, and a hand's width beside it in air.
                let inside = at([0.0, 0.0, -12.0]);
                let [x, y, z] = xray.truth[0].translation();
                let beside = look(Point::new([
                    if x > 0.0 { x - 47.0 } else { x + 47.0 },
                    y,
                    z,
                ]));
                assert!(inside > beside, "seed {seed}: {inside} {beside}");
            }
        }
    }

    #[test]
    fn an_x_ray_has_as_many_pixels_as_it_says_and_repeats() {
        let subject = Subject::draw(4).unwrap();
        let [pa, lateral] = subject.radiographs_at(3, Detail::Field).unwrap();
        assert_eq!(pa.pixels.len(), 256 * 256);
        assert_eq!(lateral.projection, Projection::Lateral);
        assert_eq!(
            [pa, lateral],
            subject.radiographs_at(3, Detail::Field).unwrap()
        );
    }
}
