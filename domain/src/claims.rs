//! What a token says of its bearer. Minting and verifying live in `muster-auth`; the meaning lives here.

use serde::{Deserialize, Serialize};

use crate::{AgencyId, ClientId, EventId, Role};

/// The `aud` of tokens for the broker.
pub const AUDIENCE_MQTT: &str = "muster";
/// The `aud` of tokens for the HTTP API. A token for one is refused by the other.
pub const AUDIENCE_API: &str = "muster-api";

/// The claims of a token for the broker (RFC 7519 names where there are some).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: the installation that signed it.
    pub iss: String,
    /// Audience: [`AUDIENCE_MQTT`].
    pub aud: String,
    /// The client id: also the MQTT client identifier and `{client}` in topics.
    pub sub: ClientId,
    /// The role at the event.
    pub role: Role,
    /// The agency; absent only for [`Role::Service`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agy: Option<AgencyId>,
    /// The event; absent only for [`Role::Service`], which then serves every event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evt: Option<EventId>,
    /// The teams of a member of staff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    /// Issued at, seconds since 1970 UTC.
    pub iat: i64,
    /// Expires at, seconds since 1970 UTC.
    pub exp: i64,
    /// This token's own identifier.
    pub jti: String,
    /// Rights beside those of the role, for devices. Deny overrides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acl: Vec<AclRule>,
}

/// One rule of a token's own, in the shape that EMQX's JWT authorization reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AclRule {
    /// Allow or deny.
    pub permission: Permission,
    /// What for.
    pub action: AclAction,
    /// A topic filter.
    pub topic: String,
}

/// Whether a rule grants or takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Grants.
    Allow,
    /// Takes, whatever else grants.
    Deny,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AclAction {
    /// Publishing, wills among it.
    Publish,
    /// Subscribing and receiving.
    Subscribe,
    /// Both.
    All,
}

impl AclAction {
    /// Whether a rule about `self` speaks of `other` (a single action).
    pub fn covers(self, other: AclAction) -> bool {
        self == AclAction::All || self == other
    }
}
