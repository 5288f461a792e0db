//! What handlers ask for: who speaks, what they may, and what they sent.

mod bearer;
mod body;
mod ids;
mod member;

pub(crate) use bearer::{Bearer, Person};
pub(crate) use body::{Body, Params};
pub(crate) use ids::{ClientPath, EventPath, JoinCodePath, PersonPath};
pub(crate) use member::{Member, Organizer, role_of};
