//! The private attributes that are known to be safe (PS3.15 E.3.10).

use std::sync::LazyLock;

use dicom_core::{Tag, VR};

struct Safe {
    group: u16,
    element: u8,
    creator: &'static str,
    vr: VR,
}

fn table() -> &'static [Safe] {
    static TABLE: LazyLock<Vec<Safe>> = LazyLock::new(|| {
        let lines = include_str!("safe_private.tsv").lines();
        let lines = lines.filter(|line| !line.starts_with('#'));
        lines.filter_map(safe).collect()
    });
    &TABLE
}

fn safe(line: &'static str) -> Option<Safe> {
    let mut cells = line.split('\t');
    Some(Safe {
        group: u16::from_str_radix(cells.next()?, 16).ok()?,
        element: u8::from_str_radix(cells.next()?, 16).ok()?,
        creator: cells.next()?,
        vr: cells.next()?.parse().ok()?,
    })
}

/// The value representation of a private attribute that Table E.3.10-1 holds
/// safe, if its block belongs to this creator. All of them are single numbers.
#[must_use]
pub fn safe_private(tag: Tag, creator: &str) -> Option<VR> {
    let [_, element] = tag.1.to_be_bytes();
    let found = table()
        .iter()
        .find(|safe| safe.group == tag.0 && safe.element == element && safe.creator == creator)?;
    Some(found.vr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creator_and_its_block_are_safe_together() {
        let lines = include_str!("safe_private.tsv").lines();
        assert_eq!(
            table().len(),
            lines.filter(|line| !line.starts_with('#')).count()
        );
        let speed = Tag(0x0019, 0x1023);
        assert_eq!(safe_private(speed, "GEMS_ACQU_01"), Some(VR::DS));
        assert_eq!(safe_private(speed, "SOMEONE"), None);
        assert_eq!(safe_private(Tag(0x0019, 0x1022), "GEMS_ACQU_01"), None);
        assert_eq!(
            safe_private(Tag(0x0045, 0x2101), "GEMS_HELIOS_01"),
            Some(VR::SS)
        );
    }
}
