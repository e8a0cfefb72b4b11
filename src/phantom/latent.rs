//! X-ray pairs of what the shape model can make, quickly: for training, where
//! the shape's numbers are the answer to learn. Same physics as the others, but
//! paths by the L-buffer, at the size that a network sees.
//!
//! Spongy bone is taken as dense as it is where a ray meets the plane through
//! the bone's axis: rays run nearly across the bone, so that is right to a few
//! percent. The hand is the mean person's, as large as the radius.

use std::num::NonZeroU32;

use nalgebra::DMatrix;
use nalgebra::DVector;

use super::PhantomError;
use super::clutter::Clutter;
use super::density::Density;
use super::positioning::Apparatus;
use super::positioning::lay;
use super::specimen::Generator;
use super::specimen::Specimen;
use super::texture::Texture;
use super::wrist::CORTEX_MG_CM3;
use super::wrist::MARROW;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::ForearmModel;
use crate::anatomy::Measures;
use crate::anatomy::Side;
use crate::anatomy::measures;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::geometry::vector;
use crate::radiography::Camera;
use crate::radiography::Detected;
use crate::radiography::Exposure;
use crate::radiography::PathImage;
use crate::radiography::Paths;
use crate::radiography::Photometric;
use crate::radiography::PoseVector;
use crate::radiography::Projection;
use crate::radiography::Random;
use crate::radiography::Tissue;

/// Rows and columns of a training image.
pub const PAIR_PIXELS: u32 = 256;
/// Their spacing on the detector.
pub const PAIR_PIXEL_MM: f64 = 0.4;
/// The least distance from a bone to the detector.
const CLEARANCE_MM: f64 = 8.0;
/// How much a pattern's mean over a ray varies against its value at a place.
const ALONG_A_RAY: f64 = 0.35;

/// One X-ray of a pair: a right wrist, bone bright.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentView {
    /// [`PAIR_PIXELS`] squared, row after row.
    pub pixels: Vec<u8>,
    /// Where source and detector stood; `oid_mm` is what is told.
    pub camera: Camera,
    /// Where each bone lies, counted from the view's nominal position.
    pub pose: [PoseVector; 2],
}

/// A PA and a lateral X-ray of one forearm of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct LatentPair {
    /// The shape model's numbers.
    pub z: Vec<f64>,
    /// What is read on the bones.
    pub measures: Measures,
    /// PA, then lateral.
    pub views: [LatentView; 2],
}

/// Makes pairs.
pub struct LatentWrists {
    model: ForearmModel,
    /// What turns independent numbers into the model's prior.
    root: DMatrix<f64>,
    hands: Vec<Clutter>,
    /// How wide the hands' own radius is.
    width_mm: f64,
}

/// One forearm, ready to be laid.
struct Made<'a> {
    outer: Forearm<Model>,
    inner: Forearm<Model>,
    hand: &'a Clutter,
    size: f64,
    flesh: f64,
    density: Density,
    texture: Texture,
}

impl LatentWrists {
    /// Makes this many hands, each lying its own way: about a second each.
    ///
    /// # Errors
    /// [`PhantomError`] when a surface is lost; not with the shipped model.
    pub fn new(model: ForearmModel, hands: NonZeroU32) -> Result<Self, PhantomError> {
        let correlation = model.correlation().clone();
        let root = correlation
            .cholesky()
            .map(|factor| factor.l())
            .unwrap_or_else(|| DMatrix::identity(model.latent(), model.latent()));
        let mean = Specimen::mean(Generator::A)?;
        let mut random = Random::new(0, 0x4A9D);
        let hands = (0..hands.get()).map(|_| {
            let (flexion, deviation) =
                (random.around(0.0, 0.09, 2.5), random.around(0.0, 0.07, 2.5));
            Clutter::of(&mean, flexion, deviation)
        });
        Ok(Self {
            hands: hands.collect::<Result<_, _>>()?,
            width_mm: width(&mean.outer.radius),
            model,
            root,
        })
    }

    /// The pair of a seed; always the same.
    ///
    /// # Errors
    /// [`PhantomError`] when the wrist does not fit before the detector, which
    /// no seed is known to do.
    pub fn pair(&self, seed: u64) -> Result<LatentPair, PhantomError> {
        let mut random = Random::new(seed, 0x9A12);
        let free = (0..self.model.latent()).map(|_| random.around(0.0, 1.0, 3.0));
        let free = DVector::from_iterator(self.model.latent(), free);
        let z: Vec<f64> = (&self.root * free).iter().copied().collect();
        let made = self.made(&z, &mut random)?;
        let marks = self.model.landmarks().on(&made.outer)?;
        let apparatus = Apparatus::draw(&mut random);
        let laid = lay(Generator::A, &apparatus, &mut random);
        let [pa, lateral] =
            [0, 1].map(|number| made.view(number, laid[number], &apparatus, &mut random));
        Ok(LatentPair {
            z,
            measures: measures(&marks, Side::Right)?,
            views: [pa?, lateral?],
        })
    }

