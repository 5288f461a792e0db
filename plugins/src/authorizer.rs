//! Authorization by claims: the table of `muster_domain::rights`, asked for every publish, subscribe, will and delivery.

use std::time::{Duration, SystemTime};

use muster_broker::plugin::{Authorizer, Decision, Principal, PublishAccess, ReceiveAccess, SubscribeAccess};
use muster_domain::{Claims, EventTopic, Role, rights};

/// Allows what the table allows, denies everything else. Principals without claims are denied.
///
/// A will is published only while the token that left it is good: the broker cuts a connection whose token ends, and a
/// will whose delay outlives the token would be a publish without one.
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

    fn will(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision {
        match judge(principal, |claims| !is_over(claims, SystemTime::now())) {
            Decision::Allow => self.publish(principal, access),
            denied => denied,
        }
    }
}

/// Only a publish that is to be retained pays for reading its topic.
fn may_retain(claims: &Claims, topic: &str) -> bool {
    EventTopic::parse(topic).is_ok_and(|topic| rights::may_retain(claims, &topic.topic))
}

fn is_over(claims: &Claims, now: SystemTime) -> bool {
    let end = u64::try_from(claims.exp).unwrap_or(0);
    now.duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|now| now >= Duration::from_secs(end))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use muster_broker::codec::QoS;
    use muster_broker::plugin::PublishOrigin;
    use muster_domain::{AgencyId, ClientId, EventId};

    use super::*;

    fn claims(exp: i64) -> Claims {
        let client = ClientId::new("alice").unwrap();
        let (now, ttl) = (time::OffsetDateTime::now_utc(), time::Duration::HOUR);
        let mut claims =
            muster_auth::participant_claims("muster", client, AgencyId::new(), EventId::new(), now, ttl);
        claims.exp = exp;
        claims
    }

    fn principal(claims: Claims) -> Principal {
        let mut principal = Principal::new("alice");
        principal.attributes = Arc::new(claims);
        principal
    }

    fn access(topic: &str, origin: PublishOrigin) -> PublishAccess<'_> {
        PublishAccess {
            client_id: "alice",
            topic,
            qos: QoS::AtLeastOnce,
            retain: false,
            origin,
        }
    }

    #[test]
    fn a_principal_without_claims_may_nothing() {
        let mut strange = Principal::new("alice");
        for attributes in [
            Arc::new(()) as Arc<dyn std::any::Any + Send + Sync>,
            Arc::new("service"),
        ] {
            strange.attributes = attributes;
            let topic = format!("ev/{}/info", EventId::new());
            let (publish, will) = (
                access(&topic, PublishOrigin::Publish),
                access(&topic, PublishOrigin::Will),
            );
            let subscribe = SubscribeAccess {
                client_id: "alice",
                filter: &topic,
                share_group: None,
                qos: QoS::AtMostOnce,
            };
            let receive = ReceiveAccess {
                client_id: "alice",
                topic: &topic,
            };
            for decision in [
                ClaimsAuthorizer.publish(&strange, &publish),
                ClaimsAuthorizer.will(&strange, &will),
                ClaimsAuthorizer.subscribe(&strange, &subscribe),
                ClaimsAuthorizer.receive(&strange, &receive),
            ] {
                assert_eq!(decision, Decision::Deny);
            }
        }
    }

    #[test]
    fn a_will_ends_with_the_token_that_left_it() {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        for (exp, decision) in [
            (now + 60, Decision::Allow),
            (now - 1, Decision::Deny),
            (-1, Decision::Deny),
        ] {
            let claims = claims(exp);
            let topic = format!("ev/{}/help/alice", claims.evt.unwrap());
            let will = access(&topic, PublishOrigin::Will);
            assert_eq!(
                ClaimsAuthorizer.will(&principal(claims), &will),
                decision,
                "{exp}"
            );
        }
    }
}
