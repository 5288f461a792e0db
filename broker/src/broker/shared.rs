//! What all tasks of one broker share.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{Effects, Engine, Time};
use crate::limits::Limits;
use crate::log::MemoryLog;
use crate::metrics;
use crate::plugin::{Authenticator, Chain, Event, Observer};

/// How often due timers are looked for. Wills, session ends and expired retained messages are late by at most this.
const TICK: Duration = Duration::from_millis(250);

/// Sessions with more than this queued are freed on a thread of their own.
const GARBAGE_INLINE_MAX: usize = 10_000;

/// The state behind its lock, and everything around it.
pub(crate) struct Shared {
    /// Never held over a socket or an await; use [`Self::with_engine`] for whatever changes it.
    pub(crate) engine: Mutex<Engine>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) chain: Chain,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    /// One permit per open socket.
    pub(crate) connections: Arc<Semaphore>,
    /// Cancelled when the broker stops.
    pub(crate) stop: CancellationToken,
    /// Every connection's task.
    pub(crate) tasks: TaskTracker,
    events: Option<mpsc::Sender<Event>>,
    started: Instant,
}

thread_local! {
    /// Reused by every call on this thread, so that a publish allocates nothing for its effects.
    static EFFECTS: RefCell<Effects> = RefCell::default();
}

impl Shared {
    pub(super) fn start(
        limits: Limits,
        chain: Chain,
        authenticator: Option<Arc<dyn Authenticator>>,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Arc<Self> {
        let limits = Arc::new(limits);
        let events = (!observers.is_empty()).then(|| {
            let (sender, receiver) = mpsc::channel(limits.observer_queue_max);
            tokio::spawn(observe(receiver, observers));
            sender
        });
        let permits = limits.connections_max.min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Self {
            engine: Mutex::new(Engine::new(limits.clone(), chain.clone(), Box::new(MemoryLog))),
            limits,
            chain,
            authenticator,
            connections: Arc::new(Semaphore::new(permits)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            events,
            started: Instant::now(),
        });
        tokio::spawn(tick(shared.clone()));
        shared
    }

    /// The engine's time.
    pub(crate) fn now(&self) -> Time {
        Time::from_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Runs `call` with the engine locked, and what it caused once it is unlocked. Not to be nested.
    pub(crate) fn with_engine<R>(&self, call: impl FnOnce(&mut Engine, &mut Effects) -> R) -> R {
        let mut effects = EFFECTS.with(RefCell::take);
        effects.observed = self.events.is_some();
        let result = call(&mut self.engine.lock(), &mut effects);
        for waker in effects.wakes.drain(..) {
            waker.wake();
        }
        for event in effects.events.drain(..) {
            self.tell(event);
        }
        for session in effects.garbage.drain(..) {
            if session.queue.len() > GARBAGE_INLINE_MAX {
                tokio::task::spawn_blocking(move || drop(session));
            }
        }
        EFFECTS.with(|slot| slot.replace(effects));
        result
    }

    /// Hands an event to the observers, or drops and counts it when they are behind.
    pub(crate) fn tell(&self, event: Event) {
        if let Some(events) = &self.events
            && events.try_send(event).is_err()
        {
            metrics::event_dropped();
        }
    }

    pub(super) async fn shutdown(&self, deadline: Duration) -> bool {
        self.stop.cancel();
        let now = self.now();
        self.with_engine(|engine, effects| engine.shut_down(now, effects));
        self.tasks.close();
        tokio::time::timeout(deadline, self.tasks.wait()).await.is_ok()
    }
}

/// Feeds observers one event at a time; ends with the broker.
async fn observe(mut events: mpsc::Receiver<Event>, observers: Vec<Arc<dyn Observer>>) {
    while let Some(event) = events.recv().await {
        for observer in &observers {
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| observer.observe(&event)));
            if told.is_err() {
                tracing::error!("an observer panicked");
            }
        }
    }
}

/// Lets the engine do what is due, and publishes its counters as metrics.
async fn tick(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while shared.stop.run_until_cancelled(interval.tick()).await.is_some() {
        let now = shared.now();
        let counters = shared.with_engine(|engine, effects| {
            engine.tick(now, effects);
            engine.counters()
        });
        metrics::publish(&counters);
    }
}
