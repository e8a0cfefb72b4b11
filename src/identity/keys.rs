//! The box's secret and the keys derived from it.
//!
//! On disk, under the identity folder (0700):
//!
//! ```text
//! master.key   0600, 40 bytes: 32 of secret, then the first 8 of SHA-256(secret)
//! master.ok    empty; made after master.key and its folder are synced
//! ```
//!
//! A crash between the two leaves no `master.ok`: no key of that start was ever
//! given out, so the next start writes a new one. A damaged `master.key` beside
//! `master.ok` is refused, never replaced.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{hkdf, hmac};
use zeroize::Zeroize as _;

use super::{IdentityError, PseudonymKey};
use crate::names::Digest;
use crate::names::InstanceKey;
use crate::names::NameError;
use crate::names::Project;
use crate::names::StudyKey;

/// 32 bytes that are wiped when dropped and print as a mark.
pub(super) struct Secret([u8; 32]);

impl Secret {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn random() -> Result<Self, IdentityError> {
        let mut bytes = [0; 32];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| IdentityError::Crypto("draw a random key"))?;
        Ok(Self(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose (RFC 5869; the purpose is the `info`).
    pub(super) fn derive(&self, purpose: &[&str]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"bonebox keys v1");
        let pseudorandom = salt.extract(&self.0);
        let mut info = Vec::new();
        for part in purpose {
            info.extend_from_slice(part.as_bytes());
            info.push(0);
        }
        let mut bytes = [0; 32];
        #[allow(
            clippy::expect_used,
            reason = "HKDF-SHA-256 gives up to 8160 bytes (RFC 5869 2.3); 32 are asked"
        )]
        pseudorandom
            .expand(&[&info], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut bytes))
            .expect("32 bytes of HKDF-SHA-256");
        Self(bytes)
    }

    /// HMAC-SHA-256 under this key of parts, each with its length before it, so
    /// that no two lists of parts give the same bytes.
    pub(super) fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        bytes
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a derived key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Chains the journal.
    Audit,
    /// Seals the link between pseudonym and person.
    Vault,
    /// Finds a person in the vault without opening it.
    VaultSearch,
    /// Signs sessions of the dashboard.
    Session,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Vault => "vault",
            Self::VaultSearch => "vault search",
            Self::Session => "session",
        }
    }
}

/// A key of 32 bytes for one purpose.
#[derive(Debug)]
pub struct PurposeKey(Secret);

impl PurposeKey {
    /// The key's bytes, for the room that the purpose names.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    /// HMAC-SHA-256 of some parts, unambiguous in where one ends.
    #[must_use]
    pub fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.0.hmac(parts)
    }
}

/// The box's secret. One a box; open it once and lend it.
#[derive(Debug)]
pub struct BoxIdentity {
    master: Secret,
    study: Secret,
    instance: Secret,
}

impl BoxIdentity {
    /// Opens the identity in a folder; makes folder and secret on first start.
    ///
    /// # Errors
    /// When a file cannot be read, written or synced, others may read it, or it
    /// is damaged.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        let (key, done) = (folder.join("master.key"), folder.join("master.ok"));
        let exists = done.try_exists().map_err(at("look for", &done))?;
        let master = if exists {
            read_master(&key)?
        } else {
            make_master(folder, &key, &done)?
        };
        Ok(Self::from_master(master))
    }

    fn from_master(master: Secret) -> Self {
        Self {
            study: master.derive(&["study key"]),
            instance: master.derive(&["instance key"]),
            master,
        }
    }

    /// The box's name for a study, from the study's UID as received.
    #[must_use]
    pub fn study_key(&self, study_instance_uid: &str) -> StudyKey {
        let text = short_name(&self.study, study_instance_uid);
        valid(text.parse())
    }

    /// The box's name for an instance, from the instance's UID as received.
    #[must_use]
    pub fn instance_key(&self, sop_instance_uid: &str) -> InstanceKey {
        let text = short_name(&self.instance, sop_instance_uid);
        valid(text.parse())
    }

    /// The box's name for a set of images, from what names the set as received:
    /// no such text is a UID.
    #[must_use]
    pub fn set_key(&self, set: &str) -> String {
        short_name(&self.instance, &format!("set {set}"))
    }

    /// The key of a project's pseudonyms. Projects cannot be linked: each has
    /// its own, and so has each version of a project's key; the first is 1.
    #[must_use]
    pub fn pseudonym_key(&self, project: &Project, version: u32) -> PseudonymKey {
        let name = project.as_str();
        let secret = match version {
            0 | 1 => self.master.derive(&["project", name]),
            later => {
                let later = later.to_string();
                self.master.derive(&["project", name, "version", &later])
            }
        };
        PseudonymKey::from_secret(&secret)
    }

    /// A key for one purpose.
    #[must_use]
    pub fn key(&self, purpose: Purpose) -> PurposeKey {
        PurposeKey(self.master.derive(&["purpose", purpose.label()]))
    }

    /// The box's serial number as it may leave the house: 16 hexadecimal digits
    /// that say which box, and nothing about it.
    #[must_use]
    pub fn serial(&self) -> String {
        hex(&self.master.derive(&["serial"]).bytes()[..8])
    }
}

