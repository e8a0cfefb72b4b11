//! What this is, what it is not, and where its numbers come from.

use axum::extract::State;
use maud::html;

use super::detail::short_digest;
use super::reader::{Html, Reader};
use super::{Board, DashboardError, Inference};
use crate::page::Asset;
use crate::page::MeasureText;
use crate::page::Text;

/// `GET /about`.
pub(super) async fn page(
    State(board): State<Board>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    let health = board.blocking(|board| Ok((board.health)())).await?;
    let body = html! {
        h1 { (reader.say(Text::About)) }
        section.panel {
            p { b { (reader.say(Text::Notice)) } }
            p { (reader.say(Text::WhatItDoes)) }
            p { (reader.say(Text::WhatItDoesNot)) }
            p { (reader.say(Text::NoPatients)) }
            p.muted { (reader.say(Text::LoopbackOnly)) }
        }
        section.panel {
            dl.facts {
                dt { (reader.say(Text::Version)) }
                dd { "bonebox " (health.version) }
                @if let Inference::Ready { provider, model } = &health.inference {
                    dt { (reader.say(Text::Model)) }
                    dd { (model.id) " " span.key.muted { (short_digest(&model.digest)) } }
                    dt { (reader.say(Text::Provider)) }
                    dd { (provider) }
                }
            }
        }
        section.panel {
            h2 { (reader.say(Text::References)) }
            dl.facts {
                @for measure in MeasureText::all() {
                    @if let Some(reference) = measure.reference {
                        dt { (measure.name(reader.language)) }
                        dd lang="en" { (reference.source) }
                    }
                }
            }
            p.muted.small { (reader.say(Text::ReferenceNote)) }
            p.muted.small { (reader.say(Text::RotationCaveat)) }
        }
        section.panel {
            h2 { (reader.say(Text::Licenses)) }
            p { (reader.say(Text::LicenseOwn)) }
            p { (reader.say(Text::LicenseViewer)) ": "
                a href=(Asset::licenses().url()) { "three.js (MIT)" } }
        }
    };
    Ok(reader.layout(reader.say(Text::About), &body))
}
