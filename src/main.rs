//! Reads arguments, builds the rooms, waits for a signal.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bonebox::clock::Clock;
use bonebox::config::{self, Settings};
use bonebox::dashboard::{self, Contact, Disk, Health, HealthSource, Inference, Process};
use bonebox::demo::{self, DemoArgs};
use bonebox::identity::{BoxIdentity, ServerFiles, TlsVersions, random_code};
use bonebox::pipeline::{self, Pipeline, Running, worker};
use bonebox::spool::Spool;
use bonebox::store::{Outbox, Store};
use bonebox::vault::Vault;
use bonebox::workbench::{self, Verdict};
use bonebox::{central, forward, receive};
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// A DICOM node for the radiology room: receives wrist studies, takes the
/// person out, reconstructs the bones, forwards pseudonymized results.
/// Research use, not a diagnosis.
/// Where a package puts the runtime and the models (as `default.toml` says).
const INSTALLED_RUNTIME: &str = "/usr/lib/bonebox/libonnxruntime.so";
const INSTALLED_MODELS: &str = "/usr/share/bonebox/models";

#[derive(Debug, Parser)]
#[command(name = "bonebox", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the box: DICOM node, pipeline, dashboard.
    Serve(ServeArgs),
    /// Run the reference central that boxes send their results to.
    Central {
        /// The central's settings file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Play hospital, box and central on this machine.
    Demo(DemoArgs),
    /// Check a settings file and name every fault.
    CheckConfig {
        /// The box's settings file; without it the shipped settings.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Also start the model's runtime and say which provider runs.
        #[arg(long)]
        probe_inference: bool,
    },
    #[command(flatten)]
    Workbench(workbench::Command),
    /// The process that decodes and reconstructs; the box starts it.
    #[command(hide = true)]
    Worker(ChildArgs),
    /// The process that sends results; the box starts it.
    #[command(hide = true)]
    Forwarder(ChildArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// The settings file; what it does not say is as shipped.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of everything the box holds.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address and port of the DICOM listener.
    #[arg(long, value_name = "ADDR:PORT")]
    dicom: Option<SocketAddr>,
    /// Our application entity title.
    #[arg(long, value_name = "NAME")]
    ae_title: Option<String>,
    /// Address and port of the dashboard (loopback).
    #[arg(long, value_name = "ADDR:PORT")]
    dashboard: Option<SocketAddr>,
    /// Let any sender in. Only for trying the box.
    #[arg(long)]
    accept_any: bool,
    /// The node alone: receive, keep, export each instance as a file under
    /// DATA/export; never de-identify, never delete.
    #[arg(long)]
    receive_only: bool,
}

#[derive(Debug, Args)]
struct ChildArgs {
    /// End when standard input closes: the box is the parent.
    #[arg(long)]
    child: bool,
    /// The box's settings file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of everything the box holds.
    #[arg(long)]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    if let Err(error) = leave_no_core() {
        tracing::warn!(%error, "a crash may leave a core dump: set the limit to 0");
    }
    match run(cli.command) {
        Ok(verdict) => ExitCode::from(verdict.code()),
        Err(error) => {
            let line = format!("bonebox: {error:#}\n");
            // If standard error is gone there is nobody left to tell.
            drop(std::io::stderr().write_all(line.as_bytes()));
            ExitCode::from(Verdict::Failed.code())
        }
    }
}

/// A crash leaves no memory on disk: an image that is being read has a name in it.
/// The units say it too; this holds for whoever starts the program by hand.
fn leave_no_core() -> std::io::Result<()> {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, none)?;
    Ok(())
}

/// Structured logs on standard error; `RUST_LOG` filters them.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,ort=warn,dicom_parser=error"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        log.compact().init();
    } else {
        log.json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init();
    }
}

