//! A CT series of a specimen's wrist: the bones as its X-rays show them, with a
//! density that is known. No scanner was measured: voxels are means over their
//! boxes, noise is white.

use super::PhantomError;
use super::abnormal::AbnormalSpecimen;
use super::abnormal::ExtraBody;
use super::abnormal::Material;
use super::clutter::Clutter;
use super::specimen::Specimen;
use super::texture::Texture;
use super::voxels::Grid;
use super::wrist::forearm;
use super::wrist::mineral;
use super::wrist::of_hand;
use super::wrist::texture;
use crate::anatomy::Bone;
use crate::anatomy::Side;
use crate::geometry::Model;
use crate::geometry::Patient;
use crate::geometry::Rigid;
use crate::geometry::SurfaceMesh;
use crate::radiography::Random;
use crate::raster::Volume;

/// What a place in a bone without mineral has, and by how much each milligram
/// of hydroxyapatite in a cubic centimeter raises it.
pub const HU_WITHOUT_MINERAL: f64 = 0.0;
/// See [`HU_WITHOUT_MINERAL`].
pub const HU_PER_MG_CM3: f64 = 1.4;
/// Of air and of flesh.
const AIR_HU: f32 = -1000.0;
const FLESH_HU: f32 = 50.0;
/// What a scanner can say.
const RANGE_HU: [f32; 2] = [-1024.0, 3071.0];
const NOISE_HU: f64 = 15.0;
/// In a slice, and from one slice to the next.
const PIXEL_MM: f64 = 0.6;
const SLICE_MM: f64 = 0.8;
/// What is shown around the bones, and what is left away of their cut ends.
const AROUND_MM: f64 = 14.0;
const END_MM: f64 = 4.0;

/// A simulated CT series.
#[derive(Debug, Clone, PartialEq)]
pub struct SpecimenCt {
    /// Hounsfield units, slices from the forearm to the hand.
    pub hu: Volume,
    /// Which wrist.
    pub side: Side,
    /// Where the *right* model's bones lie after the mirror image at x = 0 was
    /// taken for a left wrist. Both bones lie as they do in the model.
    pub pose: Rigid<Model, Patient>,
}

impl Specimen {
    /// A CT series of this wrist.
    ///
    /// # Errors
    /// [`PhantomError`] when a surface is lost, which no seed is known to do.
    pub fn ct(&self, visit: u64) -> Result<SpecimenCt, PhantomError> {
        scan(self, &[], visit)
    }
}

impl AbnormalSpecimen {
    /// A CT series of this wrist.
    ///
    /// # Errors
    /// As [`Specimen::ct`].
    pub fn ct(&self, visit: u64) -> Result<SpecimenCt, PhantomError> {
        scan(&self.specimen, &self.extra, visit)
    }
}

/// A wrist in a scanner.
struct Scanned {
    side: Side,
    pose: Rigid<Model, Patient>,
    back: Rigid<Patient, Model>,
    grid: Grid,
    values: Vec<f32>,
    texture: Texture,
}

fn scan(specimen: &Specimen, extra: &[ExtraBody], visit: u64) -> Result<SpecimenCt, PhantomError> {
    let stream = 0xC7_0000 + 100 * visit + specimen.generator as u64;
    let mut random = Random::new(specimen.seed, stream);
    let clutter = Clutter::of(
        specimen,
        random.around(0.0, 0.09, 2.5),
        random.around(0.0, 0.07, 2.5),
    )?;
    let mut turn = |sd: f64| random.around(0.0, sd.to_radians(), 2.0);
    let turns = [turn(2.5), turn(2.5), turn(20.0)];
    let shift = [40.0, -60.0, 200.0].map(|middle| random.between(middle - 20.0, middle + 20.0));
    let pose = Rigid::from_rotation_vector(turns, shift);
    let mut scanned = Scanned::new(specimen, &clutter, pose);
    scanned.soft(&clutter);
    for bone in Bone::ALL {
        let [outer, inner] = [&specimen.outer, &specimen.inner].map(|s| s.bone(bone));
        scanned.bone([outer, inner], &forearm(&specimen.density));
    }
    for bone in &clutter.bones {
        scanned.bone(
            [&bone.outer, &bone.inner],
            &of_hand(bone, &specimen.density),
        );
    }
    for body in extra {
        scanned.body(body);
    }
    for value in &mut scanned.values {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a volume keeps single precision"
        )]
        let noise = random.around(0.0, NOISE_HU, 5.0) as f32;
        *value = (*value + noise).clamp(RANGE_HU[0], RANGE_HU[1]).round();
    }
    Ok(SpecimenCt {
        hu: scanned.grid.volume(scanned.values)?,
        side: specimen.side,
        pose,
    })
}

