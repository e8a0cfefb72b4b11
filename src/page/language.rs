//! Which language a reader gets.

/// The languages of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// Japanese.
    Japanese,
    /// English: also what a reader gets who states no preference.
    #[default]
    English,
}

/// The cookie that remembers a reader's choice.
const COOKIE: &str = "bonebox_language";

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// The code in `lang` attributes, cookies and addresses.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The language's own name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Japanese => "日本語",
            Self::English => "English",
        }
    }

    /// The other one of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Japanese => Self::English,
            Self::English => Self::Japanese,
        }
    }

    /// The language of a code (`ja`, `ja-JP`), if it is one of ours.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let main = code.split('-').next().unwrap_or("");
        Self::ALL
            .into_iter()
            .find(|language| language.code().eq_ignore_ascii_case(main))
    }

    /// What was asked for, best first: the address (`?lang=`), the cookie, the
    /// browser's list (`Accept-Language`).
    #[must_use]
    pub fn choose(asked: Option<&str>, cookies: Option<&str>, accepted: Option<&str>) -> Self {
        asked
            .and_then(Self::from_code)
            .or_else(|| cookies.and_then(Self::from_cookies))
            .or_else(|| accepted.and_then(Self::from_accepted))
            .unwrap_or_default()
    }

    /// The `Set-Cookie` value that remembers this choice for a year.
    #[must_use]
    pub fn cookie(self) -> String {
        format!(
            "{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Strict",
            self.code()
        )
    }

    fn from_cookies(cookies: &str) -> Option<Self> {
        cookies
            .split(';')
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(name, _)| *name == COOKIE)
            .and_then(|(_, value)| Self::from_code(value))
    }

    /// The most wanted of ours in a list like `en;q=0.8, ja` (RFC 9110 12.5.4).
    fn from_accepted(accepted: &str) -> Option<Self> {
        let mut best: Option<(Self, f64)> = None;
        for item in accepted.split(',') {
            let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
            let weight: f64 = weight.parse().unwrap_or(0.0);
            let Some(language) = Self::from_code(tag.trim()) else {
                continue;
            };
            if weight > best.map_or(0.0, |(_, weight)| weight) {
                best = Some((language, weight));
            }
        }
        best.map(|(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_wish_wins() {
        use Language::{English, Japanese};
        let ja_cookie = Some("a=b; bonebox_language=ja");
        assert_eq!(Language::choose(Some("en"), ja_cookie, Some("ja")), English);
        assert_eq!(Language::choose(Some("xx"), ja_cookie, None), Japanese);
        assert_eq!(Language::choose(None, Some("other=ja"), None), English);
        for (accepted, expected) in [
            ("ja,en-US;q=0.9", Japanese),
            ("en-US,en;q=0.9,ja;q=0.8", English),
            ("fr, ja;q=0.3, en;q=0.2", Japanese),
            ("de", English),
            ("ja;q=0", English),
            ("", English),
        ] {
            assert_eq!(
                Language::choose(None, None, Some(accepted)),
                expected,
                "{accepted}"
            );
        }
    }

    #[test]
    fn a_cookie_is_read_back() {
        for language in Language::ALL {
            let set = language.cookie();
            let sent = set.split(';').next();
            assert_eq!(Language::choose(None, sent, None), language);
        }
    }
}
