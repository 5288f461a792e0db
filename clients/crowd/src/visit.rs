//! Visitors without operators of their own: they join an event by its code, ask for help, and talk with the people who
//! answer at the console. For demonstrations and training; nothing is counted.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use muster_broker::codec::{QoS, SubscribeOptions};
use muster_broker::topic::{TopicFilter, TopicName};
use muster_domain::payload::{Case, CaseState, Chat, EventCard, Help, HelpKind, Location, LocationKind};
use muster_domain::{ClientId, EventTopic, MessageId, Topic};
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::Api;
use crate::args::CrowdArgs;
use crate::client::{Client, ClientConfig, Endpoint, Event, Token};
use crate::files;
use crate::progress::Progress;
use crate::setup::VENUE;

/// How long visitors stay when nobody says otherwise.
const STAY: Duration = Duration::from_secs(600);
/// Between two lines of progress.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long leaving may take.
const LEAVE_TIME: Duration = Duration::from_secs(5);
/// Seconds after which a location that nobody cleared is gone.
const LOCATION_EXPIRY_S: u32 = 900;
/// Positions are told again this often while a case is open.
const LOCATION_EVERY: Duration = Duration::from_secs(15);

/// What visitors ask for, and what they say when somebody answers.
const TROUBLES: [(HelpKind, &str, &str); 8] = [
    (
        HelpKind::Urgent,
        "My friend fainted near the stage",
        "She is awake again, but pale",
    ),
    (
        HelpKind::Service,
        "Where can I fill up water?",
        "Thank you, found it",
    ),
    (
        HelpKind::Service,
        "I lost my backpack, it is blue",
        "It has a yellow strap",
    ),
    (
        HelpKind::Urgent,
        "A child is alone here and looking for his parents",
        "He says his name is Noah",
    ),
    (
        HelpKind::Service,
        "Is there a quieter exit? My mother uses a wheelchair",
        "We are next to the food stands",
    ),
    (
        HelpKind::Life,
        "A man is lying on the ground and does not answer",
        "He is breathing now",
    ),
    (
        HelpKind::Service,
        "When does the last bus leave?",
        "Great, thanks",
    ),
    (
        HelpKind::Urgent,
        "It is getting very tight at the north gate",
        "It is still pushing from behind",
    ),
];

/// How many visitors are where.
#[derive(Debug, Clone, Copy, Default)]
struct Places {
    waiting: usize,
    answered: usize,
    closed: usize,
}

/// Brings the visitors and stays until every case is closed, the time is over, or Ctrl-C; then they withdraw.
///
/// # Errors
/// A flag, a server that is not there, an event that cannot be joined, or the first visitor who failed.
pub async fn visit(args: CrowdArgs) -> anyhow::Result<()> {
    let plan = args.plan()?;
    files::allow(u64::from(args.participants) + u64::from(args.http_concurrency))?;
    let api = Arc::new(Api::new(&plan.url, args.http_concurrency)?);
    api.probe().await?;
    let endpoint = Arc::new(Endpoint::resolve(&plan.mqtt_url).await?);
    let code: Arc<str> = args.code.as_deref().unwrap_or_default().into();
    let places = watch::Sender::new(Places::default());
    let leave = tokio_util::sync::CancellationToken::new();
    let mut visitors = JoinSet::new();
    for index in 0..args.participants {
        let client = ClientConfig {
            inflight_max: args.inflight,
            reconnect_limit: args.reconnect_limit,
            ..ClientConfig::new(Arc::clone(&endpoint), "")
        };
        let (api, code) = (Arc::clone(&api), Arc::clone(&code));
        let (places, leave) = (places.clone(), leave.clone());
        let arrival = plan.ramp.mul_f64(f64::from(index) / f64::from(args.participants));
        visitors.spawn(async move {
            if leave
                .run_until_cancelled(tokio::time::sleep(arrival))
                .await
                .is_none()
            {
                return Ok(());
            }
            let name = format!("Visitor {}", index + 1);
            let token = api
                .join(&code, &name)
                .await
                .with_context(|| format!("joining {code}"))?;
            let mut visitor = Visitor {
                client: Client::new(ClientConfig {
                    client_id: token.client_id.to_string(),
                    password: Some(token.token),
                    ..client
                }),
                me: token.client_id,
                event: token.event,
                index: index as usize,
                state: None,
                said: false,
                messages: 0,
            };
            let result = visitor.stay(&places, &leave).await;
            visitor.client.close(true).await;
            result
        });
    }
    watch_over(
        &mut visitors,
        &places,
        &leave,
        args.timeout.map_or(STAY, Duration::from_secs_f64),
    )
    .await
}

