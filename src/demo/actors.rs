//! The demo's processes: central and box, each this program again.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::DemoError;

/// Longest time until a process says that it is ready.
const READY: Duration = Duration::from_secs(60);

/// A process of the demo. It ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Actor {
    child: Child,
}

impl Actor {
    /// Starts this program with arguments, and waits for its line that starts
    /// with `ready`. What it says on standard error goes to the log file.
    ///
    /// # Errors
    /// [`DemoError`] if it cannot be started or ends before it is ready.
    pub(super) fn start(
        name: &'static str,
        arguments: &[std::ffi::OsString],
        ready: &'static str,
        log: &Path,
    ) -> Result<Self, DemoError> {
        let program = std::env::current_exe().map_err(DemoError::file("finding", log))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| DemoError::Start { name, source })?;
        let Some(errors) = child.stderr.take() else {
            return Err(DemoError::NotReady {
                name,
                log: log.to_owned(),
            });
        };
        let mut file = File::create(log).map_err(DemoError::file("writing", log))?;
        let (tell, told) = sync_channel(1);
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if line.starts_with(ready) {
                    // Nobody listens any more once the first line was told.
                    tell.try_send(()).ok();
                }
                drop(writeln!(file, "{line}"));
            }
        });
        let actor = Self { child };
        match told.recv_timeout(READY) {
            Ok(()) => Ok(actor),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(DemoError::NotReady {
                    name,
                    log: log.to_owned(),
                })
            }
        }
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if let Some(process) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(process, rustix::process::Signal::TERM).ok();
        }
        for _ in 0..50 {
            if !self.runs() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
