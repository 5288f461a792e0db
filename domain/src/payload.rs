//! The JSON that travels on the topics: one type per kind of message, each with its bounds.
//!
//! **Invariant:** what [`decode`] returned keeps every bound documented on its type.
//!
//! The author of a message is a level of its topic, never a field here.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{CaseId, ClientId, EventId, MessageId};

/// Longest payload of any topic, in bytes. A text of [`TEXT_CHARS_MAX`] fits even when every character takes 4 bytes
/// and is escaped.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;
/// Longest text that a person writes in one message, in characters.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Longest seat, zone, name or reason, in characters.
pub const LABEL_CHARS_MAX: usize = 120;

/// Why a payload is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// More than [`PAYLOAD_BYTES_MAX`] bytes.
    #[error("the payload has {0} bytes; {PAYLOAD_BYTES_MAX} are the most")]
    TooLarge(usize),
    /// Not JSON, or not of the shape that the topic asks for.
    #[error("the payload is not what this topic takes: {0}")]
    Shape(String),
    /// A value out of its bounds.
    #[error("{field} {problem}")]
    Bound {
        /// The JSON field.
        field: &'static str,
        /// What is wrong with it, for a person.
        problem: String,
    },
}

/// A payload that knows its own bounds.
pub trait Payload: DeserializeOwned {
    /// Checks every bound that the JSON shape alone does not.
    ///
    /// # Errors
    /// [`PayloadError::Bound`] names the field.
    fn check(&self) -> Result<(), PayloadError>;
}

/// Reads a payload and checks its bounds.
///
/// # Errors
/// [`PayloadError`] says what is wrong; it never repeats what a person wrote.
pub fn decode<P: Payload>(bytes: &[u8]) -> Result<P, PayloadError> {
    if bytes.len() > PAYLOAD_BYTES_MAX {
        return Err(PayloadError::TooLarge(bytes.len()));
    }
    let payload: P = serde_json::from_slice(bytes).map_err(|error| {
        // serde's own text may quote the input; its category and place do not.
        let kind = match error.classify() {
            serde_json::error::Category::Io | serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Syntax => "it is not JSON",
            serde_json::error::Category::Data => "a field is missing or of the wrong kind",
        };
        PayloadError::Shape(format!(
            "{kind} (line {}, column {})",
            error.line(),
            error.column()
        ))
    })?;
    payload.check()?;
    Ok(payload)
}

fn chars(field: &'static str, text: &str, max: usize) -> Result<(), PayloadError> {
    let count = text.chars().count();
    if count > max {
        return Err(PayloadError::Bound {
            field,
            problem: format!("has {count} characters; {max} are the most"),
        });
    }
    // PostgreSQL cannot hold U+0000 in text, and no person types it.
    if text.contains('\0') {
        return Err(PayloadError::Bound {
            field,
            problem: "holds U+0000".into(),
        });
    }
    Ok(())
}

/// How urgent a call for help is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody's life is in danger.
    Life,
    /// Cannot wait long.
    Urgent,
    /// A question or a service.
    Service,
}

impl Priority {
    /// All, most pressing first.
    pub const ALL: [Priority; 3] = [Priority::Life, Priority::Urgent, Priority::Service];

    /// The word for it in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::Life => "life",
            Priority::Urgent => "urgent",
            Priority::Service => "service",
        }
    }
}

/// What `help/{client}` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HelpKind {
    /// Ask, as [`Priority::Life`].
    Life,
    /// Ask, as [`Priority::Urgent`].
    Urgent,
    /// Ask, as [`Priority::Service`].
    Service,
    /// I no longer need help.
    Withdraw,
}

impl HelpKind {
    /// The priority that is asked for; `None` for a withdrawal.
    pub fn priority(&self) -> Option<Priority> {
        match self {
            HelpKind::Life => Some(Priority::Life),
            HelpKind::Urgent => Some(Priority::Urgent),
            HelpKind::Service => Some(Priority::Service),
            HelpKind::Withdraw => None,
        }
    }
}

/// `ev/{event}/help/{client}`: ask for help, or withdraw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Help {
    /// This message. A repeat with the same id changes nothing.
    pub id: MessageId,
    /// Ask (how urgently) or withdraw.
    pub kind: HelpKind,
    /// What is the matter, at most [`TEXT_CHARS_MAX`] characters; may be empty.
    #[serde(default)]
    pub text: String,
    /// Seat or zone, at most [`LABEL_CHARS_MAX`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// Where the person is, if shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Payload for Help {
    fn check(&self) -> Result<(), PayloadError> {
        chars("text", &self.text, TEXT_CHARS_MAX)?;
        chars("seat", self.seat.as_deref().unwrap_or(""), LABEL_CHARS_MAX)?;
        self.location.as_ref().map_or(Ok(()), Payload::check)
    }
}

