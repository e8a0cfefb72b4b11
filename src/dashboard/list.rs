//! The list of studies, newest first, live.

use std::time::Duration;

use axum::extract::State;
use maud::{Markup, html};

use super::reader::{Html, Reader};
use super::words::{
    Standing, address, ago, duration, figure_name, figure_value, millis, moment, next, refusal,
    short_name, signed, step, trouble, view,
};
use super::{Board, DashboardError};
use crate::clock::Moment;
use crate::page::Text;
use crate::store::StudyRow;
use crate::study::Outcome;
use crate::study::State as StudyState;
use crate::study::ViewCode;

/// Studies that a page shows at most.
const LIMIT: usize = 100;
const DAY: Duration = Duration::from_secs(86_400);

/// Which studies are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Show {
    All,
    Today,
    Person,
}

impl Show {
    const ALL: [Self; 3] = [Self::All, Self::Today, Self::Person];

    const fn code(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Today => "today",
            Self::Person => "person",
        }
    }

    const fn text(self) -> Text {
        match self {
            Self::All => Text::ShowAll,
            Self::Today => Text::ShowToday,
            Self::Person => Text::ShowPerson,
        }
    }

    fn wants(self, row: &StudyRow, now: Moment) -> bool {
        match self {
            Self::All => true,
            Self::Today => now.since(row.last_image) < DAY,
            Self::Person => row.trouble.is_some(),
        }
    }
}

/// `GET /`.
pub(super) async fn page(
    State(board): State<Board>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    let rows = board
        .blocking(|board| Ok(board.store.studies(LIMIT)?))
        .await?;
    let now = board.clock.now();
    let show = Show::ALL
        .into_iter()
        .find(|show| reader.query("show") == Some(show.code()))
        .unwrap_or(Show::All);
    let body = html! {
        h1 { (reader.say(Text::Studies)) }
        (filters(&reader, &rows, show))
        (table(&board, &reader, &rows, show, now))
        @if rows.len() == LIMIT {
            p.muted.small { (Text::ListLimit.fill(reader.language, &[&LIMIT])) }
        }
    };
    Ok(reader.live(reader.say(Text::Studies), &body, false))
}

fn filters(reader: &Reader, rows: &[StudyRow], chosen: Show) -> Markup {
    let held = rows.iter().filter(|row| row.trouble.is_some()).count();
    html! {
        nav.filters id="filters" data-part aria-label=(reader.say(Text::Filters)) {
            @for show in Show::ALL {
                a href={ "/?show=" (show.code()) } aria-current=[(show == chosen).then_some("true")] {
                    (reader.say(show.text()))
                    @if show == Show::Person && held > 0 { span.badge { (held) } }
                }
            }
        }
    }
}

fn table(board: &Board, reader: &Reader, rows: &[StudyRow], show: Show, now: Moment) -> Markup {
    let wanted: Vec<&StudyRow> = rows.iter().filter(|row| show.wants(row, now)).collect();
    let heads = [
        Text::StateWord,
        Text::Study,
        Text::ReceivedAt,
        Text::Images,
        Text::Result,
        Text::Steps,
    ];
    html! {
        table.studies.cards {
            thead { tr { @for head in heads { th scope="col" { (reader.say(head)) } } } }
            tbody id="studies" data-list {
                @for row in &wanted { (line(board, reader, row, now)) }
                @if wanted.is_empty() { (empty(reader, rows.is_empty())) }
            }
        }
    }
}

fn empty(reader: &Reader, nothing_at_all: bool) -> Markup {
    html! {
        tr id="none" {
            td.empty colspan="6" {
                @if nothing_at_all {
                    p { (reader.say(Text::NoStudies)) }
                    p { (reader.say(Text::HowToSend)) }
                } @else {
                    p { (reader.say(Text::NoStudiesFilter)) }
                }
            }
        }
    }
}

