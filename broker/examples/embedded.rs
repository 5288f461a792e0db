//! A broker inside another program: `cargo run -p muster-broker --example embedded`, then
//! `mosquitto_sub -p 1883 -t '#' -v`.

use std::time::Duration;

use muster_broker::codec::{Publish, PublishProperties, QoS};
use muster_broker::topic::TopicName;
use muster_broker::{Broker, Limits};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits {
        connections_max: 100,
        ..Limits::default()
    };
    let broker = Broker::builder()
        .limits(limits)
        .listen_tcp("127.0.0.1:1883".parse()?)
        .listen_websocket("127.0.0.1:8083".parse()?, "/mqtt")
        .build()
        .start()
        .await?;
    let clock = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: true,
        topic: Some(TopicName::parse("clock/uptime")?),
        packet_id: None,
        properties: PublishProperties::default(),
        payload: "0".into(),
    };
    for second in 0u64.. {
        broker.publish(Publish {
            payload: second.to_string().into(),
            ..clock.clone()
        })?;
        let wait = tokio::time::sleep(Duration::from_secs(1));
        tokio::select! { () = wait => {}, _ = tokio::signal::ctrl_c() => break }
    }
    broker.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
