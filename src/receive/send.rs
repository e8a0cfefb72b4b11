//! The sender (C-STORE and C-ECHO as a user): for the shell, the demo, tests,
//! and later a PACS of the hospital. Files are streamed as they lie there,
//! each under a presentation context of its own class and transfer syntax.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use dicom_ul::pdu::{
    AssociationRQ, Pdu, PresentationContextProposed, PresentationContextResultReason,
    UserVariableItem,
};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::commitment::{self, Report};
use super::dimse::{self, COMMITMENT, CommandSet, VERIFICATION};
use super::line::{Line, Socket};
use super::negotiate::{APPLICATION_CONTEXT, max_length, user_variables};
use super::pdu::{self, Fragment, Fragments, FrameError, Kind};
use crate::identity::ClientLink;
use crate::identity::IdentityError;
use crate::identity::server_name;
use crate::names::AeTitle;
use crate::spool::HeadError;
use crate::spool::Meta;

/// Longest wait for a connection or an answer. A receiver that makes an
/// instance durable on a slow disk takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Presentation contexts an association can have (odd numbers to 255).
const MOST_CONTEXTS: usize = 128;
/// Implicit little endian: what every node must take.
const IMPLICIT: &str = "1.2.840.10008.1.2";

/// Whom to send to: `AE@HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The called AE title.
    pub ae: AeTitle,
    /// Host and port.
    pub address: String,
}

impl FromStr for Target {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (ae, address) = text.split_once('@').ok_or("AE@HOST:PORT is needed")?;
        let port = address
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(1..))) {
            return Err("a port from 1 to 65535 is needed: AE@HOST:PORT".to_owned());
        }
        Ok(Self {
            ae: ae.parse().map_err(|error| format!("{error}"))?,
            address: address.to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.ae, self.address)
    }
}

