//! Passwords of people: Argon2id, in PHC text form.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::{
    PasswordHash as Parsed, PasswordHasher as _, PasswordVerifier as _, SaltString,
};
use argon2::{Algorithm, Argon2};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::IdentityError;

/// The hash of a password: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
/// Checked when it is parsed, so that a wrong line in the settings shows at the
/// start and not at the first sign-in.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Whether a password is the one. Takes tens of milliseconds on purpose:
    /// call it off the runtime's threads.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        Parsed::new(&self.0).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
    }

    /// The text for the settings file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password hash]")
    }
}

impl FromStr for PasswordHash {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let refuse = |why: String| IdentityError::PasswordHash(why);
        let parsed = Parsed::new(text).map_err(|error| refuse(error.to_string()))?;
        if parsed.algorithm != Algorithm::Argon2id.ident() {
            return Err(refuse("another algorithm".to_owned()));
        }
        if parsed.salt.is_none() || parsed.hash.is_none() {
            return Err(refuse("salt or hash is missing".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Hashes a password under a fresh salt, with the library's default cost
/// (19 MiB, two passes: the least that OWASP's cheat sheet asks of Argon2id).
///
/// # Errors
/// When the machine has no random numbers.
pub fn hash_password(password: &str) -> Result<PasswordHash, IdentityError> {
    let refused = |_| IdentityError::Crypto("hash a password");
    let mut salt = [0; 16];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| IdentityError::Crypto("draw a salt"))?;
    let salt = SaltString::encode_b64(&salt).map_err(refused)?;
    let hash = Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(refused)?;
    Ok(PasswordHash(hash.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_verifies() {
        let hash = hash_password("tsukuba 山").unwrap();
        assert!(hash.verify("tsukuba 山"));
        assert!(!hash.verify("tsukuba"));
        let read: PasswordHash = hash.as_str().parse().unwrap();
        assert!(read.verify("tsukuba 山"));
        assert_ne!(hash, hash_password("tsukuba 山").unwrap());
        assert_eq!(format!("{hash:?}"), "[password hash]");
    }

    #[test]
    fn known_answer() {
        // P-H-C/phc-winner-argon2, src/test.c, Argon2id, version 0x13, t=2,
        // m=2^16, p=1.
        let known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$\
                     CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash: PasswordHash = known.parse().unwrap();
        assert!(hash.verify("password"));
        assert!(!hash.verify("Password"));
    }

    #[test]
    fn refuses_what_is_no_hash() {
        for text in ["", "password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ"] {
            assert!(text.parse::<PasswordHash>().is_err(), "{text}");
        }
    }
}
