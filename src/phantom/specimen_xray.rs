//! The X-rays of a specimen, through volumes: not by the way that models are
//! fitted with, so that a fit is judged on images that it could not make itself.

use super::PhantomError;
use super::abnormal::AbnormalSpecimen;
use super::abnormal::ExtraBody;
use super::abnormal::Material;
use super::positioning::Apparatus;
use super::positioning::Take;
use super::positioning::about_ulna;
use super::positioning::lay;
use super::specimen::Specimen;
use super::wrist::CORTEX_MG_CM3;
use super::wrist::MARROW;
use super::wrist::Wrist;
use super::wrist::tissue;
use crate::anatomy::Bone;
use crate::anatomy::Forearm;
use crate::anatomy::Side;
use crate::geometry::Detector;
use crate::geometry::Model;
use crate::geometry::Patient;
use crate::geometry::Point;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Camera;
use crate::radiography::Collimation;
use crate::radiography::Detected;
use crate::radiography::PathImage;
use crate::radiography::Paths;
use crate::radiography::Photometric;
use crate::radiography::Random;
use crate::radiography::Tissue;
use crate::radiography::through;
use crate::raster::Volume;

/// How much of the forearm generator B makes for an X-ray: more than one shows.
pub const XRAY_LENGTH_MM: f64 = 105.0;
/// The least distance from a bone to the detector.
const CLEARANCE_MM: f64 = 8.0;

/// A simulated X-ray of a specimen with everything that is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SpecimenXray {
    /// Which one of the visit.
    pub take: Take,
    /// 12-bit pixels For Presentation, row after row.
    pub pixels: Vec<u16>,
    /// The same exposure For Processing.
    pub processing: Vec<u16>,
    /// Where source, wrist and detector stood; also rows, columns and spacing.
    /// `oid_mm` is what the apparatus tells, some millimeters off.
    pub camera: Camera,
    /// Which way the values run.
    pub photometric: Photometric,
    /// What the collimator left open.
    pub collimation: Option<Collimation>,
    /// Which wrist it is.
    pub side: Side,
    /// Where each bone of the *right* model lies in the frame of this image's
    /// detector, after a left image has been turned left to right.
    pub truth: [Rigid<Model, Detector>; 2],
}

impl SpecimenXray {
    /// Bones as they lie before this image's detector (a left arm is a left arm).
    #[must_use]
    pub fn bones(&self, right: &Forearm<Model>) -> Forearm<Detector> {
        let lying = right.moved_apart([&self.truth[0], &self.truth[1]]);
        match self.side {
            Side::Right => lying,
            Side::Left => lying.mirrored_x(),
        }
    }