fn run(command: Command) -> anyhow::Result<Verdict> {
    match command {
        Command::Serve(args) => {
            let settings = serve_settings(&args)?;
            runtime()?.block_on(serve(settings))
        }
        Command::Central { config } => {
            let settings = config::load_central(&config)?;
            runtime()?.block_on(async {
                let ready = |addresses: central::Addresses| {
                    announce(&format!(
                        "central ready: STOW-RS https://{}/dicom-web, pages http://{}/",
                        addresses.boxes, addresses.people
                    ));
                };
                central::run(settings, Clock::System, signal(), ready).await?;
                Ok(Verdict::Done)
            })
        }
        Command::Demo(args) => Ok(runtime()?.block_on(demo::run(&args))?),
        Command::CheckConfig {
            config,
            probe_inference,
        } => check_config(config.as_deref(), probe_inference),
        Command::Workbench(command) => Ok(workbench::run(&command)?),
        Command::Worker(args) => {
            let settings = child_settings(&args)?;
            worker::run(&settings, args.child)?;
            Ok(Verdict::Done)
        }
        Command::Forwarder(args) => {
            let settings = child_settings(&args)?;
            let Some(link) = settings.central else {
                bail!("no central is set ([central] in the settings): nothing to send to");
            };
            let outbox = Outbox::open(&settings.storage.data)?;
            runtime()?.block_on(async {
                forward::run(link, outbox, Clock::System, ended(args.child)).await?;
                Ok(Verdict::Done)
            })
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}

fn serve_settings(args: &ServeArgs) -> anyhow::Result<Settings> {
    let mut overrides: Vec<(&str, String)> = Vec::new();
    let path = |path: &Path| path.to_string_lossy().into_owned();
    if let Some(data) = &args.data {
        overrides.push(("storage.data", path(data)));
    }
    if let Some(dicom) = args.dicom {
        overrides.push(("dicom.listen", dicom.to_string()));
    }
    if let Some(ae_title) = &args.ae_title {
        overrides.push(("dicom.ae_title", ae_title.clone()));
    }
    if let Some(dashboard) = args.dashboard {
        overrides.push(("dashboard.listen", dashboard.to_string()));
    }
    if args.accept_any {
        overrides.push(("dicom.accept_any", "true".into()));
    }
    if args.config.is_none() {
        overrides.extend(from_the_checkout());
    }
    let mut settings = config::load(args.config.as_deref(), &overrides)?;
    settings.receive_only = args.receive_only;
    Ok(settings)
}

/// To try the box without a settings file, in a checkout where set-up has been:
/// the runtime and the models that it brought, unless they are installed.
fn from_the_checkout() -> Vec<(&'static str, String)> {
    let brought = [
        (
            "inference.onnxruntime_lib",
            INSTALLED_RUNTIME,
            demo::RUNTIME,
        ),
        ("inference.models", INSTALLED_MODELS, demo::MODELS),
    ];
    brought
        .into_iter()
        .filter(|(_, installed, here)| !Path::new(installed).exists() && Path::new(here).exists())
        .map(|(key, _, here)| (key, here.to_owned()))
        .collect()
}

fn child_settings(args: &ChildArgs) -> anyhow::Result<Settings> {
    let mut overrides: Vec<(&str, String)> = args
        .data
        .iter()
        .map(|data| ("storage.data", data.to_string_lossy().into_owned()))
        .collect();
    if args.config.is_none() {
        overrides.extend(from_the_checkout());
    }
    Ok(config::load(args.config.as_deref(), &overrides)?)
}

fn check_config(config: Option<&Path>, probe: bool) -> anyhow::Result<Verdict> {
    let settings = match config::load(config, &[]) {
        Ok(settings) => settings,
        Err(error) => {
            announce(&error.to_string());
            return Ok(Verdict::Refused);
        }
    };
    announce("the settings hold");
    if probe {
        let provider = worker::probe(&settings).map_err(|why| anyhow::anyhow!(why))?;
        announce(&format!("inference runs on: {provider}"));
    }
    Ok(Verdict::Done)
}

/// A box without accounts writes the code for the first one beside its data: who
/// can read it may make it. The log says where, not what.
fn offer_first_account(store: &Store) -> anyhow::Result<()> {
    const VALID: Duration = Duration::from_secs(7 * 24 * 3600);
    if !store.has_accounts()? {
        let file = store.make_first_code(&random_code()?, VALID)?;
        tracing::info!(file = %file.display(), "no account yet: open /set-up, the code lies in the file");
    }
    Ok(())
}

/// Builds the box's rooms and runs them until a signal.
async fn serve(settings: Settings) -> anyhow::Result<Verdict> {
    let data = settings.storage.data.clone();
    std::fs::create_dir_all(&data).with_context(|| format!("making the folder {data:?}"))?;
    let _lock = lock(&data)?;
    if settings.central.is_none() && !settings.receive_only {
        tracing::warn!("no central is set: results wait in the outbox");
    }
    let clock = Clock::System;
    let identity = Arc::new(BoxIdentity::open(&data.join("identity"))?);
    let store = Store::open(&data, clock.clone())?;
    let vault = Arc::new(Vault::open(&data, &identity, clock.clone())?);
    let spool = Spool::open(&data, settings.storage.reserve_bytes)?;
    let outbox = Outbox::open(&data)?;
    let dicom = bind(settings.dicom.listen, "dicom.listen").await?;
    let pages = bind(settings.dashboard, "dashboard.listen").await?;
    let tls = secure_listener(&settings).await?;
    let ready = format!(
        "bonebox ready: DICOM {}@{}, dashboard http://{}/",
        settings.dicom.ae_title,
        dicom.local_addr()?,
        pages.local_addr()?
    );
    let (notices, inbox) = mpsc::channel(1024);
    let (stop, stopped) = watch::channel(false);
    let end = |mut stopped: watch::Receiver<bool>| async move {
        // An error means the sender is gone: we are ending too.
        drop(stopped.wait_for(|stop| *stop).await);
    };
    let pipeline = Pipeline::new(pipeline::Parts {
        settings: settings.clone(),
        store: store.clone(),
        spool: spool.clone(),
        outbox: outbox.clone(),
        identity: Arc::clone(&identity),
        vault: Arc::clone(&vault),
        clock: clock.clone(),
        program: std::env::current_exe().context("finding this program")?,
    });
    let health = health(&pipeline, &store, &outbox, &settings, &clock);
    offer_first_account(&store)?;
    let app = dashboard::app(store.clone(), vault, &settings, clock, health);
    let mut running = tokio::task::JoinSet::new();
    let recovered = Arc::clone(&pipeline).recover().await?;
    tracing::info!(?recovered, "recovered");
    running.spawn({
        let end = end(stopped.clone());
        let pipeline = Arc::clone(&pipeline);
        async move {
            pipeline.run(inbox, end).await;
            Ok(())
        }
    });
    running.spawn({
        let end = end(stopped.clone());
        let parts = receive::Parts {
            settings: settings.dicom.clone(),
            spool,
            store,
            identity,
            notices,
            // Alone it deletes nothing; else images go when the person is out.
            keeps: settings.receive_only,
            tls,
        };
        async move {
            receive::serve(dicom, parts, end)
                .await
                .map_err(anyhow::Error::from)
        }
    });
    running.spawn({
        let end = end(stopped);
        async move {
            dashboard::serve(pages, app, end)
                .await
                .map_err(anyhow::Error::from)
        }
    });
    announce(&ready);
    notify_systemd("READY=1");
    until_end(running, &stop).await
}

/// Waits for a signal, or for a part that ends by itself, then ends the rest.
async fn until_end(
    mut running: tokio::task::JoinSet<anyhow::Result<()>>,
    stop: &watch::Sender<bool>,
) -> anyhow::Result<Verdict> {
    let ended = tokio::select! {
        () = signal() => Ok(()),
        Some(ended) = running.join_next() => match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.into()),
        },
    };
    notify_systemd("STOPPING=1");
    stop.send_replace(true);
    drop(tokio::time::timeout(std::time::Duration::from_secs(5), running.join_all()).await);
    ended.map(|()| Verdict::Done)
}

