//! Who was turned away and who was let in, on the health page. Letting a
//! sender in is asked for here and done by the pipeline. AE titles of strangers
//! are shown here and nowhere else.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::reader::{Reader, value};
use super::words::moment;
use super::{Board, DashboardError};
use crate::audit::Rejected;
use crate::audit::Rejection;
use crate::names::AeTitle;
use crate::page::Text;
use crate::store::AllowedSender;

/// What a form of this page asks for, of the row with this number.
#[derive(Clone, Copy)]
enum Asked {
    Allow,
    Withdraw,
}

impl Asked {
    const ALL: [Self; 2] = [Self::Allow, Self::Withdraw];

    const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Withdraw => "withdraw",
        }
    }
}

/// A button of one row.
fn button(board: &Board, reader: &Reader, asked: Asked, number: i64, text: Text) -> Markup {
    let name = format!("{} {number}", asked.word());
    html! {
        form method="post" action="/health/senders" {
            input type="hidden" name="token" value=(board.token(reader, &name));
            input type="hidden" name="kind" value=(asked.word());
            input type="hidden" name="number" value=(number);
            button type="submit" { (reader.say(text)) }
        }
    }
}

/// `POST /health/senders`.
pub(super) async fn ask(
    State(board): State<Board>,
    reader: Reader,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    let form = std::str::from_utf8(&body).unwrap_or("");
    let kind = value(form, "kind");
    let asked = Asked::ALL.into_iter().find(|one| kind == Some(one.word()));
    let number = value(form, "number").and_then(|number| number.parse::<i64>().ok());
    let (Some(asked), Some(number)) = (asked, number) else {
        return Err(DashboardError::NotFound);
    };
    board.check(
        &reader,
        &headers,
        &body,
        &format!("{} {number}", asked.word()),
    )?;
    board
        .blocking(move |board| match asked {
            Asked::Allow if board.store.ask_to_allow(number)? => Ok(()),
            Asked::Allow => Err(DashboardError::NotFound),
            Asked::Withdraw => Ok(board.store.ask_to_withdraw(number)?),
        })
        .await?;
    let mut answer = StatusCode::SEE_OTHER.into_response();
    let back = HeaderValue::from_static("/health");
    answer.headers_mut().insert(header::LOCATION, back);
    Ok(answer)
}

/// Both lists.
pub(super) async fn sections(board: &Board, reader: &Reader) -> Result<Markup, DashboardError> {
    let (senders, callers) = board
        .blocking(|board| Ok((board.store.senders()?, board.store.callers()?)))
        .await?;
    Ok(html! {
        (let_in(board, reader, &senders))
        (turned_away(board, reader, &callers))
    })
}

