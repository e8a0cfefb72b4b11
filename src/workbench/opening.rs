//! The log of the openings of B-test: a row each, written before anything of it
//! is made, and completed with what was found.

use std::path::{Path, PathBuf};

use super::{WorkbenchError, read_file, write_file};
use crate::clock::Clock;

/// A row of the log stands above this line.
pub(super) const MARK: &str = "<!-- openings of B-test end here -->";

/// One line of the log.
pub(super) struct Opening {
    log: PathBuf,
    row: String,
}

impl Opening {
    /// Writes that the family is opened now, before anything is looked at.
    pub(super) fn write(log: &Path, what: &str) -> Result<Self, WorkbenchError> {
        let text = read(log)?;
        let Some((head, tail)) = text.split_once(MARK) else {
            let (log, mark) = (log.display(), MARK);
            return Err(WorkbenchError::Step(format!(
                "{log} has no line \"{mark}\": nothing was opened"
            )));
        };
        let count = 1 + head
            .lines()
            .rev()
            .skip_while(|line| !line.starts_with('|'))
            .take_while(|line| line.starts_with('|'))
            .filter(|line| line.as_bytes().get(2).is_some_and(u8::is_ascii_digit))
            .count();
        let now = Clock::System.now().rfc3339();
        let day = now.split('T').next().unwrap_or_default();
        let row = format!("| {count} | {day} | {what} |");
        let opened = format!("{head}{row} opened, not ended |\n{MARK}{tail}");
        write_file(log, opened.as_bytes())?;
        Ok(Self {
            log: log.to_owned(),
            row,
        })
    }

    /// Writes what was found.
    pub(super) fn close(self, figures: &str) -> Result<(), WorkbenchError> {
        let open = format!("{} opened, not ended |", self.row);
        let text = read(&self.log)?.replace(&open, &format!("{} {figures} |", self.row));
        write_file(&self.log, text.as_bytes())
    }
}

fn read(path: &Path) -> Result<String, WorkbenchError> {
    String::from_utf8(read_file(path)?)
        .map_err(|error| WorkbenchError::Step(format!("reading {}: {error}", path.display())))
}