/// `ev/{event}/chat/{client}/{sender}`: one message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// This message, named by its author (UUIDv7).
    pub id: MessageId,
    /// The author's own clock, kept beside the broker's and never deciding.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// 1 to [`TEXT_CHARS_MAX`] characters.
    pub text: String,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
}

impl Payload for Chat {
    fn check(&self) -> Result<(), PayloadError> {
        if self.text.trim().is_empty() {
            return Err(PayloadError::Bound {
                field: "text",
                problem: "is empty".into(),
            });
        }
        chars("text", &self.text, TEXT_CHARS_MAX)
    }
}

/// `ev/{event}/chat/{client}/{sender}/seen`: how far the sender has read, and whether they are typing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The last message shown to the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<MessageId>,
    /// Typing at this moment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub typing: bool,
}

impl Payload for Seen {
    fn check(&self) -> Result<(), PayloadError> {
        Ok(())
    }
}

/// `ev/{event}/loc/{group}/{client}`: OwnTracks `location` (owntracks/booklet, JSON). Other fields are let pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Always `location`.
    #[serde(rename = "_type")]
    pub kind: LocationKind,
    /// Latitude, degrees, -90 to 90.
    pub lat: f64,
    /// Longitude, degrees, -180 to 180.
    pub lon: f64,
    /// When the fix was taken, seconds since 1970 UTC by the device's clock.
    pub tst: i64,
    /// Accuracy: radius in metres, 0 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acc: Option<f64>,
    /// Altitude above sea level, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<f64>,
    /// Speed, km/h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vel: Option<f64>,
    /// Course over ground, degrees from north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cog: Option<f64>,
    /// Battery, percent, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batt: Option<f64>,
}

/// The only `_type` that a location topic takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocationKind {
    /// A position.
    #[serde(rename = "location")]
    Location,
}

impl Payload for Location {
    fn check(&self) -> Result<(), PayloadError> {
        let within = |field, value: f64, low: f64, high: f64| {
            // The comparison refuses NaN too; JSON has none, but a caller may.
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(PayloadError::Bound {
                    field,
                    problem: format!("is not between {low} and {high}"),
                })
            }
        };
        within("lat", self.lat, -90.0, 90.0)?;
        within("lon", self.lon, -180.0, 180.0)?;
        within("acc", self.acc.unwrap_or(0.0), 0.0, 1_000_000.0)?;
        within("batt", self.batt.unwrap_or(0.0), 0.0, 100.0)?;
        // Year 2000 to 2100: a fix outside is a broken clock, and would break the partitions by day.
        within("tst", self.tst as f64, 946_684_800.0, 4_102_444_800.0)
    }
}

/// Where a case stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseState {
    /// Waiting in line.
    Queued,
    /// An operator has it.
    Claimed,
    /// Over.
    Closed,
}

impl CaseState {
    /// The word for it in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            CaseState::Queued => "queued",
            CaseState::Claimed => "claimed",
            CaseState::Closed => "closed",
        }
    }
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorCard {
    /// The operator's client id.
    pub client: ClientId,
    /// The name that the participant sees.
    pub name: String,
}

/// Place in line. `ahead` is exact as of `gone`: see [`QueueState::ahead_of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// How many are before this one.
    pub ahead: u32,
    /// How many had left the line when `ahead` was counted.
    pub gone: u64,
}

/// `ev/{event}/case/{client}`, retained: the case as participant and staff see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The case.
    pub id: CaseId,
    /// Who asked.
    pub client: ClientId,
    /// Their name, if they gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Queued, claimed or closed.
    pub state: CaseState,
    /// Grows by one with each change of the case: the higher one is the newer one.
    pub revision: i64,
    /// How urgent.
    pub priority: Priority,
    /// What was written when asking.
    pub text: String,
    /// Seat or zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// Place in line, while queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Expected seconds until an operator has it, while queued and known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<u32>,
    /// Who has it, once claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorCard>,
    /// Asked at.
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    /// Claimed at.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub claimed_at: Option<OffsetDateTime>,
    /// Closed at.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub closed_at: Option<OffsetDateTime>,
    /// Why it was closed: `resolved`, `withdrawn`, or the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `ev/{event}/queue/{queue}/state`, retained: the line as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueState {
    /// How many wait.
    pub waiting: u32,
    /// How many are being answered.
    pub open: u32,
    /// How many have ever left the line.
    pub gone: u64,
    /// Seconds between two who leave the line, lately; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace_s: Option<u32>,
}

