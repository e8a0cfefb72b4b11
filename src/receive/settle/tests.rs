//! Power cuts and failing calls, on paper: whatever the disk does, what was
//! acknowledged is there afterwards, whole, with one row; nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::collections::HashMap;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use super::*;
use crate::names::Digest;
use crate::spool::Disk;
use crate::spool::Meta;
use crate::spool::model::Fault;
use crate::spool::model::Lots;
use crate::spool::model::ModelDisk;
use crate::study::StudyId;
use crate::study::ViewCode;

const DATA: &str = "/data";

/// File of an instance: its rows, ever, and whether its study's person is gone.
type Table = HashMap<String, (u32, bool)>;

/// Rows that are durable when the call returns. A cut may come in between:
/// then nobody knows whether they are.
struct Paper {
    table: Mutex<Table>,
    disk: Arc<ModelDisk>,
    doubt: Mutex<Option<Lots>>,
}

impl Paper {
    fn new(disk: &Arc<ModelDisk>) -> Self {
        Self {
            table: Mutex::default(),
            disk: Arc::clone(disk),
            doubt: Mutex::default(),
        }
    }
}

impl Rows for Paper {
    fn admit_all(&self, arrivals: Vec<Arrival>) -> Result<Vec<Admission>, StoreError> {
        let doubt = self
            .doubt
            .lock()
            .unwrap()
            .as_mut()
            .map(|lots| lots.below(2));
        let dead = self.disk.is_dead();
        if dead || doubt == Some(0) {
            return Err(StoreError::Closed);
        }
        let mut table = self.table.lock().unwrap();
        let admissions = arrivals
            .into_iter()
            .map(|one| match table.get(&one.file) {
                Some(_) => Admission::Repeated,
                None => {
                    table.insert(one.file, (1, false));
                    Admission::New { generation: 1 }
                }
            })
            .collect();
        if doubt.is_some() {
            return Err(StoreError::Closed);
        }
        Ok(admissions)
    }
    fn needs_file(&self, file: &str) -> Result<bool, StoreError> {
        if self.disk.is_dead() {
            return Err(StoreError::Closed);
        }
        let table = self.table.lock().unwrap();
        Ok(table.get(file).is_some_and(|(_, gone)| !gone))
    }
}

fn meta() -> Meta {
    Meta {
        class: "1.2.840.10008.5.1.4.1.1.2".parse().unwrap(),
        instance: "1.2.392.1.2.3".parse().unwrap(),
        syntax: "1.2.840.10008.1.2.1".parse().unwrap(),
    }
}

/// Any key does: no data set here says of which set it is.
fn identity() -> &'static BoxIdentity {
    static IDENTITY: OnceLock<BoxIdentity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        BoxIdentity::open(folder.path()).unwrap()
    })
}

fn facts() -> ImageFacts {
    ImageFacts {
        set: None,
        sop_class: String::new(),
        transfer_syntax: String::new(),
        modality: "CT".into(),
        view: ViewCode::Unknown,
        laterality: None,
        body_part: None,
    }
}

fn study(number: u64) -> StudyKey {
    format!("{number:032x}").parse().unwrap()
}

/// A data set of some hundred bytes.
fn data_set(instance: u64, variant: u64) -> Vec<u8> {
    let length = 40 + 100 * instance as u32;
    let mut bytes = vec![0x29, 0, 1, 0x10, b'U', b'N', 0, 0];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend((0..length).map(|at| (at as u8) ^ (variant as u8)));
    bytes
}

fn seal(spool: &Spool, study: &StudyKey, instance: u64, bytes: &[u8]) -> Option<Sealed> {
    let mut arriving = spool.arrive(&meta()).ok()?;
    for part in bytes.chunks(97) {
        arriving.write(part).ok()?;
    }
    let key = format!("{instance:032x}").parse().unwrap();
    arriving.seal(study, &key, "room 1").ok()
}

/// What was promised to senders.
struct Promise {
    file: String,
    bytes: Vec<u8>,
}

