//! From fragments to a durable instance. What comes is hashed and written at
//! once, on the association's own thread; only small fragments are gathered
//! into a block first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::ReceiveError;
use super::commitment::{Holding, Reference};
use super::dimse::{COMMITMENT, StoreRequest, VERIFICATION};
use super::facts;
use super::negotiate::Context;
use super::settle::Settler;
use crate::config::DicomSettings;
use crate::identity::BoxIdentity;
use crate::names::StudyKey;
use crate::spool::Arriving;
use crate::spool::Meta;
use crate::spool::Spool;
use crate::store::Store;

/// Bytes gathered before they are written; a fragment of half as many is
/// written as it is.
const BLOCK: usize = 128 * 1024;

/// What keeping an instance needs.
pub(super) struct Desk {
    spool: Spool,
    identity: Arc<BoxIdentity>,
    store: Store,
    settler: Settler,
    max_instance_bytes: u64,
    keeps: bool,
}

impl Desk {
    pub(super) fn new(
        spool: Spool,
        identity: Arc<BoxIdentity>,
        store: Store,
        settler: Settler,
        settings: &DicomSettings,
        keeps: bool,
    ) -> Self {
        Self {
            spool,
            identity,
            store,
            settler,
            max_instance_bytes: settings.max_instance_bytes,
            keeps,
        }
    }

    /// The thread that settles what was kept.
    pub(super) fn settler(&self) -> &Settler {
        &self.settler
    }

    /// Which of some instances are safe for good, with the class that was said:
    /// the box keeps them, or the PACS that they were passed on to has said that
    /// it holds them. Waits for the rows of all that was acknowledged. Blocks.
    pub(super) fn held(&self, asked: &[Reference]) -> Result<Vec<Holding>, ReceiveError> {
        if !self.settler.settled() {
            return Err(ReceiveError::TooManyWait);
        }
        asked
            .iter()
            .map(|one| {
                let instance = self.identity.instance_key(&one.instance);
                let classes = self.store.classes_of(&instance)?;
                Ok(if classes.is_empty() {
                    Holding::Unknown
                } else if !classes.contains(&one.class) {
                    Holding::OtherClass
                } else if self.keeps || self.store.is_passed_on(&instance)? {
                    Holding::Held
                } else {
                    Holding::NotKept
                })
            })
            .collect()
    }

    /// Checks an instance, all of which has arrived, and makes it durable.
    /// Its name and row come later; says of which study it is.
    fn keep(
        &self,
        arriving: Arriving,
        meta: &Meta,
        source: &str,
    ) -> Result<StudyKey, ReceiveError> {
        let scan = arriving.scan(facts::WANTED)?;
        if scan.text(facts::CLASS) != Some(meta.class.as_str()) {
            return Err(ReceiveError::Mismatch("SOP Class UID"));
        }
        if scan.text(facts::INSTANCE) != Some(meta.instance.as_str()) {
            return Err(ReceiveError::Mismatch("SOP Instance UID"));
        }
        let (study, series) = facts::study_and_series(&scan);
        let study = study.ok_or(ReceiveError::Missing("a valid Study Instance UID"))?;
        series.ok_or(ReceiveError::Missing("a valid Series Instance UID"))?;
        let study = self.identity.study_key(study.as_str());
        let instance = self.identity.instance_key(meta.instance.as_str());
        let (class, syntax) = (meta.class.as_str(), meta.syntax.as_str());
        let facts = facts::facts_of(&scan, class, syntax, &self.identity);
        let sealed = arriving.seal(&study, &instance, source)?;
        self.settler.hand_over(sealed, facts);
        Ok(study)
    }
}

/// The instance that an association is sending, one after the other.
pub(super) struct Incoming {
    desk: Arc<Desk>,
    source: String,
    meta: Option<Meta>,
    fault: Option<ReceiveError>,
    arriving: Option<Arriving>,
    block: Vec<u8>,
    received: u64,
}

/// More was sent than any instance may have, after it was refused already.
#[derive(Debug)]
pub(super) struct Endless;

