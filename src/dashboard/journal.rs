//! The journal, newest first: what happened, who looked at whom.

use axum::extract::State;
use maud::html;

use super::reader::{Html, Reader};
use super::words::{event, moment};
use super::{Board, DashboardError};
use crate::page::Text;

/// Most entries on the page.
const ENTRIES: usize = 300;

/// `GET /journal`.
pub(super) async fn page(
    State(board): State<Board>,
    reader: Reader,
) -> Result<Html, DashboardError> {
    let only_people = reader.query("show") == Some("people");
    let entries = board
        .blocking(move |board| Ok(board.store.journal_newest(ENTRIES, only_people)?))
        .await?;
    let heads = [
        Text::Number,
        Text::Time,
        Text::Study,
        Text::EventWord,
        Text::Detail,
    ];
    let filters = [
        ("/journal", Text::ShowAll, false),
        ("/journal?show=people", Text::ShowPeople, true),
    ];
    let body = html! {
        h1 { (reader.say(Text::Journal)) }
        p.muted.small { (Text::JournalNote.fill(reader.language, &[&ENTRIES])) }
        nav.filters aria-label=(reader.say(Text::Filters)) {
            @for (href, text, people) in filters {
                a href=(href) aria-current=[(people == only_people).then_some("true")] { (reader.say(text)) }
            }
        }
        table.cards {
            thead { tr { @for head in heads { th scope="col" { (reader.say(head)) } } } }
            tbody {
                @for entry in &entries {
                    @let (words, more) = event(&reader, &entry.event);
                    tr {
                        td data-head=(reader.say(heads[0])) { (entry.number) }
                        td data-head=(reader.say(heads[1])) { (moment(entry.at)) }
                        td data-head=(reader.say(heads[2])) {
                            span.key.small { (entry.study.as_deref().map_or("–", |key| key.get(..8).unwrap_or(key))) }
                        }
                        td data-head=(reader.say(heads[3])) { (words) }
                        td data-head=(reader.say(heads[4])) { code.small { (more) } }
                    }
                }
            }
        }
    };
    Ok(reader.layout(reader.say(Text::Journal), &body))
}
