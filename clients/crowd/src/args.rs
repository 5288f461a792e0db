//! The flags of `muster crowd`, and what they come to.

use std::num::NonZeroU16;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::schedule;

/// Most chats of one crowd: a client takes a file descriptor and a port, of which an address has 28,000 by default.
pub const CHATS_MAX: u32 = 25_000;
/// Most messages of one crowd, both sides together: the books take about 64 bytes for each.
pub const MESSAGES_MAX: u64 = 20_000_000;

/// Simulates an event's crowd over real sockets against a running Muster, and counts what became of every message.
///
/// Without --email it registers an organizer, an agency, an event and operators of its own.
#[derive(Debug, Clone, Args)]
pub struct CrowdArgs {
    /// Where Muster's HTTP API and pages are
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://localhost:8080",
        env = "MUSTER_URL"
    )]
    pub url: String,
    /// Where its MQTT is, ws://HOST:PORT/PATH or mqtt://HOST:PORT [default: --url with /mqtt]
    #[arg(long, value_name = "URL")]
    pub mqtt_url: Option<String>,

    /// People who ask for help, one chat each
    #[arg(long, value_name = "N", default_value_t = 20, visible_alias = "chats")]
    pub participants: u32,
    /// Operators who answer them [default: 1 for each 10 chats; 1 for each 50 with --rate]; 0 with --code brings
    /// participants alone, for people at the console to answer
    #[arg(long, value_name = "M")]
    pub operators: Option<u32>,
    /// Messages by each participant, each sent when the one before was answered
    #[arg(long, value_name = "K", default_value_t = 5, conflicts_with_all = ["rate", "duration"])]
    pub messages: u32,
    /// Messages per second by each participant, sent at their times whatever happens; each is answered at once, so twice
    /// as many cross the system
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
    /// Seconds for which --rate holds [default: 60]
    #[arg(long, value_name = "SECONDS", requires = "rate")]
    pub duration: Option<f64>,
    /// Seconds over which the participants arrive [default: 1 for each 100]
    #[arg(long, value_name = "SECONDS")]
    pub ramp: Option<f64>,
    /// Seconds between two locations of a participant while the case is open; 0 shares none
    #[arg(long, value_name = "SECONDS", default_value_t = 15.0)]
    pub location_every: f64,

    /// Log in as this organizer instead of registering one
    #[arg(long, value_name = "EMAIL", requires = "password")]
    pub email: Option<String>,
    /// Their password
    #[arg(
        long,
        value_name = "PASSWORD",
        requires = "email",
        env = "MUSTER_PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<String>,
    /// Use this agency, by id [default: the first that the organizer runs]
    #[arg(long, value_name = "ID", requires = "email")]
    pub agency: Option<String>,
    /// Use this event, by id
    #[arg(long, value_name = "ID", requires = "email", conflicts_with = "code")]
    pub event: Option<String>,
    /// Use this event, by join code; without --email it takes --operators 0
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,

    /// HTTP requests at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub http_concurrency: u16,
    /// Unacknowledged publishes of one client at once
    #[arg(long, value_name = "N", default_value_t = const { NonZeroU16::new(32).unwrap() })]
    pub inflight: NonZeroU16,
    /// Times that each client connects again before it gives up
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub reconnect_limit: u32,
    /// Seconds for all of it, the archive not counted [default: 120 and what --ramp and --duration take]
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<f64>,
    /// Seconds to wait for the archive to hold everything
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub archive_timeout: f64,
    /// Print the report as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// How messages are paced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The next one when the last was answered.
    Answered,
    /// One each period, whatever happens.
    Every(Duration),
}

/// The flags, checked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The API without a slash at the end.
    pub url: String,
    /// The broker.
    pub mqtt_url: String,
    /// People who ask for help.
    pub participants: u32,
    /// People who answer.
    pub operators: u32,
    /// Messages by each participant.
    pub messages: u32,
    /// When they are sent.
    pub pace: Pace,
    /// Time over which the participants arrive.
    pub ramp: Duration,
    /// Time between two locations.
    pub location_every: Option<Duration>,
    /// Most time for all of it.
    pub timeout: Duration,
    /// Most time for the archive.
    pub archive_timeout: Duration,
}

impl Plan {
    /// The most chats of one operator: as many as each must take for all to be answered.
    pub fn share(&self) -> u32 {
        self.participants.div_ceil(self.operators)
    }
}

fn seconds(flag: &str, value: f64) -> anyhow::Result<Duration> {
    if !(0.0..=86_400.0).contains(&value) {
        bail!("{flag} takes 0 to 86400 seconds, not {value}");
    }
    Ok(Duration::from_secs_f64(value))
}

impl CrowdArgs {
    /// Whether participants come alone, to be answered by people: see [`crate::visit`].
    pub fn visits(&self) -> bool {
        self.operators == Some(0) && self.code.is_some() && self.email.is_none()
    }

