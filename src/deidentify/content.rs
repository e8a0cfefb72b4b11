//! Structured content (PS3.3 C.17.3): which items of a tree can be cleaned.
//!
//! An item stays when its concept is of our lists and its value is a container,
//! a code, a number or a reference; text, names, dates and coordinates go
//! whole, because what they say cannot be checked.

use dicom_core::Tag;

use super::element::{Element, Value, find, text};
use super::values::coded_meaning;

const CONTENT: Tag = Tag(0x0040, 0xa730);
const ACQUISITION_CONTEXT: Tag = Tag(0x0040, 0x0555);
const CONCEPT_NAME: Tag = Tag(0x0040, 0xa043);
const CONCEPT: Tag = Tag(0x0040, 0xa168);
const VALUE_TYPE: Tag = Tag(0x0040, 0xa040);

/// Whether an item of a sequence may be walked into; always for sequences that
/// hold no content.
pub(super) fn is_clean_content(sequence: Tag, item: &[Element]) -> bool {
    if !matches!(sequence, CONTENT | ACQUISITION_CONTEXT) {
        return true;
    }
    let named = find(item, CONCEPT_NAME).is_none() || is_known(item, CONCEPT_NAME);
    let value = match text(item, VALUE_TYPE) {
        "CODE" => is_known(item, CONCEPT),
        "CONTAINER" | "NUM" | "NUMERIC" | "IMAGE" | "COMPOSITE" | "UIDREF" => true,
        _ => false,
    };
    named && value
}

fn is_known(item: &[Element], tag: Tag) -> bool {
    let items = find(item, tag).map(|element| &element.value);
    let Some(Value::Items(items)) = items else {
        return false;
    };
    !items.is_empty() && items.iter().all(|item| coded_meaning(item).is_some())
}
