//! The role that inspects, changes or refuses a publish.

use std::sync::Arc;
use std::time::SystemTime;

use super::Principal;
use crate::codec::Publish;
use crate::reason::ReasonCode;

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublishOrigin {
    /// A PUBLISH packet.
    Publish,
    /// The will in a CONNECT.
    Will,
}

/// What a filter knows beside the publish itself.
#[derive(Debug, Clone, Copy)]
pub struct FilterContext<'a> {
    /// The publisher.
    pub principal: &'a Principal,
    /// The publisher's client id.
    pub client_id: &'a str,
    /// A publish, or a will.
    pub origin: PublishOrigin,
    /// The wall clock.
    pub now: SystemTime,
}

/// Inspects, changes or refuses a publish before it is authorized. Any number per broker, run in order.
///
/// Runs on the publisher's task with nothing locked; it must not block.
pub trait PublishFilter: Send + Sync + 'static {
    /// Looks at a publish. `publish.topic` is always set (aliases are resolved before); topic, payload and
    /// properties may be changed, the QoS, packet identifier and DUP flag are put back to what they were.
    ///
    /// # Errors
    /// The code of the acknowledgement that refuses it. A panic refuses with 0x83.
    fn filter(&self, publish: &mut Publish, context: &FilterContext<'_>) -> Result<(), ReasonCode>;
}

impl<T: PublishFilter + ?Sized> PublishFilter for Arc<T> {
    fn filter(&self, publish: &mut Publish, context: &FilterContext<'_>) -> Result<(), ReasonCode> {
        (**self).filter(publish, context)
    }
}