impl QueueState {
    /// Reckons how many are still before a place, so that a moving line costs one broadcast and not one message for
    /// each who waits.
    ///
    /// Exact as long as those who left stood before it; the service sends an exact place when that was not so.
    pub fn ahead_of(&self, place: Place) -> u32 {
        let left = self.gone.saturating_sub(place.gone);
        place
            .ahead
            .saturating_sub(u32::try_from(left).unwrap_or(u32::MAX))
    }
}

/// `ev/{event}/do/{verb}/{client}`: a command of staff. The verb is in the topic: `claim`, `close`, `release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// This command; its answer names it.
    pub id: MessageId,
    /// The case it is about.
    pub case: CaseId,
    /// Why, for `close`; at most [`LABEL_CHARS_MAX`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Payload for Command {
    fn check(&self) -> Result<(), PayloadError> {
        chars("reason", self.reason.as_deref().unwrap_or(""), LABEL_CHARS_MAX)
    }
}

/// `ev/{event}/done/{client}`: the answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The command.
    pub id: MessageId,
    /// Whether it was carried out.
    pub ok: bool,
    /// A word for programs: `done`, `already_claimed`, `not_open`, `unknown_case`, `not_yours`, `bad_command`, ...
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// `ev/{event}/info`, retained: the event card. The API answers the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventCard {
    /// The event.
    pub id: EventId,
    /// Its name.
    pub name: String,
    /// `draft`, `published` or `ended`.
    pub status: EventStatus,
    /// Name of the venue.
    pub venue: String,
    /// Latitude of the venue, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Longitude of the venue, degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
    /// From.
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: OffsetDateTime,
    /// Until.
    #[serde(with = "time::serde::rfc3339")]
    pub ends_at: OffsetDateTime,
    /// What participants type to join, such as `FEST-42`.
    pub join_code: String,
    /// The public emergency number there, such as `112`.
    pub emergency_number: String,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// Being prepared; only its agency sees it.
    Draft,
    /// Can be found and joined.
    Published,
    /// Over; nobody joins.
    Ended,
}

impl EventStatus {
    /// The word for it in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            EventStatus::Draft => "draft",
            EventStatus::Published => "published",
            EventStatus::Ended => "ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_message_as_a_phone_sends_it() {
        let json = br#"{"id":"0192d3c4-0000-7000-8000-000000000000","kind":"urgent","text":"My friend fainted",
            "seat":"Block B","location":{"_type":"location","lat":52.5,"lon":13.4,"tst":1795000000,"acc":12,"bs":1}}"#;
        let help: Help = decode(json).unwrap();
        assert_eq!(help.kind.priority(), Some(Priority::Urgent));
        assert_eq!(help.location.unwrap().acc, Some(12.0));
    }

    #[test]
    fn bounds_are_refused_by_the_name_of_the_field_and_never_repeat_the_text() {
        let chat = |text: &str| {
            let json =
                serde_json::json!({"id": MessageId::new(), "at": "2026-11-21T10:00:00Z", "text": text});
            decode::<Chat>(&serde_json::to_vec(&json).unwrap())
        };
        assert!(chat("help").is_ok());
        for bad in ["", "  ", "secret\0", &"secret".repeat(400)] {
            let error = chat(bad).unwrap_err().to_string();
            assert!(error.starts_with("text ") && !error.contains("secret"), "{error}");
        }
        let error = decode::<Chat>(br#"{"id":"secret"}"#).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(
            decode::<Chat>(&vec![b' '; PAYLOAD_BYTES_MAX + 1]),
            Err(PayloadError::TooLarge(16_385))
        );
    }

    #[test]
    fn a_place_moves_with_the_line() {
        let place = Place { ahead: 5, gone: 10 };
        let state = |gone| QueueState {
            waiting: 9,
            open: 2,
            gone,
            pace_s: None,
        };
        assert_eq!(state(10).ahead_of(place), 5);
        assert_eq!(state(13).ahead_of(place), 2);
        assert_eq!(state(99).ahead_of(place), 0);
        assert_eq!(state(9).ahead_of(place), 5, "an older broadcast changes nothing");
    }
}
