//! Before the crowd comes: who runs the event, the event, and those who answer.

use anyhow::{Context, bail};
use muster_domain::payload::{EventCard, EventStatus};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::task::JoinSet;
use uuid::Uuid;

use std::sync::Arc;

use crate::api::{Agency, Api, MqttToken};
use crate::args::CrowdArgs;

/// The event and the organizer's rights there.
pub struct Host {
    /// The organizer's token for the API.
    pub token: String,
    /// The agency's id.
    pub agency: String,
    /// The event.
    pub event: EventCard,
}

/// Registers or logs in, and creates or finds the event; it is published then.
///
/// # Errors
/// The words of the API, or what of the flags does not fit what is there.
pub async fn host(api: &Api, args: &CrowdArgs) -> anyhow::Result<Host> {
    api.probe().await?;
    let (token, agency) = match (&args.email, &args.password) {
        (Some(email), Some(password)) => {
            let token = api.login(email, password).await.context("logging in")?.token;
            let agency = find_agency(api, &token, args.agency.as_deref()).await?;
            (token, agency)
        }
        _ => {
            let (email, password) = (address("organizer"), password());
            let account = api.register(&email, "Crowd organizer", &password).await;
            let token = account.context("registering an organizer")?.token;
            let agency = api
                .found_agency(&token, "Crowd agency")
                .await
                .context("founding an agency")?;
            (token, agency)
        }
    };
    let event = match (&args.event, &args.code) {
        (None, None) => {
            let event = new_event();
            api.create_event(&token, &agency.id, event)
                .await
                .context("creating an event")?
        }
        (id, code) => {
            let events = api
                .events(&token, &agency.id)
                .await
                .context("listing the agency's events")?;
            let wanted = |event: &EventCard| match (id, code) {
                (Some(id), _) => event.id.to_string() == *id,
                (None, code) => code
                    .as_deref()
                    .is_some_and(|code| event.join_code.eq_ignore_ascii_case(code)),
            };
            let name = id.as_deref().or(code.as_deref()).unwrap_or_default();
            events
                .into_iter()
                .find(wanted)
                .with_context(|| format!("the agency has no event {name}"))?
        }
    };
    let event = match event.status {
        EventStatus::Published => event,
        EventStatus::Draft => {
            let id = event.id.to_string();
            api.publish_event(&token, &agency.id, &id)
                .await
                .context("publishing the event")?
        }
        EventStatus::Ended => bail!("the event {} has ended: nobody can join it", event.join_code),
    };
    Ok(Host {
        token,
        agency: agency.id,
        event,
    })
}

async fn find_agency(api: &Api, token: &str, wanted: Option<&str>) -> anyhow::Result<Agency> {
    let agencies = api
        .agencies(token)
        .await
        .context("asking for the organizer's agencies")?;
    let found = agencies.into_iter().find(|agency| match wanted {
        Some(id) => agency.id == id,
        None => agency.role == "organizer",
    });
    match wanted {
        Some(id) => found.with_context(|| format!("this account is no member of an agency {id}")),
        None => found.context("this account is no organizer of any agency"),
    }
}

fn new_event() -> serde_json::Value {
    let now = OffsetDateTime::now_utc();
    let at = |time: OffsetDateTime| time.format(&Rfc3339).expect("a time of this century has a form");
    json!({
        "name": "Crowd rehearsal",
        "venue": "Rehearsal grounds",
        "lat": VENUE.0,
        "lon": VENUE.1,
        "starts_at": at(now - Duration::HOUR),
        "ends_at": at(now + Duration::DAY),
    })
}

/// Latitude and longitude about which participants stand when the event has none.
pub const VENUE: (f64, f64) = (52.5125, 13.4280);

/// Adds operators of the crowd's own to the agency and gets each a token for the broker.
///
/// # Errors
/// The first refusal, in the words of the API.
pub async fn operators(api: &Arc<Api>, host: &Host, count: u32) -> anyhow::Result<Vec<MqttToken>> {
    let event = host.event.id.to_string();
    let mut tasks = JoinSet::new();
    for number in 1..=count {
        let (api, event) = (Arc::clone(api), event.clone());
        let (token, agency) = (host.token.clone(), host.agency.clone());
        tasks.spawn(async move {
            let (email, password) = (address("operator"), password());
            api.add_operator(&token, &agency, &email, &format!("Operator {number}"), &password)
                .await
                .context("adding an operator")?;
            let account = api
                .login(&email, &password)
                .await
                .context("logging an operator in")?;
            api.staff_token(&account.token, &agency, &event)
                .await
                .context("getting an operator's token")
        });
    }
    let mut tokens = Vec::with_capacity(count as usize);
    while let Some(token) = tasks.join_next().await {
        tokens.push(token.context("an operator's setup ended early")??);
    }
    Ok(tokens)
}

/// A new address under a domain that can never receive mail (RFC 2606).
fn address(role: &str) -> String {
    format!("{role}-{}@crowd.invalid", Uuid::now_v7().simple())
}

fn password() -> String {
    format!("{:032x}", rand::random::<u128>())
}
