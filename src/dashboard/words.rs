//! States, views, times and numbers as people read them.

use std::time::Duration;

use maud::{Markup, html};

use super::reader::Reader;
use crate::audit::Event;
use crate::clock::Moment;
use crate::page::MeasureText;
use crate::page::Text;
use crate::page::code_text;
use crate::page::unit_text;
use crate::store::StudyRow;
use crate::study::Outcome;
use crate::study::Refusal;
use crate::study::State;
use crate::study::StudyId;
use crate::study::Trouble;
use crate::study::ViewCode;
use crate::wire::Figure;
use crate::wire::MeasuredOn;

/// How a study stands: icon, word and class (color). Never color alone.
pub(super) struct Standing {
    pub(super) class: &'static str,
    icon: &'static str,
    word: Text,
}

impl Standing {
    /// The standing of a study.
    pub(super) fn of(row: &StudyRow) -> Self {
        let standing = |class, icon, word| Self { class, icon, word };
        if row.trouble.is_some() {
            return standing("person", "!", Text::StateTrouble);
        }
        if matches!(row.outcome, Some(Outcome::Refused { .. })) && row.state == State::Analyzed {
            return standing("refused", "–", Text::StateRefused);
        }
        match row.state {
            State::Received => standing("busy", "↓", Text::StateReceived),
            State::Spooled => standing("busy", "≡", Text::StateSpooled),
            State::Deidentified => standing("busy", "◐", Text::StateDeidentified),
            State::Analyzed => standing("busy", "∠", Text::StateAnalyzed),
            State::Forwarded => standing("busy", "→", Text::StateForwarded),
            State::Acknowledged => standing("done", "✓", Text::StateAcknowledged),
        }
    }

    pub(super) fn markup(&self, reader: &Reader) -> Markup {
        chip(self.class, self.icon, reader.say(self.word))
    }
}

/// Icon and word of a class.
pub(super) fn chip(class: &str, icon: &str, word: &str) -> Markup {
    html! { span.state.(class) { span.icon aria-hidden="true" { (icon) } (word) } }
}

/// The step that leads to a state.
pub(super) const fn step(state: State) -> Text {
    match state {
        State::Received => Text::StepReceived,
        State::Spooled => Text::StepSpooled,
        State::Deidentified => Text::StepDeidentified,
        State::Analyzed => Text::StepAnalyzed,
        State::Forwarded => Text::StepForwarded,
        State::Acknowledged => Text::StepAcknowledged,
    }
}

/// The state after one, if there is one.
pub(super) fn next(state: State) -> Option<State> {
    State::ALL.into_iter().find(|other| *other > state)
}

pub(super) const fn view(view: ViewCode) -> Text {
    match view {
        ViewCode::Pa => Text::ViewPa,
        ViewCode::Ap => Text::ViewAp,
        ViewCode::Lateral => Text::ViewLateral,
        ViewCode::Oblique => Text::ViewOblique,
        ViewCode::Unknown => Text::ViewUnknown,
    }
}

/// A moment: absolute, the browser shows it in the reader's zone.
pub(super) fn moment(moment: Moment) -> Markup {
    let text = moment.rfc3339();
    let plain = text
        .split_once('.')
        .map_or_else(|| text.clone(), |(head, _)| head.replace('T', " ") + " UTC");
    html! { time.nowrap data-clock datetime=(text) { (plain) } }
}

/// How long ago a moment was.
pub(super) fn ago(reader: &Reader, moment: Moment, now: Moment) -> Markup {
    let seconds = now.since(moment).as_secs();
    let (text, count) = match seconds {
        0 => (Text::AgoNow, 0),
        1..60 => (Text::AgoSeconds, seconds),
        60..3600 => (Text::AgoMinutes, seconds / 60),
        3600..86_400 => (Text::AgoHours, seconds / 3600),
        _ => (Text::AgoDays, seconds / 86_400),
    };
    let words = text.fill(reader.language, &[&count]);
    html! { span.muted.nowrap data-ago=(millis(moment)) { (words) } }
}

