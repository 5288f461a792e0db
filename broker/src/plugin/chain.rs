//! The plugins of one broker as one decision.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use super::{
    Authorizer, Decision, FilterContext, Principal, PublishAccess, PublishFilter, PublishOrigin,
    ReceiveAccess, SubscribeAccess,
};
use crate::codec::Publish;
use crate::reason::ReasonCode;

/// Filters and authorizers in order, with the rules that hold over all of them. Cheap to clone.
#[derive(Clone, Default)]
pub struct Chain {
    filters: Arc<[Arc<dyn PublishFilter>]>,
    authorizers: Arc<[Arc<dyn Authorizer>]>,
}

impl Chain {
    /// A chain of these plugins, asked in this order.
    pub fn new(filters: Vec<Arc<dyn PublishFilter>>, authorizers: Vec<Arc<dyn Authorizer>>) -> Self {
        Self {
            filters: filters.into(),
            authorizers: authorizers.into(),
        }
    }

    /// True when there is nobody to deny anything.
    pub fn is_open(&self) -> bool {
        self.authorizers.is_empty()
    }

    /// Filters, then authorizes a publish. On success it is what shall be routed.
    ///
    /// # Errors
    /// The code of the first filter that refused, or 0x87.
    pub fn admit(
        &self,
        publish: &mut Publish,
        principal: &Principal,
        client_id: &str,
        origin: PublishOrigin,
        now: impl FnOnce() -> SystemTime,
    ) -> Result<(), ReasonCode> {
        if !self.filters.is_empty() {
            let context = FilterContext {
                principal,
                client_id,
                origin,
                now: now(),
            };
            let (qos, dup, packet_id) = (publish.qos, publish.dup, publish.packet_id);
            for filter in self.filters.iter() {
                let verdict = catch_unwind(AssertUnwindSafe(|| filter.filter(publish, &context)));
                // The flow towards the publisher is not the filter's to change.
                (publish.qos, publish.dup, publish.packet_id) = (qos, dup, packet_id);
                verdict.unwrap_or_else(|_| {
                    tracing::error!(client_id, "a publish filter panicked; the publish is refused");
                    Err(ReasonCode::ImplementationSpecificError)
                })?;
            }
        }
        if self.is_open() {
            return Ok(());
        }
        let Some(topic) = publish.topic.as_ref() else {
            return Err(ReasonCode::TopicNameInvalid);
        };
        let access = PublishAccess {
            client_id,
            topic: topic.as_str(),
            qos: publish.qos,
            retain: publish.retain,
            origin,
        };
        match self.may_publish(principal, &access) {
            true => Ok(()),
            false => Err(ReasonCode::NotAuthorized),
        }
    }

    /// Whether a publish or will is allowed, filters apart.
    pub fn may_publish(&self, principal: &Principal, access: &PublishAccess<'_>) -> bool {
        self.decide(|authorizer| match access.origin {
            PublishOrigin::Publish => authorizer.publish(principal, access),
            PublishOrigin::Will => authorizer.will(principal, access),
        })
    }

    /// Whether a subscription is allowed.
    pub fn may_subscribe(&self, principal: &Principal, access: &SubscribeAccess<'_>) -> bool {
        self.decide(|authorizer| authorizer.subscribe(principal, access))
    }

    /// Whether a message may be sent to this client now.
    pub fn may_receive(&self, principal: &Principal, access: &ReceiveAccess<'_>) -> bool {
        self.decide(|authorizer| authorizer.receive(principal, access))
    }

    fn decide(&self, mut ask: impl FnMut(&dyn Authorizer) -> Decision) -> bool {
        let mut allowed = self.is_open();
        for authorizer in self.authorizers.iter() {
            match catch_unwind(AssertUnwindSafe(|| ask(authorizer.as_ref()))) {
                Ok(Decision::Allow) => allowed = true,
                Ok(Decision::Abstain) => {}
                Ok(Decision::Deny) => return false,
                Err(_) => {
                    tracing::error!("an authorizer panicked; that is a denial");
                    return false;
                }
            }
        }
        allowed
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("filters", &self.filters.len())
            .field("authorizers", &self.authorizers.len())
            .finish()
    }
}