/// Asks each room how it is, for the health page.
fn health(
    pipeline: &Arc<Pipeline>,
    store: &Store,
    outbox: &Outbox,
    settings: &Settings,
    clock: &Clock,
) -> HealthSource {
    let (pipeline, store, outbox) = (Arc::clone(pipeline), store.clone(), outbox.clone());
    let (settings, clock) = (settings.clone(), clock.clone());
    let started = clock.now();
    Arc::new(move || {
        let status = pipeline.status();
        let (last, failing) = outbox.contact().unwrap_or_default();
        let failing = failing.map(|failure| failure.detail);
        Health {
            at: clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            r#box: Process::Running { since: started },
            worker: process(status.worker),
            forwarder: process(status.forwarder),
            database_fault: store.counts().err().map(|error| error.to_string()),
            disk: disk(&settings),
            outbox: outbox.waiting().ok(),
            central: match (settings.central.is_some(), last) {
                (false, _) => Contact::NotSet,
                (true, None) => Contact::Never { why: failing },
                (true, Some(at)) => Contact::Last { at, failing },
            },
            passing_on: store.passing_on().unwrap_or_default(),
            inference: match status.inference {
                None => Inference::NotYet,
                Some(Ok((provider, model))) => Inference::Ready { provider, model },
                Some(Err(why)) => Inference::Disabled { why },
            },
        }
    })
}

