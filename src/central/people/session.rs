//! Who is signed in. One user; sessions live in memory and end with the
//! central. Pure: time and random bytes come in as arguments.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Moment;
use crate::names::Digest;

/// A session that nobody uses ends after this time.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// No session is longer.
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// Most sessions at a time; the one unused for longest gives way.
const MOST: usize = 32;
/// Wrong passwords in a row before the first pause.
const FREE_TRIES: u32 = 5;
/// The first pause; it doubles with each further wrong password.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// The cookie's name.
const COOKIE: &str = "central_session";

/// A session.
#[derive(Debug, Clone, Copy)]
struct Session {
    begun: Moment,
    used: Moment,
}

/// The sessions, and the wrong passwords in a row.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// By the digest of the token: the token itself is kept nowhere.
    open: HashMap<Digest, Session>,
    wrong: u32,
    locked_until: Option<Moment>,
}

impl Sessions {
    /// How long nobody may try; nothing if one may.
    pub(super) fn locked(&self, now: Moment) -> Option<Duration> {
        let left = self.locked_until?.since(now);
        (!left.is_zero()).then_some(left)
    }

    /// A wrong password.
    pub(super) fn failed(&mut self, now: Moment) {
        self.wrong = self.wrong.saturating_add(1);
        if let Some(over) = self.wrong.checked_sub(FREE_TRIES) {
            let factor = 1_u32 << over.min(10);
            let pause = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
            self.locked_until = Some(now.after(pause));
        }
    }

    /// The right password: opens a session for a token of random bytes.
    pub(super) fn open(&mut self, token: &str, now: Moment) {
        self.wrong = 0;
        self.locked_until = None;
        self.open.retain(|_, session| still_open(*session, now));
        if self.open.len() >= MOST {
            let oldest = self.open.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.open.remove(&oldest);
            }
        }
        let session = Session {
            begun: now,
            used: now,
        };
        self.open.insert(Digest::of(token.as_bytes()), session);
    }

    /// Whether a request's cookies name an open session; it counts as used.
    pub(super) fn use_one(&mut self, cookies: &str, now: Moment) -> bool {
        let Some(key) = key(cookies) else {
            return false;
        };
        match self.open.get_mut(&key) {
            Some(session) if still_open(*session, now) => {
                session.used = now;
                true
            }
            Some(_) => {
                self.open.remove(&key);
                false
            }
            None => false,
        }
    }

    /// Ends the session that the cookies name.
    pub(super) fn close(&mut self, cookies: &str) {
        if let Some(key) = key(cookies) {
            self.open.remove(&key);
        }
    }
}

fn still_open(session: Session, now: Moment) -> bool {
    now.since(session.used) < IDLE && now.since(session.begun) < LONGEST
}

fn key(cookies: &str) -> Option<Digest> {
    cookies
        .split(';')
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| Digest::of(token.as_bytes()))
}

/// The `Set-Cookie` of a new session. No script reads it, no other site's
/// request carries it, and it ends with the browser.
pub(super) fn set_cookie(token: &str) -> String {
    format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict")
}

/// The `Set-Cookie` that takes it back.
pub(super) fn clear_cookie() -> String {
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment::from_micros(1_000_000_000);

    fn later(seconds: u64) -> Moment {
        START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_session_ends_when_idle_and_after_twelve_hours() {
        let mut sessions = Sessions::default();
        sessions.open("token", START);
        let cookie = "x=1; central_session=token";
        assert!(sessions.use_one(cookie, later(10)));
        assert!(!sessions.use_one("central_session=other", later(10)));
        assert!(!sessions.use_one("", later(10)));
        let mut now = 10;
        while now + 600 < 12 * 3600 {
            now += 600;
            assert!(sessions.use_one(cookie, later(now)), "{now}");
        }
        assert!(!sessions.use_one(cookie, later(12 * 3600)));
        sessions.open("token", START);
        assert!(!sessions.use_one(cookie, later(15 * 60)));
        sessions.open("token", START);
        sessions.close(cookie);
        assert!(!sessions.use_one(cookie, later(1)));
    }

    #[test]
    fn wrong_passwords_make_a_pause_that_grows() {
        let mut sessions = Sessions::default();
        for _ in 0..4 {
            sessions.failed(START);
        }
        assert_eq!(sessions.locked(START), None);
        sessions.failed(START);
        assert_eq!(sessions.locked(START), Some(FIRST_PAUSE));
        assert_eq!(sessions.locked(later(30)), None);
        sessions.failed(later(30));
        assert_eq!(sessions.locked(later(30)), Some(2 * FIRST_PAUSE));
        for _ in 0..40 {
            sessions.failed(later(30));
        }
        assert_eq!(sessions.locked(later(30)), Some(LONGEST_PAUSE));
        sessions.open("token", later(3600));
        sessions.failed(later(3600));
        assert_eq!(sessions.locked(later(3600)), None);
    }

    #[test]
    fn sessions_are_few() {
        let mut sessions = Sessions::default();
        for number in 0..100 {
            sessions.open(&format!("{number}"), later(number));
        }
        assert_eq!(sessions.open.len(), MOST);
        assert!(sessions.use_one("central_session=99", later(100)));
    }
}
