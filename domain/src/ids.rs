//! Identifiers. A new one is made by whoever has a clock and randomness; here they are parsed, shown and compared.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a new identifier (UUIDv7, RFC 9562): its order follows the time of its making.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

uuid_id!(
    /// An agency: the firm that runs events with Muster. The tenant boundary.
    AgencyId
);
uuid_id!(
    /// A mass event of one agency.
    EventId
);
uuid_id!(
    /// A person with an account: organizer, operator or steward.
    PersonId
);
uuid_id!(
    /// A call for help, from asking to closing.
    CaseId
);
uuid_id!(
    /// An application message, named by its author, so that a repeated publish is one message.
    MessageId
);

/// Longest client identifier, in bytes. A UUID takes 36.
pub const CLIENT_ID_BYTES_MAX: usize = 64;

/// Who speaks on MQTT: the token's `sub`, the MQTT client identifier and a level of the topics, all at once.
///
/// **Invariant:** 1 to 64 bytes of `A-Z a-z 0-9 . _ -`, so it can neither widen a topic filter (`+`, `#`),
/// nor add a level (`/`), nor reach a reserved topic (`$`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ClientId(Arc<str>);

/// Why a text is not a [`ClientId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdError {
    /// Nothing there, or more than [`CLIENT_ID_BYTES_MAX`] bytes.
    #[error("a client id has 1 to {CLIENT_ID_BYTES_MAX} characters, not {0}")]
    Length(usize),
    /// A character that topics give a meaning to.
    #[error("a client id has only letters, digits, '.', '_' and '-', not {0:?}")]
    Character(char),
}

impl ClientId {
    /// Takes a text that keeps to the invariant.
    ///
    /// # Errors
    /// [`ClientIdError`] names what is wrong with it.
    pub fn new(text: impl AsRef<str>) -> Result<Self, ClientIdError> {
        let text = text.as_ref();
        if text.is_empty() || text.len() > CLIENT_ID_BYTES_MAX {
            return Err(ClientIdError::Length(text.len()));
        }
        match text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        {
            Some(c) => Err(ClientIdError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// Makes a new one for a person who has none yet.
    pub fn random() -> Self {
        Self(Uuid::now_v7().as_hyphenated().to_string().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PersonId> for ClientId {
    fn from(person: PersonId) -> Self {
        Self(person.to_string().into())
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::new(s)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({})", self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_that_mean_something_to_a_topic_are_refused() {
        for bad in ["", "+", "#", "a/b", "$SYS", "a b", "é", "a\0b", &"x".repeat(65)] {
            assert!(ClientId::new(bad).is_err(), "{bad:?} was taken");
        }
        for good in ["radio-7", "0192d3c4-0000-7000-8000-000000000000", &"x".repeat(64)] {
            assert_eq!(ClientId::new(good).unwrap().as_str(), good);
        }
    }
}
