//! How many may be here. Connections that have not asked for an association
//! yet wait in the lobby: anybody may open one, so they are cheap, and when
//! there are too many the oldest of the address that has most goes. So idle
//! ones cannot keep a sender out, nor can one address. Associations have
//! places: so many in all, so many of one source.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// Most connections without an association.
const CAPACITY: usize = 256;

/// A connection that waits. Dropping its sender tells it to go.
#[derive(Debug)]
struct Waiting {
    number: u64,
    address: IpAddr,
    _stay: oneshot::Sender<()>,
}

/// The waiting connections, oldest first.
#[derive(Debug, Default)]
pub(super) struct Lobby(Mutex<VecDeque<Waiting>>);

impl Lobby {
    /// A connection has come; another goes if there are too many. What is
    /// returned completes when this one has to go.
    pub(super) fn enter(&self, number: u64, address: IpAddr) -> oneshot::Receiver<()> {
        let (stay, go) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(Waiting {
            number,
            address,
            _stay: stay,
        });
        if waiting.len() > CAPACITY {
            let mut of: HashMap<IpAddr, usize> = HashMap::new();
            for one in waiting.iter() {
                *of.entry(one.address).or_default() += 1;
            }
            let most = of.values().copied().max().unwrap_or(0);
            let crowd = |one: &Waiting| of.get(&one.address) == Some(&most);
            let goes = waiting.iter().position(crowd).unwrap_or(0);
            waiting.remove(goes);
        }
        go
    }

    /// A connection has asked for an association, or is gone.
    pub(super) fn leave(&self, number: u64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|one| one.number != number);
    }
}

/// The places of associations. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place that is taken; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    source: String,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Places {
    /// So many in all, so many of one source.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            most,
            most_of_one,
            taken: Arc::default(),
        }
    }

    /// A place for an association of a source, if one is free.
    pub(super) fn take(&self, source: &str) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = taken.get(source).copied().unwrap_or(0);
        if of_one >= self.most_of_one || taken.values().sum::<usize>() >= self.most {
            return None;
        }
        taken.insert(source.to_owned(), of_one + 1);
        Some(Place {
            source: source.to_owned(),
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_one) = taken.get_mut(&self.source) {
            *of_one -= 1;
            if *of_one == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn the_oldest_of_the_largest_crowd_goes() {
        let lobby = Lobby::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let count = u64::try_from(CAPACITY).unwrap_or(0);
        let mut alone = lobby.enter(1000, address(2));
        let mut all: Vec<_> = (1..=count)
            .map(|number| lobby.enter(number, address(1)))
            .collect();
        assert_eq!(alone.try_recv(), Err(TryRecvError::Empty));
        let mut waits = |at: usize| all[at].try_recv() == Err(TryRecvError::Empty);
        assert!(!waits(0));
        assert!((1..CAPACITY).all(&mut waits));
        lobby.leave(5);
        lobby.enter(count + 1, address(3));
        assert!(waits(1));
    }

    #[test]
    fn places_are_counted_in_all_and_of_each_source() {
        let places = Places::new(3, 2);
        let a = [places.take("a"), places.take("a")];
        assert!(a.iter().all(Option::is_some));
        assert!(places.take("a").is_none(), "two of one source");
        let b = places.take("b");
        assert!(b.is_some() && places.take("b").is_none(), "three in all");
        drop(a);
        assert!(places.take("b").is_some() && places.take("a").is_some());
    }
}
