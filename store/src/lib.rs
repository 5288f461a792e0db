//! What Muster keeps: the migrations, the embedded PostgreSQL, and the queries that bridge and API share.
//!
//! [`Database::open`] gives a pool over a schema that is up to date: of the server that a URL names, or, without one,
//! of a private cluster under the data directory which is started, supervised and stopped here ([`embedded`]).
//!
//! **Invariant:** whoever holds a [`Database`] sees every migration of this build applied.
//! **Invariant:** no error or log of this crate repeats a value of a row, a password or a URL.
//!
//! It knows rows, not messages: what may follow what is `muster-domain`'s, MQTT the bridge's and HTTP the API's.

pub mod audit;
pub mod cases;
pub mod chat;
pub mod database;
pub mod dead_letters;
pub mod embedded;
pub mod error;
pub mod events;
pub mod outbox;
#[doc(hidden)]
pub mod testing;

pub use database::{Database, DatabaseConfig, MIGRATOR};
pub use embedded::{EmbeddedMode, EmbeddedPostgres};
pub use error::{StoreError, describe};
pub use sqlx;