impl Incoming {
    pub(super) fn new(desk: Arc<Desk>, source: String) -> Self {
        Self {
            desk,
            source,
            meta: None,
            fault: None,
            arriving: None,
            block: Vec::new(),
            received: 0,
        }
    }

    /// As [`Desk::held`].
    pub(super) fn held(&self, asked: &[Reference]) -> Result<Vec<Holding>, ReceiveError> {
        self.desk.held(asked)
    }

    /// A data set is announced. Whatever is wrong with it is answered after
    /// its last fragment.
    pub(super) fn begin(&mut self, request: &StoreRequest, context: &Context) {
        self.received = 0;
        self.block.clear();
        self.arriving = None;
        match meta(request, context).and_then(|meta| self.room(meta)) {
            Ok(meta) => (self.meta, self.fault) = (Some(meta), None),
            Err(error) => (self.meta, self.fault) = (None, Some(error)),
        }
    }

    /// That not too many wait for their rows already.
    fn room(&self, meta: Meta) -> Result<Meta, ReceiveError> {
        if self.desk.settler.is_full() {
            return Err(ReceiveError::TooManyWait);
        }
        Ok(meta)
    }

    /// The next bytes of the data set. Blocks while they are written.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Endless> {
        let limit = self.desk.max_instance_bytes;
        self.received += u64::try_from(bytes.len()).unwrap_or(0);
        if self.received > limit && self.fault.is_none() {
            self.arriving = None;
            self.fault = Some(ReceiveError::TooLarge { limit });
        }
        if self.fault.is_some() {
            // What is refused is read to its end, so that the association can
            // go on; but not for ever.
            let patience = limit.saturating_mul(2);
            return if self.received > patience {
                Err(Endless)
            } else {
                Ok(())
            };
        }
        let written = if self.block.is_empty() && bytes.len() >= BLOCK / 2 {
            self.write(bytes)
        } else {
            self.block.extend_from_slice(bytes);
            if self.block.len() < BLOCK {
                return Ok(());
            }
            self.write_block()
        };
        if let Err(error) = written {
            self.arriving = None;
            self.fault = Some(error);
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<(), ReceiveError> {
        let block = std::mem::take(&mut self.block);
        let written = self.write(&block);
        self.block = block;
        self.block.clear();
        written
    }

    /// Writes to the file, which is begun with the first bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        let meta = self.meta.as_ref().ok_or(ReceiveError::Program)?;
        let arriving = match &mut self.arriving {
            Some(arriving) => arriving,
            none => none.insert(self.desk.spool.arrive(meta)?),
        };
        Ok(arriving.write(bytes)?)
    }

    /// The last fragment has come: returns when the instance is durable, or
    /// is refused and nothing of it is left. Blocks.
    pub(super) fn finish(&mut self) -> Result<StudyKey, ReceiveError> {
        // A fault of the program costs the instance, not the association.
        let kept = catch_unwind(AssertUnwindSafe(|| self.keep()));
        self.arriving = None;
        kept.unwrap_or(Err(ReceiveError::Program))
    }

    fn keep(&mut self) -> Result<StudyKey, ReceiveError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if !self.block.is_empty() || self.arriving.is_none() {
            self.write_block()?;
        }
        let meta = self.meta.take().ok_or(ReceiveError::Program)?;
        let arriving = self.arriving.take().ok_or(ReceiveError::Program)?;
        self.desk.keep(arriving, &meta, &self.source)
    }
}

/// What the file's head will say, if the command fits its context.
fn meta(request: &StoreRequest, context: &Context) -> Result<Meta, ReceiveError> {
    let class = request.class.clone().ok_or(ReceiveError::Class)?;
    let is_image = ![COMMITMENT, VERIFICATION].contains(&class.as_str());
    if class.as_str() != context.class || !is_image {
        return Err(ReceiveError::Class);
    }
    let instance = request.instance.clone().ok_or(ReceiveError::Instance)?;
    let syntax = context.syntax.parse().map_err(|_| ReceiveError::Class)?;
    Ok(Meta {
        class,
        instance,
        syntax,
    })
}