fn promise(sealed: &Sealed, bytes: Vec<u8>) -> Promise {
    assert_eq!(sealed.digest(), Digest::of(&bytes));
    Promise {
        file: sealed.file(),
        bytes,
    }
}

/// A start of the box: recovery, as the pipeline does it.
fn start(disk: &Arc<ModelDisk>, rows: &Paper) -> Result<Spool, ReceiveError> {
    let spool = Spool::open_on(Arc::clone(disk) as Arc<dyn Disk>, Path::new(DATA), 0)?;
    settle_left_in(&spool, rows, identity(), &PassedOn::default())?;
    spool.recover(|file| rows.needs_file(file).unwrap_or(true))?;
    Ok(spool)
}

/// After recovery: every promise is kept, and nothing else is visible.
fn check(seed: u64, disk: &ModelDisk, rows: &Paper, promises: &[Promise]) {
    let table = rows.table.lock().unwrap();
    let held = |file: &str| {
        let mut bytes = Vec::new();
        let mut open = disk.open(&Path::new(DATA).join(file)).ok()?;
        open.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    };
    for promise in promises {
        let Some((_, gone)) = table.get(&promise.file) else {
            panic!("history {seed}: an acknowledged instance has no row");
        };
        match held(&promise.file) {
            Some(_) if *gone => panic!("history {seed}: an identified file came back"),
            None if !gone => panic!("history {seed}: an acknowledged instance is lost"),
            Some(bytes) => assert!(bytes.ends_with(&promise.bytes), "history {seed}: not exact"),
            None => {}
        }
    }
    let folder = |name: &str| disk.list(&Path::new(DATA).join(name)).unwrap();
    assert!(folder("arriving").is_empty(), "history {seed}");
    for study in folder("identified") {
        for file in folder(&format!("identified/{}", study.name)) {
            let name = format!("identified/{}/{}", study.name, file.name);
            let known = table.get(&name).is_some_and(|(_, gone)| !gone);
            assert!(known, "history {seed}: a file without a row is visible");
        }
    }
}

/// Takes the person out of a study: rows first, then files.
fn deidentify(spool: &Spool, rows: &Paper, number: u64) {
    let folder = format!("identified/{}/", study(number));
    let mut files = Vec::new();
    if rows.disk.is_dead() {
        return;
    }
    for (file, (_, gone)) in rows.table.lock().unwrap().iter_mut() {
        if file.starts_with(&folder) {
            *gone = true;
            files.push(file.clone());
        }
    }
    let id = StudyId {
        key: study(number),
        generation: 1,
    };
    // What fails is done at the next start.
    drop(spool.remove_identified(&id, files.iter().map(String::as_str)));
}

/// One life of the box, to its end by a cut.
fn life(spool: &Spool, rows: &Paper, lots: &mut Lots, promises: &mut Vec<Promise>) {
    let mut waiting = Vec::new();
    for _ in 0..3 + lots.below(12) {
        match lots.below(8) {
            0..5 => {
                let (number, instance) = (lots.below(3), lots.below(5));
                let bytes = data_set(instance, lots.below(2));
                if let Some(sealed) = seal(spool, &study(number), instance, &bytes) {
                    promises.push(promise(&sealed, bytes));
                    let facts = facts();
                    waiting.push(Waiting { sealed, facts });
                }
            }
            5..7 => {
                let settled = settle(
                    spool,
                    rows,
                    &PassedOn::default(),
                    std::mem::take(&mut waiting),
                );
                let failed = settled.into_iter().filter(|(_, result)| result.is_err());
                waiting = failed.map(|(one, _)| one).collect();
            }
            _ => deidentify(spool, rows, lots.below(3)),
        }
    }
}

