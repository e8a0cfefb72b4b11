//! Keeps the forwarder running as a child: starts it again when it ends.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::process::Command;

use super::Running;
use crate::clock::Clock;

/// Wait before a child that ended is started again.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs a child for as long as this future is polled. Its standard input stays
/// open as long as we live: the child ends when it closes. `running` says how
/// it is.
pub(super) async fn keep_running(
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    running: Arc<Mutex<Running>>,
    clock: &Clock,
) {
    loop {
        let started = Command::new(&program)
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        match started {
            Ok(mut child) => {
                note(
                    &running,
                    Running::Yes {
                        process: child.id(),
                        since: clock.now(),
                    },
                );
                // `wait` closes the input; it must stay open while the child runs.
                let input = child.stdin.take();
                let status = child.wait().await;
                drop(input);
                let why = match status {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                };
                tracing::warn!(child = name, why, "a process ended");
                note(&running, Running::No { why });
            }
            Err(error) => {
                tracing::error!(child = name, %error, "a process did not start");
                note(
                    &running,
                    Running::No {
                        why: error.to_string(),
                    },
                );
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn note(running: &Mutex<Running>, now: Running) {
    if let Ok(mut running) = running.lock() {
        *running = now;
    }
}
