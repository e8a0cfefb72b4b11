//! Connections that have not asked for an association yet. Anybody may open
//! one, so they are cheap, and when there are too many the oldest goes: idle
//! ones cannot keep a sender out.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

/// Most connections without an association.
const CAPACITY: usize = 256;

/// The waiting connections, oldest first. Dropping one's sender tells it to go.
#[derive(Debug, Default)]
pub(super) struct Lobby(Mutex<VecDeque<(u64, oneshot::Sender<()>)>>);

impl Lobby {
    /// A connection has come; the oldest goes if there are too many. What is
    /// returned completes when this one has to go.
    pub(super) fn enter(&self, number: u64) -> oneshot::Receiver<()> {
        let (stay, go) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back((number, stay));
        if waiting.len() > CAPACITY {
            waiting.pop_front();
        }
        go
    }

    /// A connection has asked for an association, or is gone.
    pub(super) fn leave(&self, number: u64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(waiting, _)| *waiting != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn the_oldest_goes() {
        let lobby = Lobby::default();
        let count = u64::try_from(CAPACITY).unwrap_or(0);
        let mut all: Vec<_> = (0..=count).map(|number| lobby.enter(number)).collect();
        let mut waits = |at: usize| all[at].try_recv() == Err(TryRecvError::Empty);
        assert!(!waits(0));
        assert!((1..=CAPACITY).all(&mut waits));
        lobby.leave(5);
        lobby.enter(count + 1);
        assert!(waits(1));
    }
}
