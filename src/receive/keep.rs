//! From fragments to a durable instance. What comes is gathered into blocks
//! and written on a blocking thread while the next block arrives; nothing
//! else is held.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::{JoinHandle, spawn_blocking};

use super::ReceiveError;
use super::dimse::StoreRequest;
use super::facts;
use super::negotiate::Context;
use crate::identity::BoxIdentity;
use crate::names::InstanceKey;
use crate::names::StudyKey;
use crate::spool::Arriving;
use crate::spool::Meta;
use crate::spool::Spool;
use crate::spool::SpoolError;
use crate::store::Admission;
use crate::store::Arrival;
use crate::store::Store;

/// Bytes gathered before they are written.
const BLOCK: usize = 256 * 1024;
/// Locks that instances share.
const STRIPES: usize = 64;

/// The rooms that keep an instance.
pub(super) struct Desk {
    spool: Spool,
    store: Store,
    identity: Arc<BoxIdentity>,
    max_instance_bytes: u64,
    /// Two copies of one instance at a time would see each other's files.
    stripes: Vec<Mutex<()>>,
}

/// What became of an instance.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) study: StudyKey,
    pub(super) instance: InstanceKey,
    pub(super) admission: Admission,
    pub(super) size: u64,
}

impl Desk {
    pub(super) fn new(
        spool: Spool,
        store: Store,
        identity: Arc<BoxIdentity>,
        max_instance_bytes: u64,
    ) -> Self {
        Self {
            spool,
            store,
            identity,
            max_instance_bytes,
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Checks an instance, all of which has arrived, and makes it durable.
    fn keep(&self, arriving: Arriving, meta: &Meta, source: &str) -> Result<Kept, ReceiveError> {
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
        let facts = facts::facts_of(&scan, meta.class.as_str(), meta.syntax.as_str());

        let _alone = self.stripe(&instance);
        let kept = arriving.finish(&study, &instance)?;
        let admission = self.store.admit(Arrival {
            study: study.clone(),
            instance: instance.clone(),
            source: source.to_owned(),
            facts,
            file: kept.file.clone(),
            size: kept.size,
            digest: kept.digest,
        })?;
        if admission == Admission::Repeated
            && !kept.there_already
            && !self.store.needs_file(&kept.file)?
        {
            // Its row is older, and its first file was dropped since. (Where
            // the row still needs a file that was lost, this one replaces it.)
            self.spool.discard(&kept)?;
        }
        Ok(Kept {
            study,
            instance,
            admission,
            size: kept.size,
        })
    }

    fn stripe(&self, instance: &InstanceKey) -> std::sync::MutexGuard<'_, ()> {
        let first = instance.as_str().get(..2).unwrap_or_default();
        let number = usize::from_str_radix(first, 16).unwrap_or(0) % STRIPES;
        // It guards no data: a panic elsewhere leaves nothing half done in it.
        self.stripes[number]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a blocking thread gives back: the file, and the block to fill again.
type Written = (Result<Arriving, SpoolError>, Vec<u8>);

/// The instance that an association is sending, one after the other.
pub(super) struct Incoming {
    desk: Arc<Desk>,
    source: String,
    meta: Option<Meta>,
    fault: Option<ReceiveError>,
    arriving: Option<Arriving>,
    writing: Option<JoinHandle<Written>>,
    block: Vec<u8>,
    spare: Vec<u8>,
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
            writing: None,
            block: Vec::new(),
            spare: Vec::new(),
            received: 0,
        }
    }

    /// A data set is announced. Whatever is wrong with it is answered after
    /// its last fragment.
    pub(super) fn begin(&mut self, request: &StoreRequest, context: &Context) {
        self.received = 0;
        self.block.clear();
        match meta(request, context) {
            Ok(meta) => (self.meta, self.fault) = (Some(meta), None),
            Err(error) => (self.meta, self.fault) = (None, Some(error)),
        }
    }

    /// The next bytes of the data set.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> Result<(), Endless> {
        let limit = self.desk.max_instance_bytes;
        self.received += u64::try_from(bytes.len()).unwrap_or(0);
        if self.received > limit && self.fault.is_none() {
            self.settle().await;
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
        self.block.extend_from_slice(bytes);
        if self.block.len() >= BLOCK {
            self.write().await;
        }
        Ok(())
    }

    /// Starts writing the block; the next one is gathered meanwhile.
    async fn write(&mut self) {
        self.settle().await;
        let Some(meta) = self.meta.clone().filter(|_| self.fault.is_none()) else {
            return;
        };
        let block = std::mem::replace(&mut self.block, std::mem::take(&mut self.spare));
        let (desk, arriving) = (Arc::clone(&self.desk), self.arriving.take());
        self.writing = Some(spawn_blocking(move || {
            (append(&desk, arriving, &meta, &block), block)
        }));
    }

    /// Waits for the block that is being written.
    async fn settle(&mut self) {
        let Some(writing) = self.writing.take() else {
            return;
        };
        match writing.await {
            Ok((result, mut block)) => {
                block.clear();
                self.spare = block;
                match result {
                    Ok(arriving) => self.arriving = Some(arriving),
                    Err(error) => self.fault = Some(error.into()),
                }
            }
            Err(_) => self.fault = Some(ReceiveError::Program),
        }
    }

    /// The last fragment has come: returns when the instance is durable, or
    /// is refused and nothing of it is left.
    pub(super) async fn finish(&mut self) -> Result<Kept, ReceiveError> {
        self.settle().await;
        let arriving = self.arriving.take();
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let meta = self.meta.take().ok_or(ReceiveError::Program)?;
        let block = std::mem::take(&mut self.block);
        let (desk, source) = (Arc::clone(&self.desk), self.source.clone());
        let keeping = spawn_blocking(move || {
            let result = append(&desk, arriving, &meta, &block)
                .map_err(ReceiveError::from)
                .and_then(|arriving| desk.keep(arriving, &meta, &source));
            (result, block)
        });
        let (result, block) = keeping.await.map_err(|_| ReceiveError::Program)?;
        self.block = block;
        result
    }
}

/// Writes a block to the file, which is made with the first one.
fn append(
    desk: &Desk,
    arriving: Option<Arriving>,
    meta: &Meta,
    block: &[u8],
) -> Result<Arriving, SpoolError> {
    let mut arriving = match arriving {
        Some(arriving) => arriving,
        None => desk.spool.arrive(meta)?,
    };
    arriving.write(block)?;
    Ok(arriving)
}

/// What the file's head will say, if the command fits its context.
fn meta(request: &StoreRequest, context: &Context) -> Result<Meta, ReceiveError> {
    let class = request.class.clone().ok_or(ReceiveError::Class)?;
    if class.as_str() != context.class {
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
