//! `muster broker --open`: bare, for conformance suites and benchmarks.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};

use crate::muster::{Site, client, eventually, run, runtime, text};

#[test]
fn it_refuses_an_address_that_others_can_reach() {
    let output = run(&["broker", "--open", "--listen", "0.0.0.0:0"]);
    let text = text(&output);
    assert!(
        !output.status.success() && text.contains("--i-know-this-is-open"),
        "{text}"
    );
}

#[test]
fn it_takes_anonymous_clients_and_says_what_holds() {
    let mut site = Site::new();
    let metrics = crate::muster::free_address();
    site.settings.push(("MUSTER_METRICS_LISTEN", metrics.to_string()));
    let (mqtt, ws) = (site.mqtt.to_string(), site.ws.to_string());
    let process = site.start(&[
        "broker",
        "--open",
        "--listen",
        &mqtt,
        "--ws",
        &ws,
        "--durability",
        "fsync",
    ]);
    eventually("both listeners are open", || {
        std::net::TcpStream::connect(site.mqtt).is_ok() && std::net::TcpStream::connect(site.ws).is_ok()
    });
    assert!(
        process.output().contains("memory"),
        "says that nothing survives:\n{}",
        process.output()
    );

    let received = runtime().block_on(async {
        let mut options = MqttOptions::new("anybody", site.mqtt.ip().to_string(), site.mqtt.port());
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe("anything/#", QoS::AtLeastOnce).await.unwrap();
        loop {
            match tokio::time::timeout(Duration::from_secs(20), events.poll())
                .await
                .unwrap()
                .unwrap()
            {
                Event::Incoming(Incoming::SubAck(_)) => {
                    client
                        .publish("anything/at/all", QoS::AtLeastOnce, false, "hello")
                        .await
                        .unwrap();
                }
                Event::Incoming(Incoming::Publish(publish)) => break publish.payload,
                _ => {}
            }
        }
    });
    assert_eq!(received, "hello");
    let figures = runtime().block_on(async {
        let response = client()
            .get(format!("http://{metrics}/metrics"))
            .send()
            .await
            .unwrap();
        response.text().await.unwrap()
    });
    assert!(figures.contains("muster_broker_"), "{figures}");
    assert!(process.stop().success());
}
