//! The listener: connections, limits, the end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dicom_ul::pdu::{AssociationRQ, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::association::{Association, Chain, End};
use super::callers::Callers;
use super::commitment;
use super::keep::{Desk, Incoming};
use super::line::{Left, Line, Socket};
use super::lobby::{Lobby, Places};
use super::negotiate::{Agreed, Refused, Road, caller, let_in, negotiate};
use super::pdu::{self, Kind};
use super::settle::{PassedOn, Settler};
use super::{Notice, ReceiveError};
use crate::audit::Caller;
use crate::audit::Rejection;
use crate::config::DicomSettings;
use crate::identity::BoxIdentity;
use crate::identity::ServerFiles;
use crate::spool::Spool;
use crate::store::Store;

/// Failures of the listening socket in a row before the box gives up.
const PATIENCE: u32 = 200;
/// Pause after such a failure: it is out of file handles, most likely.
const PAUSE: Duration = Duration::from_millis(50);
/// Time that associations have to end when the box stops.
const GRACE: Duration = Duration::from_secs(10);
/// Time that a peer has to read our last word before the connection closes.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What all connections share.
struct Shared {
    settings: DicomSettings,
    desk: Arc<Desk>,
    store: Store,
    places: Places,
    lobby: Lobby,
    stop: watch::Receiver<bool>,
    callers: Callers,
    tls: Option<ServerFiles>,
    /// Where commitments are reported from, after their association.
    runtime: tokio::runtime::Handle,
}

/// What receiving needs of the house.
#[derive(Debug)]
pub struct Parts {
    /// Who may send, and how much.
    pub settings: DicomSettings,
    /// Where images go.
    pub spool: Spool,
    /// Where their rows go.
    pub store: Store,
    /// The key of the digests that name them.
    pub identity: Arc<BoxIdentity>,
    /// Who is told of instances.
    pub notices: mpsc::Sender<Notice>,
    /// Nothing that is received is ever deleted: storage may be committed.
    pub keeps: bool,
    /// The listener for TLS, and its files.
    pub tls: Option<(TcpListener, ServerFiles)>,
}

/// Receives until `shutdown` completes. Instances that have arrived in whole
/// by then are still made durable and answered.
///
/// # Errors
/// [`ReceiveError::Listen`] if the socket fails again and again.
pub async fn serve(
    listener: TcpListener,
    parts: Parts,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ReceiveError> {
    let Parts {
        settings,
        spool,
        store,
        identity,
        notices,
        keeps,
        tls,
    } = parts;
    let (tls_listener, tls) = tls.unzip();
    if settings.accept_any {
        tracing::warn!("ANY SENDER IS LET IN (dicom.accept_any): only for trying the box");
    }
    let (stopping, stop) = watch::channel(false);
    let (settler, settling) = Settler::start(
        spool.clone(),
        store.clone(),
        PassedOn::by(&settings),
        notices,
    )?;
    let callers = Callers::default();
    let (all_gone, gone) = watch::channel(false);
    let noting = tokio::spawn(callers.clone().write_down(store.clone(), gone));
    let shared = Arc::new(Shared {
        desk: Arc::new(Desk::new(
            spool,
            identity,
            store.clone(),
            settler,
            &settings,
            keeps,
        )),
        places: Places::new(
            settings.max_associations,
            settings.max_associations_per_source,
        ),
        settings,
        store,
        lobby: Lobby::default(),
        stop,
        callers: callers.clone(),
        tls,
        runtime: tokio::runtime::Handle::current(),
    });
    let mut tasks = JoinSet::new();
    let listeners = (listener, tls_listener);
    let result = accept(&listeners, &shared, &mut tasks, shutdown).await;
    drop(listeners);
    // Nobody is left to hear it if all associations have ended.
    stopping.send(true).ok();
    let ended = timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tasks.shutdown().await;
    }
    all_gone.send_replace(true);
    if noting.await.is_err() {
        tracing::error!("the task that notes callers failed");
    }
    // The last way to the settler's thread: it settles what waits, and ends.
    drop(shared);
    if spawn_blocking(move || settling.join()).await.is_err() {
        tracing::error!("the settler's thread failed");
    }
    result
}

