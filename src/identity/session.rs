//! Who is signed in. Sessions live in memory and end with the process. Pure:
//! time and random bytes come in as arguments.

use std::collections::HashMap;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::IdentityError;
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

/// A session of somebody.
#[derive(Debug, Clone, Copy)]
struct Session<W> {
    who: W,
    begun: Moment,
    used: Moment,
}

/// The sessions of a place, and the wrong passwords in a row.
#[derive(Debug)]
pub struct Sessions<W> {
    cookie: &'static str,
    /// By the digest of the token: the token itself is kept nowhere.
    open: HashMap<Digest, Session<W>>,
    wrong: u32,
    locked_until: Option<Moment>,
}

impl<W: Clone> Sessions<W> {
    /// None yet, under a cookie of this name.
    #[must_use]
    pub fn new(cookie: &'static str) -> Self {
        Self {
            cookie,
            open: HashMap::new(),
            wrong: 0,
            locked_until: None,
        }
    }

    /// How long nobody may try; nothing if one may.
    #[must_use]
    pub fn locked(&self, now: Moment) -> Option<Duration> {
        let left = self.locked_until?.since(now);
        (!left.is_zero()).then_some(left)
    }

    /// A wrong password.
    pub fn failed(&mut self, now: Moment) {
        self.wrong = self.wrong.saturating_add(1);
        if let Some(over) = self.wrong.checked_sub(FREE_TRIES) {
            let factor = 1_u32 << over.min(10);
            let pause = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
            self.locked_until = Some(now.after(pause));
        }
    }

    /// The right password: opens a session for a token of random bytes.
    pub fn open(&mut self, token: &str, who: W, now: Moment) {
        self.wrong = 0;
        self.locked_until = None;
        self.open.retain(|_, session| still_open(session, now));
        if self.open.len() >= MOST {
            let oldest = self.open.iter().min_by_key(|(_, session)| session.used);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.open.remove(&oldest);
            }
        }
        let session = Session {
            who,
            begun: now,
            used: now,
        };
        self.open.insert(Digest::of(token.as_bytes()), session);
    }

    /// Whose session a request's cookies name, and the digest of its token; it
    /// counts as used.
    pub fn use_one(&mut self, cookies: &str, now: Moment) -> Option<(W, Digest)> {
        let key = self.key(cookies)?;
        let session = self.open.get_mut(&key)?;
        if still_open(session, now) {
            session.used = now;
            return Some((session.who.clone(), key));
        }
        self.open.remove(&key);
        None
    }

    /// Ends the session that the cookies name.
    pub fn close(&mut self, cookies: &str) {
        if let Some(key) = self.key(cookies) {
            self.open.remove(&key);
        }
    }

    /// Ends the sessions of some.
    pub fn close_those(&mut self, are: impl Fn(&W) -> bool) {
        self.open.retain(|_, session| !are(&session.who));
    }

    /// The `Set-Cookie` of a new session. No script reads it, no other site's
    /// request carries it, and it ends with the browser.
    #[must_use]
    pub fn set_cookie(&self, token: &str) -> String {
        format!("{}={token}; Path=/; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// The `Set-Cookie` that takes it back.
    #[must_use]
    pub fn clear_cookie(&self) -> String {
        format!(
            "{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict",
            self.cookie
        )
    }

    fn key(&self, cookies: &str) -> Option<Digest> {
        cookies
            .split(';')
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(name, _)| *name == self.cookie)
            .map(|(_, token)| Digest::of(token.as_bytes()))
    }
}

fn still_open<W>(session: &Session<W>, now: Moment) -> bool {
    now.since(session.used) < IDLE && now.since(session.begun) < LONGEST
}

/// A token of 256 random bits, as hexadecimal digits.
///
/// # Errors
/// When the machine has no random numbers.
pub fn random_token() -> Result<String, IdentityError> {
    let bytes: [u8; 32] = random()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A code of 80 random bits for a person to type, once: `ABCD-EFGH-JKMN-PQRS`.
/// No letter or digit of it is taken for another.
///
/// # Errors
/// When the machine has no random numbers.
pub fn random_code() -> Result<String, IdentityError> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let bytes: [u8; 16] = random()?;
    let letters: Vec<char> = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    Ok(groups.join("-"))
}

fn random<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| IdentityError::Crypto("draw a token"))?;
    Ok(bytes)
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
        let mut sessions = Sessions::new("session");
        sessions.open("token", "tanaka", START);
        let cookie = "x=1; session=token";
        assert!(sessions.use_one(cookie, later(10)).is_some());
        assert!(sessions.use_one("session=other", later(10)).is_none());
        assert!(sessions.use_one("", later(10)).is_none());
        let mut now = 10;
        while now + 600 < 12 * 3600 {
            now += 600;
            assert!(sessions.use_one(cookie, later(now)).is_some(), "{now}");
        }
        assert!(sessions.use_one(cookie, later(12 * 3600)).is_none());
        sessions.open("token", "tanaka", START);
        assert!(sessions.use_one(cookie, later(15 * 60)).is_none());
        sessions.open("token", "tanaka", START);
        sessions.close(cookie);
        assert!(sessions.use_one(cookie, later(1)).is_none());
    }

    #[test]
    fn wrong_passwords_make_a_pause_that_grows() {
        let mut sessions = Sessions::new("session");
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
        sessions.open("token", "tanaka", later(3600));
        sessions.failed(later(3600));
        assert_eq!(sessions.locked(later(3600)), None);
    }

    #[test]
    fn a_session_is_somebodys() {
        let mut sessions = Sessions::new("session");
        sessions.open("one", "tanaka", START);
        sessions.open("two", "ito", START);
        let found = sessions.use_one("session=one", START);
        assert_eq!(found, Some(("tanaka", Digest::of(b"one"))));
        sessions.close_those(|who| *who == "tanaka");
        assert!(sessions.use_one("session=one", START).is_none());
        assert!(sessions.use_one("session=two", START).is_some());
        let cookie = sessions.set_cookie("one");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    }

    #[test]
    #[allow(clippy::unwrap_used, reason = "tests")]
    fn codes_and_tokens_are_new_each_time() {
        let (one, two) = (random_code().unwrap(), random_code().unwrap());
        assert_eq!((one.len(), one.matches('-').count()), (19, 3));
        assert!(one != two && random_token().unwrap() != random_token().unwrap());
    }

    #[test]
    fn sessions_are_few() {
        let mut sessions = Sessions::new("session");
        for number in 0..100 {
            sessions.open(&format!("{number}"), (), later(number));
        }
        assert_eq!(sessions.open.len(), MOST);
        assert!(sessions.use_one("session=99", later(100)).is_some());
    }
}
