//! How much: plain numbers with their unit in the type.
//!
//! At public doors a quantity has one of these types; inside a kernel it is a
//! plain `f64` whose variable name ends in its unit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a quantity was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// A number is not finite, or outside what the quantity allows.
    #[error("{value} is not a valid {what}")]
    OutOfRange {
        /// The quantity.
        what: &'static str,
        /// The number that was given.
        value: f64,
    },
}

/// Makes a quantity: an `f64` with a symbol (UCUM).
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            /// The unit's UCUM code.
            pub const UNIT: &'static str = $symbol;

            /// A quantity of this unit.
            #[must_use]
            pub const fn new(value: f64) -> Self {
                Self(value)
            }

            /// The number, in this unit.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match f.precision() {
                    Some(digits) => write!(f, "{:.digits$} {}", self.0, $symbol),
                    None => write!(f, "{} {}", self.0, $symbol),
                }
            }
        }
    };
}

quantity!(
    /// A length in millimeters.
    Millimeters,
    "mm"
);
quantity!(
    /// An angle in degrees.
    Degrees,
    "deg"
);
quantity!(
    /// A CT number in Hounsfield units.
    Hu,
    "[hnsf'U]"
);
quantity!(
    /// A mineral density in milligrams of hydroxyapatite per cubic centimeter.
    MgPerCm3,
    "mg/cm3"
);
quantity!(
    /// A stress or modulus in megapascals.
    Megapascals,
    "MPa"
);
quantity!(
    /// A force in newtons.
    Newtons,
    "N"
);

impl Millimeters {
    /// A length that must be a positive, finite number: a spacing, a distance.
    ///
    /// # Errors
    /// [`UnitError::OutOfRange`] when it is not.
    pub fn positive(value: f64) -> Result<Self, UnitError> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err(UnitError::OutOfRange {
                what: "positive length in millimeters",
                value,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_with_its_unit() {
        assert_eq!(format!("{:.1}", Millimeters::new(1.04)), "1.0 mm");
        assert_eq!(Degrees::new(23.5).to_string(), "23.5 deg");
    }

    #[test]
    fn a_spacing_is_positive() {
        assert!(Millimeters::positive(0.15).is_ok());
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Millimeters::positive(bad).is_err());
        }
    }
}
