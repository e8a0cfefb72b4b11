//! Who a pseudonym is: shown to a role that may see it, for a reason from a
//! list, after the journal says so. And the wish of a patient to withdraw.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::access::Visitor;
use super::detail::study_id;
use super::reader::Reader;
use super::words::address;
use super::{Board, DashboardError};
use crate::audit::Why;
use crate::page::Text;
use crate::page::form_value;
use crate::store::StudyDetail;
use crate::study::RequestKind;
use crate::vault::Reveal;
use crate::vault::Revealed;

const fn why_word(why: Why) -> Text {
    match why {
        Why::ClinicalQuestion => Text::WhyClinical,
        Why::WrongPatientSuspected => Text::WhyWrongPatient,
        Why::PatientRequest => Text::WhyPatient,
        Why::Inspection => Text::WhyInspection,
    }
}

/// The reasons to choose from.
pub(super) fn reasons(reader: &Reader) -> Markup {
    html! {
        fieldset {
            legend { (reader.say(Text::WhyWord)) }
            @for why in Why::ALL {
                label.choice {
                    input type="radio" name="why" value=(why.as_str()) required;
                    span { (reader.say(why_word(why))) }
                }
            }
        }
    }
}

/// The form on a study's page.
pub(super) fn panel(board: &Board, reader: &Reader, detail: &StudyDetail) -> Markup {
    let Some(_) = &detail.deidentified else {
        return html! { section id="person" data-part {} };
    };
    let id = &detail.row.id;
    html! {
        section.panel id="person" data-part {
            h2 { (reader.say(Text::PersonWord)) }
            @if reader.visitor.seer().is_some() {
                p.muted.small { (reader.say(Text::RevealNote)) }
                details id="reveal" {
                    summary { (reader.say(Text::Reveal)) }
                    form.stacked method="post" action={ (address(id)) "/reveal" } {
                        input type="hidden" name="token" value=(board.token(reader, &format!("reveal {id}")));
                        (reasons(reader))
                        button.primary type="submit" { (reader.say(Text::Reveal)) }
                    }
                }
                details id="withdraw" {
                    summary { (reader.say(Text::PatientWithdraws)) }
                    p.trouble-line { (reader.say(Text::WithdrawNote)) }
                    form.stacked method="post" action={ (address(id)) "/withdraw" } {
                        input type="hidden" name="token" value=(board.token(reader, &format!("withdraw {id}")));
                        label.choice {
                            input type="checkbox" name="sure" value="yes" required;
                            span { (reader.say(Text::WithdrawSure)) }
                        }
                        button.primary type="submit" { (reader.say(Text::PatientWithdraws)) }
                    }
                }
            } @else {
                p.muted { (reader.say(Text::RevealNeedsAccount)) " " a href="/set-up" { (reader.say(Text::SetUp)) } }
            }
        }
    }
}

/// What a form says of why; nothing where it says none of the list.
pub(super) fn asked(visitor: &Visitor, body: &[u8]) -> Result<Reveal, DashboardError> {
    let person = visitor.seer().ok_or(DashboardError::NotAllowed)?;
    let why = Why::from_name(&form_value(body, "why")).ok_or(DashboardError::NotFound)?;
    Ok(Reveal {
        who: person.name.to_string(),
        role: person.role,
        why,
    })
}

/// `POST /studies/{key}/{generation}/reveal`.
pub(super) async fn reveal(
    State(board): State<Board>,
    Path(path): Path<(String, u32)>,
    reader: Reader,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    let id = study_id(path)?;
    board.check(&reader, &headers, &body, &format!("reveal {id}"))?;
    let reveal = asked(&visitor, &body)?;
    let back = address(&id);
    let (pseudonym, person) = board
        .blocking(move |board| {
            let detail = board.store.study(&id)?.ok_or(DashboardError::NotFound)?;
            let evidence = detail.deidentified.ok_or(DashboardError::NotFound)?;
            let record = |event| board.store.record_of(&id, event).is_ok();
            let person =
                board
                    .vault
                    .reveal(&evidence.project, &evidence.pseudonym, &reveal, record)?;
            Ok((evidence.pseudonym, person))
        })
        .await?;
    let title = reader.say(Text::PersonWord);
    let body = html! {
        p { a href=(back) { "← " (reader.say(Text::Back)) } }
        section.panel.person {
            h1 { (title) }
            dl.facts { dt { (reader.say(Text::Pseudonym)) } dd { span.key { (pseudonym) } } }
            @match &person {
                Some(person) => (facts(&reader, person)),
                None => p { (reader.say(Text::NobodyKnown)) },
            }
            p.muted.small { (reader.say(Text::RevealRecorded)) }
        }
    };
    Ok(reader.layout(title, &body).into_response())
}

/// `POST /studies/{key}/{generation}/withdraw`: the wish is written down, the
/// pipeline does it.
pub(super) async fn withdraw(
    State(board): State<Board>,
    Path(path): Path<(String, u32)>,
    reader: Reader,
    visitor: Visitor,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, DashboardError> {
    let id = study_id(path)?;
    board.check(&reader, &headers, &body, &format!("withdraw {id}"))?;
    let person = visitor.seer().ok_or(DashboardError::NotAllowed)?;
    if form_value(&body, "sure") != "yes" {
        return Err(DashboardError::Forbidden);
    }
    let who = person.name.clone();
    board
        .blocking(move |board| {
            let detail = board.store.study(&id)?.ok_or(DashboardError::NotFound)?;
            if detail.deidentified.is_none() {
                return Err(DashboardError::NotFound);
            }
            board.store.ask(&id, RequestKind::Withdraw, Some(&who))?;
            Ok(())
        })
        .await?;
    let title = reader.say(Text::PatientWithdraws);
    let body = html! {
        section.panel {
            h1 { (title) }
            p { (reader.say(Text::WithdrawBegun)) }
            p { a.button href="/" { (reader.say(Text::Back)) } }
        }
    };
    Ok(reader.layout(title, &body).into_response())
}

fn facts(reader: &Reader, person: &Revealed) -> Markup {
    // Groups of letters are parted by `=`, parts of a name by `^` (PS3.5 6.2.1).
    let name = person.name.replace('^', " ").replace('=', " · ");
    let lines = [
        (Text::PatientName, &name),
        (Text::PatientId, &person.id),
        (Text::PatientIssuer, &person.issuer),
        (Text::PatientBirth, &person.birth_date),
    ];
    html! {
        dl.facts {
            @for (text, value) in lines {
                @if !value.is_empty() { dt { (reader.say(text)) } dd { b { (value) } } }
            }
        }
    }
}
