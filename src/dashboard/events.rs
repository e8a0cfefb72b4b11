//! The live stream: journal entries as server-sent events. Ids are journal
//! numbers, so a browser that comes back (`Last-Event-ID`) misses nothing and
//! gets nothing twice. A beat every two seconds carries the box's clock; a page
//! that hears none says that it is old.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast;
use tokio::time::{Interval, MissedTickBehavior};

use super::words::millis;
use super::{Board, DashboardError};
use crate::audit::Entry;
use crate::store::Store;

/// Entries that a slow page may be behind before it reads the journal again.
const BACKLOG: usize = 256;
/// Entries read from the journal at once.
const PAGE: usize = 500;
const BEAT: Duration = Duration::from_secs(2);
/// What a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);

/// An entry as the stream tells it: its number, and its study if it has one.
type Told = (u64, Option<String>);

/// Hears every journal entry as it is committed.
#[derive(Clone)]
pub(super) struct Entries(broadcast::Sender<Told>);

impl Entries {
    /// Listens to a store from now on.
    pub(super) fn of(store: &Store) -> Self {
        let (sender, _) = broadcast::channel(BACKLOG);
        let heard = sender.clone();
        store.watch(Box::new(move |entry: &Entry| {
            // An error means that no page is open.
            drop(heard.send((entry.number, entry.study.clone())));
        }));
        Self(sender)
    }
}

/// One reader's stream.
struct Stream {
    board: Board,
    entries: broadcast::Receiver<Told>,
    beat: Interval,
    /// Read from the journal and not yet told.
    waiting: VecDeque<Told>,
    /// The last number told; `None`: only what is new is wanted.
    last: Option<u64>,
    /// The journal may hold entries after `last` that were not heard.
    behind: bool,
}

/// `GET /events`.
pub(super) async fn stream(State(board): State<Board>, headers: HeaderMap) -> Response {
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse().ok());
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = Stream {
        // Listening begins before the journal is read: no entry is between.
        entries: board.entries.0.subscribe(),
        beat,
        waiting: VecDeque::new(),
        last,
        behind: last.is_some(),
        board,
    };
    let events = stream::unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    });
    let mut answer = Sse::new(events).into_response();
    answer.headers_mut().insert(
        "x-accel-buffering",
        axum::http::HeaderValue::from_static("no"),
    );
    answer
}

impl Stream {
    /// The next event; `None` when the box stops or cannot read: the browser
    /// comes back with the last number.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((number, study)) = self.waiting.pop_front() {
                if self.last.is_some_and(|last| number <= last) {
                    continue;
                }
                self.last = Some(number);
                let event = Event::default().event("entry").id(number.to_string());
                return Some(event.data(study.unwrap_or_default()));
            }
            if self.behind {
                self.catch_up().await.ok()?;
                continue;
            }
            tokio::select! {
                biased;
                heard = self.entries.recv() => match heard {
                    Ok(told) => self.waiting.push_back(told),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                _ = self.beat.tick() => {
                    let now = millis(self.board.clock.now());
                    let event = Event::default().event("beat").retry(RETRY);
                    return Some(event.data(now.to_string()));
                }
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), DashboardError> {
        let Some(last) = self.last else {
            self.behind = false;
            return Ok(());
        };
        let read = self
            .board
            .blocking(move |board| Ok(board.store.journal_since(last, PAGE)?))
            .await?;
        self.behind = read.len() == PAGE;
        self.waiting = read
            .into_iter()
            .map(|entry| (entry.number, entry.study))
            .collect();
        Ok(())
    }
}