async fn watch_over(
    visitors: &mut JoinSet<anyhow::Result<()>>,
    places: &watch::Sender<Places>,
    leave: &tokio_util::sync::CancellationToken,
    stay: Duration,
) -> anyhow::Result<()> {
    let mut progress = Progress::new();
    let mut beat = tokio::time::interval(TELL_EVERY);
    let over = tokio::time::sleep(stay);
    tokio::pin!(over);
    let mut trouble = None;
    loop {
        tokio::select! {
            ended = visitors.join_next() => match ended {
                None => break,
                Some(ended) => if let Err(error) = ended.context("a visitor ended early").flatten() {
                    trouble.get_or_insert(error);
                },
            },
            _ = beat.tick() => {
                let now = *places.borrow();
                progress.line(|| format!(
                    "{} waiting, {} with an operator, {} helped; answer them at the console (Ctrl-C lets them leave)",
                    now.waiting, now.answered, now.closed
                ));
            }
            Ok(()) = tokio::signal::ctrl_c(), if !leave.is_cancelled() => leave.cancel(),
            () = &mut over, if !leave.is_cancelled() => leave.cancel(),
        }
    }
    progress.end();
    let last = *places.borrow();
    progress.say(&format!(
        "{} helped, {} left and withdrew",
        last.closed,
        last.waiting + last.answered
    ));
    trouble.map_or(Ok(()), Err)
}

struct Visitor {
    client: Client,
    me: ClientId,
    event: EventCard,
    index: usize,
    /// Of the case, once there is one.
    state: Option<CaseState>,
    /// Has answered the operator.
    said: bool,
    /// Publishes so far; names the next one.
    messages: Token,
}

impl Visitor {
    async fn stay(
        &mut self,
        places: &watch::Sender<Places>,
        leave: &tokio_util::sync::CancellationToken,
    ) -> anyhow::Result<()> {
        let filters = [format!("case/{}", self.me), format!("chat/{}/+", self.me)].map(|rest| {
            let options = SubscribeOptions {
                qos: QoS::AtLeastOnce,
                no_local: true,
                ..SubscribeOptions::default()
            };
            let filter = TopicFilter::parse(&format!("ev/{}/{rest}", self.event.id)).expect("a topic filter");
            (filter, options)
        });
        self.client.subscribe(filters, 0);
        let mut beat = tokio::time::interval(LOCATION_EVERY);
        let mut asked = false;
        loop {
            tokio::select! {
                event = self.client.next() => match event? {
                    Event::Subscribed(_) if !asked => {
                        asked = true;
                        self.help(TROUBLES[self.index % TROUBLES.len()].0.clone())?;
                    }
                    Event::Message(publish) => {
                        let topic = publish.topic.as_ref().map(|topic| topic.as_str().to_owned());
                        self.on_message(&topic.unwrap_or_default(), &publish.payload, places)?;
                        if self.state == Some(CaseState::Closed) {
                            return Ok(());
                        }
                    }
                    Event::Acked { reason, .. } if reason.is_error() => bail!("the broker refused a message: {reason}"),
                    _ => {}
                },
                _ = beat.tick(), if matches!(self.state, Some(CaseState::Queued | CaseState::Claimed)) => self.tell_location()?,
                () = leave.cancelled() => break,
            }
        }
        // Nobody is to wait for somebody who has gone.
        if asked && self.state != Some(CaseState::Closed) {
            self.help(HelpKind::Withdraw)?;
            let last = self.messages;
            let gone = async {
                while !matches!(self.client.next().await?, Event::Acked { token, .. } if token == last) {}
                anyhow::Ok(())
            };
            let _ = tokio::time::timeout(LEAVE_TIME, gone).await;
        }
        Ok(())
    }

