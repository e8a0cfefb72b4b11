//! The connection to the central: TCP, mutual TLS 1.3, HTTP/1.1.
//!
//! In TLS 1.3 the client's side of the handshake ends before the server has
//! looked at the client's certificate: "connected" proves nothing, and a
//! refused certificate shows only when the first answer is read. So errors of
//! reading are searched for the TLS library's reason.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;

use super::delivery::{Obstacle, Response, Speak};
use super::{ForwardError, TroubleCode};
use crate::config::CentralLink;
use crate::identity::ClientTls;
use crate::names::Digest;
use crate::names::Hasher;
use crate::wire::multipart::DICOM;
use crate::wire::stow::DICOM_JSON;

/// Longest wait for a connection and its handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(120);
/// Largest answer that is read.
const LARGEST_ANSWER: usize = 4_000_000;
/// Largest instance that is read back.
const LARGEST_INSTANCE: usize = 1_000_000_000;

/// Where the central is.
#[derive(Debug, Clone)]
pub(super) struct Target {
    link: CentralLink,
    host: String,
    port: u16,
    path: String,
    name: ServerName<'static>,
}

impl Target {
    /// Reads the settings' URL.
    pub(super) fn parse(link: &CentralLink) -> Result<Self, ForwardError> {
        let fault = |why: &str| ForwardError::Url {
            why: why.to_owned(),
        };
        let uri: Uri = link.url.parse().map_err(|_| fault("it is not a URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(fault("it does not start with https://"));
        }
        let host = uri.host().ok_or_else(|| fault("it names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| fault("its host is no name that a certificate can have"))?;
        Ok(Self {
            link: link.clone(),
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(443),
            path: uri.path().trim_end_matches('/').to_owned(),
            name,
        })
    }

    /// The central's name: the one that its certificate was checked against.
    pub(super) fn name(&self) -> &str {
        &self.host
    }

    /// Connects and shakes hands.
    pub(super) async fn connect(&self) -> Result<Link, Obstacle> {
        let link = self.link.clone();
        let load = move || ClientTls::load(&link.ca, &link.certificate, &link.key);
        let config = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| unreachable(&error.to_string()))?
            .map_err(|error| {
                let detail = format!("our certificate cannot be used: {error}");
                Obstacle::of_link(TroubleCode::CentralRefusesUs, &detail)
            })?;
        let connect = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            TlsConnector::from(config)
                .connect(self.name.clone(), stream)
                .await
        };
        let stream = timeout(CONNECT, connect)
            .await
            .map_err(|_| unreachable("no connection within 10 seconds"))?
            .map_err(|error| of_io(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| of_hyper(&error))?;
        let host = if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        };
        // The task ends with the connection, which ends with the sender. Its
        // error is the one that the sender reports, with more detail.
        let task = tokio::spawn(connection);
        Ok(Link {
            sender,
            task: Some(task),
            host,
            path: self.path.clone(),
        })
    }
}

/// A connection with its handshake done.
pub(super) struct Link {
    sender: SendRequest<Full<Bytes>>,
    task: Option<tokio::task::JoinHandle<Result<(), hyper::Error>>>,
    host: String,
    path: String,
}

impl Link {
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: Vec<u8>,
    ) -> Result<hyper::Response<Incoming>, Obstacle> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.path))
            .header(header::HOST, &self.host)
            .header(
                header::USER_AGENT,
                concat!("bonebox/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unreachable(&format!("making a request: {error}")))?;
        match timeout(ANSWER, self.sender.send_request(request)).await {
            Err(_) => Err(unreachable("no answer within 120 seconds")),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.reason(error).await),
        }
    }

    /// Why a request failed. The connection's task may know more: hyper gives
    /// a refused certificate to whichever of the two reads first.
    async fn reason(&mut self, error: hyper::Error) -> Obstacle {
        let told = of_hyper(&error);
        if told.code == TroubleCode::CentralUnreachable
            && let Some(task) = self.task.take()
            && let Ok(Ok(Err(error))) = timeout(Duration::from_secs(1), task).await
        {
            let better = of_hyper(&error);
            if better.code != told.code {
                return better;
            }
        }
        told
    }
}

