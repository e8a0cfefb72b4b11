//! Previews of images that are held apart: an image may show a name, so it is
//! sealed, and opened as a person is: by role and reason, after the record.

use rusqlite::{OptionalExtension as _, params};

use super::{Reveal, Vault, VaultError};
use crate::audit::Event;
use crate::names::InstanceKey;

/// What the seals of previews are bound to, beside the instance.
const PLACE: &str = "preview";

impl Vault {
    /// Seals an image's preview.
    ///
    /// # Errors
    /// [`VaultError`] when it cannot be sealed or written.
    pub fn keep_preview(&self, instance: &InstanceKey, png: &[u8]) -> Result<(), VaultError> {
        let sealed = self.sealer.seal(&[PLACE, instance.as_str()], png)?;
        let now = self.clock.now().micros();
        self.with("keeping a preview", |database| {
            database.execute(
                "INSERT OR REPLACE INTO preview (instance, sealed, at) VALUES (?1, ?2, ?3)",
                params![instance.as_str(), sealed, now],
            )
        })?;
        Ok(())
    }

    /// Opens an image's preview, if there is one. `record` writes the event to the
    /// journal and comes first: what is not recorded is not opened.
    ///
    /// # Errors
    /// As [`Vault::reveal`].
    pub fn open_preview(
        &self,
        instance: &InstanceKey,
        reveal: &Reveal,
        record: impl FnOnce(Event) -> bool,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        if !reveal.is_allowed() {
            return Err(VaultError::Forbidden);
        }
        let event = Event::QuarantineOpened {
            instance: instance.to_string(),
            who: reveal.who.clone(),
            role: reveal.role,
            why: reveal.why,
        };
        if !record(event) {
            return Err(VaultError::NotRecorded);
        }
        let sealed: Option<Vec<u8>> = self.with("reading a preview", |database| {
            database
                .query_row(
                    "SELECT sealed FROM preview WHERE instance = ?1",
                    [instance.as_str()],
                    |row| row.get(0),
                )
                .optional()
        })?;
        let place = [PLACE, instance.as_str()];
        sealed
            .map(|sealed| self.sealer.open(&place, &sealed))
            .transpose()
    }

    /// Deletes an image's preview; that there is none is no error.
    ///
    /// # Errors
    /// [`VaultError::Database`].
    pub fn drop_preview(&self, instance: &InstanceKey) -> Result<(), VaultError> {
        self.with("deleting a preview", |database| {
            database.execute(
                "DELETE FROM preview WHERE instance = ?1",
                [instance.as_str()],
            )
        })?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::audit::Why;
    use crate::clock::Clock;
    use crate::identity::BoxIdentity;
    use crate::names::Role;

    #[test]
    fn a_preview_is_sealed_and_opened_as_a_person_is() {
        let folder = tempfile::tempdir().unwrap();
        let identity = BoxIdentity::open(&folder.path().join("identity")).unwrap();
        let vault = Vault::open(folder.path(), &identity, Clock::System).unwrap();
        let instance: InstanceKey = "0123456789abcdef0123456789abcdef".parse().unwrap();
        vault
            .keep_preview(&instance, b"a picture of Yamada")
            .unwrap();
        for name in ["vault.sqlite", "vault.sqlite-wal"] {
            let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
            assert!(
                !bytes.windows(6).any(|window| window == b"Yamada"),
                "{name}"
            );
        }
        let reveal = |role| Reveal {
            who: "tanaka".to_owned(),
            role,
            why: Why::ClinicalQuestion,
        };
        let open = |role, recorded| vault.open_preview(&instance, &reveal(role), |_| recorded);
        let opened = open(Role::Radiographer, true).unwrap();
        assert_eq!(opened.as_deref(), Some(&b"a picture of Yamada"[..]));
        assert!(matches!(
            open(Role::Service, true),
            Err(VaultError::Forbidden)
        ));
        let unrecorded = open(Role::Administrator, false);
        assert!(matches!(unrecorded, Err(VaultError::NotRecorded)));
        vault.drop_preview(&instance).unwrap();
        assert_eq!(open(Role::Administrator, true).unwrap(), None);
    }
}