    fn made(&self, z: &[f64], random: &mut Random) -> Result<Made<'_>, PhantomError> {
        let outer = self.model.decode(z)?;
        let mut hollow = |bone: Bone| {
            let cortex = self.model.cortex(bone);
            let amplitudes: Vec<f64> = (0..cortex.modes())
                .map(|_| random.around(0.0, 1.0, 2.5))
                .collect();
            let thick = cortex.thickness(&amplitudes);
            let mesh = outer.bone(bone);
            let normals = mesh.vertex_normals();
            let inward = mesh.vertices().iter().zip(normals).zip(thick);
            let moved = inward.map(|((v, normal), t)| vector::sub(*v, vector::scale(normal, t)));
            mesh.with_vertices(moved.collect())
        };
        let inner = Forearm {
            radius: hollow(Bone::Radius)?,
            ulna: hollow(Bone::Ulna)?,
        };
        let number = random.bits() % self.hands.len().max(1) as u64;
        Ok(Made {
            size: width(&outer.radius) / self.width_mm,
            hand: &self.hands[usize::try_from(number).unwrap_or(0)],
            outer,
            inner,
            flesh: random.around(1.0, 0.08, 2.0),
            density: Density {
                cortical_mg_cm3: random.around(1080.0, 60.0, 2.0),
                subchondral_mg_cm3: random.around(780.0, 60.0, 2.0),
                trabecular_mg_cm3: random.around(210.0, 50.0, 2.2),
                fading_mm: random.around(24.0, 3.0, 2.0),
            },
            texture: Texture::new(random),
        })
    }
}

fn width(radius: &SurfaceMesh<Model>) -> f64 {
    let [low, high] = radius.bounds();
    high[0] - low[0]
}