fn history(seed: u64) -> bool {
    let mut lots = Lots::new(seed + 1);
    let disk = ModelDisk::new(Path::new(DATA));
    let rows = Paper::new(&disk);
    let (mut promises, mut hit) = (Vec::new(), false);
    for _ in 0..3 {
        let fault = match lots.below(8) {
            0 => Fault::Error(ErrorKind::Other),
            1 => Fault::Error(ErrorKind::StorageFull),
            2 => Fault::Error(ErrorKind::Interrupted),
            3 => Fault::Short,
            _ => Fault::Cut,
        };
        // The first ones hit the start itself.
        disk.fail_after(lots.below(260), fault);
        *rows.doubt.lock().unwrap() = (lots.below(4) == 0).then(|| lots.clone());
        if let Ok(spool) = start(&disk, &rows) {
            life(&spool, &rows, &mut lots, &mut promises);
        }
        hit |= disk.heal();
        disk.cut(&mut lots);
        *rows.doubt.lock().unwrap() = None;
    }
    start(&disk, &rows).unwrap();
    check(seed, &disk, &rows, &promises);
    hit && !promises.is_empty()
}

/// Histories in `make test`; `make test-long` asks for more.
fn histories() -> u64 {
    if std::env::var_os("BONEBOX_TEST_LONG").is_some() {
        50_000
    } else {
        1000
    }
}

#[test]
fn random_power_cuts_lose_nothing_that_was_acknowledged() {
    let worth = (0..histories()).filter(|seed| history(*seed)).count() as u64;
    assert!(
        worth * 2 > histories(),
        "only {worth} histories tried anything"
    );
}

/// The Nth call fails, for every N until none does, and then the power goes:
/// what was acknowledged is there.
#[test]
fn whichever_call_fails_no_success_is_false() {
    for fault in [
        Fault::Error(ErrorKind::Other),
        Fault::Error(ErrorKind::StorageFull),
        Fault::Error(ErrorKind::Interrupted),
        Fault::Short,
        Fault::Cut,
    ] {
        for number in 0.. {
            let disk = ModelDisk::new(Path::new(DATA));
            let rows = Paper::new(&disk);
            let spool = start(&disk, &rows).unwrap();
            disk.fail_after(number, fault);
            let mut promises = Vec::new();
            let mut waiting = Vec::new();
            for instance in 0..3 {
                let bytes = data_set(instance, 0);
                if let Some(sealed) = seal(&spool, &study(1), instance, &bytes) {
                    promises.push(promise(&sealed, bytes));
                    let facts = facts();
                    waiting.push(Waiting { sealed, facts });
                }
            }
            let settled = settle(&spool, &rows, &PassedOn::default(), waiting);
            let all = settled.iter().all(|(_, result)| result.is_ok());
            let hit = disk.heal();
            if !hit {
                assert!(
                    all && promises.len() == 3 && number > 60,
                    "{fault:?} {number}"
                );
                break;
            }
            // A short or interrupted write is no failure.
            assert!(fault != Fault::Short || promises.len() == 3);
            if all && promises.len() == 3 {
                // Nothing of the row's way is left to do.
                drop(spool);
            } else if !disk.is_dead() {
                // The same process goes on.
                let failed = settled.into_iter().filter(|(_, result)| result.is_err());
                let again = settle(
                    &spool,
                    &rows,
                    &PassedOn::default(),
                    failed.map(|(one, _)| one).collect(),
                );
                assert!(again.iter().all(|(_, result)| result.is_ok()));
                assert!(seal(&spool, &study(2), 9, &data_set(9, 0)).is_some());
            }
            disk.cut(&mut Lots::new(number));
            start(&disk, &rows).unwrap();
            check(number, &disk, &rows, &promises);
        }
    }
}

/// A promise that would be false is noticed: the checks above can fail.
#[test]
fn a_disk_that_lies_about_its_sync_is_caught() {
    let lost = (0..200).filter(|seed| {
        let disk = ModelDisk::new(Path::new(DATA));
        let rows = Paper::new(&disk);
        let spool = start(&disk, &rows).unwrap();
        let bytes = data_set(1, 0);
        let mut arriving = spool.arrive(&meta()).unwrap();
        arriving.write(&bytes).unwrap();
        // As if it had been sealed without a sync.
        std::mem::forget(arriving);
        disk.cut(&mut Lots::new(*seed));
        start(&disk, &rows).unwrap();
        rows.table.lock().unwrap().is_empty()
    });
    assert!(lost.count() > 100);
}
