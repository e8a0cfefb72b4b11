//! What the demo says at its end: a table for people, JSON for machines.

use std::io::Write;

use serde_json::{Value, json};

use super::DemoError;
use super::hospital::Hoped;
use super::play::{Stage, since};
use crate::clock::Moment;
use crate::store::StudyRow;
use crate::study::Outcome;
use crate::study::State;
use crate::wire::Figure;
use crate::wire::NOTICE_EN;

/// A study that was sent, and what became of it.
pub(super) struct Played {
    pub(super) what: String,
    pub(super) hoped: Hoped,
    pub(super) row: Option<StudyRow>,
    pub(super) last_image: Moment,
}

/// The whole piece.
pub(super) struct Report {
    pub(super) played: Vec<Played>,
    pub(super) planted: usize,
    pub(super) found: usize,
}

impl Played {
    /// Whether it ended as it should.
    fn good(&self) -> bool {
        let Some(row) = &self.row else { return false };
        match (self.hoped, &row.outcome) {
            (Hoped::Reconstructed, Some(Outcome::Reconstructed { .. })) => {
                row.state == State::Acknowledged
            }
            (Hoped::Refused(code), Some(Outcome::Refused { reasons })) => {
                reasons.iter().any(|reason| reason.code == code)
            }
            (Hoped::Reconstructed | Hoped::Refused(_), _) => false,
        }
    }

    fn outcome(&self) -> String {
        let Some(row) = &self.row else {
            return "never arrived".into();
        };
        match &row.outcome {
            Some(Outcome::Reconstructed { .. }) => "reconstructed".into(),
            Some(Outcome::Refused { reasons }) => {
                let reasons: Vec<_> = reasons
                    .iter()
                    .map(|reason| reason.text_en.as_str())
                    .collect();
                format!("refused: {}", reasons.join(" "))
            }
            None => match &row.trouble {
                Some(trouble) => format!("held: {}: {}", trouble.code.as_str(), trouble.detail),
                None => format!("still {}", row.state),
            },
        }
    }

    fn last_image_to_acknowledged_ms(&self) -> Option<f64> {
        let row = self.row.as_ref()?;
        let step = row
            .steps
            .iter()
            .find(|step| step.state == State::Acknowledged)?;
        Some(since(row.last_image, step.finished))
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self
            .row
            .iter()
            .flat_map(|row| &row.steps)
            .map(|step| {
                json!({
                    "state": step.state.as_str(),
                    "duration_ms": since(step.started, step.finished),
                    "since_last_image_ms":
                        self.row.as_ref().map(|row| since(row.last_image, step.finished)),
                    "attempt": step.attempt,
                })
            })
            .collect();
        json!({
            "study": self.what,
            "good": self.good(),
            "state": self.row.as_ref().map(|row| row.state.as_str()),
            "outcome": self.row.as_ref().and_then(|row| row.outcome.clone()),
            "says": self.outcome(),
            "steps": steps,
            "sent_at": self.last_image,
            "last_image_to_acknowledged_ms": self.last_image_to_acknowledged_ms(),
        })
    }
}

impl Report {
    /// Whether every study ended as it should and nobody was found.
    pub(super) fn good(&self) -> bool {
        self.found == 0 && self.planted > 0 && self.played.iter().all(Played::good)
    }

    /// The answer for machines.
    pub(super) fn json(&self, stage: &Stage) -> Value {
        json!({
            "good": self.good(),
            "notice": NOTICE_EN,
            "studies": self.played.iter().map(Played::json).collect::<Vec<_>>(),
            "planted_identifiers": self.planted,
            "found_at_the_central": self.found,
            "dashboard": format!("http://{}/", stage.addresses.dashboard),
            "central": format!("http://{}/", stage.addresses.people),
            "folder": stage.folder,
        })
    }

    /// The table for people, on standard output.
    pub(super) fn print(&self, stage: &Stage) -> Result<(), DemoError> {
        let mut out = std::io::stdout().lock();
        self.write(&mut out, stage)
            .map_err(|source| DemoError::File {
                attempt: "writing to",
                path: "standard output".into(),
                source,
            })
    }

    fn write(&self, out: &mut impl Write, stage: &Stage) -> std::io::Result<()> {
        writeln!(out)?;
        for played in &self.played {
            let mark = if played.good() { "ok " } else { "BAD" };
            writeln!(out, "{mark} {}: {}", played.what, played.outcome())?;
            for step in played.row.iter().flat_map(|row| &row.steps) {
                let last = played
                    .row
                    .as_ref()
                    .map_or(played.last_image, |row| row.last_image);
                writeln!(
                    out,
                    "      {:<14} step {:>8.0} ms   {:>8.0} ms after the last image",
                    step.state.as_str(),
                    since(step.started, step.finished),
                    since(last, step.finished),
                )?;
            }
            if let Some(Outcome::Reconstructed {
                figures,
                image_fit,
                provider,
                ..
            }) = played.row.as_ref().and_then(|row| row.outcome.as_ref())
            {
                for figure in figures {
                    writeln!(out, "      {}", line(figure))?;
                }
                writeln!(
                    out,
                    "      image fit {image_fit:.2}, inference on {provider}"
                )?;
            }
        }
        writeln!(out)?;
        for played in &self.played {
            if let Some(milliseconds) = played.last_image_to_acknowledged_ms() {
                writeln!(
                    out,
                    "Last image received to acknowledged by the central: {:.2} s",
                    milliseconds / 1000.0
                )?;
            }
        }
        writeln!(
            out,
            "{} of {} planted identifiers found at the central",
            self.found, self.planted
        )?;
        writeln!(out)?;
        writeln!(out, "Dashboard  http://{}/", stage.addresses.dashboard)?;
        writeln!(
            out,
            "Central    http://{}/   user demo, password {}",
            stage.addresses.people, stage.password
        )?;
        writeln!(out, "{NOTICE_EN}")
    }
}

fn line(figure: &Figure) -> String {
    let value = figure
        .value
        .map_or("unobservable".to_owned(), |value| format!("{value:.1}"));
    let error = figure
        .half_width_95
        .map_or(String::new(), |half| format!(" ± {half:.1}"));
    format!(
        "{:<26} {value}{error} {} (error measured on {} simulated X-ray studies)",
        figure.name, figure.unit, figure.measured_n
    )
}
