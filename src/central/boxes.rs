//! The listener for boxes. A box without a certificate of the right authority
//! fails in the handshake: not one byte of HTTP is read before.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::certificate;

/// Most connections at a time.
const CONNECTIONS: usize = 64;
/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Longest wait for a request's headers, also between two requests.
const HEADERS: Duration = Duration::from_secs(30);
/// Pause after the system refused a connection (no file handles left).
const PAUSE: Duration = Duration::from_millis(100);

/// The box at the other end, by its certificate.
#[derive(Debug, Clone)]
pub(super) struct Sender(pub(super) String);

/// Accepts until `stopped` turns true; then waits for the open connections.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    app: Router,
    stopped: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    accept(listener, stopped.clone(), |stream, peer| {
        let (acceptor, app, stopped) = (acceptor.clone(), app.clone(), stopped.clone());
        async move {
            let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::warn!(%peer, %error, "box refused in the handshake");
                    return;
                }
                Err(_) => {
                    tracing::warn!(%peer, "box refused: handshake too slow");
                    return;
                }
            };
            let certificates = stream.get_ref().1.peer_certificates();
            let Some(certificate) = certificates.and_then(<[_]>::first) else {
                tracing::warn!(%peer, "box refused: no certificate");
                return;
            };
            let sender = Sender(certificate::name(certificate));
            talk(stream, app.layer(Extension(sender)), peer, stopped).await;
        }
    })
    .await;
}

/// Accepts connections, each handled by a task of its own, until told to stop.
pub(super) async fn accept<Work>(
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
    handle: impl Fn(TcpStream, SocketAddr) -> Work,
) where
    Work: Future<Output = ()> + Send + 'static,
{
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    let mut tasks = JoinSet::new();
    loop {
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (listener.accept().await, seat)
        };
        let (accepted, seat) = tokio::select! {
            () = told(&mut stopped) => break,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer)) => {
                let work = handle(stream, peer);
                tasks.spawn(async move {
                    work.await;
                    drop(seat);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

/// Completes when the central is told to stop. The guard that the channel
/// hands out is dropped here: it may not be held while waiting.
async fn told(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stop| *stop).await);
}

/// HTTP/1.1 on a connection until it ends or the central stops.
pub(super) async fn talk(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    app: Router,
    peer: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
