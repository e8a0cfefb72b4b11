//! How the box is: for people as a page, for monitors as JSON. What it says is
//! asked from who knows it, at each request.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Serialize;

use super::detail::short_digest;
use super::reader::{Html, Reader};
use super::words::{chip, moment};
use super::{Board, DashboardError, callers};
use crate::clock::Moment;
use crate::page::Text;
use crate::store::PassingOn;
use crate::wire::ModelStamp;

/// Asks how the box is. May block.
pub type HealthSource = Arc<dyn Fn() -> Health + Send + Sync>;

/// A process of the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Process {
    /// It runs and answers.
    Running {
        /// Since when.
        since: Moment,
    },
    /// It ended or does not answer, and is started again.
    Restarting {
        /// Why, in a few words without an identified value.
        why: String,
    },
    /// It is not wanted (receive only), or is a unit of its own that has not
    /// been asked yet.
    Off,
}

/// Free space where the data lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Free bytes.
    pub free_bytes: u64,
    /// Bytes below which nothing more is received.
    pub reserve_bytes: u64,
}

/// The contact with the central.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Contact {
    /// No central is set: results wait.
    NotSet,
    /// None since the start.
    Never {
        /// Why the last try failed, if one was made.
        why: Option<String>,
    },
    /// There was contact.
    Last {
        /// When.
        at: Moment,
        /// Why the last try failed, if it did.
        failing: Option<String>,
    },
}

/// The model runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Inference {
    /// It is loaded.
    Ready {
        /// Which provider runs it: `cpu`.
        provider: String,
        /// The model.
        model: ModelStamp,
    },
    /// It refused to start: studies are received and wait.
    Disabled {
        /// Why, with what to do.
        why: String,
    },
    /// Not asked yet.
    NotYet,
}

/// How the box is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// When it was asked.
    pub at: Moment,
    /// The program's version.
    pub version: String,
    /// The process that receives, de-identifies and shows these pages.
    pub r#box: Process,
    /// The process that reconstructs.
    pub worker: Process,
    /// The process that sends.
    pub forwarder: Process,
    /// Why the database cannot be read; `None`: it can.
    pub database_fault: Option<String>,
    /// Free space; `None`: it could not be asked.
    pub disk: Option<Disk>,
    /// Bundles that wait to be sent; `None`: not known.
    pub outbox: Option<u64>,
    /// The central.
    pub central: Contact,
    /// The model runtime.
    pub inference: Inference,
    /// Images that wait to be passed on to a PACS, by source.
    pub passing_on: Vec<PassingOn>,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good.
    Good,
    /// Not wanted, or not asked yet.
    Off,
    /// Needs a person.
    Person,
}

/// One line of the page: the part, how it is, more in words.
struct Line {
    part: Text,
    level: Level,
    words: Markup,
}

impl Process {
    const fn level(&self) -> Level {
        match self {
            Self::Running { .. } => Level::Good,
            Self::Restarting { .. } => Level::Person,
            Self::Off => Level::Off,
        }
    }
}

impl Health {
    /// The worst of all parts.
    #[must_use]
    pub fn level(&self) -> Level {
        let parts = [
            self.r#box.level(),
            self.worker.level(),
            self.forwarder.level(),
            self.database_level(),
            self.disk_level(),
            self.central_level(),
            self.inference_level(),
            self.pass_on_level(),
        ];
        if parts.contains(&Level::Person) {
            Level::Person
        } else {
            Level::Good
        }
    }

    const fn database_level(&self) -> Level {
        match self.database_fault {
            None => Level::Good,
            Some(_) => Level::Person,
        }
    }

    fn disk_level(&self) -> Level {
        match self.disk {
            Some(disk) if disk.free_bytes > disk.reserve_bytes => Level::Good,
            Some(_) => Level::Person,
            None => Level::Off,
        }
    }

    const fn central_level(&self) -> Level {
        match &self.central {
            Contact::NotSet | Contact::Never { why: None } => Level::Off,
            Contact::Last { failing: None, .. } => Level::Good,
            Contact::Never { why: Some(_) } | Contact::Last { .. } => Level::Person,
        }
    }

    /// One that is refused or not reached needs a person: its images wait in
    /// the box.
    fn pass_on_level(&self) -> Level {
        if self.passing_on.iter().any(|one| one.failure.is_some()) {
            Level::Person
        } else {
            Level::Good
        }
    }

    const fn inference_level(&self) -> Level {
        match self.inference {
            Inference::Ready { .. } => Level::Good,
            Inference::Disabled { .. } => Level::Person,
            Inference::NotYet => Level::Off,
        }
    }

