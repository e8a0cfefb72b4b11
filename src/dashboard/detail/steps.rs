//! The steps with their times, and what happened, from the journal.

use maud::{Markup, html};

use crate::dashboard::reader::Reader;
use crate::dashboard::words::{duration, event, moment, step, view};
use crate::page::Text;
use crate::store::StudyDetail;
use crate::study::Outcome;
use crate::study::State;

/// Each step: when it began, how long it took, which attempt made it.
pub(super) fn panel(reader: &Reader, detail: &StudyDetail) -> Markup {
    let row = &detail.row;
    let heads = [Text::Steps, Text::Started, Text::Duration, Text::Attempt];
    let receipt = row
        .steps
        .iter()
        .find(|made| made.state == State::Acknowledged);
    let whole = receipt.map(|made| made.finished.since(row.last_image));
    html! {
        section.panel id="steps" data-part {
            h2 { (reader.say(Text::Steps)) }
            table.cards {
                thead { tr { @for head in heads { th scope="col" { (reader.say(head)) } } } }
                tbody {
                    @for state in State::ALL { (line(reader, detail, state)) }
                }
            }
            @if let Some(whole) = whole {
                @let seconds = format!("{:.1}", whole.as_secs_f64());
                p { b { (Text::LastImageToReceipt.fill(reader.language, &[&seconds])) } }
            }
            (parts(reader, detail))
            (instances(reader, detail))
        }
    }
}

fn line(reader: &Reader, detail: &StudyDetail, state: State) -> Markup {
    let made = detail.row.steps.iter().find(|made| made.state == state);
    let reached = state <= detail.row.state;
    let refused = matches!(detail.row.outcome, Some(Outcome::Refused { .. }));
    html! {
        tr {
            th scope="row" { (reader.say(step(state))) }
            @match made {
                Some(made) => {
                    td data-head=(reader.say(Text::Started)) { (moment(made.started)) }
                    td.nowrap data-head=(reader.say(Text::Duration)) {
                        (duration(reader, made.finished.since(made.started)))
                    }
                    td data-head=(reader.say(Text::Attempt)) { (made.attempt) }
                }
                None if reached => {
                    td data-head=(reader.say(Text::Started)) { (moment(detail.row.opened)) }
                    td {} td {}
                }
                None => td.muted colspan="3" {
                    @if refused { (reader.say(Text::NothingToSend)) }
                    @else { (reader.say(Text::StepOpen)) }
                }
            }
        }
    }
}

fn parts(reader: &Reader, detail: &StudyDetail) -> Markup {
    let parts = detail
        .analyzed
        .as_ref()
        .map(|evidence| evidence.parts_ms.as_slice())
        .unwrap_or_default();
    html! {
        @if !parts.is_empty() {
            p.muted.small {
                (reader.say(Text::StepAnalyzed)) " – " (reader.say(Text::Parts)) ": "
                @for (index, (name, ms)) in parts.iter().enumerate() {
                    @if index > 0 { " · " }
                    (name) " " (Text::Milliseconds.fill(reader.language, &[&format!("{ms:.0}")]))
                }
            }
        }
    }
}

fn instances(reader: &Reader, detail: &StudyDetail) -> Markup {
    html! {
        @if !detail.instances.is_empty() {
            details id="instances" {
                summary { (reader.say(Text::Images)) " (" (detail.instances.len()) ")" }
                ul.plain {
                    @for one in &detail.instances {
                        li {
                            (one.facts.modality) " · " (reader.say(view(one.facts.view)))
                            @if let Some(side) = one.facts.laterality { " · " (side) }
                            @if let Some(part) = &one.facts.body_part { " · " (part) }
                            " · " (one.size.div_ceil(1000)) " kB · " (moment(one.at))
                        }
                    }
                }
            }
        }
    }
}

/// What happened, oldest first, each with its number in the sealed chain.
pub(super) fn journal(reader: &Reader, detail: &StudyDetail) -> Markup {
    html! {
        section.panel id="journal" data-part {
            details id="journal-open" {
                summary { h2 { (reader.say(Text::Journal)) " (" (detail.journal.len()) ")" } }
                table.cards {
                    thead { tr {
                        @for head in [Text::Number, Text::Time, Text::EventWord, Text::Detail] {
                            th scope="col" { (reader.say(head)) }
                        }
                    } }
                    tbody {
                        @for entry in &detail.journal {
                            @let (words, more) = event(reader, &entry.event);
                            tr {
                                td data-head=(reader.say(Text::Number)) { (entry.number) }
                                td data-head=(reader.say(Text::Time)) { (moment(entry.at)) }
                                td data-head=(reader.say(Text::EventWord)) { (words) }
                                td data-head=(reader.say(Text::Detail)) { code.small { (more) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