/// Why nothing more could be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error("connecting to {address}")]
    Connect {
        /// Where to.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// TLS did not come about: a certificate that one side does not accept, or
    /// a peer that does not speak it.
    #[error("shaking hands by TLS with {address}")]
    Tls {
        /// With whom.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The host of the address is no name that a certificate could say.
    #[error("the address {address}")]
    Host {
        /// Where to.
        address: String,
        /// Why.
        source: Box<IdentityError>,
    },
    /// The peer refused the association.
    #[error("the association was refused: {0}")]
    Refused(String),
    /// The peer ended the association.
    #[error("the peer ended the association")]
    Aborted,
    /// The peer said nothing for a minute.
    #[error("the peer does not answer")]
    Silent,
    /// The connection broke, or what came is not DICOM.
    #[error("the connection to the peer")]
    Wire(#[from] io::Error),
    /// The peer breaks the protocol.
    #[error("the peer's answer is not readable: {0}")]
    Protocol(String),
    /// A file cannot be read, or is no DICOM file.
    #[error("the file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: HeadError,
    },
}

impl From<FrameError> for SendError {
    fn from(error: FrameError) -> Self {
        if let FrameError::Broken(error) = error {
            return Self::Wire(error);
        }
        Self::Protocol(error.to_string())
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Which.
    pub file: PathBuf,
    /// Bytes of its data set.
    pub bytes: u64,
    /// The peer's status; `None`: it takes no such class or transfer syntax.
    pub status: Option<u16>,
    /// The peer's Error Comment.
    pub comment: String,
    /// From the first byte sent to the answer.
    pub took: Duration,
}

impl Sent {
    /// Whether the peer holds the file: Success, or one of storage's warnings.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self.status, Some(0 | 0xb000 | 0xb006 | 0xb007))
    }
}

/// A file, ready to be sent.
struct Outgoing {
    path: PathBuf,
    meta: Meta,
    data_set: u64,
    bytes: u64,
}

/// Sends files over one association. `progress` hears of each as it is done.
///
/// # Errors
/// [`SendError`] where the association ends early, or a file is no DICOM file
/// (then nothing is sent).
pub async fn send(
    files: &[PathBuf],
    to: &Target,
    calling: &AeTitle,
    progress: impl FnMut(&Sent),
) -> Result<Vec<Sent>, SendError> {
    let way = Way {
        to: to.clone(),
        calling: calling.clone(),
        tls: None,
    };
    send_by(files, &way, progress).await
}

/// To whom, as whom, and how.
#[derive(Debug, Clone)]
pub struct Way {
    /// Whom.
    pub to: Target,
    /// Our AE title.
    pub calling: AeTitle,
    /// By TLS, with this; else plain.
    pub tls: Option<ClientLink>,
}

/// As [`send`], and by TLS where the way says so.
///
/// # Errors
/// As [`send`].
pub async fn send_by(
    files: &[PathBuf],
    way: &Way,
    mut progress: impl FnMut(&Sent),
) -> Result<Vec<Sent>, SendError> {
    let files = files.to_vec();
    let outgoing = spawn_blocking(move || {
        files
            .iter()
            .map(|path| open(path))
            .collect::<Result<Vec<_>, _>>()
    })
    .await
    .map_err(io::Error::other)??;
    let kinds: Vec<(String, String)> = outgoing
        .iter()
        .map(|file| kind(&file.meta))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if kinds.len() > MOST_CONTEXTS {
        let why = "more than 128 kinds of files for one association";
        return Err(SendError::Protocol(why.to_owned()));
    }
    let mut link = Link::open(way, &kinds, &[]).await?;
    let mut sent = Vec::with_capacity(outgoing.len());
    for (file, message) in outgoing.iter().zip((1..=u16::MAX).cycle()) {
        let one = link.store(file, message).await?;
        progress(&one);
        sent.push(one);
    }
    link.release().await?;
    Ok(sent)
}

/// Asks whether a peer is there (C-ECHO); says how long its answer took.
///
/// # Errors
/// [`SendError`].
pub async fn echo(to: &Target, calling: &AeTitle) -> Result<Duration, SendError> {
    let way = Way {
        to: to.clone(),
        calling: calling.clone(),
        tls: None,
    };
    echo_by(&way).await
}

/// As [`echo`], and by TLS where the way says so.
///
/// # Errors
/// [`SendError`].
pub async fn echo_by(way: &Way) -> Result<Duration, SendError> {
    let kinds = [(VERIFICATION.to_owned(), IMPLICIT.to_owned())];
    let mut link = Link::open(way, &kinds, &[]).await?;
    let context = link
        .context(&kinds[0])
        .ok_or_else(|| SendError::Refused("the peer knows no verification".to_owned()))?;
    let start = Instant::now();
    link.write(&pdu::command(
        context,
        &dimse::echo_request(1),
        link.peer_max,
    ))
    .await?;
    let (status, _) = link.answer(1).await?;
    let took = start.elapsed();
    if status != 0 {
        return Err(SendError::Refused(format!(
            "the echo has status {status:04X}"
        )));
    }
    link.release().await?;
    Ok(took)
}

/// Reports a storage commitment on an association of its own, on which we are
/// its provider (PS3.7 D.3.3.4).
pub(super) async fn report(
    report: &Report,
    to: &Target,
    calling: &AeTitle,
) -> Result<(), SendError> {
    let way = Way {
        to: to.clone(),
        calling: calling.clone(),
        tls: None,
    };
    let kinds = [commitment::kind()];
    let mut role = u16::try_from(COMMITMENT.len())
        .unwrap_or(0)
        .to_be_bytes()
        .to_vec();
    role.extend_from_slice(COMMITMENT.as_bytes());
    role.extend_from_slice(&[0, 1]);
    let roles = [UserVariableItem::Unknown(0x54, role)];
    let mut link = Link::open(&way, &kinds, &roles).await?;
    let context = link
        .context(&kinds[0])
        .ok_or_else(|| SendError::Refused("the peer takes no commitment".to_owned()))?;
    let message = report.message(context, IMPLICIT, link.peer_max);
    link.write(&message).await?;
    let (status, _) = link.answer(1).await?;
    if status != 0 {
        return Err(SendError::Refused(format!(
            "the report has status {status:04X}"
        )));
    }
    link.release().await
}

fn open(path: &Path) -> Result<Outgoing, SendError> {
    let fault = |source| SendError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(|error| fault(error.into()))?;
    let length = file.metadata().map_err(|error| fault(error.into()))?.len();
    let (meta, data_set) = Meta::read(&mut file).map_err(fault)?;
    Ok(Outgoing {
        path: path.to_owned(),
        meta,
        data_set,
        bytes: length.saturating_sub(data_set),
    })
}

fn kind(meta: &Meta) -> (String, String) {
    (
        meta.class.as_str().to_owned(),
        meta.syntax.as_str().to_owned(),
    )
}

/// An open association.
struct Link {
    stream: BufReader<Line>,
    contexts: BTreeMap<(String, String), u8>,
    peer_max: u32,
    body: Vec<u8>,
}

impl Link {
    async fn open(
        way: &Way,
        kinds: &[(String, String)],
        roles: &[UserVariableItem],
    ) -> Result<Self, SendError> {
        let (to, calling) = (&way.to, &way.calling);
        let mut link = Self {
            stream: BufReader::new(connect(way).await?),
            contexts: BTreeMap::new(),
            peer_max: 0,
            body: Vec::new(),
        };
        let proposed: Vec<_> = kinds
            .iter()
            .zip((1..=255).step_by(2))
            .map(|((class, syntax), id)| PresentationContextProposed {
                id,
                abstract_syntax: class.clone(),
                transfer_syntaxes: vec![syntax.clone()],
            })
            .collect();
        let request = Pdu::AssociationRQ(AssociationRQ {
            protocol_version: 1,
            calling_ae_title: calling.to_string(),
            called_ae_title: to.ae.to_string(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: proposed,
            user_variables: [user_variables(), roles.to_vec()].concat(),
        });
        link.write(&pdu::encode(&request)?).await?;
        let kind = link.read().await?;
        if kind == Kind::AssociateReject {
            return Err(refusal(&link.body));
        }
        expected(kind, Kind::AssociateAccept)?;
        let Pdu::AssociationAC(accept) = pdu::decode(2, &link.body)? else {
            return Err(SendError::Protocol("no answer to the request".to_owned()));
        };
        link.peer_max = max_length(&accept.user_variables);
        for answer in accept.presentation_contexts {
            let number = usize::from(answer.id / 2);
            if let (PresentationContextResultReason::Acceptance, Some(kind)) =
                (answer.reason, kinds.get(number))
            {
                link.contexts.insert(kind.clone(), answer.id);
            }
        }
        Ok(link)
    }

    fn context(&self, kind: &(String, String)) -> Option<u8> {
        self.contexts.get(kind).copied()
    }

    async fn store(&mut self, file: &Outgoing, message: u16) -> Result<Sent, SendError> {
        let mut sent = Sent {
            file: file.path.clone(),
            bytes: file.bytes,
            status: None,
            comment: String::new(),
            took: Duration::ZERO,
        };
        let Some(context) = self.context(&kind(&file.meta)) else {
            "the peer takes no such class or transfer syntax".clone_into(&mut sent.comment);
            return Ok(sent);
        };
        let start = Instant::now();
        let (class, instance) = (file.meta.class.as_str(), file.meta.instance.as_str());
        let set = dimse::store_request(message, class, instance);
        self.write(&pdu::command(context, &set, self.peer_max))
            .await?;
        self.data_set(file, context).await?;
        let (status, comment) = self.answer(message).await?;
        sent.status = Some(status);
        sent.comment = comment;
        sent.took = start.elapsed();
        Ok(sent)
    }

    /// Streams a file's data set, one write a PDU.
    async fn data_set(&mut self, file: &Outgoing, context: u8) -> Result<(), SendError> {
        let mut reader = tokio::fs::File::open(&file.path).await?;
        reader.seek(io::SeekFrom::Start(file.data_set)).await?;
        let mut left = file.bytes;
        let mut block = vec![0; pdu::room(self.peer_max)];
        let mut bytes = Vec::with_capacity(block.len() + 2 * pdu::HEADER);
        loop {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            reader.read_exact(&mut block[..size]).await?;
            left -= u64::try_from(size).unwrap_or(left);
            bytes.clear();
            let fragment = Fragment {
                context,
                command: false,
                last: left == 0,
                bytes: &block[..size],
            };
            pdu::push_fragment(&mut bytes, fragment);
            self.write(&bytes).await?;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// The status and comment of a response.
    async fn answer(&mut self, message: u16) -> Result<(u16, String), SendError> {
        let mut set = Vec::new();
        loop {
            expected(self.read().await?, Kind::Data)?;
            let mut last = false;
            for fragment in Fragments(&self.body) {
                let fragment = fragment?;
                set.extend_from_slice(fragment.bytes);
                last = fragment.last;
            }
            if set.len() > 16 * 1024 {
                return Err(SendError::Protocol(
                    "a response that is too long".to_owned(),
                ));
            }
            if last {
                break;
            }
        }
        let unreadable = || SendError::Protocol("a response without its fields".to_owned());
        let set = CommandSet::new(&set).map_err(|broken| SendError::Protocol(broken.0.into()))?;
        if set.number(0x0120) != Some(message) {
            return Err(SendError::Protocol(
                "a response to something else".to_owned(),
            ));
        }
        let status = set.number(0x0900).ok_or_else(unreadable)?;
        let comment = set.text(0x0902).unwrap_or_default().trim().to_owned();
        Ok((status, comment))
    }

    async fn release(&mut self) -> Result<(), SendError> {
        self.write(&pdu::RELEASE_REQUEST).await?;
        expected(self.read().await?, Kind::ReleaseResponse)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        timeout(PATIENCE, self.stream.write_all(bytes))
            .await
            .map_err(|_| SendError::Silent)??;
        // Plain lines hold nothing back; TLS may.
        self.stream.flush().await?;
        Ok(())
    }

    async fn read(&mut self) -> Result<Kind, SendError> {
        timeout(PATIENCE, pdu::read(&mut self.stream, &mut self.body))
            .await
            .map_err(|_| SendError::Silent)??
            .ok_or(SendError::Aborted)
    }
}

/// Connects, and shakes hands where it is to be TLS.
async fn connect(way: &Way) -> Result<Line, SendError> {
    let address = &way.to.address;
    let fault = |source| SendError::Connect {
        address: address.clone(),
        source,
    };
    let stream = timeout(PATIENCE, TcpStream::connect(address))
        .await
        .map_err(|_| fault(io::ErrorKind::TimedOut.into()))?
        .map_err(fault)?;
    stream.set_nodelay(true)?;
    let socket = Socket::new(stream);
    let Some(tls) = &way.tls else {
        return Ok(Line::Plain(socket));
    };
    let host = address.rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = server_name(host).map_err(|source| SendError::Host {
        address: address.clone(),
        source: Box::new(source),
    })?;
    let connector = tokio_rustls::TlsConnector::from(tls.clone());
    let shaken = timeout(PATIENCE, connector.connect(name, socket)).await;
    let shaken = shaken.map_err(|_| SendError::Silent)?;
    let stream = shaken.map_err(|source| SendError::Tls {
        address: address.clone(),
        source,
    })?;
    Ok(Line::Tls(Box::new(stream.into())))
}

fn refusal(body: &[u8]) -> SendError {
    if let Ok(Pdu::AssociationRJ(refusal)) = pdu::decode(3, body) {
        return SendError::Refused(refusal.source.to_string());
    }
    SendError::Refused("without a reason".to_owned())
}

fn expected(kind: Kind, expected: Kind) -> Result<(), SendError> {
    if kind == Kind::Abort {
        return Err(SendError::Aborted);
    }
    if kind != expected {
        return Err(SendError::Protocol("a PDU out of turn".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let target = text.parse::<Target>().ok();
        let found = target.as_ref().map(|t| (t.ae.as_str(), t.address.as_str()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn targets() {
        check("BONEBOX@127.0.0.1:104", Some(("BONEBOX", "127.0.0.1:104")));
        check("BONEBOX@[::1]:104", Some(("BONEBOX", "[::1]:104")));
        check("BONEBOX@host", None);
        check("BONEBOX@host:0", None);
        check("host:104", None);
        check("@host:104", None);
    }
}