impl Scanned {
    fn new(specimen: &Specimen, clutter: &Clutter, pose: Rigid<Model, Patient>) -> Self {
        let side = specimen.side;
        let bones = Bone::ALL.map(|bone| specimen.outer.bone(bone));
        let carpals = clutter.bones.iter().take(8).map(|b| &b.outer);
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for mesh in bones.into_iter().chain(carpals) {
            let [least, most] = laid(mesh, side, &pose).bounds();
            for axis in 0..3 {
                low[axis] = low[axis].min(least[axis]);
                high[axis] = high[axis].max(most[axis]);
            }
        }
        let low = [low[0] - AROUND_MM, low[1] - AROUND_MM, low[2] + END_MM];
        let spacing_mm = [PIXEL_MM, PIXEL_MM, SLICE_MM];
        let high = [high[0] + AROUND_MM, high[1] + AROUND_MM, high[2]];
        let size = [0, 1, 2].map(|a| {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some hundreds"
            )]
            let count = ((high[a] - low[a]) / spacing_mm[a]).ceil() as usize;
            count
        });
        let grid = Grid {
            size,
            spacing_mm,
            low,
        };
        Self {
            side,
            pose,
            back: pose.inverse(),
            values: vec![AIR_HU; grid.count()],
            grid,
            texture: texture(specimen),
        }
    }

    fn soft(&mut self, clutter: &Clutter) {
        let cover = self.grid.cover(&laid(&clutter.skin, self.side, &self.pose));
        for (value, share) in self.values.iter_mut().zip(cover) {
            *value += share * (FLESH_HU - AIR_HU);
        }
    }

    /// Puts a bone where flesh was.
    fn bone(&mut self, shells: [&SurfaceMesh<Model>; 2], spread: &dyn Fn([f64; 3]) -> [f64; 2]) {
        let [outer, inner] = shells.map(|mesh| laid(mesh, self.side, &self.pose));
        let part = self.grid.part(outer.bounds());
        let (whole, core) = (part.grid.cover(&outer), part.grid.cover(&inner));
        #[allow(clippy::cast_possible_truncation, reason = "constants")]
        let (base, rise) = (HU_WITHOUT_MINERAL as f32, HU_PER_MG_CM3 as f32);
        for (number, share) in whole.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let mut place = self.back.move_xyz(part.grid.middle(number));
            if self.side == Side::Left {
                place[0] = -place[0];
            }
            let texture = || self.texture.at(place);
            let milligrams = mineral([*share, core[number]], spread(place), texture);
            self.values[part.in_whole(number)] += share * (base - FLESH_HU) + rise * milligrams;
        }
    }

    /// Puts a body where anything was.
    fn body(&mut self, body: &ExtraBody) {
        let hu = match body.material {
            Material::Titanium => 6000.0,
            Material::Plaster => 700.0,
            Material::Cartilage => 110.0,
        };
        let cover = self.grid.cover(&laid(&body.surface, self.side, &self.pose));
        for (value, share) in self.values.iter_mut().zip(cover) {
            *value += share * (hu - *value);
        }
    }
}

/// A right arm's surface as the arm lies.
fn laid(
    mesh: &SurfaceMesh<Model>,
    side: Side,
    pose: &Rigid<Model, Patient>,
) -> SurfaceMesh<Patient> {
    match side {
        Side::Right => mesh.moved(pose),
        Side::Left => mesh.mirrored_x().moved(pose),
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
    use crate::phantom::Generator;

    #[test]
    fn a_series_holds_the_mineral_that_the_bone_has() {
        for seed in 0..2 {
            let specimen = Specimen::draw(Generator::BDev, seed).unwrap();
            let ct = specimen.ct(0).unwrap();
            let [mut inside, mut count] = [0.0, 0.0];
            // In the middle of the shaft's marrow, and in air.
            for z in 40..60 {
                let z = -f64::from(z);
                let middle = specimen.inner.radius.vertices().iter();
                let near: Vec<_> = middle.filter(|v| (v[2] - z).abs() < 1.0).collect();
                let number = f64::from(u32::try_from(near.len()).unwrap());
                let mut place = [0, 1, 2].map(|a| near.iter().map(|v| v[a]).sum::<f64>() / number);
                if ct.side == Side::Left {
                    place[0] = -place[0];
                }
                let there = ct.pose.move_xyz(place);
                let at = [0, 1, 2].map(|a| {
                    let low = ct.hu.place().translation()[a];
                    ((there[a] - low) / ct.hu.spacing_mm()[a]).round() as usize
                });
                let [across, deep, _] = ct.hu.size();
                inside += f64::from(ct.hu.values()[at[0] + across * (at[1] + deep * at[2])]);
                count += 1.0;
            }
            let marrow = inside / count - HU_WITHOUT_MINERAL;
            // A fiftieth of the spongy bone's mineral is left there.
            assert!((-20.0..40.0).contains(&marrow), "{marrow}");
            let most = ct.hu.values().iter().copied().fold(0.0, f32::max);
            let wall = f64::from(most) / HU_PER_MG_CM3;
            let cortical = specimen.density.cortical_mg_cm3;
            assert!(
                (cortical - 150.0..cortical + 150.0).contains(&wall),
                "{wall}"
            );
        }
    }
}
