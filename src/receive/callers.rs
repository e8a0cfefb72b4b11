//! Who is turned away, on its way to the rows: gathered for a moment, so that
//! nobody on the network decides how often the box commits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;

use super::association::Chain;
use crate::audit::Caller;
use crate::audit::Rejection;
use crate::store::Store;
use crate::store::TurnedAway;

/// Shortest time between two commits.
const PAUSE: Duration = Duration::from_millis(500);
/// Different ones that are gathered in that time; more are in the log only.
const MOST: usize = 64;

/// Where what is turned away is noted. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Callers(Arc<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    all: Mutex<Vec<TurnedAway>>,
    some: Notify,
}

impl Callers {
    /// Something was turned away.
    pub(super) fn add(&self, rejection: Rejection, caller: Caller) {
        let mut all = self.0.all.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &&mut TurnedAway| one.rejection == rejection && one.caller == caller;
        if let Some(one) = all.iter_mut().find(same) {
            one.count += 1;
        } else if all.len() < MOST {
            all.push(TurnedAway {
                rejection,
                caller,
                count: 1,
            });
        }
        self.0.some.notify_one();
    }

    /// Writes down what was gathered until the box stops, and once more then.
    pub(super) async fn write_down(self, store: Store, mut stop: watch::Receiver<bool>) {
        loop {
            let stopping = tokio::select! {
                // An error: whoever says it is gone, so the box stops.
                _ = stop.wait_for(|stop| *stop) => true,
                () = self.0.some.notified() => false,
            };
            self.flush(&store).await;
            if stopping {
                return;
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn flush(&self, store: &Store) {
        let all = {
            let mut all = self.0.all.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *all)
        };
        if all.is_empty() {
            return;
        }
        let store = store.clone();
        match spawn_blocking(move || store.turned_away(all)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(error = %Chain(&error), "what was turned away is in the log only");
            }
            Err(_) => tracing::error!("what was turned away is in the log only"),
        }
    }
}