/// The senders that were let in here.
fn let_in(board: &Board, reader: &Reader, list: &[AllowedSender]) -> Markup {
    let heads = [
        Text::CallingAe,
        Text::RejectedFrom,
        Text::SenderRoad,
        Text::SenderSince,
    ];
    html! {
        section id="senders" data-part {
            @if !list.is_empty() {
                h2 { (reader.say(Text::Senders)) }
                p.muted.small { (reader.say(Text::SendersNote)) }
                table.cards {
                    thead { tr {
                        @for head in heads { th scope="col" { (reader.say(head)) } }
                        th {}
                    } }
                    tbody {
                        @for one in list {
                            tr {
                                td data-head=(reader.say(heads[0])) { (one.sender.calling) }
                                td data-head=(reader.say(heads[1])) { (one.sender.address) }
                                td data-head=(reader.say(heads[2])) {
                                    @if one.sender.plain { (reader.say(Text::SenderPlain)) }
                                    @else { (reader.say(Text::SenderTls)) }
                                }
                                td data-head=(reader.say(heads[3])) { (moment(one.allowed)) }
                                td { (button(board, reader, Asked::Withdraw, one.number, Text::Withdraw)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was turned away.
fn turned_away(board: &Board, reader: &Reader, list: &[Rejected]) -> Markup {
    let title = |ae: &Option<AeTitle>| ae.as_ref().map_or("–".to_owned(), AeTitle::to_string);
    let heads = [
        Text::RejectedWhat,
        Text::RejectedFrom,
        Text::CallingAe,
        Text::CalledAe,
        Text::RejectedCount,
        Text::RejectedSince,
        Text::RejectedLast,
    ];
    html! {
        section id="rejected" data-part {
            h2 { (reader.say(Text::Rejected)) }
            @if list.is_empty() {
                p.muted { (reader.say(Text::NothingRejected)) }
            } @else {
                p.muted.small { (reader.say(Text::RejectedNote)) }
                table.cards {
                    thead { tr {
                        @for head in heads { th scope="col" { (reader.say(head)) } }
                    } }
                    tbody {
                        @for one in list {
                            tr {
                                td data-head=(reader.say(heads[0])) {
                                    div {
                                        (rejection_words(reader, &one.rejection))
                                        (allow(board, reader, one))
                                    }
                                }
                                td data-head=(reader.say(heads[1])) { (one.caller.address) }
                                td data-head=(reader.say(heads[2])) { (title(&one.caller.calling)) }
                                td data-head=(reader.say(heads[3])) { (title(&one.caller.called)) }
                                td data-head=(reader.say(heads[4])) { (one.count) }
                                td data-head=(reader.say(heads[5])) { (moment(one.since)) }
                                td data-head=(reader.say(heads[6])) { (moment(one.last)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The button that lets a caller in, where that would help.
fn allow(board: &Board, reader: &Reader, one: &Rejected) -> Markup {
    let text = if one.caller.encrypted {
        Text::Allow
    } else {
        Text::AllowPlain
    };
    html! {
        @if one.rejection.can_be_allowed() && one.caller.calling.is_some() {
            (button(board, reader, Asked::Allow, one.number, text))
            p.muted.small { (reader.say(Text::AllowNote)) }
        }
    }
}

/// What a rejection is and, where a person can do something, what.
fn rejection_words(reader: &Reader, rejection: &Rejection) -> Markup {
    let (what, remedy) = match rejection {
        Rejection::Protocol => (Text::RejectedProtocol, None),
        Rejection::CalledAe => (Text::RejectedCalledAe, Some(Text::RemedyCalledAe)),
        Rejection::CallingAe => (Text::RejectedCallingAe, Some(Text::RemedyCallingAe)),
        Rejection::Address => (Text::RejectedAddress, Some(Text::RemedyAddress)),
        Rejection::Plain => (Text::RejectedPlain, Some(Text::RemedyPlain)),
        Rejection::Tls => (Text::RejectedTls, Some(Text::RemedyTls)),
        Rejection::Busy => (Text::RejectedBusy, None),
        Rejection::NotDicom => (Text::RejectedNotDicom, Some(Text::RemedyNotDicom)),
        Rejection::Violation { .. } => (Text::RejectedViolation, None),
        Rejection::Interrupted => (Text::RejectedInterrupted, Some(Text::RemedyInterrupted)),
        Rejection::Instance { .. } => (Text::RejectedInstance, Some(Text::RemedyInstance)),
    };
    html! {
        (reader.say(what))
        @match rejection {
            Rejection::Violation { why } => { span.muted { " (" (why) ")" } }
            Rejection::Instance { status, why } => {
                span.muted { " (" (format!("{status:04X}")) ": " (why) ")" }
            }
            Rejection::Protocol | Rejection::CalledAe | Rejection::CallingAe
            | Rejection::Address | Rejection::Busy | Rejection::NotDicom
            | Rejection::Plain | Rejection::Tls
            | Rejection::Interrupted => {}
        }
        @if let Some(remedy) = remedy { p.muted.small { (reader.say(remedy)) } }
    }
}