impl Made<'_> {
    fn view(
        &self,
        number: usize,
        mut pose: PoseVector,
        apparatus: &Apparatus,
        random: &mut Random,
    ) -> Result<LatentView, PhantomError> {
        let projection = Projection::ALL[number];
        // A crop around the joint, not the whole detector.
        pose[3] = random.around([-8.0, 0.0][number], 5.0, 2.0);
        pose[4] = random.around(-4.0, 5.0, 2.0);
        let turned = self.about_ulna(random);
        let lying = projection.pose(pose);
        let both = self.outer.moved_apart([&lying, &turned.then(&lying)]);
        let lowest = Bone::ALL.map(|bone| both.bone(bone).bounds()[1][2]);
        pose[5] -= (lowest[0].max(lowest[1]) + CLEARANCE_MM).max(0.0);
        let radius = projection.pose(pose);
        let truth = [radius, turned.then(&radius)];
        let camera = Camera {
            pixel_spacing_mm: [PAIR_PIXEL_MM; 2],
            rows: PAIR_PIXELS,
            columns: PAIR_PIXELS,
            ..apparatus.camera(-pose[5], random)
        };
        let exposure = Exposure {
            photometric: Photometric::Monochrome2,
            ..apparatus.exposure_on(&camera, Side::Right, random)
        };
        let paths = self.paths(&truth, camera)?;
        let caught = Detected::new(paths, camera, exposure, None)?;
        let pixels = caught.for_presentation();
        Ok(LatentView {
            pixels: pixels
                .iter()
                .map(|p| u8::try_from(p >> 4).unwrap_or(u8::MAX))
                .collect(),
            camera,
            pose: truth.map(|motion| projection.vector_of(&motion)),
        })
    }

    /// The turn of the ulna about its head between exposures.
    fn about_ulna(&self, random: &mut Random) -> Rigid<Model, Model> {
        let radians = random.around(0.0, 5_f64.to_radians(), 2.5);
        let [low, high] = self.outer.ulna.bounds();
        let center = [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), high[2]];
        let away = Rigid::<Model, Model>::from_rotation_vector([0.0; 3], center.map(|v| -v));
        away.then(&Rigid::from_rotation_vector([0.0, 0.0, radians], center))
    }

    fn paths(
        &self,
        truth: &[Rigid<Model, Detector>; 2],
        camera: Camera,
    ) -> Result<Paths, PhantomError> {
        // Water, bone, and the insides of radius and ulna.
        let mut image = PathImage::<4>::new(camera);
        let wall = Tissue {
            water: 0.0,
            bone: 0.5 * (self.density.cortical_mg_cm3 + self.density.subchondral_mg_cm3)
                / CORTEX_MG_CM3,
        };
        let pressed = |mesh: &SurfaceMesh<Model>, flesh: f64| {
            let grow = [self.size * flesh, self.size * flesh, self.size];
            let places = mesh.vertices().iter().map(|v| {
                let [x, y, z] = truth[0].move_xyz([0, 1, 2].map(|a| v[a] * grow[a]));
                [x, y, z.min(-2.0)]
            });
            SurfaceMesh::<Detector>::new(places.collect(), mesh.triangles().to_vec())
        };
        let soft = Tissue::SOFT.water;
        image.add(
            &pressed(&self.hand.skin, self.flesh)?,
            [soft, 0.0, 0.0, 0.0],
        )?;
        for (number, bone) in Bone::ALL.into_iter().enumerate() {
            let outer = self.outer.bone(bone).moved(&truth[number]);
            image.add(&outer, [-soft, wall.bone, 0.0, 0.0])?;
            let inner = self.inner.bone(bone).moved(&truth[number]);
            let mut weights = [MARROW.water, -wall.bone, 0.0, 0.0];
            weights[2 + number] = 1.0;
            image.add(&inner, weights)?;
        }
        let spongy = 1.15 * self.density.trabecular_mg_cm3 / CORTEX_MG_CM3;
        for bone in &self.hand.bones {
            image.add(&pressed(&bone.outer, 1.0)?, [-soft, wall.bone, 0.0, 0.0])?;
            let inside = [soft, spongy - wall.bone, 0.0, 0.0];
            image.add(&pressed(&bone.inner, 1.0)?, inside)?;
        }
        let water_mm = image.millimeters(0);
        let mut bone_mm = image.millimeters(1);
        for (number, pose) in truth.iter().enumerate() {
            self.fill(&image.millimeters(2 + number), pose, camera, &mut bone_mm);
        }
        Ok(Paths { water_mm, bone_mm })
    }

    /// Adds the spongy bone of one bone to what the rays meet.
    fn fill(
        &self,
        inside_mm: &[f64],
        pose: &Rigid<Model, Detector>,
        camera: Camera,
        bone_mm: &mut [f64],
    ) {
        let back = pose.inverse();
        let source = camera.source().xyz();
        // The share of the way from the source at which the plane lies.
        let share = (pose.translation()[2] - source[2]) / camera.sid_mm;
        let columns = camera.columns as usize;
        for (index, (inside, bone)) in inside_mm.iter().zip(bone_mm).enumerate() {
            if *inside <= 0.0 {
                continue;
            }
            #[allow(clippy::cast_precision_loss, reason = "pixel numbers")]
            let pixel = [(index % columns) as f64, (index / columns) as f64];
            let [x, y] = camera.place_of(pixel);
            let toward = vector::sub([x, y, 0.0], source);
            let place = back.move_xyz(vector::add(source, vector::scale(toward, share)));
            let pattern = 1.0 + ALONG_A_RAY * (f64::from(self.texture.at(place)) - 1.0);
            let dense = self.density.inside_mg_cm3(-place[2]) / CORTEX_MG_CM3;
            *bone += inside * dense * pattern;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::geometry::Point;

    #[test]
    fn a_pair_repeats_and_shows_bone_where_its_poses_say() {
        let wrists = LatentWrists::new(ForearmModel::shipped().unwrap(), NonZeroU32::MIN).unwrap();
        for seed in 0..4 {
            let pair = wrists.pair(seed).unwrap();
            assert_eq!(pair.z.len(), wrists.model.latent());
            for (projection, view) in Projection::ALL.into_iter().zip(&pair.views) {
                assert_eq!(view.pixels.len(), 256 * 256);
                let forearm = wrists.model.decode(&pair.z).unwrap();
                let shaft = forearm
                    .radius
                    .vertices()
                    .iter()
                    .filter(|v| v[2] < -30.0 && v[2] > -32.0);
                let mut sum = [0.0; 4];
                for v in shaft {
                    sum = [sum[0] + v[0], sum[1] + v[1], sum[2] + v[2], sum[3] + 1.0];
                }
                let middle = [0, 1, 2].map(|a| sum[a] / sum[3]);
                let place = projection.pose(view.pose[0]).move_xyz(middle);
                let [column, row] = view.camera.project(Point::new(place)).unwrap();
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "within the image, or the test fails"
                )]
                let at = row.round() as usize * 256 + column.round() as usize;
                let mut all = view.pixels.clone();
                all.sort_unstable();
                assert!(view.pixels[at] > all[all.len() / 2], "{seed}");
            }
            assert_eq!(pair, wrists.pair(seed).unwrap());
        }
    }
}
