//! Sets the stage (keys, settings, processes) and plays the piece.

use std::ffi::OsString;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::actors::Actor;
use super::hospital::{self, Sent};
use super::report::{Played, Report};
use super::{Addresses, DemoArgs, DemoError, Pki, pki, scan};
use crate::clock::Clock;
use crate::clock::Moment;
use crate::identity::BoxIdentity;
use crate::identity::hash_password;
use crate::names::AeTitle;
use crate::names::Digest;
use crate::receive::send::Target;
use crate::receive::send::send;
use crate::store::Store;
use crate::store::StudyRow;
use crate::study::Outcome;
use crate::study::State;
use crate::study::StudyId;

/// The user of the central's pages.
const USER: &str = "demo";
/// Longest time for the whole piece: the quiet period of 20 s, and then some.
const PATIENCE: Duration = Duration::from_secs(180);

/// The stage: folders, keys and running processes.
pub(super) struct Stage {
    pub(super) folder: PathBuf,
    pub(super) addresses: Addresses,
    pub(super) password: String,
    sent: Vec<Sent>,
    _central: Actor,
    _box: Actor,
}

impl Stage {
    /// Empties the demo's folder, makes keys and settings, starts the central
    /// and the box.
    pub(super) fn set(args: &DemoArgs) -> Result<Self, DemoError> {
        for (what, path) in [
            ("the ONNX Runtime library", &args.onnxruntime),
            ("the folder of the real radiographs", &args.radiographs),
            ("the folder of the models", &args.models),
        ] {
            if !path.exists() {
                return Err(DemoError::Missing {
                    what,
                    path: path.clone(),
                });
            }
        }
        let folder = fresh(&args.folder)?;
        say(&format!("The demo's folder is {}", folder.display()));
        let pki = pki::make(&folder.join("pki"))?;
        let password = password(&pki)?;
        let addresses = Addresses {
            dicom: free_port(&folder)?,
            dashboard: free_port(&folder)?,
            dicom_web: free_port(&folder)?,
            people: free_port(&folder)?,
        };
        let sent = hospital::make(args, &folder.join("hospital"))?;
        let central_toml = folder.join("central.toml");
        write(
            &central_toml,
            &central_settings(&folder, &pki, &addresses, &password)?,
        )?;
        let box_toml = folder.join("box.toml");
        write(&box_toml, &box_settings(args, &folder, &pki, &addresses)?)?;
        let arguments = |name: &str, file: &Path| -> Vec<OsString> {
            vec![name.into(), "--config".into(), file.as_os_str().to_owned()]
        };
        let central = Actor::start(
            "central",
            &arguments("central", &central_toml),
            "central ready",
            &folder.join("central.log"),
        )?;
        let the_box = Actor::start(
            "box",
            &arguments("serve", &box_toml),
            "bonebox ready",
            &folder.join("box.log"),
        )?;
        say("Central and box are ready.");
        Ok(Self {
            folder,
            addresses,
            password,
            sent,
            _central: central,
            _box: the_box,
        })
    }

    /// Sends the studies, waits until the box is done with them, and looks for
    /// the planted identifiers at the central.
    pub(super) async fn play(&self) -> Result<Report, DemoError> {
        let to = Target {
            ae: hospital::CALLED_AE.parse()?,
            address: self.addresses.dicom.to_string(),
        };
        let calling: AeTitle = hospital::CALLING_AE.parse()?;
        let mut last_image = Vec::new();
        for study in &self.sent {
            say(&format!(
                "Sending {} ({} files) …",
                study.what,
                study.files.len()
            ));
            let answers = send(&study.files, &to, &calling, |_| {})
                .await
                .map_err(|error| DemoError::Send(error.to_string()))?;
            if let Some(bad) = answers.iter().find(|answer| !answer.is_stored()) {
                return Err(DemoError::Send(format!("status {:04X?}", bad.status)));
            }
            last_image.push(Clock::System.now());
        }
        say("Waiting: a study that lacks a view closes after 20 s of quiet …");
        let rows = self.wait().await?;
        let planted: Vec<scan::Planted> = self
            .sent
            .iter()
            .flat_map(|study| study.planted.clone())
            .collect();
        let central = self.folder.join("central");
        let (planted, found) = tokio::task::spawn_blocking(move || {
            let found = scan::found_below(&central, &planted)?;
            Ok::<_, DemoError>((planted.len(), found))
        })
        .await??;
        let played = self
            .sent
            .iter()
            .zip(rows)
            .zip(last_image)
            .map(|((sent, row), last_image)| Played {
                what: sent.what.clone(),
                hoped: sent.hoped,
                row,
                last_image,
            });
        Ok(Report {
            played: played.collect(),
            planted,
            found,
        })
    }