    /// Checks the flags together.
    ///
    /// # Errors
    /// Names the flag and what it takes.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let url = self.url.trim_end_matches('/').to_owned();
        let Some((scheme, rest)) = url.split_once("://") else {
            bail!("--url takes http://HOST:PORT, not {url}");
        };
        let mqtt_url = match (&self.mqtt_url, scheme) {
            (Some(mqtt_url), "http" | "https") => mqtt_url.clone(),
            (None, "http") => format!("ws://{rest}/mqtt"),
            (None, "https") => bail!(
                "the crowd's MQTT speaks no TLS: give --mqtt-url ws://HOST:PORT/mqtt or mqtt://HOST:PORT, the address \
                 behind the proxy"
            ),
            _ => bail!("--url takes http://HOST:PORT, not {url}"),
        };
        if self.code.is_some() && self.email.is_none() && !self.visits() {
            bail!(
                "--code takes --email and --password of an organizer, or --operators 0 for participants alone"
            );
        }
        if !(1..=CHATS_MAX).contains(&self.participants) {
            bail!("--participants takes 1 to {CHATS_MAX}, not {}", self.participants);
        }
        let share = if self.rate.is_some() { 50 } else { 10 };
        let operators = self.operators.unwrap_or(self.participants.div_ceil(share));
        if !self.visits() && !(1..=self.participants).contains(&operators) {
            bail!("--operators takes 1 to the number of participants, not {operators}");
        }
        let duration = seconds("--duration", self.duration.unwrap_or(60.0))?;
        let (pace, messages) = match self.rate {
            None => (Pace::Answered, self.messages),
            Some(rate) if (0.001..=1000.0).contains(&rate) => (
                Pace::Every(Duration::from_secs_f64(1.0 / rate)),
                schedule::message_count(rate, duration),
            ),
            Some(rate) => bail!("--rate takes 0.001 to 1000 messages per second, not {rate}"),
        };
        if messages == 0 {
            bail!("--messages takes 1 or more");
        }
        let all = u64::from(messages) * u64::from(self.participants) * 2;
        if all > MESSAGES_MAX {
            bail!("that makes {all} messages; {MESSAGES_MAX} are the most of one crowd");
        }
        let ramp = seconds(
            "--ramp",
            self.ramp.unwrap_or(f64::from(self.participants) / 100.0),
        )?;
        let running = if self.rate.is_some() {
            duration
        } else {
            Duration::ZERO
        };
        let timeout = match self.timeout {
            Some(timeout) => seconds("--timeout", timeout)?,
            None => Duration::from_secs(120) + ramp + running,
        };
        let location_every =
            Some(seconds("--location-every", self.location_every)?).filter(|every| *every > Duration::ZERO);
        Ok(Plan {
            url,
            mqtt_url,
            participants: self.participants,
            operators,
            messages,
            pace,
            ramp,
            location_every,
            timeout,
            archive_timeout: seconds("--archive-timeout", self.archive_timeout).context("archive")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: CrowdArgs,
    }

    fn plan(flags: &str) -> Result<Plan, String> {
        let words = std::iter::once("crowd").chain(flags.split_whitespace());
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        cli.args.plan().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_published_load_in_its_own_words() {
        let plan = plan("--url http://127.0.0.1:9/ --chats 257 --rate 10 --duration 60 --ramp 5").unwrap();
        assert_eq!((plan.participants, plan.operators, plan.messages), (257, 6, 600));
        assert_eq!(plan.pace, Pace::Every(Duration::from_millis(100)));
        assert_eq!(plan.mqtt_url, "ws://127.0.0.1:9/mqtt");
        assert_eq!(plan.timeout, Duration::from_secs(185));
    }

    #[test]
    fn defaults_answer_in_turn() {
        let plan = plan("--participants 200 --operators 20 --messages 10").unwrap();
        assert_eq!(
            (plan.pace, plan.messages, plan.operators),
            (Pace::Answered, 10, 20)
        );
        assert_eq!(plan.ramp, Duration::from_secs(2));
    }

    #[test]
    fn participants_come_alone_by_code_and_without_operators() {
        let plan = plan("--code FEST-42 --operators 0 --participants 12").unwrap();
        assert_eq!((plan.participants, plan.operators), (12, 0));
    }

    #[test]
    fn flags_that_make_no_crowd_are_refused_by_name() {
        for (flags, word) in [
            ("--participants 0", "--participants"),
            ("--participants 5 --operators 6", "--operators"),
            ("--messages 0", "--messages"),
            ("--rate 0", "--rate"),
            ("--rate nan", "--rate"),
            ("--ramp=-1", "--ramp"),
            ("--rate 1 --messages 4", "--messages"),
            ("--duration 5", "--rate"),
            ("--code FEST-42", "--email"),
            ("--operators 0", "--operators"),
            ("--url localhost", "--url"),
            ("--url https://muster.example", "--mqtt-url"),
            ("--chats 25000 --rate 1000 --duration 60", "messages"),
        ] {
            let error = plan(flags).expect_err(flags);
            assert!(error.contains(word), "{flags}: {error}");
        }
    }
}