/// 128 bits of the keyed hash of a UID, padding not counted.
fn short_name(key: &Secret, uid: &str) -> String {
    let uid = uid.trim_end_matches(['\0', ' ']);
    hex(&key.hmac(&[uid.as_bytes()])[..16])
}

fn valid<T>(parsed: Result<T, NameError>) -> T {
    #[allow(
        clippy::expect_used,
        reason = "32 lower-case hexadecimal digits are what the type demands"
    )]
    parsed.expect("32 hexadecimal digits")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn at<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> IdentityError + 'a {
    move |source| IdentityError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Refuses a key file that group or others may touch.
pub(super) fn check_private(path: &Path, file: &File) -> Result<(), IdentityError> {
    let mode = file.metadata().map_err(at("look at", path))?.mode();
    if mode & 0o077 != 0 {
        return Err(IdentityError::Key {
            path: path.to_owned(),
            why: "others may read it (chmod 600)",
        });
    }
    Ok(())
}

fn read_master(path: &Path) -> Result<Secret, IdentityError> {
    let refused = |why| IdentityError::Key {
        path: path.to_owned(),
        why,
    };
    let file = File::open(path).map_err(at("open", path))?;
    check_private(path, &file)?;
    let mut bytes = fs::read(path).map_err(at("read", path))?;
    let secret = bytes
        .first_chunk::<32>()
        .copied()
        .map(Secret::new)
        .ok_or(refused("it is too short; restore it from a backup"))?;
    let whole = bytes.len() == 40 && bytes.ends_with(&check_bytes(&secret));
    bytes.zeroize();
    if whole {
        Ok(secret)
    } else {
        Err(refused("it is damaged; restore it from a backup"))
    }
}

fn check_bytes(secret: &Secret) -> [u8; 8] {
    let digest = Digest::of(secret.bytes());
    let mut check = [0; 8];
    check.copy_from_slice(&digest.as_bytes()[..8]);
    check
}

fn make_master(folder: &Path, key: &Path, done: &Path) -> Result<Secret, IdentityError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(at("make the folder", folder))?;
    let secret = Secret::random()?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(key).map_err(at("make", key))?;
    check_private(key, &file)?;
    file.write_all(secret.bytes())
        .and_then(|()| file.write_all(&check_bytes(&secret)))
        .and_then(|()| file.sync_all())
        .map_err(at("write", key))?;
    sync_folder(folder)?;
    let mut marker = OpenOptions::new();
    let marker = marker.write(true).create_new(true).mode(0o600).open(done);
    marker
        .and_then(|file| file.sync_all())
        .map_err(at("make", done))?;
    sync_folder(folder)?;
    Ok(secret)
}

fn sync_folder(folder: &Path) -> Result<(), IdentityError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at("sync the folder", folder))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn made_once_and_then_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("identity");
        let first = BoxIdentity::open(&folder).unwrap();
        let again = BoxIdentity::open(&folder).unwrap();
        let uid = "1.2.840.113619.2.1";
        assert_eq!(
            first.study_key(uid),
            again.study_key("1.2.840.113619.2.1\0")
        );
        assert_eq!(first.serial(), again.serial());
        assert_ne!(
            first.study_key(uid).as_str(),
            first.instance_key(uid).as_str()
        );
        let mode = fs::metadata(folder.join("master.key")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn an_interrupted_first_start_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("master.key");
        fs::write(&key, [1; 7]).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        BoxIdentity::open(folder.path()).unwrap();
        assert_eq!(fs::read(key).unwrap().len(), 40);
    }

    #[test]
    fn a_damaged_or_open_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let identity = BoxIdentity::open(folder.path()).unwrap();
        let key = folder.path().join("master.key");
        let mut bytes = fs::read(&key).unwrap();
        bytes[5] ^= 1;
        fs::write(&key, &bytes).unwrap();
        let error = BoxIdentity::open(folder.path()).unwrap_err();
        assert!(matches!(error, IdentityError::Key { .. }), "{error}");
        bytes[5] ^= 1;
        fs::write(&key, &bytes).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(BoxIdentity::open(folder.path()).is_err());
        assert_eq!(
            format!("{:?}", identity.key(Purpose::Vault)),
            "PurposeKey([secret])"
        );
    }

    #[test]
    fn purposes_do_not_share_a_key() {
        let identity = BoxIdentity::from_master(Secret::new([7; 32]));
        let (audit, vault) = (identity.key(Purpose::Audit), identity.key(Purpose::Vault));
        assert_ne!(audit.expose(), vault.expose());
        assert_ne!(audit.hmac(&[b"ab", b"c"]), audit.hmac(&[b"a", b"bc"]));
        // Projects, and the versions of a project's key, cannot be linked.
        let of = |project: &str, version| {
            let key = identity.pseudonym_key(&project.parse().unwrap(), version);
            key.pseudonym("Hospital", "PID-0815")
        };
        assert_eq!(of("a", 1), of("a", 1));
        assert_ne!(of("a", 1), of("a", 2));
        assert_ne!(of("a", 1), of("b", 1));
    }
}
