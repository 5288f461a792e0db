//! Who a connection belongs to.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The authenticated owner of a connection and of its session.
///
/// A session is bound to (client id, principal id): the same client id under another principal is refused, never
/// taken over. Cheap to clone.
#[derive(Clone)]
pub struct Principal {
    /// Stable over the principal's tokens and connections; never a secret, it appears in logs.
    pub id: Arc<str>,
    /// When the credentials end. The connection is then cut with 0x87 (Not authorized) by the next second, unless
    /// they were renewed by re-authentication.
    pub expires_at: Option<SystemTime>,
    /// Bounds of its own, in place of those in [`crate::Limits`].
    pub limits: PrincipalLimits,
    /// Whatever the authenticator wants its authorizers and filters to see, such as claims.
    pub attributes: Arc<dyn Any + Send + Sync>,
}

impl Principal {
    /// A principal without expiry, overrides and attributes.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self {
            id: id.into(),
            expires_at: None,
            limits: PrincipalLimits::default(),
            attributes: Arc::new(()),
        }
    }

    /// Everybody, on a broker without an authenticator.
    pub fn anonymous() -> Self {
        Self::new("anonymous")
    }

    /// The attributes, where they are of that type.
    pub fn attributes<T: Any>(&self) -> Option<&T> {
        self.attributes.downcast_ref()
    }
}

impl fmt::Debug for Principal {
    /// Without the attributes, which may hold what no log should.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds that one principal's sessions have in place of the broker's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrincipalLimits {
    /// In place of [`crate::Limits::queue_max`].
    pub queue_max: Option<usize>,
    /// In place of [`crate::Limits::queue_bytes_max`].
    pub queue_bytes_max: Option<usize>,
    /// What happens to a message of QoS 1 or 2 that finds the queue full. Default: [`WhenFull::DropNewest`].
    pub when_full: Option<WhenFull>,
    /// In place of [`crate::Limits::session_expiry_max`].
    pub session_expiry_max: Option<Duration>,
}

/// What happens to a message of QoS 1 or 2 for a session whose queue is full. QoS 0 is dropped and counted always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// This receiver does not get it, which is counted and told to observers; all others do. For clients that come
    /// and go: one dead phone must not stop a publisher.
    #[default]
    DropNewest,
    /// The publisher is refused before anybody got the message: 0x97 in 5; in 3.1.1, which has no code for it, the
    /// connection is closed without an acknowledgement. For a receiver that must see everything, such as an archive.
    PushBack,
}
