//! The words and rules of Muster: ids, roles, claims, the topic tree, payloads, and what may follow what.
//!
//! **Invariant:** performs no IO, reads no clock, spawns nothing; whoever calls passes `now`.
//! **Invariant:** depends on none of Muster's other crates.
//!
//! It does not know how a message travels (the broker's work) nor where it is kept (the store's).

pub mod case;
pub mod claims;
pub mod ids;
pub mod line;
pub mod payload;
pub mod rights;
pub mod role;
pub mod topic;

pub use claims::Claims;
pub use ids::{AgencyId, CaseId, ClientId, EventId, MessageId, PersonId};
pub use role::Role;
pub use topic::{EventTopic, Topic};
