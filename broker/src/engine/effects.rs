//! What the engine wants done once its owner has unlocked it.

use std::task::Waker;

use crate::plugin::Event;
use crate::session::Session;

/// Gathered by the engine, carried out by its owner. Reused, so that a publish allocates nothing here.
#[derive(Debug, Default)]
pub struct Effects {
    /// Connections that have something to send.
    pub wakes: Vec<Waker>,
    /// What observers are to be told; stays empty unless [`Self::observed`].
    pub events: Vec<Event>,
    /// Sessions that ended. Freeing a long queue takes time that nobody should wait for.
    pub garbage: Vec<Session>,
    /// Whether anybody observes.
    pub observed: bool,
}

impl Effects {
    /// Notes an event, if anybody observes.
    pub(super) fn event(&mut self, event: impl FnOnce() -> Event) {
        if self.observed {
            self.events.push(event());
        }
    }
}