fn line(board: &Board, reader: &Reader, row: &StudyRow, now: Moment) -> Markup {
    let head = |text: Text| reader.say(text);
    html! {
        tr id={ "s-" (row.id.key) "-" (row.id.generation) } data-part {
            td { (Standing::of(row).markup(reader)) }
            td.id {
                a href=(address(&row.id)) { (short_name(row)) }
                div.muted.small {
                    (row.source)
                    @if row.pseudonym.is_none() { " · " (reader.say(Text::NoPseudonymYet)) }
                    @if row.id.generation > 1 {
                        " · " (Text::Generation.fill(reader.language, &[&row.id.generation]))
                    }
                }
            }
            td data-head=(head(Text::ReceivedAt)) {
                div { (moment(row.opened)) br; (ago(reader, row.opened, now)) }
            }
            td data-head=(head(Text::Images)) { div { (images(board, reader, row, now)) } }
            td.result data-head=(head(Text::Result)) { div { (result(reader, row)) } }
            td { (steps(reader, row)) }
        }
    }
}

/// How many images, which views, and when the list closes.
fn images(board: &Board, reader: &Reader, row: &StudyRow, now: Moment) -> Markup {
    let order = [
        ViewCode::Pa,
        ViewCode::Ap,
        ViewCode::Lateral,
        ViewCode::Oblique,
        ViewCode::Unknown,
    ];
    let views = order.into_iter().filter(|view| row.views.contains(view));
    let words: Vec<&str> = views.map(|code| reader.say(view(code))).collect();
    let count = if row.images == 1 {
        Text::OneImage
    } else {
        Text::ImagesCount
    };
    html! {
        span.nowrap { (count.fill(reader.language, &[&row.images])) }
        br;
        span.muted.small { (words.join(" · ")) }
        @if row.state == StudyState::Received {
            br; (closing(board, reader, row, now))
        }
    }
}

fn closing(board: &Board, reader: &Reader, row: &StudyRow, now: Moment) -> Markup {
    let closes = row.last_image.after(board.quiet_period);
    let left = closes.since(now).as_secs_f64().ceil();
    let done = reader.say(Text::Closing);
    let words = if left > 0.0 {
        Text::ClosesIn.fill(reader.language, &[&left])
    } else {
        done.to_owned()
    };
    html! {
        span.small data-left=(millis(closes)) data-say=(reader.say(Text::ClosesIn))
            data-done=(done) { (words) }
    }
}

/// In one cell what matters most: what holds it up, why not, or the numbers.
fn result(reader: &Reader, row: &StudyRow) -> Markup {
    if let Some(held) = &row.trouble {
        let (what, remedy) = trouble(reader, held);
        return html! { p.trouble-line { (what) } p.small { (remedy) } };
    }
    match &row.outcome {
        Some(Outcome::Refused { reasons }) => html! {
            @for reason in reasons { p.refused-line { (refusal(reader, reason)) } }
        },
        Some(Outcome::Reconstructed { side, figures, .. }) => html! {
            span.sum { b { (reader.say(side_text(*side))) } }
            @for figure in figures {
                span.sum {
                    span.muted.small { (figure_name(reader, figure)) } " "
                    b { (figure_value(figure).unwrap_or_else(|| "–".to_owned())) }
                    @if let Some(half) = figure.half_width_95 {
                        span.muted.small { " ±" (signed(half)) }
                    }
                }
            }
        },
        None => html! { span.muted { (reader.say(Text::Waiting)) } },
    }
}

pub(super) const fn side_text(side: char) -> Text {
    match side {
        'L' => Text::SideLeft,
        _ => Text::SideRight,
    }
}

/// The steps as bars with their times.
fn steps(reader: &Reader, row: &StudyRow) -> Markup {
    let settled = matches!(row.outcome, Some(Outcome::Refused { .. }));
    let upcoming = next(row.state).filter(|_| !settled);
    html! {
        ol.steps aria-label=(reader.say(Text::Steps)) {
            @for state in StudyState::ALL {
                @let time = row.steps.iter().find(|made| made.state == state);
                @let class = if state <= row.state {
                    Some("made")
                } else if upcoming == Some(state) {
                    Some(if row.trouble.is_some() { "stuck" } else { "now" })
                } else {
                    None
                };
                li class=[class] {
                    span { (reader.say(step(state))) }
                    @if let Some(time) = time {
                        span { (duration(reader, time.finished.since(time.started))) }
                    }
                }
            }
        }
    }
}