    fn lines(&self, reader: &Reader) -> Vec<Line> {
        let process = |part, process: &Process| Line {
            part,
            level: process.level(),
            words: match process {
                Process::Running { since } => {
                    html! { (reader.say(Text::Started)) " " (moment(*since)) }
                }
                Process::Restarting { why } => html! { (why) },
                Process::Off => html! {},
            },
        };
        let mut lines = vec![
            process(Text::PartBox, &self.r#box),
            process(Text::PartWorker, &self.worker),
            process(Text::PartForwarder, &self.forwarder),
            Line {
                part: Text::PartInference,
                level: self.inference_level(),
                words: inference_words(&self.inference),
            },
            Line {
                part: Text::PartDatabase,
                level: self.database_level(),
                words: html! { (self.database_fault.as_deref().unwrap_or("")) },
            },
            Line {
                part: Text::PartDisk,
                level: self.disk_level(),
                words: self.disk.map_or_else(
                    || html! {},
                    |disk| {
                        let values = [disk.free_bytes, disk.reserve_bytes].map(gigabytes);
                        let [free, reserve] = &values;
                        html! { (Text::FreeSpace.fill(reader.language, &[free, reserve])) }
                    },
                ),
            },
            Line {
                part: Text::PartOutbox,
                level: self.outbox.map_or(Level::Off, |_| Level::Good),
                words: html! {
                    @if let Some(count) = self.outbox {
                        (Text::Bundles.fill(reader.language, &[&count]))
                    }
                },
            },
            Line {
                part: Text::PartCentral,
                level: self.central_level(),
                words: contact_words(reader, &self.central),
            },
        ];
        if !self.passing_on.is_empty() {
            lines.push(Line {
                part: Text::PartPassOn,
                level: self.pass_on_level(),
                words: pass_on_words(reader, &self.passing_on),
            });
        }
        lines
    }
}

fn inference_words(inference: &Inference) -> Markup {
    match inference {
        Inference::Ready { provider, model } => html! {
            (provider) " · " (model.id) " " span.key.muted { (short_digest(&model.digest)) }
        },
        Inference::Disabled { why } => html! { (why) },
        Inference::NotYet => html! {},
    }
}

fn contact_words(reader: &Reader, contact: &Contact) -> Markup {
    let failed = |why: &str| html! { p.trouble-line { (why) } };
    match contact {
        Contact::NotSet => html! { (reader.say(Text::NoCentral)) },
        Contact::Never { why } => html! {
            (reader.say(Text::NeverContact))
            @if let Some(why) = why { (failed(why)) }
        },
        Contact::Last { at, failing } => html! {
            (reader.say(Text::LastContact)) " " (moment(*at))
            @if let Some(why) = failing { (failed(why)) }
        },
    }
}

fn pass_on_words(reader: &Reader, all: &[PassingOn]) -> Markup {
    html! {
        @for one in all {
            p {
                (Text::PassOnWaiting.fill(reader.language, &[&one.source, &one.waiting]))
                " · " (reader.say(Text::RejectedSince)) " " (moment(one.since))
            }
            @if let Some(why) = &one.failure {
                p.trouble-line { (why) }
                p.small { (reader.say(Text::NextTry)) " " (moment(one.next_try)) }
            }
        }
    }
}

/// Bytes as gigabytes with one decimal, without a float: `12.3`.
fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn level(reader: &Reader, level: Level) -> Markup {
    match level {
        Level::Good => chip("done", "✓", reader.say(Text::HealthGood)),
        Level::Off => chip("off", "–", reader.say(Text::HealthOff)),
        Level::Person => chip("person", "!", reader.say(Text::HealthPerson)),
    }
}

async fn ask(board: &Board) -> Result<Health, DashboardError> {
    board.blocking(|board| Ok((board.health)())).await
}

/// `GET /health`.
pub(super) async fn page(
    State(board): State<Board>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    let health = ask(&board).await?;
    let turned_away = callers::sections(&board, &reader).await?;
    let body = html! {
        section id="health" data-part {
            h1 { (reader.say(Text::Health)) " " (level(&reader, health.level())) }
            table.cards {
                thead { tr {
                    @for head in [Text::Part, Text::StateWord, Text::Detail] {
                        th scope="col" { (reader.say(head)) }
                    }
                } }
                tbody {
                    @for line in health.lines(&reader) {
                        tr {
                            th scope="row" { (reader.say(line.part)) }
                            td { (level(&reader, line.level)) }
                            td { (line.words) }
                        }
                    }
                }
            }
            p.muted.small { (reader.say(Text::CheckedAt)) " " (moment(health.at)) }
        }
        (turned_away)
    };
    Ok(reader.live(reader.say(Text::Health), &body, false))
}

/// `GET /health.json`: 200 when nothing needs a person, else 503.
pub(super) async fn json(State(board): State<Board>) -> Result<Response, DashboardError> {
    #[derive(Serialize)]
    struct Answer {
        level: Level,
        #[serde(flatten)]
        health: Health,
    }
    let health = ask(&board).await?;
    let level = health.level();
    let status = match level {
        Level::Good | Level::Off => StatusCode::OK,
        Level::Person => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((status, Json(Answer { level, health })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gigabytes_have_one_decimal() {
        assert_eq!(gigabytes(512_000_000), "0.5");
        assert_eq!(gigabytes(12_345_678_901), "12.3");
    }
}