/// Milliseconds since the epoch, as scripts count.
pub(super) const fn millis(moment: Moment) -> i64 {
    moment.micros() / 1000
}

/// A duration: milliseconds below one second, else seconds.
pub(super) fn duration(reader: &Reader, time: Duration) -> String {
    if time < Duration::from_secs(1) {
        Text::Milliseconds.fill(reader.language, &[&time.as_millis()])
    } else {
        let seconds = format!("{:.1}", time.as_secs_f64());
        Text::Seconds.fill(reader.language, &[&seconds])
    }
}

/// The study's name for people: pseudonym, else the start of its key.
pub(super) fn short_name(row: &StudyRow) -> String {
    let long = match &row.pseudonym {
        Some(pseudonym) => pseudonym.as_str().chars().take(11).collect::<String>(),
        None => row.id.key.as_str().chars().take(8).collect(),
    };
    long + "…"
}

/// Where a study's page is.
pub(super) fn address(id: &StudyId) -> String {
    format!("/studies/{}/{}", id.key, id.generation)
}

/// A refusal's sentence.
pub(super) fn refusal<'a>(reader: &Reader, refusal: &'a Refusal) -> &'a str {
    match reader.language.code() {
        "ja" => &refusal.text_ja,
        _ => &refusal.text_en,
    }
}

/// What holds a study up, and what to do: two sentences.
pub(super) fn trouble(reader: &Reader, trouble: &Trouble) -> (&'static str, &'static str) {
    let text = code_text("trouble", trouble.code.as_str());
    text.map_or((trouble.code.as_str(), ""), |text| {
        (text.what(reader.language), text.remedy(reader.language))
    })
}

/// The name of a figure.
pub(super) fn figure_name<'a>(reader: &Reader, figure: &'a Figure) -> &'a str {
    MeasureText::of(&figure.name).map_or(figure.name.as_str(), |text| text.name(reader.language))
}

/// A figure's value with its unit, `None` where it is unobservable.
pub(super) fn figure_value(figure: &Figure) -> Option<String> {
    let value = figure.value?;
    Some(with_unit(&signed(value), &figure.unit))
}

/// A number with one decimal and a true minus.
pub(super) fn signed(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_prefix('-') {
        Some("0.0") => "0.0".to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A number's text and its unit: `11.2°`, `12.4 mm`.
pub(super) fn with_unit(number: &str, unit: &str) -> String {
    match unit_text(unit) {
        "" => number.to_owned(),
        "°" => format!("{number}°"),
        unit => format!("{number} {unit}"),
    }
}

/// What a figure's error was measured on, with the number of cases.
pub(super) fn measured_on(reader: &Reader, figure: &Figure) -> String {
    let text = match figure.measured_on {
        MeasuredOn::Synthetic => Text::OnSynthetic,
        MeasuredOn::SimulatedXray => Text::OnSimulated,
        MeasuredOn::Phantom => Text::OnPhantom,
        MeasuredOn::Real => Text::OnReal,
    };
    text.fill(reader.language, &[&figure.measured_n])
}

/// An event: its sentence, and what it says of it in codes.
pub(super) fn event(reader: &Reader, event: &Event) -> (String, String) {
    let fields = serde_json::to_value(event).unwrap_or_default();
    let code = fields.get("event").and_then(|code| code.as_str());
    let code = code.unwrap_or_default();
    let words = code_text("event", code).map_or(code, |text| text.what(reader.language));
    let fields = fields.as_object().into_iter().flatten();
    let rest: Vec<String> = fields
        .filter(|(key, _)| *key != "event")
        .map(|(key, value)| match value.as_str() {
            Some(text) => format!("{key}: {text}"),
            None => format!("{key}: {value}"),
        })
        .collect();
    (words.to_owned(), rest.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_a_report() {
        assert_eq!(signed(-1.64), "−1.6");
        assert_eq!(signed(-0.04), "0.0");
        assert_eq!(with_unit("11.2", "deg"), "11.2°");
        assert_eq!(with_unit(&signed(-0.8), "mm"), "−0.8 mm");
    }
}
