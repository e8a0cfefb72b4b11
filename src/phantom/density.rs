//! How much mineral a specimen's bone holds at a place.
//!
//! Cortical bone about 1100 mg HA/cm3, spongy bone 80 to 300, more of it toward
//! the joint (HR-pQCT of the distal radius: total 280, spongy 224, cortical 766
//! mg HA/cm3, with very wide intervals; PMC6910691). Marrow of the shaft holds
//! none.

use serde::Deserialize;
use serde::Serialize;

/// The densities of one forearm, in mg of hydroxyapatite per cubic centimeter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Density {
    /// Of compact bone in the shaft.
    pub cortical_mg_cm3: f64,
    /// Of the thin cortex near the joint and of the plate below the cartilage.
    pub subchondral_mg_cm3: f64,
    /// Of spongy bone right below the plate.
    pub trabecular_mg_cm3: f64,
    /// How far from the joint the spongy bone has thinned out to a third, in
    /// millimeters.
    pub fading_mm: f64,
}

impl Density {
    /// The density of what fills the inner surface, this far from the joint
    /// along the bone.
    #[must_use]
    pub fn inside_mg_cm3(&self, from_joint_mm: f64) -> f64 {
        self.trabecular_mg_cm3 * (-(from_joint_mm / self.fading_mm).max(0.0).powi(2)).exp()
    }

    /// The density between outer and inner surface, this far from the joint
    /// along the bone.
    #[must_use]
    pub fn wall_mg_cm3(&self, from_joint_mm: f64) -> f64 {
        let part = (from_joint_mm / 30.0).clamp(0.0, 1.0);
        self.subchondral_mg_cm3 + (self.cortical_mg_cm3 - self.subchondral_mg_cm3) * part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spongy_bone_thins_out_and_walls_grow_dense() {
        let density = Density {
            cortical_mg_cm3: 1100.0,
            subchondral_mg_cm3: 800.0,
            trabecular_mg_cm3: 240.0,
            fading_mm: 20.0,
        };
        assert!((density.inside_mg_cm3(0.0) - 240.0).abs() < 1e-9);
        let at = density.inside_mg_cm3(20.0) / 240.0;
        assert!((at - (-1.0_f64).exp()).abs() < 1e-12, "about a third");
        assert!(density.inside_mg_cm3(70.0) < 1.0);
        assert!((density.wall_mg_cm3(0.0) - 800.0).abs() < 1e-9);
        assert!((density.wall_mg_cm3(45.0) - 1100.0).abs() < 1e-9);
    }
}
