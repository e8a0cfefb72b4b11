//! Writes a data set: the head into memory, the pixels from file to file.

use dicom_core::{Tag, VR};

use super::element::{Element, Value, has_long_header};
use super::read::Encoding;
use crate::spool::IMPLEMENTATION_CLASS_UID;
use crate::spool::IMPLEMENTATION_VERSION;

/// The bytes of attributes, lengths defined throughout.
pub(super) fn encode(elements: &[Element], encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    for element in elements {
        put(&mut out, element, encoding);
    }
    out
}

fn put(out: &mut Vec<u8>, element: &Element, encoding: Encoding) {
    let items;
    let value: &[u8] = match &element.value {
        Value::Bytes(bytes) => bytes,
        Value::Items(sequence) => {
            items = encode_items(sequence, encoding);
            &items
        }
        // Bulk that was not read does not pass the rules.
        Value::Withheld => &[],
    };
    let is_odd = value.len() % 2 == 1;
    let length = u32::try_from(value.len() + usize::from(is_odd)).unwrap_or(u32::MAX);
    head(out, element.tag, element.vr, length, encoding);
    out.extend_from_slice(value);
    if is_odd {
        out.push(0);
    }
}

/// The head of one attribute. A value too long for a short header of two
/// bytes does not come this far: the reader took it from such a header.
pub(super) fn head(out: &mut Vec<u8>, tag: Tag, vr: VR, length: u32, encoding: Encoding) {
    put_tag(out, tag);
    match encoding {
        Encoding::Implicit => out.extend_from_slice(&length.to_le_bytes()),
        Encoding::Explicit if has_long_header(vr) => {
            out.extend_from_slice(&vr.to_bytes());
            out.extend_from_slice(&[0, 0]);
            out.extend_from_slice(&length.to_le_bytes());
        }
        Encoding::Explicit => {
            out.extend_from_slice(&vr.to_bytes());
            let short = u16::try_from(length).unwrap_or(u16::MAX);
            out.extend_from_slice(&short.to_le_bytes());
        }
    }
}

fn put_tag(out: &mut Vec<u8>, tag: Tag) {
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
}

fn encode_items(items: &[Vec<Element>], encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        let bytes = encode(item, encoding);
        put_tag(&mut out, Tag(0xfffe, 0xe000));
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&bytes);
    }
    out
}

/// Preamble of zeros, `DICM` and a file meta group of our own (PS3.10 7.1).
pub(super) fn preamble_and_meta(class: &str, instance: &str, syntax: &str) -> Vec<u8> {
    let text = |element, text| Element::text(Tag(0x0002, element), VR::UI, text);
    let group = [
        Element::bytes(Tag(0x0002, 0x0001), VR::OB, vec![0, 1]),
        text(0x0002, class),
        text(0x0003, instance),
        text(0x0010, syntax),
        text(0x0012, IMPLEMENTATION_CLASS_UID),
        Element::text(Tag(0x0002, 0x0013), VR::SH, IMPLEMENTATION_VERSION),
    ];
    let group = encode(&group, Encoding::Explicit);
    let length = u32::try_from(group.len()).unwrap_or(u32::MAX);
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    put(
        &mut out,
        &Element::bytes(Tag(0x0002, 0x0000), VR::UL, length.to_le_bytes().to_vec()),
        Encoding::Explicit,
    );
    out.extend_from_slice(&group);
    out
}
