//! The closed list of a generation's received files.

use crate::names::Digest;
use crate::names::Hasher;
use crate::names::InstanceKey;
use crate::study::StudyId;

/// A file of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which instance.
    pub instance: InstanceKey,
    /// Its file, relative to the data folder.
    pub file: String,
    /// Bytes of the data set as received.
    pub size: u64,
    /// SHA-256 of the data set as received.
    pub digest: Digest,
}

/// The list: which received files a generation of a study is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Of which study.
    pub study: StudyId,
    members: Vec<Member>,
}

impl Manifest {
    /// A list in the order of the instances' keys, then digests.
    #[must_use]
    pub fn new(study: StudyId, mut members: Vec<Member>) -> Self {
        members.sort_by(|a, b| (&a.instance, &a.digest).cmp(&(&b.instance, &b.digest)));
        Self { study, members }
    }

    /// Its files.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// SHA-256 over keys and digests, a line each.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for member in &self.members {
            hasher.update(format!("{} {}\n", member.instance, member.digest).as_bytes());
        }
        hasher.finish()
    }
}