    /// Waits until every study has come as far as it will.
    async fn wait(&self) -> Result<Vec<Option<StudyRow>>, DemoError> {
        let data = self.folder.join("box");
        let uids: Vec<String> = self
            .sent
            .iter()
            .map(|study| study.study_uid.clone())
            .collect();
        tokio::task::spawn_blocking(move || {
            let identity = BoxIdentity::open(&data.join("identity"))?;
            let store = Store::look_into(&data, Clock::System)?;
            let ids: Vec<StudyId> = uids
                .iter()
                .map(|uid| StudyId {
                    key: identity.study_key(uid),
                    generation: 1,
                })
                .collect();
            let end = Clock::System.now().after(PATIENCE);
            loop {
                let mut rows = Vec::new();
                for id in &ids {
                    rows.push(store.study(id)?.map(|detail| detail.row));
                }
                let done = rows.iter().all(|row| row.as_ref().is_some_and(is_done));
                if done || Clock::System.now() > end {
                    return Ok(rows);
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        })
        .await?
    }

    /// Stays up until Ctrl-C.
    pub(super) async fn stay(&self) {
        say("Stays up until Ctrl-C.");
        // Without a signal handler there is no other end than being killed.
        drop(tokio::signal::ctrl_c().await);
    }
}

fn is_done(row: &StudyRow) -> bool {
    row.state == State::Acknowledged
        || matches!(row.outcome, Some(Outcome::Refused { .. }))
        || row
            .trouble
            .as_ref()
            .is_some_and(|trouble| trouble.next_try.is_none())
}

/// One line for a person, on standard error.
pub(super) fn say(line: &str) {
    // If standard error is gone there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// The moments of a study's steps, in milliseconds since its last image.
pub(super) fn since(last_image: Moment, moment: Moment) -> f64 {
    moment.since(last_image).as_secs_f64() * 1000.0
}

#[allow(clippy::disallowed_methods, reason = "the demo's own folder")]
fn fresh(folder: &Path) -> Result<PathBuf, DemoError> {
    // Only what a demo made before is deleted.
    let mark = folder.join("bonebox-demo");
    if mark.exists() {
        std::fs::remove_dir_all(folder).map_err(DemoError::file("emptying", folder))?;
    }
    std::fs::create_dir_all(folder).map_err(DemoError::file("making the folder", folder))?;
    write(
        &mark,
        "Made by `bonebox demo`; emptied at its next start.\n",
    )?;
    folder
        .canonicalize()
        .map_err(DemoError::file("finding", folder))
}

fn free_port(folder: &Path) -> Result<SocketAddr, DemoError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(DemoError::file("finding a free port for", folder))
}

/// A password nobody can guess: from a key that was just made at random.
fn password(pki: &Pki) -> Result<String, DemoError> {
    let key = std::fs::read(&pki.client.1).map_err(DemoError::file("reading", &pki.client.1))?;
    Ok(Digest::of(&key).hex().chars().take(16).collect())
}

fn write(path: &Path, text: &str) -> Result<(), DemoError> {
    std::fs::write(path, text).map_err(DemoError::file("writing", path))
}

fn absolute(path: &Path) -> Result<String, DemoError> {
    let path = path
        .canonicalize()
        .map_err(DemoError::file("finding", path))?;
    Ok(path.to_string_lossy().into_owned())
}

fn central_settings(
    folder: &Path,
    pki: &Pki,
    addresses: &Addresses,
    password: &str,
) -> Result<String, DemoError> {
    let hash = hash_password(password)?;
    Ok(format!(
        "# The demo's central.\n\
         data = {:?}\nlisten = \"{}\"\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n\n\
         [people]\nlisten = \"{}\"\nuser = \"{USER}\"\npassword_hash = \"{}\"\n",
        folder.join("central"),
        addresses.dicom_web,
        pki.central.0,
        pki.central.1,
        pki.ca,
        addresses.people,
        hash.as_str(),
    ))
}

fn box_settings(
    args: &DemoArgs,
    folder: &Path,
    pki: &Pki,
    addresses: &Addresses,
) -> Result<String, DemoError> {
    Ok(format!(
        "# The demo's box: what is not said here is as shipped.\n\
         [storage]\ndata = {:?}\n\n\
         [dicom]\nlisten = \"{}\"\nae_title = \"{}\"\n\
         [[dicom.sources]]\nname = \"demo X-ray room\"\nplain = true\ncalling_ae = \"{}\"\n\n\
         [dashboard]\nlisten = \"{}\"\n\n\
         [central]\nurl = \"https://{}/dicom-web\"\nca = {:?}\ncertificate = {:?}\nkey = {:?}\n\n\
         [inference]\nonnxruntime_lib = {:?}\nmodels = {:?}\n\n\
         [project]\nname = \"demo\"\nlegal_basis = \"synthetic\"\n",
        folder.join("box"),
        addresses.dicom,
        hospital::CALLED_AE,
        hospital::CALLING_AE,
        addresses.dashboard,
        addresses.dicom_web,
        pki.ca,
        pki.client.0,
        pki.client.1,
        absolute(&args.onnxruntime)?,
        absolute(&args.models)?,
    ))
}
