//! Claims made ready to sign. `now` and lifetimes come from the caller.

use muster_domain::claims::{AUDIENCE_API, AUDIENCE_MQTT};
use muster_domain::{AgencyId, Claims, ClientId, EventId, PersonId, Role};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// The claims of a person's login at the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiClaims {
    /// Issuer.
    pub iss: String,
    /// Audience: [`AUDIENCE_API`].
    pub aud: String,
    /// The person.
    pub sub: PersonId,
    /// Issued at, seconds since 1970 UTC.
    pub iat: i64,
    /// Expires at, seconds since 1970 UTC.
    pub exp: i64,
    /// This token's own identifier.
    pub jti: String,
}

/// A person's login at the HTTP API.
pub fn api_claims(issuer: &str, person: PersonId, now: OffsetDateTime, ttl: Duration) -> ApiClaims {
    ApiClaims {
        iss: issuer.to_owned(),
        aud: AUDIENCE_API.to_owned(),
        sub: person,
        iat: now.unix_timestamp(),
        exp: (now + ttl).unix_timestamp(),
        jti: Uuid::now_v7().to_string(),
    }
}

/// A participant of one event.
pub fn participant_claims(
    issuer: &str,
    client: ClientId,
    agency: AgencyId,
    event: EventId,
    now: OffsetDateTime,
    ttl: Duration,
) -> Claims {
    mqtt(
        issuer,
        client,
        Role::Participant,
        Some(agency),
        Some(event),
        now,
        ttl,
    )
}

/// A member of staff or a device at one event.
pub fn staff_claims(
    issuer: &str,
    client: ClientId,
    role: Role,
    agency: AgencyId,
    event: EventId,
    now: OffsetDateTime,
    ttl: Duration,
) -> Claims {
    mqtt(issuer, client, role, Some(agency), Some(event), now, ttl)
}

/// A part of Muster itself, for every event of the installation.
pub fn service_claims(issuer: &str, client: ClientId, now: OffsetDateTime, ttl: Duration) -> Claims {
    mqtt(issuer, client, Role::Service, None, None, now, ttl)
}

fn mqtt(
    issuer: &str,
    client: ClientId,
    role: Role,
    agency: Option<AgencyId>,
    event: Option<EventId>,
    now: OffsetDateTime,
    ttl: Duration,
) -> Claims {
    Claims {
        iss: issuer.to_owned(),
        aud: AUDIENCE_MQTT.to_owned(),
        sub: client,
        role,
        agy: agency,
        evt: event,
        teams: Vec::new(),
        iat: now.unix_timestamp(),
        exp: (now + ttl).unix_timestamp(),
        jti: Uuid::now_v7().to_string(),
        acl: Vec::new(),
    }
}
