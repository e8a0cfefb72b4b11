//! The box's end of the worker: sends one task at a time and waits for its
//! answer. As a child the worker speaks over its standard input and output; as
//! a unit over a Unix socket. A worker that crashes, hangs or speaks nonsense
//! costs the one study it had in hand.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::task::{Answer, Task};

/// What went wrong with the worker.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// The worker could not be started or reached. The study is held and tried
    /// again.
    #[error("reaching the worker")]
    Unreachable(#[source] std::io::Error),
    /// The worker ended while it had the study in hand. The study is held; it
    /// is tried again, at most three times.
    #[error("the worker ended ({how}) while it worked on this study")]
    Crashed {
        /// Its exit status, if it was a child.
        how: String,
    },
    /// The worker took too long and was ended.
    #[error("the worker was ended after {0:?}")]
    TooSlow(Duration),
    /// The worker's answer is not in our words.
    #[error("the worker's answer")]
    Nonsense(#[from] serde_json::Error),
}

/// How the worker is reached.
#[derive(Debug, Clone)]
pub(super) enum Reach {
    /// As a child: this program with these arguments.
    Child {
        program: PathBuf,
        arguments: Vec<std::ffi::OsString>,
    },
    /// As a unit, at a Unix socket.
    Socket(PathBuf),
}

type Reader = BufReader<Box<dyn AsyncRead + Send + Unpin>>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

struct Connection {
    child: Option<Child>,
    reader: Reader,
    writer: Writer,
}

/// The one worker.
pub(super) struct Hand {
    reach: Reach,
    time_out: Duration,
    connection: Option<Connection>,
}

impl Hand {
    pub(super) fn new(reach: Reach, time_out: Duration) -> Self {
        Self {
            reach,
            time_out,
            connection: None,
        }
    }

    /// The child's process number, if the worker runs as a child.
    pub(super) fn process(&self) -> Option<u32> {
        self.connection.as_ref()?.child.as_ref()?.id()
    }

    /// Gives the worker a task and waits for its answer.
    pub(super) async fn ask(&mut self, task: &Task) -> Result<Answer, HandError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.reach).await.map_err(HandError::Unreachable)?,
        };
        let mut line = serde_json::to_vec(task)?;
        line.push(b'\n');
        let answer = tokio::time::timeout(self.time_out, exchange(&mut connection, &line)).await;
        match answer {
            Ok(Ok(Some(text))) => {
                self.connection = Some(connection);
                Ok(serde_json::from_str(&text)?)
            }
            Ok(Ok(None) | Err(_)) => Err(HandError::Crashed {
                how: end(connection).await,
            }),
            Err(_) => {
                end(connection).await;
                Err(HandError::TooSlow(self.time_out))
            }
        }
    }
}

async fn exchange(connection: &mut Connection, line: &[u8]) -> std::io::Result<Option<String>> {
    connection.writer.write_all(line).await?;
    connection.writer.flush().await?;
    let mut answer = String::new();
    let read = connection.reader.read_line(&mut answer).await?;
    Ok((read > 0).then_some(answer))
}

async fn connect(reach: &Reach) -> std::io::Result<Connection> {
    match reach {
        Reach::Child { program, arguments } => start(program, arguments),
        Reach::Socket(path) => {
            let (read, write) = tokio::net::UnixStream::connect(path).await?.into_split();
            Ok(Connection {
                child: None,
                reader: BufReader::new(Box::new(read)),
                writer: Box::new(write),
            })
        }
    }
}

fn start(program: &Path, arguments: &[std::ffi::OsString]) -> std::io::Result<Connection> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let pipes = (child.stdout.take(), child.stdin.take());
    let (Some(read), Some(write)) = pipes else {
        return Err(std::io::Error::other("the worker has no pipes"));
    };
    Ok(Connection {
        child: Some(child),
        reader: BufReader::new(Box::new(read)),
        writer: Box::new(write),
    })
}

/// Ends a worker and says how it ended.
async fn end(mut connection: Connection) -> String {
    let Some(child) = connection.child.as_mut() else {
        return "the connection closed".into();
    };
    // One that crashed has its own status already; one that hangs gets ours.
    if let Ok(Ok(status)) = tokio::time::timeout(Duration::from_millis(200), child.wait()).await {
        return status.to_string();
    }
    match child.kill().await {
        Ok(()) => "killed".into(),
        Err(error) => error.to_string(),
    }
}
