//! Muster's HTTP interface: accounts, agencies, events, tokens, history, and the pages.
//!
//! [`router`] is everything under one [`axum::Router`], made of one module per resource; [`serve`] puts it on a
//! listener; [`seed`] fills an empty database with a demo event. What is live travels over MQTT, not here.
//!
//! **Invariant:** every route of an agency asks the membership of the bearer first; to everybody else the agency, and
//! all that belongs to it, does not exist (404).
//! **Invariant:** a change, its audit row and what must be told of it are one transaction.
//! **Invariant:** no answer, log or `Debug` holds a password, a token or its hash, and a 5xx never tells its cause.
//!
//! Knows nothing of MQTT and the broker: `/mqtt` is added by the binary, and whether broker and bridge are ready is
//! asked through [`Readiness`].

mod config;
mod error;
mod extract;
mod http;
mod page;
mod password;
mod readiness;
mod routes;
mod schema;
pub mod seed;
mod serve;
mod state;
mod validate;

pub use config::ApiConfig;
pub use error::ApiError;
pub use readiness::Readiness;
pub use routes::{openapi, router};
pub use serve::serve;
pub use state::{ApiParts, ApiState};
