//! The role that allows or denies.

use std::sync::Arc;

use super::{Principal, PublishOrigin};
use crate::codec::QoS;

/// One authorizer's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Allowed, unless another denies.
    Allow,
    /// Denied, whatever others say.
    Deny,
    /// Not mine to say.
    Abstain,
}

/// A client wants to publish (or leaves a will).
#[derive(Debug, Clone, Copy)]
pub struct PublishAccess<'a> {
    /// The publisher's client id.
    pub client_id: &'a str,
    /// The topic, as the filters left it.
    pub topic: &'a str,
    /// Quality of service of the publish.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
    /// A publish, or a will.
    pub origin: PublishOrigin,
}

/// A client wants to subscribe.
#[derive(Debug, Clone, Copy)]
pub struct SubscribeAccess<'a> {
    /// The subscriber's client id.
    pub client_id: &'a str,
    /// The filter, without `$share/{group}/`.
    pub filter: &'a str,
    /// The group of a shared subscription.
    pub share_group: Option<&'a str>,
    /// Highest quality of service asked for.
    pub qos: QoS,
}

/// A message is about to be sent to a client.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveAccess<'a> {
    /// The receiver's client id.
    pub client_id: &'a str,
    /// The message's topic.
    pub topic: &'a str,
}

/// Decides what a principal may do. Any number per broker: deny overrides, all abstaining is deny.
///
/// Called on the hot path while the broker's state is locked, so it must neither block nor wait; a decision should
/// follow from the principal's attributes and the topic. A panic denies.
pub trait Authorizer: Send + Sync + 'static {
    /// May the principal publish this?
    fn publish(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision;

    /// May the principal subscribe to this?
    fn subscribe(&self, principal: &Principal, access: &SubscribeAccess<'_>) -> Decision;

    /// May the principal get a message of this topic now? Asked for every delivery when it is sent, so that what
    /// waited in a queue is judged by today's rights.
    fn receive(&self, principal: &Principal, access: &ReceiveAccess<'_>) -> Decision;

    /// May the principal leave this will? Asked at CONNECT and again when the will is published.
    fn will(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision {
        self.publish(principal, access)
    }
}

impl<T: Authorizer + ?Sized> Authorizer for Arc<T> {
    fn publish(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision {
        (**self).publish(principal, access)
    }

    fn subscribe(&self, principal: &Principal, access: &SubscribeAccess<'_>) -> Decision {
        (**self).subscribe(principal, access)
    }

    fn receive(&self, principal: &Principal, access: &ReceiveAccess<'_>) -> Decision {
        (**self).receive(principal, access)
    }

    fn will(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision {
        (**self).will(principal, access)
    }
}
