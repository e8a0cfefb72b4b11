//! The frame of every page: head, way around, the notice, the choice of
//! language.

use maud::{DOCTYPE, Markup, html};

use super::{Asset, Language, Text};

/// What every answer with a page carries. Scripts, styles and pictures come
/// from the server itself and from files only; nobody may put the page into a
/// frame; text is made into markup only by the one policy of our own script.
pub const SECURITY_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         object-src 'none'; require-trusted-types-for 'script'; trusted-types bonebox",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ),
];

/// An entry of the way around.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Where to: a path on this server.
    pub href: &'static str,
    /// What it says.
    pub text: Text,
}

/// A page of one place (`bonebox`, `central`).
#[derive(Debug, Clone)]
pub struct Layout<'a> {
    /// The reader's language.
    pub language: Language,
    /// The place's name, at the top of each page.
    pub place: &'a str,
    /// The page's title. Never a name of a person.
    pub title: &'a str,
    /// The path and query of this page, for the choice of language.
    pub here: &'a str,
    /// The way around.
    pub links: &'a [Link],
    /// Keeps itself live by events from this address.
    pub events: Option<&'a str>,
    /// Has a 3-D view.
    pub has_viewer: bool,
}

impl Layout<'_> {
    /// The whole page around its body.
    #[must_use]
    pub fn page(&self, body: &Markup) -> Markup {
        let language = self.language;
        let say = |text: Text| text.say(language);
        html! {
            (DOCTYPE)
            html lang=(language.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="dark light";
                    title { (self.title) " – " (self.place) }
                    link rel="icon" href=(Asset::icon().url()) type="image/svg+xml";
                    link rel="stylesheet" href=(Asset::style().url());
                    script defer src=(Asset::live().url()) {}
                    @if self.has_viewer {
                        script type="module" src=(Asset::viewer().url()) {}
                    }
                }
                body data-events=[self.events] {
                    a.skip href="#main" { (say(Text::SkipToContent)) }
                    header.top {
                        a.place href="/" { (self.place) }
                        nav aria-label=(say(Text::Navigation)) {
                            @for link in self.links {
                                a href=(link.href) aria-current=[self.is_here(link).then_some("page")] {
                                    (say(link.text))
                                }
                            }
                            (self.switch())
                        }
                    }
                    p.notice { (say(Text::Notice)) }
                    p.lost role="status" data-lost hidden {
                        (say(Text::ConnectionLost)) " " span data-lost-since {}
                    }
                    main id="main" { (body) }
                    footer { p { (say(Text::Notice)) } }
                }
            }
        }
    }

    fn is_here(&self, link: &Link) -> bool {
        self.here.split('?').next() == Some(link.href)
    }

    /// A link to this page in the other language; it says so in that language.
    fn switch(&self) -> Markup {
        let other = self.language.other();
        let back: String = self.here.bytes().map(escape).collect();
        html! {
            a.language lang=(other.code()) hreflang=(other.code())
                href={ "/language?to=" (other.code()) "&back=" (back) } { (other.name()) }
        }
    }
}

/// A byte as it may stand in a query (RFC 3986 2.3).
fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(language: Language) -> String {
        let title = "<script>alert(1)</script>";
        let layout = Layout {
            language,
            place: "bonebox",
            title,
            here: "/?show=person&x=\"",
            links: &[Link {
                href: "/",
                text: Text::Studies,
            }],
            events: Some("/events"),
            has_viewer: true,
        };
        layout.page(&html! { p { (title) } }).into_string()
    }

    #[test]
    fn every_page_says_the_notice_and_its_language() {
        for language in Language::ALL {
            let page = page(language);
            assert!(page.contains(&format!("<html lang=\"{}\">", language.code())));
            assert!(page.matches(Text::Notice.say(language)).count() >= 2);
        }
    }

    #[test]
    fn nothing_is_inline_and_text_stays_text() {
        let page = page(Language::Japanese);
        assert!(!page.contains("<style") && !page.contains(" style="));
        assert!(!page.contains("alert(1)</script>"));
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("back=/%3Fshow%3Dperson%26x%3D%22"));
        for tag in page.split("<script").skip(1) {
            assert!(tag.contains("src=\"/assets/"), "{tag:.60}");
        }
    }
}
