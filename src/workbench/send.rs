//! `bonebox send` and `bonebox echo`: the box's own sender, from the shell.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Verdict, WorkbenchError, write_json};
use crate::identity::ClientLink;
use crate::identity::ClientTls;
use crate::identity::IdentityError;
use crate::identity::TlsVersions;
use crate::names::AeTitle;
use crate::receive::send::SendError;
use crate::receive::send::Sent;
use crate::receive::send::Target;
use crate::receive::send::Way;
use crate::receive::send::echo_by;
use crate::receive::send::send_by;

/// TLS towards a DICOM peer: all three files or none.
#[derive(Debug, Args)]
pub struct TlsArgs {
    /// Authority of the peer's certificate (PEM); with it TLS is spoken.
    #[arg(long, requires_all = ["tls_certificate", "tls_key"])]
    pub tls_ca: Option<PathBuf>,
    /// Our certificate (PEM).
    #[arg(long, requires = "tls_ca")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, requires = "tls_ca")]
    pub tls_key: Option<PathBuf>,
}

impl TlsArgs {
    fn link(&self) -> Result<Option<ClientLink>, IdentityError> {
        match (&self.tls_ca, &self.tls_certificate, &self.tls_key) {
            (Some(ca), Some(certificate), Some(key)) => {
                ClientTls::load_versions(ca, certificate, key, TlsVersions::From12).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Send DICOM files by C-STORE.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// DICOM files; of folders, every file in them.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Whom to send to: AE@HOST:PORT.
    #[arg(long)]
    pub to: Target,
    /// Our AE title.
    #[arg(long, default_value = "BONEBOX")]
    pub calling: AeTitle,
    #[command(flatten)]
    #[allow(missing_docs, reason = "TlsArgs explains itself")]
    pub tls: TlsArgs,
    /// Write the machine's answer here (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Ask whether a DICOM node answers (C-ECHO).
#[derive(Debug, Args)]
pub struct EchoArgs {
    /// Whom to ask: AE@HOST:PORT.
    #[arg(long)]
    pub to: Target,
    /// Our AE title.
    #[arg(long, default_value = "BONEBOX")]
    pub calling: AeTitle,
    #[command(flatten)]
    #[allow(missing_docs, reason = "TlsArgs explains itself")]
    pub tls: TlsArgs,
    /// Write the machine's answer here (`-`: standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// Sends files and prints what became of them.
///
/// # Errors
/// [`WorkbenchError`] if the answer cannot be written or the runtime not be
/// started.
#[allow(
    clippy::print_stdout,
    reason = "tables for people go to standard output"
)]
pub fn run(args: &SendArgs) -> Result<Verdict, WorkbenchError> {
    let files = match listed(&args.files) {
        Ok(files) if files.is_empty() => {
            return fail(args.json.as_ref(), "no files", Verdict::WrongUse);
        }
        Ok(files) => files,
        Err(error) => return fail(args.json.as_ref(), &error.to_string(), Verdict::WrongUse),
    };
    let way = match args.tls.link() {
        Ok(tls) => way(&args.to, &args.calling, tls),
        Err(error) => return fail(args.json.as_ref(), &chain(&error), Verdict::WrongUse),
    };
    let bar = bar(files.len());
    let result = runtime()?.block_on(send_by(&files, &way, |sent| {
        bar.inc(1);
        bar.set_message(format!("{} bytes", sent.bytes));
    }));
    bar.finish_and_clear();
    let sent = match result {
        Ok(sent) => sent,
        Err(error) => return fail(args.json.as_ref(), &chain(&error), verdict(&error)),
    };
    let stored = sent.iter().filter(|one| one.is_stored()).count();
    let quiet = args
        .json
        .as_ref()
        .is_some_and(|path| path.as_os_str() == "-");
    if !quiet {
        for one in &sent {
            println!("{}", line(one));
        }
        println!("{stored} of {} stored by {}", sent.len(), args.to);
    }
    if let Some(path) = &args.json {
        let answer = json!({
            "to": args.to.to_string(),
            "stored": stored,
            "files": sent.iter().map(described).collect::<Vec<_>>(),
        });
        write_json(path, &answer)?;
    }
    Ok(if stored == sent.len() {
        Verdict::Done
    } else {
        Verdict::Refused
    })
}

/// Asks and prints how long the answer took.
///
/// # Errors
/// [`WorkbenchError`] if the answer cannot be written or the runtime not be
/// started.
#[allow(
    clippy::print_stdout,
    reason = "tables for people go to standard output"
)]
pub fn run_echo(args: &EchoArgs) -> Result<Verdict, WorkbenchError> {
    let way = match args.tls.link() {
        Ok(tls) => way(&args.to, &args.calling, tls),
        Err(error) => return fail(args.json.as_ref(), &chain(&error), Verdict::WrongUse),
    };
    match runtime()?.block_on(echo_by(&way)) {
        Ok(took) => {
            let ms = took.as_secs_f64() * 1000.0;
            if let Some(path) = &args.json {
                write_json(path, &json!({ "to": args.to.to_string(), "answer_ms": ms }))?;
            }
            if args
                .json
                .as_ref()
                .is_none_or(|path| path.as_os_str() != "-")
            {
                println!("{} answered in {ms:.1} ms", args.to);
            }
            Ok(Verdict::Done)
        }
        Err(error) => fail(args.json.as_ref(), &chain(&error), verdict(&error)),
    }
}

#[allow(clippy::print_stderr, reason = "a person at the shell reads it")]
fn fail(json: Option<&PathBuf>, why: &str, verdict: Verdict) -> Result<Verdict, WorkbenchError> {
    eprintln!("bonebox: {why}");
    if let Some(path) = json {
        write_json(path, &json!({ "error": why }))?;
    }
    Ok(verdict)
}

/// A peer's refusal is a refusal, a file that is none wrong use, all else a
/// failure.
fn verdict(error: &SendError) -> Verdict {
    match error {
        SendError::Refused(_) => Verdict::Refused,
        SendError::File { .. } | SendError::Host { .. } => Verdict::WrongUse,
        SendError::Connect { .. }
        | SendError::Tls { .. }
        | SendError::Aborted
        | SendError::Silent
        | SendError::Wire(_)
        | SendError::Protocol(_) => Verdict::Failed,
    }
}

fn way(to: &Target, calling: &AeTitle, tls: Option<ClientLink>) -> Way {
    Way {
        to: to.clone(),
        calling: calling.clone(),
        tls,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, WorkbenchError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| WorkbenchError::Step(format!("starting the runtime: {error}")))
}

/// The files, and those in folders, in the order of their names.
fn listed(given: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = given.iter().rev().cloned().collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let mut inside = std::fs::read_dir(&path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()?;
            inside.sort();
            open.extend(inside.into_iter().rev());
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// A bar that shows itself when sending takes longer than two seconds.
fn bar(files: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(files).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {msg} {eta}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_secs(2));
    bar
}

fn status(sent: &Sent) -> String {
    sent.status
        .map_or_else(|| "----".to_owned(), |status| format!("{status:04X}"))
}

fn line(sent: &Sent) -> String {
    let ms = sent.took.as_secs_f64() * 1000.0;
    format!(
        "{}  {:>10} bytes  {ms:>8.1} ms  {}  {}",
        status(sent),
        sent.bytes,
        sent.file.display(),
        sent.comment
    )
}

fn described(sent: &Sent) -> Value {
    json!({
        "file": sent.file.to_string_lossy(),
        "bytes": sent.bytes,
        "status": status(sent),
        "stored": sent.is_stored(),
        "comment": sent.comment,
        "ms": sent.took.as_secs_f64() * 1000.0,
    })
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
