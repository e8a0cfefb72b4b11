//! Pseudonyms: stand-ins for a patient, a UID, a date, under a project's key.
//!
//! All are HMAC-SHA-256 under keys derived from the project's, so they are the
//! same for the same input on every run and every device, and nobody without
//! the key can go back or link two projects.

use std::fmt;
use std::fs::{self, File};
use std::path::Path;

use super::IdentityError;
use super::keys::{Secret, at, check_private};
use crate::names::Pseudonym;

/// A project's key for pseudonyms.
pub struct PseudonymKey {
    patient: Secret,
    uid: Secret,
    date: Secret,
}

impl PseudonymKey {
    pub(super) fn from_secret(secret: &Secret) -> Self {
        Self {
            patient: secret.derive(&["patient"]),
            uid: secret.derive(&["uid"]),
            date: secret.derive(&["date"]),
        }
    }

    /// A fresh key, for one run: pseudonyms will not be found again.
    ///
    /// # Errors
    /// When the machine has no random numbers.
    pub fn random() -> Result<Self, IdentityError> {
        Ok(Self::from_secret(&Secret::random()?))
    }

    /// Reads a key from a file: 64 hexadecimal digits or 32 bytes, readable by
    /// its owner only.
    ///
    /// # Errors
    /// When the file cannot be read, others may read it, or it is no key.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let file = File::open(path).map_err(at("open", path))?;
        check_private(path, &file)?;
        let bytes = fs::read(path).map_err(at("read", path))?;
        let key = match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(raw) => Some(raw),
            Err(_) => from_hex(bytes.trim_ascii()),
        };
        let key = key.ok_or_else(|| IdentityError::Key {
            path: path.to_owned(),
            why: "it holds neither 64 hexadecimal digits nor 32 bytes",
        })?;
        Ok(Self::from_secret(&Secret::new(key)))
    }

    /// The pseudonym of a patient. The issuer and the ID are normalized first:
    /// surrounding white space and NULs go, inner white space becomes one
    /// space, ASCII letters become capitals, full-width ASCII (U+FF01..FF5E)
    /// becomes ASCII. Leading zeros count: hospitals differ in whether they do.
    #[must_use]
    pub fn pseudonym(&self, issuer: &str, patient_id: &str) -> Pseudonym {
        let (issuer, id) = (normalize(issuer), normalize(patient_id));
        let mac = self
            .patient
            .hmac(&[b"patient", issuer.as_bytes(), id.as_bytes()]);
        from_mac(&mac)
    }

    /// The pseudonym for a study whose object names no patient: its own.
    #[must_use]
    pub fn pseudonym_of_study(&self, study_instance_uid: &str) -> Pseudonym {
        let uid = study_instance_uid.trim_end_matches(['\0', ' ']);
        from_mac(&self.patient.hmac(&[b"study", uid.as_bytes()]))
    }

    /// The stand-in for a UID: `2.25.` and a UUID of version 8 (RFC 9562 5.8)
    /// made of the keyed hash, as one decimal number (PS3.5 B.2). At most 44
    /// characters. Padding is not counted.
    #[must_use]
    pub fn remap_uid(&self, uid: &str) -> String {
        let uid = uid.trim_end_matches(['\0', ' ']);
        let mac = self.uid.hmac(&[uid.as_bytes()]);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        format!("2.25.{}", u128::from_be_bytes(bytes))
    }

    /// By how many days a patient's dates move: 1 to 3650 into the past, the
    /// same for all of the patient's dates, so intervals and ages stay. The
    /// Basic Profile removes dates instead; this is for Modified Dates.
    #[must_use]
    pub fn date_shift_days(&self, pseudonym: &Pseudonym) -> i32 {
        let mac = self.date.hmac(&[pseudonym.as_str().as_bytes()]);
        let number = u16::from_be_bytes([mac[0], mac[1]]);
        // 65536 / 3650 leaves a bias below 6 % between days: no matter here.
        -1 - i32::from(number % 3650)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey([secret])")
    }
}

/// An issuer or ID as it is compared: what [`PseudonymKey::pseudonym`] says.
#[must_use]
pub fn normalize(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\0' => ' ',
        other => other,
    };
    let text: String = text.chars().map(narrow).collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_ascii_uppercase()
}

/// `BB-` and the first 100 bits in base 32 (RFC 4648).
fn from_mac(mac: &[u8; 32]) -> Pseudonym {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::from("BB-");
    for digit in 0..20 {
        let (byte, shift) = (digit * 5 / 8, digit * 5 % 8);
        let pair = u16::from_be_bytes([mac[byte], mac[byte + 1]]);
        text.push(char::from(
            ALPHABET[usize::from((pair >> (11 - shift)) & 31)],
        ));
    }
    #[allow(
        clippy::expect_used,
        reason = "BB- and 20 letters of base 32 are what the type demands"
    )]
    text.parse().expect("BB- and 20 characters of base 32")
}

fn from_hex(digits: &[u8]) -> Option<[u8; 32]> {
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        if !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::names::InstanceUid;
    use crate::names::Uid;
    use std::os::unix::fs::PermissionsExt as _;

    fn key() -> PseudonymKey {
        PseudonymKey::from_secret(&Secret::new([3; 32]))
    }

    #[test]
    fn a_patient_has_one_pseudonym() {
        let check = |issuer: &str, id: &str, same: bool| {
            let first = key().pseudonym("Hospital", "ab 12345");
            assert_eq!(key().pseudonym(issuer, id) == first, same, "{issuer} {id}");
        };
        check("Hospital", "ab 12345", true);
        check(" HOSPITAL ", "AB  12345\0", true);
        check("hospital", "\u{ff21}\u{ff22}\u{3000}\u{ff11}2345", true);
        check("Hospital", "AB 012345", false);
        check("Hospital", "AB12345", false);
        check("", "ab 12345", false);
        let other = PseudonymKey::from_secret(&Secret::new([4; 32]));
        assert_ne!(
            other.pseudonym("Hospital", "1"),
            key().pseudonym("Hospital", "1")
        );
        assert_ne!(key().pseudonym("", "1.2"), key().pseudonym_of_study("1.2"));
    }

    #[test]
    fn uids_are_valid_and_stable() {
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..2000 {
            let uid = key().remap_uid(&format!("1.2.840.{n}"));
            assert!(uid.parse::<Uid<InstanceUid>>().is_ok());
            assert!(uid.len() <= 44);
            assert!(!uid.trim_start_matches("2.25.").starts_with('0'));
            assert!(seen.insert(uid));
        }
        assert_eq!(key().remap_uid("1.2.3\0"), key().remap_uid("1.2.3"));
    }

    #[test]
    fn dates_move_into_the_past() {
        for n in 0..500 {
            let days = key().date_shift_days(&key().pseudonym("", &n.to_string()));
            assert!((-3650..=-1).contains(&days), "{days}");
        }
    }

    #[test]
    fn reads_a_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("project.key");
        let write = |bytes: &[u8], mode| {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        write(&[3; 32], 0o600);
        let raw = PseudonymKey::load(&path).unwrap();
        write(format!("{}\n", "03".repeat(32)).as_bytes(), 0o600);
        let hex = PseudonymKey::load(&path).unwrap();
        assert_eq!(raw.remap_uid("1.2"), hex.remap_uid("1.2"));
        assert_eq!(raw.remap_uid("1.2"), key().remap_uid("1.2"));
        write(b"short", 0o600);
        assert!(PseudonymKey::load(&path).is_err());
        write(&[3; 32], 0o644);
        assert!(PseudonymKey::load(&path).is_err());
    }
}
