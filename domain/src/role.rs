//! Who somebody is at an event.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The role that a token carries. Rights follow from it alone, see the topic tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Somebody who attends, and may need help.
    Participant,
    /// Answers people who ask for help.
    Operator,
    /// Runs the event.
    Organizer,
    /// Field staff with a phone or radio.
    Steward,
    /// A beacon, sensor or tracker.
    Device,
    /// A part of Muster itself: the bridge, the API.
    Service,
}

impl Role {
    /// Every role, for tables and tests.
    pub const ALL: [Role; 6] = [
        Role::Participant,
        Role::Operator,
        Role::Organizer,
        Role::Steward,
        Role::Device,
        Role::Service,
    ];

    /// Operators, organizers and stewards: the people who work at the event.
    pub fn is_staff(self) -> bool {
        matches!(self, Role::Operator | Role::Organizer | Role::Steward)
    }

    /// The word for it in tokens, tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Participant => "participant",
            Role::Operator => "operator",
            Role::Organizer => "organizer",
            Role::Steward => "steward",
            Role::Device => "device",
            Role::Service => "service",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role {0:?}: use participant, operator, organizer, steward, device or service")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Role::ALL
            .into_iter()
            .find(|role| role.as_str() == s)
            .ok_or_else(|| UnknownRole(s.to_owned()))
    }
}
