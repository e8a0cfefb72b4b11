//! Values that identify a person.

use std::fmt;

/// A value that identifies a person (protected health information). It prints
/// as a fixed mark and does not serialize; [`Phi::open`] is the one way to it
/// and may be written only in `receive`, `deidentify` and `vault`
/// (`tests/house.rs`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Closes a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens the value. Searchable on purpose.
    pub fn open(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[identified]")
    }
}

impl<T> fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[identified]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_a_mark_only() {
        let name = Phi::new("Yamada^Tarou");
        assert_eq!(format!("{name} {name:?}"), "[identified] [identified]");
        assert_eq!(*name.open(), "Yamada^Tarou");
    }
}
