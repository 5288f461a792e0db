//! SUBSCRIBE and UNSUBSCRIBE.

use super::{Effects, Engine, Reply, Time};
use crate::codec::{QoS, RetainHandling, Subscribe, Subscription, SubscriptionId, Unsubscribe};
use crate::log::{Position, Record};
use crate::plugin::{Event, SubscribeAccess};
use crate::reason::ReasonCode;
use crate::router::SessionKey;
use crate::session::{Queued, Subscribed};

impl Engine {
    /// Judges each filter by itself [MQTT-3.8.4-5], answers, and queues the retained messages.
    pub(super) fn subscribe(
        &mut self,
        key: SessionKey,
        subscribe: Subscribe,
        now: Time,
        effects: &mut Effects,
    ) -> Result<(), ReasonCode> {
        let shared_local = |subscription: &Subscription| {
            subscription.options.no_local && subscription.filter.share_group().is_some()
        };
        if subscribe.subscriptions.iter().any(shared_local) {
            // [MQTT-3.8.3-4]
            return Err(ReasonCode::ProtocolError);
        }
        let mut reasons = Vec::with_capacity(subscribe.subscriptions.len());
        let mut position = 0;
        for subscription in &subscribe.subscriptions {
            let outcome = self.subscribe_one(key, subscription, subscribe.subscription_id, now, effects);
            let client_id = || self.sessions[key as usize].client_id.clone();
            let filter = &subscription.filter;
            reasons.push(match outcome {
                Ok(at) => {
                    position = position.max(at);
                    let qos = subscription.options.qos;
                    effects.event(|| Event::Subscribed {
                        client_id: client_id(),
                        filter: filter.clone(),
                        qos,
                    });
                    match qos {
                        QoS::AtMostOnce => ReasonCode::GRANTED_QOS_0,
                        QoS::AtLeastOnce => ReasonCode::GrantedQos1,
                        QoS::ExactlyOnce => ReasonCode::GrantedQos2,
                    }
                }
                Err(reason) => {
                    effects.event(|| Event::SubscribeRefused {
                        client_id: client_id(),
                        filter: filter.clone(),
                        reason,
                    });
                    reason
                }
            });
        }
        self.reply(key, position, Reply::Suback(subscribe.packet_id, reasons));
        Ok(())
    }

    pub(super) fn subscribe_one(
        &mut self,
        key: SessionKey,
        subscription: &Subscription,
        id: Option<SubscriptionId>,
        now: Time,
        effects: &mut Effects,
    ) -> Result<Position, ReasonCode> {
        let Subscription { filter, options } = subscription;
        let session = &self.sessions[key as usize];
        if !self.chain.is_open() {
            let access = SubscribeAccess {
                client_id: &session.client_id,
                filter: filter.filter(),
                share_group: filter.share_group(),
                qos: options.qos,
            };
            if !self.chain.may_subscribe(&session.principal, &access) {
                return Err(ReasonCode::NotAuthorized);
            }
        }
        let new = !session.subscriptions.contains_key(filter);
        if new && session.subscriptions.len() >= self.limits.subscriptions_max {
            return Err(ReasonCode::QuotaExceeded);
        }
        let wanted = match options.retain_handling {
            // Shared subscriptions get none. [MQTT-3.8.4-8 and section 4.8.2]
            _ if filter.share_group().is_some() => false,
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => new,
            RetainHandling::DoNotSend => false,
        };
        let mut retained = Vec::new();
        if wanted {
            self.retained
                .matching(filter, now, &mut |message| retained.push(message.clone()));
            let waiting = session.queue.burst() + session.queue_qos0.burst();
            if waiting + retained.len() > self.limits.retained_burst_max {
                return Err(ReasonCode::QuotaExceeded);
            }
        }
        let filter = filter.detach();
        self.router.subscribe(key, &filter, *options, id);
        let session = &mut self.sessions[key as usize];
        let subscribed = Subscribed {
            options: *options,
            id,
        };
        let position = match session.expiry.is_zero() {
            true => 0,
            false => self.log.append(Record::Subscribed {
                session: session.id,
                filter: &filter,
                subscribed,
            }),
        };
        session.subscriptions.insert(filter, subscribed);
        let meta = id.map(|id| {
            std::sync::Arc::new(crate::router::DeliveryMeta {
                subscription_ids: vec![id],
                share: None,
            })
        });
        for message in retained {
            let qos = message.qos.min(options.qos);
            let queued = Queued {
                message,
                meta: meta.clone(),
                qos,
                retain: true,
                burst: true,
            };
            self.enqueue(key, queued, effects);
        }
        Ok(position)
    }

    /// Takes subscriptions away and answers. What waits already is still delivered. [section 3.10.4]
    pub(super) fn unsubscribe(&mut self, key: SessionKey, unsubscribe: Unsubscribe, effects: &mut Effects) {
        let mut position = 0;
        let mut reasons = Vec::with_capacity(unsubscribe.filters.len());
        for filter in unsubscribe.filters {
            let session = &mut self.sessions[key as usize];
            if session.subscriptions.remove(&filter).is_none() {
                reasons.push(ReasonCode::NoSubscriptionExisted);
                continue;
            }
            self.router.unsubscribe(key, &filter);
            if !session.expiry.is_zero() {
                let record = Record::Unsubscribed {
                    session: session.id,
                    filter: &filter,
                };
                position = position.max(self.log.append(record));
            }
            effects.event(|| Event::Unsubscribed {
                client_id: session.client_id.clone(),
                filter,
            });
            reasons.push(ReasonCode::Success);
        }
        self.reply(key, position, Reply::Unsuback(unsubscribe.packet_id, reasons));
    }
}
