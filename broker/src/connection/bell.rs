//! How the engine wakes a connection's task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

/// Remembers that it was rung until the task looks.
pub(super) struct Bell {
    rung: AtomicBool,
    /// Of the connection's task, which never moves to another.
    task: Waker,
}

impl Bell {
    /// The bell of the task that is running.
    pub(super) async fn of_this_task() -> Arc<Self> {
        std::future::poll_fn(|context| {
            let task = context.waker().clone();
            std::task::Poll::Ready(Arc::new(Self {
                rung: AtomicBool::new(false),
                task,
            }))
        })
        .await
    }

    /// Whether it was rung since this was last asked.
    pub(super) fn answer(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}
