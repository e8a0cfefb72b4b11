//! The measures: never a bare number. Value, interval, unit, what the error
//! was measured on, what is usual and where that is written.

use maud::{Markup, html};

use super::short_digest;
use crate::dashboard::reader::Reader;
use crate::dashboard::words::{figure_name, figure_value, measured_on, signed, with_unit};
use crate::page::MeasureText;
use crate::page::Text;
use crate::store::StudyDetail;
use crate::study::Outcome;
use crate::wire::Figure;
use crate::wire::MeasuredOn;

/// The table of measures, and how they were made.
pub(super) fn panel(reader: &Reader, detail: &StudyDetail) -> Markup {
    let Some(Outcome::Reconstructed {
        figures,
        model,
        provider,
        image_fit,
        calibration_grade,
        ..
    }) = &detail.row.outcome
    else {
        return html! { section id="measures" data-part {} };
    };
    let on_patients = figures
        .iter()
        .any(|figure| figure.measured_on == MeasuredOn::Real);
    html! {
        section.panel id="measures" data-part {
            h2 { (reader.say(Text::Measures)) }
            (table(reader, figures))
            @if !on_patients { p { b { (reader.say(Text::NoPatients)) } } }
            p.muted.small { (reader.say(Text::ReferenceNote)) " " (reader.say(Text::RotationCaveat)) }
            h3 { (reader.say(Text::Reconstruction)) }
            dl.facts {
                dt { (reader.say(Text::CalibrationGrade)) }
                dd { b { (calibration_grade) } " " (reader.say(grade(*calibration_grade))) }
                dt { (reader.say(Text::ImageFit)) }
                dd { (format!("{image_fit:.2}")) " "
                    span.muted.small { (reader.say(Text::ImageFitNote)) } }
                dt { (reader.say(Text::Model)) }
                dd { (model.id) " " span.key.muted { (short_digest(&model.digest)) } }
                dt { (reader.say(Text::Provider)) }
                dd { (provider) }
            }
        }
    }
}

fn table(reader: &Reader, figures: &[Figure]) -> Markup {
    let heads = [
        Text::Measure,
        Text::Value,
        Text::Interval,
        Text::MeasuredOn,
        Text::Reference,
    ];
    html! {
        table.cards {
            thead { tr { @for head in heads { th scope="col" { (reader.say(head)) } } } }
            tbody { @for figure in figures { (line(reader, figure)) } }
        }
    }
}

fn line(reader: &Reader, figure: &Figure) -> Markup {
    let text = |value: f64| with_unit(&signed(value), &figure.unit);
    let interval = figure.half_width_95.map(|half| format!("±{}", text(half)));
    let reference = MeasureText::of(&figure.name).and_then(|text| text.reference);
    html! {
        tr {
            th scope="row" title=(figure.method) { (figure_name(reader, figure)) }
            td data-head=(reader.say(Text::Value)) {
                @match figure_value(figure) {
                    Some(value) => span.big { (value) },
                    None => span.trouble-line { (reader.say(Text::Unobservable)) },
                }
            }
            td data-head=(reader.say(Text::Interval)) {
                span.nowrap { (interval.unwrap_or_else(|| "–".to_owned())) }
            }
            td data-head=(reader.say(Text::MeasuredOn)) { span { (measured_on(reader, figure)) } }
            td data-head=(reader.say(Text::Reference)) {
                @if let Some(reference) = reference {
                    span title=(reference.source) {
                        span.nowrap {
                            (signed(reference.mean)) " ± "
                            (with_unit(&signed(reference.deviation), &figure.unit))
                        }
                    }
                } @else { "–" }
            }
        }
    }
}

const fn grade(grade: char) -> Text {
    match grade {
        'A' => Text::GradeA,
        'B' => Text::GradeB,
        'C' => Text::GradeC,
        'D' => Text::GradeD,
        'E' => Text::GradeE,
        _ => Text::GradeF,
    }
}
