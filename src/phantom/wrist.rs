//! A specimen as an X-ray meets it: a volume of mineral for each part that moves
//! as one, soft tissue, and what surgeons and nurses left on it.
//!
//! The hand moves with the radius: the radius turns about the ulna between
//! exposures, and takes the hand along. All surfaces are a right arm's.

use super::PhantomError;
use super::abnormal::ExtraBody;
use super::abnormal::Material;
use super::clutter::Clutter;
use super::clutter::HandBone;
use super::density::Density;
use super::specimen::Specimen;
use super::texture::Texture;
use super::voxels::Grid;
use crate::anatomy::Bone;
use crate::geometry::Model;
use crate::geometry::SurfaceMesh;
use crate::radiography::Random;
use crate::radiography::Tissue;
use crate::raster::Volume;

/// Mineral of compact bone as the attenuation tables mean it: cortical bone of
/// ICRU-44, 1.92 g/cm3, 22.5 % calcium by mass, as hydroxyapatite.
pub(super) const CORTEX_MG_CM3: f64 = 1083.0;
/// Marrow of the shafts is fat.
pub(super) const MARROW: Tissue = Tissue {
    water: 0.88,
    bone: 0.0,
};
/// Sides of voxels.
const FOREARM_VOXEL_MM: f64 = 0.4;
const HAND_VOXEL_MM: f64 = 0.5;
/// How dense a carpal's inside is against the radius' spongy bone, and how far
/// from its end a metacarpal's has thinned out to a third.
const CARPAL_SHARE: f64 = 1.15;
const METACARPAL_FADING_MM: f64 = 12.0;
/// Titanium weakens the beam as eight times as much cortical bone (4.5 g/cm3;
/// NIST XCOM: 8.8, 7.8 and 6.7 times at 30, 40 and 50 keV); dry plaster about
/// as much as a third, with water of crystallization.
const TITANIUM: Tissue = Tissue {
    water: 0.0,
    bone: 8.0,
};
const PLASTER: Tissue = Tissue {
    water: 0.45,
    bone: 0.35,
};

/// What a body that is no bone weakens the beam like, where there was `before`.
pub(super) const fn tissue(material: Material) -> Tissue {
    match material {
        Material::Titanium => TITANIUM,
        Material::Plaster => PLASTER,
        Material::Cartilage => Tissue::SOFT,
    }
}

/// What moves as one.
pub(super) struct Part {
    /// With which bone it moves.
    pub with: Bone,
    /// Milligrams of hydroxyapatite in a cubic centimeter, in the model's frame.
    pub mineral: Volume,
}

/// A wrist before an apparatus.
pub(super) struct Wrist<'a> {
    pub specimen: &'a Specimen,
    pub extra: &'a [ExtraBody],
    pub clutter: Clutter,
    pub parts: Vec<Part>,
}

/// How a bone's mineral is spread: wall and inside at a place.
type Spread<'a> = dyn Fn([f64; 3]) -> [f64; 2] + 'a;

impl<'a> Wrist<'a> {
    /// The wrist of one visit: how the hand lies is the visit's own, the
    /// spongy bone's pattern is the person's.
    pub(super) fn new(
        specimen: &'a Specimen,
        extra: &'a [ExtraBody],
        random: &mut Random,
    ) -> Result<Self, PhantomError> {
        let turn = [random.around(0.0, 0.09, 2.5), random.around(0.0, 0.07, 2.5)];
        let clutter = Clutter::of(specimen, turn[0], turn[1])?;
        let texture = texture(specimen);
        let mut parts = Vec::new();
        for bone in Bone::ALL {
            let [outer, inner] = [&specimen.outer, &specimen.inner].map(|s| s.bone(bone));
            let grid = Grid::around(outer.bounds(), FOREARM_VOXEL_MM);
            let mut values = vec![0.0; grid.count()];
            let spread = forearm(&specimen.density);
            fill(&grid, [outer, inner], &spread, &texture, &mut values);
            for body in extra.iter().filter(|b| b.material == Material::Cartilage) {
                let cover = grid.cover(&body.surface);
                for (value, share) in values.iter_mut().zip(cover) {
                    *value *= 1.0 - share;
                }
            }
            parts.push(Part {
                with: bone,
                mineral: grid.volume(values)?,
            });
        }
        // The carpals share a volume, each metacarpal has its own.
        let (carpals, metacarpals) = clutter.bones.split_at(8.min(clutter.bones.len()));
        let groups = std::iter::once(carpals).chain(metacarpals.chunks(1));
        for group in groups.filter(|group| !group.is_empty()) {
            parts.push(Part {
                with: Bone::Radius,
                mineral: hand(group, &specimen.density, &texture)?,
            });
        }
        Ok(Self {
            specimen,
            extra,
            clutter,
            parts,
        })
    }

