//! Keys, certificates and the check of a person's password.
//!
//! The box has one secret of 32 bytes, made on its first start. Every key is
//! derived from it for one purpose (HKDF-SHA-256), so no two rooms share a key
//! and no key is stored twice. Keys do not print and are wiped when dropped.

mod keys;
mod password;
mod pseudonym;
mod session;
mod tls;

use std::io;
use std::path::PathBuf;

pub use keys::{BoxIdentity, Purpose, PurposeKey};
pub use password::{PasswordHash, hash_password};
pub use pseudonym::{PseudonymKey, normalize};
pub use session::{Sessions, random_code, random_token};
pub use tls::{ClientLink, ClientTls, ServerFiles, ServerTls, TlsVersions, server_name};

/// Why a key, certificate or password could not be used. Texts name files and
/// reasons, never a secret.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file of the identity could not be read or written. The box does not
    /// start; nothing has been changed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was attempted: read, make, sync.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A key file can be read by others, or is damaged. The box does not start:
    /// with another key every pseudonym would change.
    #[error("the key in {} is refused: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A certificate, private key or revocation list could not be read.
    #[error("cannot read the {what} in {}: {why}", path.display())]
    Certificate {
        /// Which of them.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader said.
        why: String,
    },
    /// The files were read but do not fit together (a key of another
    /// certificate, an authority that is none).
    #[error("the {what} of {} cannot be used", path.display())]
    Tls {
        /// Which part of the set-up.
        what: &'static str,
        /// The file it came from.
        path: PathBuf,
        /// What the TLS library said.
        source: rustls::Error,
    },
    /// A client verifier could not be built from an authority and its list.
    #[error("the client authority in {} cannot be used: {why}", path.display())]
    Verifier {
        /// The authority's file.
        path: PathBuf,
        /// What the TLS library said.
        why: String,
    },
    /// A peer's host is neither a name nor an address. Correct it.
    #[error("the peer's host is neither a name nor an address")]
    Host,
    /// The text is not an Argon2id hash in PHC form.
    #[error("not an Argon2id password hash: {0}")]
    PasswordHash(String),
    /// The machine's random source or the hash function failed.
    #[error("cannot {0}: the cryptography library refused")]
    Crypto(&'static str),
}