fn process(running: Running) -> Process {
    match running {
        Running::Unknown => Process::Off,
        Running::Yes { since, .. } => Process::Running { since },
        Running::No { why } => Process::Restarting { why },
    }
}

fn disk(settings: &Settings) -> Option<Disk> {
    let space = rustix::fs::statvfs(&settings.storage.data).ok()?;
    Some(Disk {
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        reserve_bytes: settings.storage.reserve_bytes,
    })
}

/// The DICOM listener for TLS, if the settings have one.
async fn secure_listener(
    settings: &Settings,
) -> anyhow::Result<Option<(TcpListener, ServerFiles)>> {
    let Some(tls) = settings.dicom.tls.clone() else {
        return Ok(None);
    };
    let listener = bind(tls.listen, "dicom.tls.listen").await?;
    let (ca, revoked) = (tls.client_ca, tls.revoked);
    let files = ServerFiles::load(tls.certificate, tls.key, ca, revoked, TlsVersions::From12)?;
    Ok(Some((listener, files)))
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listening at {address} ({key}): is another program there, or a port below 1024?")
    })
}

/// One box a data folder.
fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let path = data.join("lock");
    let file = std::fs::File::create(&path).with_context(|| format!("making {path:?}"))?;
    if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("another bonebox runs on {data:?}: stop it, or use another folder");
    }
    Ok(file)
}

/// Ends at SIGINT or SIGTERM.
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Ends at a signal or, as a child, when standard input closes.
async fn ended(child: bool) {
    let (close, closed) = tokio::sync::oneshot::channel();
    if child {
        // A blocked read cannot be given up, so it has a thread of its own.
        std::thread::spawn(move || {
            drop(std::io::copy(
                &mut std::io::stdin().lock(),
                &mut std::io::sink(),
            ));
            close.send(())
        });
    } else {
        std::mem::forget(close);
    }
    let closed = async {
        // Told, or the thread is gone: the parent is gone either way.
        drop(closed.await);
    };
    tokio::select! {
        () = signal() => {}
        () = closed => {}
    }
}

/// One line for a person, on standard error.
fn announce(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Tells systemd, if it is there (sd_notify(3)).
fn notify_systemd(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let name = path.to_string_lossy();
    let address = match name.strip_prefix('@') {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(name.as_ref()),
    };
    let sent = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, "systemd could not be told");
    }
}
