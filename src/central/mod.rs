//! The reference server at the other end: receives results by STOW-RS over
//! mutual TLS 1.3, holds them, and shows people what it holds.
//!
//! An instance is answered as held only after its file and its row are
//! durable. The same bytes again are held already; other bytes under the same
//! UID are refused. What could name a person is refused, whatever the box says.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::CentralSettings;
use crate::identity::IdentityError;
use crate::identity::PasswordHash;
use crate::identity::ServerTls;
use crate::identity::TlsVersions;
use crate::names::Digest;
use crate::names::NameError;

mod admit;
mod boxes;
mod certificate;
mod inbox;
mod people;
mod scan;
mod stow;

use inbox::Inbox;

/// How long open connections may go on after the call to stop.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What the central cannot do.
#[derive(Debug, thiserror::Error)]
pub enum CentralError {
    /// A file or folder of its data cannot be read, written or synced. At the
    /// start it does not start; later the instance is answered 0110H and the
    /// box sends again.
    #[error("{doing} {}", path.display())]
    File {
        /// What was attempted.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The database refused. As for a file.
    #[error("{doing} in the central's database")]
    Database {
        /// What was attempted.
        doing: &'static str,
        /// What the database said.
        source: rusqlite::Error,
    },
    /// The database is damaged, or of a newer version. It does not start.
    #[error("the central's database: {why}")]
    Schema {
        /// What is wrong.
        why: String,
    },
    /// A row holds a name that is not valid.
    #[error("a name in the central's database")]
    Name(#[from] NameError),
    /// A file is not what its row says. It is not given out.
    #[error("the file of {digest} is damaged")]
    Damaged {
        /// The digest it should have.
        digest: Digest,
    },
    /// Certificates or the password hash cannot be used. It does not start.
    #[error("the central's identity")]
    Identity(#[from] IdentityError),
    /// An address cannot be listened on. It does not start.
    #[error("listening on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
}

/// Where the central listens, once it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For boxes: mutual TLS, `https://ADDRESS/dicom-web`.
    pub boxes: SocketAddr,
    /// For people: `http://ADDRESS/`.
    pub people: SocketAddr,
}

/// Runs until `shutdown` completes. `ready` is called once, when both
/// listeners listen.
///
/// # Errors
/// [`CentralError`] if it cannot start.
pub async fn run(
    settings: CentralSettings,
    clock: Clock,
    shutdown: impl Future<Output = ()> + Send,
    ready: impl FnOnce(Addresses) + Send,
) -> Result<(), CentralError> {
    let tls = ServerTls::load(
        &settings.certificate,
        &settings.key,
        &settings.client_ca,
        None,
        TlsVersions::Only13,
    )?;
    let hash: PasswordHash = settings.password_hash.parse()?;
    let data = settings.data.clone();
    let inbox = tokio::task::spawn_blocking(move || Inbox::open(&data))
        .await
        .map_err(|error| CentralError::Schema {
            why: error.to_string(),
        })??;
    let inbox = Arc::new(inbox);
    let (boxes, people) = (
        listen(settings.listen).await?,
        listen(settings.people_listen).await?,
    );
    let address = |listener: &TcpListener, asked: SocketAddr| {
        listener
            .local_addr()
            .map_err(|source| CentralError::Listen {
                address: asked,
                source,
            })
    };
    let addresses = Addresses {
        boxes: address(&boxes, settings.listen)?,
        people: address(&people, settings.people_listen)?,
    };
    let (stop, stopped) = watch::channel(false);
    let app = stow::app(Arc::clone(&inbox), clock.clone());
    let boxes = tokio::spawn(boxes::serve(boxes, tls, app, stopped.clone()));
    let pages = people::app(inbox, clock, &settings.user, hash);
    let people = tokio::spawn(boxes::accept(
        people,
        stopped.clone(),
        move |stream, peer| boxes::talk(stream, pages.clone(), peer, stopped.clone()),
    ));
    tracing::info!(boxes = %addresses.boxes, people = %addresses.people, "central ready");
    ready(addresses);
    shutdown.await;
    stop.send_replace(true);
    let both = async { (boxes.await, people.await) };
    if tokio::time::timeout(LAST_WORDS, both).await.is_err() {
        tracing::warn!("connections were cut at the end");
    }
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, CentralError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| CentralError::Listen { address, source })
}
