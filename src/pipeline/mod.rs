//! Decides when a step runs, and commits it. Only this room knows the order of
//! the steps.
//!
//! Four loops, each over the rows of one state: close, de-identify, analyze,
//! forward. Rows are the truth: a loop that starts after a power cut finds its
//! work in the rows and does it again. What a step cannot do becomes a trouble
//! of its study, never a stop of the loop.
//!
//! Three processes: the *box* runs this room; the *worker* decodes,
//! reconstructs and writes results (`worker`); the *forwarder* sends them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::clock::Moment;
use crate::config::Settings;
use crate::identity::BoxIdentity;
use crate::names::StudyKey;
use crate::receive::Notice;
use crate::receive::ReceiveError;
use crate::spool::Spool;
use crate::spool::SpoolError;
use crate::store::Outbox;
use crate::store::Store;
use crate::store::StoreError;
use crate::vault::Vault;
use crate::vault::VaultError;
use crate::wire::ModelStamp;

mod analysis;
mod apart;
mod bundle;
mod close;
mod export;
mod forwarding;
mod hand;
mod pass_on;
mod processes;
mod quarantine;
mod requests;
mod steps;
mod task;
mod troubles;
pub mod worker;

pub use hand::HandError;
pub use steps::RecoveryReport;

/// Longest time between two looks at the rows.
const TICK: Duration = Duration::from_millis(500);
/// Shortest time between two looks of a loop that is not a study's step: while
/// a CT comes in, its rows ring for each image.
const PAUSE: Duration = Duration::from_millis(100);
/// Time between two looks for a receipt while one is awaited.
const RECEIPT_TICK: Duration = Duration::from_millis(100);

