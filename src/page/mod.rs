//! What a browser shows everywhere: the layout of a page, both languages,
//! the colors, the browser's files and the 3-D view. Used by the box's
//! dashboard and by the central; knows neither studies nor HTTP.
//!
//! Pages are made of text and plain forms; the scripts only make them live.
//! No script, style or picture stands inside a page, nothing is loaded from
//! another place, and [`SECURITY_HEADERS`] makes the browser hold to that.

mod asset;
mod code;
mod color;
mod form;
mod language;
mod layout;
mod measure;
mod rule;
mod text;
mod viewer;

pub use asset::Asset;
pub use code::{CodeText, code_text};
pub use color::ColorTable;
pub use form::form_value;
pub use language::Language;
pub use layout::{Layout, Link, SECURITY_HEADERS};
pub use measure::{MeasureText, Reference, unit_text};
pub use rule::rule_text;
pub use text::Text;
pub use viewer::Viewer;
