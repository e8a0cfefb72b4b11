//! Seals and opens what the vault holds: ChaCha20-Poly1305 with a fresh random
//! nonce, bound to the row that it stands in.
//!
//! ```text
//! nonce 12 bytes | ciphertext | tag 16 bytes
//! ```

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::VaultError;

/// The key of the vault.
pub(super) struct Sealer(LessSafeKey);

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, VaultError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key);
        Ok(Self(LessSafeKey::new(
            key.map_err(|_| VaultError::Seal("taking the key"))?,
        )))
    }

    /// Seals bytes for a row.
    pub(super) fn seal(&self, row: &[&str], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| VaultError::Seal("drawing a nonce"))?;
        let mut sealed = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place(row)),
                &mut sealed,
            )
            .map_err(|_| VaultError::Seal("sealing"))?;
        let mut whole = nonce.to_vec();
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// Opens what was sealed for the same row.
    pub(super) fn open(&self, row: &[&str], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let broken = || VaultError::Seal("opening: another key, or a changed row");
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut buffer = rest.to_vec();
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(place(row)), &mut buffer);
        Ok(plain.map_err(|_| broken())?.to_vec())
    }
}

/// The row's parts, unambiguous in where one ends.
fn place(row: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in row {
        bytes.extend(u64::try_from(part.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_one_row_and_one_key() {
        let (own, other) = (
            Sealer::new(&[1; 32]).unwrap(),
            Sealer::new(&[2; 32]).unwrap(),
        );
        let sealed = own.seal(&["p", "BB-1"], b"Yamada").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"Yamada"));
        assert_ne!(sealed, own.seal(&["p", "BB-1"], b"Yamada").unwrap());
        assert_eq!(own.open(&["p", "BB-1"], &sealed).unwrap(), b"Yamada");
        assert!(own.open(&["pB", "B-1"], &sealed).is_err());
        assert!(other.open(&["p", "BB-1"], &sealed).is_err());
        let mut changed = sealed;
        changed[20] ^= 1;
        assert!(own.open(&["p", "BB-1"], &changed).is_err());
        assert!(own.open(&["p", "BB-1"], b"short").is_err());
    }
}
