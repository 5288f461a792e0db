//! `muster token`: a radio of a team connects with it, and only to what its role allows.

use std::time::Duration;

use muster_domain::{AgencyId, EventId};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, Incoming, MqttOptions};

use crate::muster::{Site, runtime};

fn mint(site: &Site, args: &[&str]) -> String {
    let output = site.command(&[&["token"], args].concat()).output().unwrap();
    assert!(output.status.success(), "{}", crate::muster::text(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn options(site: &Site, client: &str, token: &str) -> MqttOptions {
    let mut options = MqttOptions::new(client, site.mqtt.ip().to_string(), site.mqtt.port());
    options
        .set_credentials("any", token)
        .set_keep_alive(Duration::from_secs(5));
    options
}

#[test]
fn a_radio_says_where_it_is_and_nothing_else() {
    let site = Site::new();
    let up = site.up();
    let (event, agency) = (EventId::new().to_string(), AgencyId::new().to_string());
    let token = mint(
        &site,
        &[
            "--role", "device", "--client", "beacon-7", "--event", &event, "--agency", &agency,
        ],
    );

    let answer = |topic: String, payload: &'static str| {
        let (site, token) = (&site, &token);
        runtime().block_on(async move {
            let (client, mut events) = AsyncClient::new(options(site, "beacon-7", token), 10);
            client
                .publish(topic, QoS::AtLeastOnce, false, payload)
                .await
                .unwrap();
            loop {
                let event = tokio::time::timeout(Duration::from_secs(20), events.poll())
                    .await
                    .unwrap()
                    .unwrap();
                if let Event::Incoming(Incoming::PubAck(ack)) = event {
                    break ack.reason;
                }
            }
        })
    };
    let here = r#"{"_type":"location","lat":52.5,"lon":13.4,"tst":1795000000,"acc":5}"#;
    let taken = answer(format!("ev/{event}/loc/devices/beacon-7"), here);
    assert!(
        matches!(taken, PubAckReason::Success | PubAckReason::NoMatchingSubscribers),
        "{taken:?}"
    );
    assert_eq!(
        answer(format!("ev/{event}/loc/devices/beacon-8"), here),
        PubAckReason::NotAuthorized
    );
    assert_eq!(
        answer(format!("ev/{}/loc/devices/beacon-7", EventId::new()), here),
        PubAckReason::NotAuthorized
    );
    assert!(up.stop().success());
}

#[test]
fn an_expired_token_is_refused_with_a_reason() {
    let mut site = Site::new();
    site.settings.push(("MUSTER_AUTH_LEEWAY_S", "0".into()));
    let up = site.up();
    let event = EventId::new().to_string();
    let args = [
        "--role", "device", "--client", "late", "--event", &event, "--agency", &event, "--ttl", "1s",
    ];
    let token = mint(&site, &args);
    crate::muster::eventually("the token is past its end", || {
        runtime().block_on(async {
            let (_client, mut events) = AsyncClient::new(options(&site, "late", &token), 10);
            loop {
                match tokio::time::timeout(Duration::from_secs(20), events.poll())
                    .await
                    .unwrap()
                {
                    Ok(Event::Incoming(Incoming::ConnAck(ack))) => {
                        break ack.code != ConnectReturnCode::Success;
                    }
                    Ok(_) => {}
                    Err(ConnectionError::ConnectionRefused(code)) => {
                        assert_eq!(code, ConnectReturnCode::NotAuthorized);
                        break true;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        })
    });
    assert!(up.stop().success());
}

/// Whether the broker takes a client with this token.
fn connects(site: &Site, client: &str, token: &str) -> bool {
    runtime().block_on(async {
        let (_client, mut events) = AsyncClient::new(options(site, client, token), 10);
        match tokio::time::timeout(Duration::from_secs(20), events.poll())
            .await
            .unwrap()
        {
            Ok(Event::Incoming(Incoming::ConnAck(ack))) => ack.code == ConnectReturnCode::Success,
            Ok(other) => panic!("{other:?}"),
            Err(ConnectionError::ConnectionRefused(_)) => false,
            Err(error) => panic!("{error}"),
        }
    })
}

#[test]
fn a_rotated_key_is_taken_up_without_a_restart_and_old_tokens_stay_good() {
    let site = Site::new();
    let up = site.up();
    let event = EventId::new().to_string();
    let args = [
        "--role", "device", "--client", "gate-1", "--event", &event, "--agency", &event,
    ];
    let old = mint(&site, &args);
    let output = site.command(&["keys", "rotate"]).output().unwrap();
    assert!(output.status.success(), "{}", crate::muster::text(&output));
    let new = mint(&site, &args);
    crate::muster::eventually("the broker believes the new key", || {
        connects(&site, "gate-1", &new)
    });
    assert!(
        connects(&site, "gate-1", &old),
        "what the old key signed stays valid"
    );
    let kids = |text: &str| text.matches("\"kid\"").count();
    crate::muster::eventually("the API publishes both keys", || {
        site.get("/.well-known/jwks.json")
            .is_some_and(|(_, body)| kids(&body) == 2)
    });
    assert!(site.get("/readyz").is_some_and(|(status, _)| status == 200));
    assert!(up.stop().success());
}
