//! Plugins of one's own: user names are rooms, and everybody stays in the own room.
//!
//! `cargo run -p muster-broker --example own_plugin`, then `mosquitto_sub -p 1883 -u kitchen -t 'kitchen/#' -v` gets
//! what is published there, and `mosquitto_sub -p 1883 -u kitchen -t 'hall/#'` is refused.

use std::time::Duration;

use muster_broker::codec::Publish;
use muster_broker::plugin::{
    Authenticator, Authorizer, ConnectRequest, Decision, Event, FilterContext, Observer, Principal,
    PublishAccess, PublishFilter, ReceiveAccess, SubscribeAccess,
};
use muster_broker::{Broker, ReasonCode};

/// Whoever names a room is let in. A real one would look at the password, too.
struct Rooms;

#[async_trait::async_trait]
impl Authenticator for Rooms {
    async fn authenticate(&self, request: &ConnectRequest) -> Result<Principal, ReasonCode> {
        match &request.username {
            // A room that reads like a filter would open more than itself.
            Some(room) if !room.is_empty() && !room.contains(['+', '#', '/']) => {
                Ok(Principal::new(room.as_str()))
            }
            _ => Err(ReasonCode::BadUserNameOrPassword),
        }
    }
}

/// Allows what begins with the own room, and says nothing about the rest: nobody else does, so it is denied.
struct OwnRoom;

fn within(principal: &Principal, topic: &str) -> Decision {
    match topic.split('/').next() == Some(&*principal.id) {
        true => Decision::Allow,
        false => Decision::Abstain,
    }
}

impl Authorizer for OwnRoom {
    fn publish(&self, principal: &Principal, access: &PublishAccess<'_>) -> Decision {
        within(principal, access.topic)
    }

    fn subscribe(&self, principal: &Principal, access: &SubscribeAccess<'_>) -> Decision {
        within(principal, access.filter)
    }

    fn receive(&self, principal: &Principal, access: &ReceiveAccess<'_>) -> Decision {
        within(principal, access.topic)
    }
}

/// Refuses long messages.
struct Brief;

impl PublishFilter for Brief {
    fn filter(&self, publish: &mut Publish, _: &FilterContext<'_>) -> Result<(), ReasonCode> {
        match publish.payload.len() <= 1024 {
            true => Ok(()),
            false => Err(ReasonCode::QuotaExceeded),
        }
    }
}

/// Tells who comes and goes.
struct Doorkeeper;

impl Observer for Doorkeeper {
    fn observe(&self, event: &Event) {
        if let Event::Connected { .. } | Event::Disconnected { .. } = event {
            tracing::info!(?event);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let broker = Broker::builder()
        .authenticator(Rooms)
        .authorizer(OwnRoom)
        .filter(Brief)
        .observer(Doorkeeper)
        .listen_tcp("127.0.0.1:1883".parse()?)
        .build()
        .start()
        .await?;
    tokio::signal::ctrl_c().await?;
    broker.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