/// What the pipeline could not do. The loops log it and go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Rows could not be read or committed. The study keeps its state.
    #[error("the store")]
    Store(#[from] StoreError),
    /// Image files could not be prepared or removed. Tried again.
    #[error("the spool")]
    Spool(#[from] SpoolError),
    /// What a crash left could not be given its rows. The box does not start.
    #[error("settling what a crash left")]
    Receive(#[from] ReceiveError),
    /// The vault could not be asked or written. Tried again.
    #[error("the vault")]
    Vault(#[from] VaultError),
    /// A folder of the pipeline's own could not be made or emptied.
    #[error("{attempt} {path}")]
    Folder {
        /// What was attempted.
        attempt: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A blocking task was lost, at shutdown.
    #[error("a task was lost")]
    Lost(#[from] tokio::task::JoinError),
}

/// What the pipeline needs.
#[derive(Clone)]
pub struct Parts {
    /// The settings.
    pub settings: Settings,
    /// The rows.
    pub store: Store,
    /// The image files.
    pub spool: Spool,
    /// The outbox.
    pub outbox: Outbox,
    /// Keys.
    pub identity: Arc<BoxIdentity>,
    /// Who is who.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Clock,
    /// This program, to start its other processes.
    pub program: PathBuf,
}

/// Whether one of our processes runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Running {
    /// Not asked yet, or not wanted.
    #[default]
    Unknown,
    /// It runs.
    Yes {
        /// Its process number, if it is a child.
        process: Option<u32>,
        /// Since when.
        since: Moment,
    },
    /// It ended or does not answer; it is started again.
    No {
        /// Why.
        why: String,
    },
}

/// How the processes and the model are, for pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The worker.
    pub worker: Running,
    /// The forwarder.
    pub forwarder: Running,
    /// The provider and the model that it runs, or why none does; `None`: not
    /// known yet.
    pub inference: Option<Inference>,
}

/// The provider and the model, or why there is none.
type Inference = Result<(String, ModelStamp), String>;

/// The pipeline.
pub struct Pipeline {
    parts: Parts,
    hand: tokio::sync::Mutex<hand::Hand>,
    worker: Mutex<Running>,
    forwarder: Arc<Mutex<Running>>,
    inference: Mutex<Option<Inference>>,
    exported: AtomicU64,
    sending: Mutex<HashMap<StudyKey, usize>>,
    looked: Mutex<Option<std::time::Instant>>,
    changes: watch::Sender<u64>,
}

impl Pipeline {
    /// A pipeline over opened rooms. It does nothing until it runs.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let reach = if parts.settings.processes.spawn {
            hand::Reach::Child {
                program: parts.program.clone(),
                arguments: child_arguments("worker", &parts.settings),
            }
        } else {
            hand::Reach::Socket(parts.settings.processes.worker_socket.clone())
        };
        let hand = hand::Hand::new(reach, parts.settings.processes.worker_timeout);
        let (changes, _) = watch::channel(0);
        let bell = changes.clone();
        parts.store.watch(Box::new(move |entry| {
            bell.send_replace(entry.number);
        }));
        Arc::new(Self {
            parts,
            hand: tokio::sync::Mutex::new(hand),
            worker: Mutex::default(),
            forwarder: Arc::default(),
            inference: Mutex::default(),
            exported: AtomicU64::new(0),
            sending: Mutex::default(),
            looked: Mutex::default(),
            changes,
        })
    }

    /// How the processes and the model are.
    #[must_use]
    pub fn status(&self) -> Status {
        let of = |running: &Mutex<Running>| {
            running
                .lock()
                .map_or(Running::Unknown, |running| running.clone())
        };
        Status {
            worker: of(&self.worker),
            forwarder: of(&self.forwarder),
            inference: self
                .inference
                .lock()
                .map_or(None, |inference| inference.clone()),
        }
    }

    /// Runs until `shutdown` ends: steps studies on as `notices` and the rows
    /// ask for it. What a step cannot do stays in rows. [`Pipeline::recover`]
    /// comes first.
    pub async fn run(
        self: Arc<Self>,
        notices: mpsc::Receiver<Notice>,
        shutdown: impl Future<Output = ()>,
    ) {
        let work = async {
            if self.parts.settings.receive_only {
                tokio::join!(
                    self.listen(notices),
                    self.repeat("export", TICK, PAUSE, Self::export_ready),
                    self.repeat("senders", TICK, PAUSE, Self::answer_senders),
                    self.repeat("pass-on", TICK, PAUSE, Self::pass_on_ready),
                );
                return;
            }
            tokio::join!(
                self.listen(notices),
                self.repeat("close", TICK, Duration::ZERO, Self::close_ready),
                self.repeat("senders", TICK, PAUSE, Self::answer_senders),
                self.repeat("pass-on", TICK, PAUSE, Self::pass_on_ready),
                self.repeat("deidentify", TICK, Duration::ZERO, Self::deidentify_ready),
                self.repeat("analyze", TICK, Duration::ZERO, Self::analyze_ready),
                self.repeat("forward", RECEIPT_TICK, Duration::ZERO, Self::forward_ready),
                self.forwarder(),
                self.probe_unless_alone(),
            );
        };
        tokio::select! {
            () = work => {}
            () = shutdown => {}
        }
    }

    /// Notes which studies are being sent right now.
    async fn listen(&self, mut notices: mpsc::Receiver<Notice>) {
        while let Some(notice) = notices.recv().await {
            if let Ok(mut sending) = self.sending.lock() {
                match notice {
                    Notice::Stored(key) => {
                        sending.entry(key).or_insert(1);
                    }
                    Notice::Released(keys) => {
                        for key in keys {
                            sending.remove(&key);
                        }
                    }
                }
            }
            self.changes.send_modify(|number| *number += 1);
        }
        // The receiver is gone only at shutdown.
        std::future::pending::<()>().await;
    }

    /// Does one loop's work whenever a row changes, and every `tick`, but not
    /// within `pause` after it was done.
    async fn repeat(
        &self,
        name: &'static str,
        tick: Duration,
        pause: Duration,
        work: impl AsyncFn(&Self) -> Result<(), PipelineError>,
    ) {
        let mut changes = self.changes.subscribe();
        loop {
            if let Err(error) = work(self).await {
                tracing::error!(room = "pipeline", step = name, error = %chain(&error), "held");
                tokio::time::sleep(TICK).await;
            }
            tokio::time::sleep(pause).await;
            // The sender lives as long as we do.
            drop(tokio::time::timeout(tick, changes.changed()).await);
        }
    }

    async fn forwarder(&self) {
        if self.parts.settings.processes.spawn && self.parts.settings.central.is_some() {
            processes::keep_running(
                "forwarder",
                self.parts.program.clone(),
                child_arguments("forwarder", &self.parts.settings),
                Arc::clone(&self.forwarder),
                &self.parts.clock,
            )
            .await;
        }
        std::future::pending::<()>().await;
    }
}

/// The arguments that start one of our processes with our settings.
fn child_arguments(name: &str, settings: &Settings) -> Vec<OsString> {
    let mut arguments = vec![OsString::from(name), "--child".into()];
    if let Some(file) = &settings.file {
        arguments.extend(["--config".into(), file.clone().into_os_string()]);
    }
    arguments.extend([
        "--data".into(),
        settings.storage.data.clone().into_os_string(),
    ]);
    arguments
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
