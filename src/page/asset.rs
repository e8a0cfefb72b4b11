//! The browser's files, compiled in. Each is named by the digest of its bytes,
//! so a browser may keep it for ever and never shows a stale one.

use std::sync::OnceLock;

use super::ColorTable;
use crate::names::Digest;

/// A file for the browser.
#[derive(Debug)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    name: String,
}

/// How a browser keeps an asset.
const KEEP: &str = "public, max-age=31536000, immutable";

impl Asset {
    /// How a browser may keep an asset: its `Cache-Control`.
    pub const CACHE_CONTROL: &'static str = KEEP;

    /// The style sheet.
    #[must_use]
    pub fn style() -> &'static Self {
        &all()[0]
    }

    /// The script that keeps a page live.
    #[must_use]
    pub fn live() -> &'static Self {
        &all()[1]
    }

    /// The 3-D view.
    #[must_use]
    pub fn viewer() -> &'static Self {
        &all()[2]
    }

    /// The licenses of what the 3-D view is built from.
    #[must_use]
    pub fn licenses() -> &'static Self {
        &all()[3]
    }

    /// The page's icon.
    #[must_use]
    pub fn icon() -> &'static Self {
        &all()[4]
    }

    /// Where it is served: `/assets/<16 digits>-style.css`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("/assets/{}", self.name)
    }

    /// The asset of a name below `/assets/`; `None` for every other text.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        all().iter().find(|asset| asset.name == name)
    }

    fn new(name: &str, media_type: &'static str, bytes: Vec<u8>) -> Self {
        let digest = Digest::of(&bytes).hex();
        let short: String = digest.chars().take(16).collect();
        Self {
            bytes,
            media_type,
            name: format!("{short}-{name}"),
        }
    }
}

fn all() -> &'static [Asset; 5] {
    static ALL: OnceLock<[Asset; 5]> = OnceLock::new();
    ALL.get_or_init(|| {
        let style = ColorTable::css() + include_str!("assets/style.css");
        let script = "text/javascript; charset=utf-8";
        [
            Asset::new("style.css", "text/css; charset=utf-8", style.into_bytes()),
            Asset::new("live.js", script, include_bytes!("assets/live.js").to_vec()),
            Asset::new(
                "viewer.js",
                script,
                include_bytes!("../../web/dist/viewer.js").to_vec(),
            ),
            Asset::new(
                "viewer-licenses.txt",
                "text/plain; charset=utf-8",
                include_bytes!("../../web/dist/viewer-licenses.txt").to_vec(),
            ),
            Asset::new(
                "icon.svg",
                "image/svg+xml",
                include_bytes!("assets/icon.svg").to_vec(),
            ),
        ]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_address_only() {
        for asset in all() {
            let url = asset.url();
            let name = url.strip_prefix("/assets/").unwrap();
            assert_eq!(Asset::find(name).unwrap().bytes, asset.bytes);
        }
        assert!(Asset::find("style.css").is_none());
        assert!(Asset::find("../Cargo.toml").is_none());
    }

    /// `web/dist` is built from `web/` by `make web`; whoever edits the sources
    /// and does not build, or edits the bundle by hand, is told here.
    #[test]
    fn the_bundle_is_built_from_the_sources_beside_it() {
        let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let stamp = std::fs::read_to_string(web.join("dist/stamp.txt")).unwrap();
        let mut seen = 0;
        for line in stamp.lines() {
            let (digest, name) = line.split_once("  ").unwrap();
            let bytes = std::fs::read(web.join(name)).unwrap();
            assert_eq!(
                Digest::of(&bytes).hex(),
                digest,
                "web/{name} differs from what the bundle was built from: run `make web`"
            );
            seen += 1;
        }
        let sources = std::fs::read_dir(web.join("src")).unwrap().count();
        assert_eq!(seen, sources + 4, "a source is not in the stamp");
    }
}