/// The next connection, and on which listener.
async fn next_connection(
    (plain, tls): &(TcpListener, Option<TcpListener>),
) -> std::io::Result<(TcpStream, SocketAddr, Road)> {
    let secret = async {
        match tls {
            Some(listener) => listener.accept().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        accepted = plain.accept() => accepted.map(|(stream, peer)| (stream, peer, Road::Plain)),
        accepted = secret => accepted.map(|(stream, peer)| (stream, peer, Road::Tls)),
    }
}

async fn accept(
    listeners: &(TcpListener, Option<TcpListener>),
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ReceiveError> {
    let next = AtomicU64::new(0);
    let mut failures = 0;
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a connection's task failed");
                }
                continue;
            }
            accepted = next_connection(listeners) => accepted,
        };
        match accepted {
            Ok((stream, peer, road)) => {
                failures = 0;
                let number = next.fetch_add(1, Ordering::Relaxed);
                let go = shared.lobby.enter(number, peer.ip().to_canonical());
                let came = Came { stream, peer, road };
                tasks.spawn(connection(Arc::clone(shared), came, number, go));
            }
            Err(error) => {
                failures += 1;
                if failures > PATIENCE {
                    return Err(ReceiveError::Listen(error));
                }
                tracing::warn!(error = %error, "accepting a connection failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A connection, as it came.
struct Came {
    stream: TcpStream,
    peer: SocketAddr,
    road: Road,
}

/// Shakes hands where TLS is to be spoken; `None`: it came to nothing, and no
/// byte of DICOM was read.
async fn secure(shared: &Shared, came: Came) -> Option<BufReader<Line>> {
    let socket = Socket::new(came.stream);
    let Some(files) = shared.tls.as_ref().filter(|_| came.road == Road::Tls) else {
        return Some(BufReader::new(Line::Plain(socket)));
    };
    let acceptor = tokio_rustls::TlsAcceptor::from(files.now());
    let shaken = timeout(shared.settings.idle_timeout, acceptor.accept(socket)).await;
    match shaken {
        Ok(Ok(stream)) => Some(BufReader::new(Line::Tls(Box::new(stream.into())))),
        Ok(Err(error)) => {
            let address = came.peer.ip().to_canonical();
            tracing::warn!(peer = %address, error = %error, "TLS refused");
            shared.callers.add(Rejection::Tls, Caller::silent(address));
            None
        }
        Err(_) => None,
    }
}

/// One connection from its first byte to its last.
async fn connection(shared: Arc<Shared>, came: Came, number: u64, go: oneshot::Receiver<()>) {
    let (peer, road) = (came.peer, came.road);
    // Before the first answer: Nagle and delayed acknowledgement would cost
    // 40 ms a message.
    if let Err(error) = came.stream.set_nodelay(true) {
        tracing::warn!(error = %error, "TCP_NODELAY could not be set");
    }
    let asked = async {
        let mut stream = secure(&shared, came).await?;
        let agreed = open(&shared, &mut stream, peer, road).await;
        Some((stream, agreed))
    };
    let asked = tokio::select! {
        _ = go => return,
        asked = asked => asked,
    };
    shared.lobby.leave(number);
    let Some((mut stream, agreed)) = asked else {
        return;
    };
    let Some((caller, agreed, accept)) = agreed else {
        return last_word(stream).await;
    };
    let Some(place) = shared.places.take(&agreed.source) else {
        refuse(&shared, &mut stream, caller, Refused::Busy).await;
        return last_word(stream).await;
    };
    let idle = shared.settings.idle_timeout;
    if !matches!(timeout(idle, stream.write_all(&accept)).await, Ok(Ok(()))) {
        return;
    }
    tracing::info!(peer = %peer.ip(), source = agreed.source, "association accepted");
    let Ok(line) = leave(stream) else {
        return tracing::warn!(peer = %peer.ip(), why = "spoke out of turn", "association ended by us");
    };
    let (done, ended) = oneshot::channel();
    let serve = move || {
        let _place = place;
        if let Err(error) = on_own_thread(&shared, line, caller, &agreed) {
            tracing::error!(error = %error, "an association could not be served");
        }
        // The listener may have stopped waiting.
        done.send(()).ok();
    };
    let thread = std::thread::Builder::new().name("association".into());
    match thread.spawn(serve) {
        // A thread that failed has dropped its end.
        Ok(_) => ended.await.unwrap_or_default(),
        Err(error) => tracing::error!(error = %error, "an association has no thread"),
    }
}

/// Takes a connection off the listener's runtime.
fn leave(stream: BufReader<Line>) -> std::io::Result<Left> {
    if !stream.buffer().is_empty() {
        // Nothing may be sent before the answer.
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    stream.into_inner().leave()
}

/// An association to its end, on a runtime of its own: what arrives is hashed
/// and written by the thread that reads it, which costs least, and no other
/// association waits for its disk.
fn on_own_thread(
    shared: &Shared,
    line: Left,
    caller: Caller,
    agreed: &Agreed,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut association = Association {
            stream: BufReader::new(line.enter()?),
            incoming: Incoming::new(Arc::clone(&shared.desk), agreed.source.clone()),
            idle: shared.settings.idle_timeout,
            stop: shared.stop.clone(),
            studies: Vec::new(),
            callers: shared.callers.clone(),
            caller: caller.clone(),
            commitments: Vec::new(),
        };
        let end = association.run(agreed).await;
        let peer = caller.address;
        match end {
            End::Violation(why) => {
                tracing::warn!(peer = %peer, why, "association ended by us");
                let why = why.into();
                shared.callers.add(Rejection::Violation { why }, caller);
            }
            End::Interrupted => {
                tracing::warn!(peer = %peer, "connection ended in the middle of an image");
                shared.callers.add(Rejection::Interrupted, caller);
            }
            End::Released | End::Aborted | End::Closed | End::Silent | End::Stopped => {
                tracing::info!(peer = %peer, end = ?end, "association ended");
            }
        }
        if let Some(to) = &agreed.commitment_to {
            for report in association.commitments.drain(..) {
                let (to, from) = (to.clone(), shared.settings.ae_title.clone());
                shared.runtime.spawn(commitment::deliver(report, to, from));
            }
        }
        if !association.studies.is_empty() {
            shared.desk.settler().released(association.studies);
        }
        last_word(association.stream).await;
        Ok(())
    })
}

/// Reads the association request and answers it; `None`: it is over.
async fn open(
    shared: &Shared,
    stream: &mut BufReader<Line>,
    peer: SocketAddr,
    road: Road,
) -> Option<(Caller, Agreed, Vec<u8>)> {
    let mut body = Vec::new();
    // The ARTIM timer (PS3.8 9.1.5) runs over the whole request.
    let limit = shared.settings.idle_timeout;
    let reason = match timeout(limit, pdu::read(stream, &mut body)).await {
        Ok(Ok(Some(Kind::AssociateRequest))) => match pdu::decode(1, &body) {
            Ok(Pdu::AssociationRQ(request)) => {
                let caller = caller(&request, peer.ip(), road);
                match admit(shared, &request, &caller, road).await {
                    Ok((agreed, accept)) => match pdu::encode(&accept) {
                        Ok(bytes) => return Some((caller, agreed, bytes)),
                        Err(_) => 6,
                    },
                    Err(refused) => {
                        refuse(shared, stream, caller, refused).await;
                        return None;
                    }
                }
            }
            Ok(_) | Err(_) => 6,
        },
        Ok(Ok(Some(_))) => 2,
        Ok(Err(pdu::FrameError::Unrecognized)) => 1,
        Ok(Err(pdu::FrameError::TooLong | pdu::FrameError::Malformed)) => 6,
        // Closed or silent: nobody to tell.
        Ok(Ok(None) | Err(pdu::FrameError::Broken(_))) | Err(_) => return None,
    };
    tracing::warn!(peer = %peer.ip(), reason, "no association request");
    let caller = Caller::silent(peer.ip().to_canonical());
    shared.callers.add(Rejection::NotDicom, caller);
    // The peer may be gone; then there is nobody to tell.
    stream.write_all(&pdu::abort(reason)).await.ok();
    None
}

/// Answers by the settings; a stranger to them may be one that a person let in.
async fn admit(
    shared: &Shared,
    request: &AssociationRQ,
    caller: &Caller,
    road: Road,
) -> Result<(Agreed, Pdu), Refused> {
    let (settings, peer) = (&shared.settings, caller.address);
    let answer = negotiate(request, settings, &settings.sources, peer, road);
    let (Err(refused), Some(calling)) = (&answer, &caller.calling) else {
        return answer;
    };
    if !refused.rejection().can_be_allowed() {
        return answer;
    }
    let (store, calling) = (shared.store.clone(), calling.clone());
    match spawn_blocking(move || store.sender(&calling, peer)).await {
        Ok(Ok(Some(sender))) => negotiate(request, settings, &[let_in(sender)], peer, road),
        Ok(Ok(None)) | Err(_) => answer,
        Ok(Err(error)) => {
            tracing::error!(error = %Chain(&error), "who was let in could not be read");
            answer
        }
    }
}

async fn refuse(shared: &Shared, stream: &mut BufReader<Line>, caller: Caller, refused: Refused) {
    let rejection = refused.rejection();
    let reason = rejection.refused().unwrap_or_default();
    tracing::warn!(peer = %caller.address, reason, "association refused");
    shared.callers.add(rejection, caller);
    if let Ok(bytes) = pdu::encode(&refused.answer()) {
        // The peer may be gone; then there is nobody to tell.
        timeout(LAST_WORD, stream.write_all(&bytes)).await.ok();
    }
}

/// Closes so that the peer can read what we said last: our side first, then
/// what it still sends is read away for a moment, else a reset overtakes it.
async fn last_word(mut stream: BufReader<Line>) {
    let closing = async {
        stream.shutdown().await?;
        let mut away = [0; 4096];
        let mut left = 64;
        while left > 0 && stream.read(&mut away).await? > 0 {
            left -= 1;
        }
        std::io::Result::Ok(())
    };
    // However it ends, it ends.
    timeout(LAST_WORD, closing).await.ok();
}