    /// Everything that is laid on the detector as it is, and with which bone.
    pub(super) fn stiff(&self) -> impl Iterator<Item = (Bone, &SurfaceMesh<Model>)> {
        let forearm = Bone::ALL.map(|bone| (bone, self.specimen.outer.bone(bone)));
        let hand = self.clutter.bones.iter().map(|b| (Bone::Radius, &b.outer));
        let extra = self.extra.iter().map(|b| (Bone::Radius, &b.surface));
        forearm.into_iter().chain(hand).chain(extra)
    }
}

/// The pattern of a person's spongy bone.
pub(super) fn texture(specimen: &Specimen) -> Texture {
    Texture::new(&mut Random::new(
        specimen.seed,
        0x7E + specimen.generator as u64,
    ))
}

/// How the mineral of radius and ulna is spread.
pub(super) fn forearm(density: &Density) -> impl Fn([f64; 3]) -> [f64; 2] + '_ {
    |p| {
        let from_joint = -p[2];
        [
            density.wall_mg_cm3(from_joint),
            density.inside_mg_cm3(from_joint),
        ]
    }
}

/// How the mineral of a bone of the hand is spread.
pub(super) fn of_hand(bone: &HandBone, density: &Density) -> impl Fn([f64; 3]) -> [f64; 2] {
    let [low, high] = bone.outer.bounds();
    let carpal = !bone.name.starts_with("metacarpal");
    let density = *density;
    move |p| {
        if carpal {
            let inside = CARPAL_SHARE * density.trabecular_mg_cm3;
            return [density.subchondral_mg_cm3, inside];
        }
        let from_end = (p[2] - low[2]).min(high[2] - p[2]).max(0.0);
        let fading = Density {
            fading_mm: METACARPAL_FADING_MM,
            ..density
        };
        [
            density.wall_mg_cm3(2.0 * from_end),
            fading.inside_mg_cm3(from_end),
        ]
    }
}

fn hand(bones: &[HandBone], density: &Density, texture: &Texture) -> Result<Volume, PhantomError> {
    let mut bounds = [[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]];
    for [low, high] in bones.iter().map(|b| b.outer.bounds()) {
        for axis in 0..3 {
            bounds[0][axis] = bounds[0][axis].min(low[axis]);
            bounds[1][axis] = bounds[1][axis].max(high[axis]);
        }
    }
    let grid = Grid::around(bounds, HAND_VOXEL_MM);
    let mut values = vec![0.0; grid.count()];
    for bone in bones {
        let spread = of_hand(bone, density);
        let shells = [&bone.outer, &bone.inner];
        fill(&grid, shells, &spread, texture, &mut values);
    }
    grid.volume(values)
}

/// Adds a bone's mineral to a grid: the wall's by its share of each box, the
/// inside's by its, with the pattern of spongy bone.
fn fill(
    grid: &Grid,
    [outer, inner]: [&SurfaceMesh<Model>; 2],
    spread: &Spread<'_>,
    texture: &Texture,
    values: &mut [f32],
) {
    let (whole, core) = (grid.cover(outer), grid.cover(inner));
    for (number, value) in values.iter_mut().enumerate() {
        let share = whole[number];
        if share > 0.0 {
            let place = grid.middle(number);
            *value += mineral([share, core[number]], spread(place), || texture.at(place));
        }
    }
}

/// The mineral of a box from the shares that lie in a bone and in its inside.
pub(super) fn mineral(
    [whole, core]: [f32; 2],
    [wall, inside]: [f64; 2],
    texture: impl FnOnce() -> f32,
) -> f32 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a volume keeps single precision"
    )]
    let [wall, inside] = [wall as f32, inside as f32];
    let core = core.min(whole);
    let spongy = if core > 0.0 {
        core * inside * texture()
    } else {
        0.0
    };
    (whole - core) * wall + spongy
}