impl Speak for Link {
    async fn post(
        &mut self,
        study: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response, Obstacle> {
        let headers = [
            (header::CONTENT_TYPE, content_type),
            (header::ACCEPT, DICOM_JSON),
        ];
        let response = self
            .ask(Method::POST, &format!("/studies/{study}"), &headers, body)
            .await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        self.read(response, LARGEST_ANSWER, |bytes| {
            body.extend_from_slice(bytes);
        })
        .await?;
        Ok(Response { status, body })
    }

    async fn withdraw(&mut self, body: Vec<u8>) -> Result<Response, Obstacle> {
        let headers = [(header::CONTENT_TYPE, "application/json")];
        let response = self
            .ask(Method::POST, "/withdrawals", &headers, body)
            .await?;
        let status = response.status().as_u16();
        self.read(response, LARGEST_ANSWER, |_| {}).await?;
        let body = Vec::new();
        Ok(Response { status, body })
    }

    async fn read_back(&mut self, study: &str, instance: &str) -> Result<Option<Digest>, Obstacle> {
        let path = format!("/studies/{study}/instances/{instance}");
        let headers = [(header::ACCEPT, DICOM)];
        let response = self.ask(Method::GET, &path, &headers, Vec::new()).await?;
        let status = response.status();
        let mut hasher = Hasher::new();
        self.read(response, LARGEST_INSTANCE, |bytes| hasher.update(bytes))
            .await?;
        Ok(status.is_success().then(|| hasher.finish()))
    }
}

impl Link {
    /// Reads a body frame by frame, up to a size.
    async fn read(
        &mut self,
        response: hyper::Response<Incoming>,
        largest: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Obstacle> {
        let mut body = response.into_body();
        let mut size = 0_usize;
        loop {
            let frame = match timeout(ANSWER, body.frame()).await {
                Err(_) => return Err(unreachable("the answer stops for 120 seconds")),
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => return Err(self.reason(error).await),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Some(bytes) = frame.data_ref() {
                size = size.saturating_add(bytes.len());
                if size > largest {
                    return Err(unreachable("the answer is too large"));
                }
                take(bytes);
            }
        }
    }
}

fn unreachable(detail: &str) -> Obstacle {
    Obstacle::of_link(TroubleCode::CentralUnreachable, detail)
}

/// What an error of hyper means: what its innermost cause means.
fn of_hyper(error: &hyper::Error) -> Obstacle {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return of_io(error);
        }
        cause = inner.source();
    }
    unreachable(&format!("HTTP: {error}"))
}

/// What an error of the socket means: a certificate refused by either end is
/// told apart from a central that is not there.
fn of_io(error: &io::Error) -> Obstacle {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(alert)) => Obstacle::of_link(
            TroubleCode::CentralRefusesUs,
            &format!("the central refuses the connection: {alert:?}"),
        ),
        Some(rustls::Error::InvalidCertificate(why)) => Obstacle::of_link(
            TroubleCode::CentralRefusesUs,
            &format!("the central's certificate is refused: {why:?}"),
        ),
        Some(rustls::Error::PeerIncompatible(why)) => Obstacle::of_link(
            TroubleCode::CentralRefusesUs,
            &format!("the central speaks no TLS 1.3: {why:?}"),
        ),
        Some(other) => unreachable(&format!("TLS: {other}")),
        None => unreachable(&error.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Target, ForwardError> {
        Target::parse(&CentralLink {
            url: url.into(),
            ca: "a".into(),
            certificate: "c".into(),
            key: "k".into(),
            retry_first: CONNECT,
            retry_max: CONNECT,
        })
    }

    #[test]
    fn urls() {
        let target = parse("https://central.example:8443/dicom-web/").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.path.as_str()),
            ("central.example", 8443, "/dicom-web")
        );
        assert_eq!(parse("https://[::1]/x").unwrap().host, "::1");
        assert_eq!(parse("https://127.0.0.1/x").unwrap().port, 443);
        for bad in ["http://h/x", "https:///x", "", "https://a b/"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