    fn on_message(
        &mut self,
        topic: &str,
        payload: &[u8],
        places: &watch::Sender<Places>,
    ) -> anyhow::Result<()> {
        match EventTopic::parse(topic).map(|topic| topic.topic) {
            Ok(Topic::Case { .. }) if !payload.is_empty() => {
                let case: Case =
                    serde_json::from_slice(payload).context("the case is not as it should be")?;
                let before = self.state.replace(case.state);
                places.send_modify(|places| {
                    for (state, by) in [(before, false), (self.state, true)] {
                        let place = match state {
                            Some(CaseState::Queued) => &mut places.waiting,
                            Some(CaseState::Claimed) => &mut places.answered,
                            Some(CaseState::Closed) => &mut places.closed,
                            None => continue,
                        };
                        *place = if by { *place + 1 } else { place.saturating_sub(1) };
                    }
                });
            }
            Ok(Topic::Chat { sender, .. }) if sender != self.me && !self.said => {
                self.said = true;
                let chat = Chat {
                    id: MessageId::new(),
                    at: OffsetDateTime::now_utc(),
                    text: TROUBLES[self.index % TROUBLES.len()].2.into(),
                    reply_to: None,
                };
                self.publish(
                    Topic::Chat {
                        client: self.me.clone(),
                        sender: self.me.clone(),
                    },
                    &chat,
                )?;
            }
            _ => {}
        }
        Ok(())
    }

    fn help(&mut self, kind: HelpKind) -> anyhow::Result<()> {
        let asks = kind != HelpKind::Withdraw;
        let help = Help {
            id: MessageId::new(),
            kind,
            text: if asks {
                TROUBLES[self.index % TROUBLES.len()].1.into()
            } else {
                String::new()
            },
            seat: asks.then(|| format!("Block {}", char::from(b'A' + (self.index % 26) as u8))),
            location: asks.then(|| self.location()),
        };
        self.publish(
            Topic::Help {
                client: self.me.clone(),
            },
            &help,
        )
    }

    /// Somewhere within some 200 m of the venue, wandering a little.
    fn location(&self) -> Location {
        let angle = self.index as f64 * 2.399_963;
        let metres = 30.0 + 170.0 * ((self.index % 29) as f64 / 29.0) + 5.0 * rand::random::<f64>();
        let (lat, lon) = (
            self.event.lat.unwrap_or(VENUE.0),
            self.event.lon.unwrap_or(VENUE.1),
        );
        Location {
            kind: LocationKind::Location,
            lat: (lat + metres * angle.sin() / 111_320.0).clamp(-90.0, 90.0),
            lon: (lon + metres * angle.cos() / (111_320.0 * lat.to_radians().cos().max(0.01)))
                .clamp(-180.0, 180.0),
            tst: OffsetDateTime::now_utc().unix_timestamp(),
            acc: Some(12.0),
            alt: None,
            vel: None,
            cog: None,
            batt: None,
        }
    }

    fn tell_location(&mut self) -> anyhow::Result<()> {
        let topic = Topic::Loc {
            group: "participants".into(),
            client: self.me.clone(),
        };
        let topic = self.topic(topic);
        let payload = serde_json::to_vec(&self.location())?;
        self.messages += 1;
        Ok(self
            .client
            .publish_with(topic, payload, self.messages, true, Some(LOCATION_EXPIRY_S))?)
    }

    fn topic(&self, topic: Topic) -> TopicName {
        let name = EventTopic::new(self.event.id, topic).to_string();
        TopicName::parse(&name).expect("an event's topics are topic names")
    }

    fn publish(&mut self, topic: Topic, payload: &impl serde::Serialize) -> anyhow::Result<()> {
        let topic = self.topic(topic);
        self.messages += 1;
        Ok(self
            .client
            .publish(topic, serde_json::to_vec(payload)?, self.messages)?)
    }
}
