//! Authorization by claims: the table of `muster_domain::rights`, asked for every publish, subscribe, will and delivery.

use muster_broker::plugin::{Authorizer, Decision, Principal, PublishAccess, ReceiveAccess, SubscribeAccess};
use muster_domain::{Claims, EventTopic, Role, rights};

/// Allows what the table allows, denies everything else. Principals without claims are denied.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClaimsAuthorizer;

fn judge(principal: &Principal, allowed: impl FnOnce(&Claims) -> bool) -> Decision {
    match principal.attributes::<Claims>() {
        Some(claims) if allowed(claims) => Decision::Allow,
        _ => Decision::Deny,
    }
}

impl Authorizer for ClaimsAuthorizer {
    fn publish(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision {
        judge(principal, |claims| {
            rights::may_publish(claims, access.topic) && (!access.retain || may_retain(claims, access.topic))
        })
    }

    fn subscribe(&self, principal: &Principal, access: &SubscribeAccess<'_>) -> Decision {
        judge(principal, |claims| {
            // Sharing is for services; then the filter itself is judged.
            (access.share_group.is_none() || claims.role == Role::Service)
                && rights::may_subscribe(claims, access.filter)
        })
    }

    fn receive(&self, principal: &Principal, access: &ReceiveAccess<'_>) -> Decision {
        judge(principal, |claims| rights::may_receive(claims, access.topic))
    }
}

/// Retained state is the service's to set, but for the last known position.
fn may_retain(claims: &Claims, topic: &str) -> bool {
    claims.role == Role::Service
        || EventTopic::parse(topic).is_ok_and(|topic| rights::may_retain(&topic.topic))
}