    /// The pixels with bone bright, as a right wrist, as plain numbers.
    #[must_use]
    pub fn folded(&self) -> Vec<f32> {
        let bright = |pixel: &u16| match self.photometric {
            Photometric::Monochrome2 => f32::from(*pixel),
            Photometric::Monochrome1 => 4095.0 - f32::from(*pixel),
        };
        let mut pixels: Vec<f32> = self.pixels.iter().map(bright).collect();
        fold(self.side, &self.camera, &mut pixels);
        pixels
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

impl Specimen {
    /// The X-rays of one visit. Views are laid, lit and noised the same whether
    /// or not others are asked for.
    ///
    /// # Errors
    /// [`PhantomError`] when the wrist does not fit before the detector, which
    /// no seed is known to do.
    pub fn radiographs(
        &self,
        visit: u64,
        takes: &[Take],
    ) -> Result<Vec<SpecimenXray>, PhantomError> {
        radiographs(self, &[], visit, takes)
    }
}

impl AbnormalSpecimen {
    /// The X-rays of one visit, as [`Specimen::radiographs`].
    ///
    /// # Errors
    /// As there.
    pub fn radiographs(
        &self,
        visit: u64,
        takes: &[Take],
    ) -> Result<Vec<SpecimenXray>, PhantomError> {
        radiographs(&self.specimen, &self.extra, visit, takes)
    }
}

fn radiographs(
    specimen: &Specimen,
    extra: &[ExtraBody],
    visit: u64,
    takes: &[Take],
) -> Result<Vec<SpecimenXray>, PhantomError> {
    let stream = 0x00C0_FFEE_0000 + 1000 * visit + 100 * specimen.generator as u64;
    let mut random = Random::new(specimen.seed, stream);
    let wrist = Wrist::new(specimen, extra, &mut random)?;
    let apparatus = Apparatus::draw(&mut random);
    let poses = lay(specimen.generator, &apparatus, &mut random);
    let mut images = Vec::new();
    for (number, (take, pose)) in (1_u64..).zip(Take::ALL.into_iter().zip(poses)) {
        if takes.contains(&take) {
            let mut own = Random::new(specimen.seed, stream + number);
            let lying = take.projection().pose(pose);
            images.push(wrist.taken(take, &lying, &apparatus, &mut own)?);
        }
    }
    Ok(images)
}

impl Wrist<'_> {
    /// Takes one X-ray, the radius lying as given but for its distance from the
    /// detector.
    fn taken(
        &self,
        take: Take,
        radius: &Rigid<Model, Detector>,
        apparatus: &Apparatus,
        random: &mut Random,
    ) -> Result<SpecimenXray, PhantomError> {
        let turned = about_ulna(self.specimen, random);
        let lift = self.lift([radius, &turned.then(radius)]);
        let up = Rigid::<Detector, Detector>::from_rotation_vector([0.0; 3], [0.0, 0.0, -lift]);
        let radius = radius.then(&up);
        let truth = [radius, turned.then(&radius)];
        let side = self.specimen.side;
        let folded = apparatus.camera(-radius.translation()[2], random);
        let mut paths = self.paths(&truth, folded)?;
        fold(side, &folded, &mut paths.water_mm);
        fold(side, &folded, &mut paths.bone_mm);
        let camera = match side {
            Side::Right => folded,
            Side::Left => folded.mirrored(),
        };
        let collimation = apparatus.window(random);
        let exposure = apparatus.exposure(side, collimation.as_ref(), random);
        let caught = Detected::new(paths, camera, exposure, collimation.as_ref())?;
        Ok(SpecimenXray {
            take,
            pixels: caught.for_presentation(),
            processing: caught.for_processing(),
            camera,
            photometric: exposure.photometric,
            collimation,
            side,
            truth,
        })
    }

    /// By how much the wrist must be lifted so that no bone lies in the detector.
    fn lift(&self, poses: [&Rigid<Model, Detector>; 2]) -> f64 {
        let pose = |bone| match bone {
            Bone::Radius => poses[0],
            Bone::Ulna => poses[1],
        };
        let mut lowest = f64::NEG_INFINITY;
        for (bone, mesh) in self.stiff() {
            let depths = mesh.vertices().iter().map(|v| pose(bone).move_xyz(*v)[2]);
            lowest = depths.fold(lowest, f64::max);
        }
        // Nor may a volume's empty corner reach through it.
        for part in &self.parts {
            for corner in corners(&part.mineral) {
                let [_, _, z] = pose(part.with).move_xyz(corner);
                lowest = lowest.max(z - CLEARANCE_MM + 0.5);
            }
        }
        (lowest + CLEARANCE_MM).max(0.0)
    }

    /// What each ray runs through, of a right wrist.
    fn paths(
        &self,
        truth: &[Rigid<Model, Detector>; 2],
        camera: Camera,
    ) -> Result<Paths, PhantomError> {
        let mut soft = PathImage::<2>::new(camera);
        // Skin is pressed flat where it meets the detector.
        let skin: SurfaceMesh<Detector> = self.clutter.skin.moved(&truth[0]);
        let pressed = skin.vertices().iter().map(|v| [v[0], v[1], v[2].min(-2.0)]);
        let skin = skin.with_vertices(pressed.collect())?;
        soft.add(&skin, [Tissue::SOFT.water, Tissue::SOFT.bone])?;
        for (bone, pose) in Bone::ALL.into_iter().zip(truth) {
            let core = self.specimen.inner.bone(bone).moved(pose);
            soft.add(&core, [MARROW.water - Tissue::SOFT.water, 0.0])?;
        }
        for body in self.extra {
            // What lies outside of the skin displaces air, inside flesh.
            let (made, before) = match body.material {
                Material::Titanium => (tissue(body.material), Tissue::SOFT),
                Material::Plaster => (tissue(body.material), Tissue::AIR),
                Material::Cartilage => continue,
            };
            let change = [made.water - before.water, made.bone - before.bone];
            soft.add(&body.surface.moved(&truth[0]), change)?;
        }
        let (mut water_mm, mut bone_mm) = (soft.millimeters(0), soft.millimeters(1));
        for part in &self.parts {
            let pose = match part.with {
                Bone::Radius => &truth[0],
                Bone::Ulna => &truth[1],
            };
            let place = Rigid::<Patient, Model>::identity().then(pose);
            let mineral = through(&part.mineral, &place, &camera)?;
            for (index, sum) in mineral.iter().enumerate().filter(|(_, sum)| **sum > 0.0) {
                let bone = f64::from(*sum) / CORTEX_MG_CM3;
                bone_mm[index] += bone;
                water_mm[index] -= Tissue::SOFT.water * bone;
            }
        }
        Ok(Paths { water_mm, bone_mm })
    }
}

/// The corners of a volume's boxes in the axes of its place.
fn corners(volume: &Volume) -> [[f64; 3]; 8] {
    #[allow(clippy::cast_precision_loss, reason = "box counts")]
    let size = volume.size().map(|count| count as f64);
    std::array::from_fn(|corner| {
        let along = [0, 1, 2].map(|axis| {
            let end = if corner >> axis & 1 == 0 {
                0.0
            } else {
                size[axis]
            };
            (end - 0.5) * volume.spacing_mm()[axis]
        });
        volume.place().apply(Point::new(along)).xyz()
    })
}

/// Turns a left wrist's image left to right.
fn fold<T>(side: Side, camera: &Camera, image: &mut [T]) {
    if side == Side::Left {
        image
            .chunks_exact_mut(camera.columns as usize)
            .for_each(<[T]>::reverse);
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
    use crate::anatomy::Landmark;
    use crate::phantom::Generator;

    #[test]
    fn bones_are_bright_where_they_are_said_to_be_and_no_cut_is_seen() {
        for generator in [Generator::A, Generator::BDev] {
            for seed in 0..1 {
                let specimen = Specimen::for_xray(generator, seed).unwrap();
                let takes = specimen.radiographs(0, &Take::ALL).unwrap();
                assert_eq!(takes.len(), 3);
                for xray in &takes {
                    let camera = xray.folded_camera();
                    let image = xray.folded();
                    let pixel =
                        |bone: usize, place| camera.project(xray.truth[bone].apply(place)).unwrap();
                    let at = |[column, row]: [f64; 2]| {
                        image[row.round() as usize * camera.columns as usize
                            + column.round() as usize]
                    };
                    // The middle of each shaft against the flesh beside the radius.
                    for (bone, landmark) in
                        [Landmark::RadialShaftDistal, Landmark::UlnarShaftDistal]
                            .into_iter()
                            .enumerate()
                    {
                        let middle = specimen.landmarks.at(landmark).unwrap();
                        let there = pixel(bone, middle);
                        assert!(there[1] > 0.0 && there[1] < f64::from(camera.rows));
                        let air = if there[0] < 0.5 * f64::from(camera.columns) {
                            f64::from(camera.columns) - 12.0
                        } else {
                            12.0
                        };
                        assert!(
                            at(there) > at([air, there[1]]) + 100.0,
                            "{seed} {landmark:?}"
                        );
                    }
                    // Both cut ends lie below the image.
                    for (number, bone) in Bone::ALL.into_iter().enumerate() {
                        let mesh = specimen.outer.bone(bone);
                        let low = mesh.bounds()[0][2] + 2.0;
                        let cut = mesh.vertices().iter().filter(|v| v[2] < low);
                        let highest = cut
                            .map(|v| pixel(number, Point::new(*v))[1])
                            .fold(f64::INFINITY, f64::min);
                        assert!(highest > f64::from(camera.rows) + 3.0, "{seed} {highest}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_visit_repeats_and_does_not_depend_on_what_is_asked() {
        let specimen = Specimen::draw(Generator::BDev, 3).unwrap();
        let all = specimen.radiographs(1, &Take::ALL).unwrap();
        let one = specimen.radiographs(1, &[Take::Lateral]).unwrap();
        assert!(all[1] == one[0]);
        let other = specimen.radiographs(2, &[Take::Lateral]).unwrap();
        assert!(other[0].pixels != one[0].pixels);
    }
}
