//! An embeddable MQTT 3.1.1 and 5 broker.
//!
//! ```no_run
//! # async fn run() -> Result<(), muster_broker::BrokerError> {
//! let broker = muster_broker::Broker::builder()
//!     .listen_tcp(([127, 0, 0, 1], 1883).into())
//!     .build()
//!     .start()
//!     .await?;
//! // ... until the program ends:
//! broker.shutdown(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! The parts, from the wire inwards: [`codec`] (bytes and packets) and [`websocket`] (frames), the connection (one task
//! per socket), the [`engine`] (all sessions, the router, retained messages, wills and timers as one state machine),
//! the [`log`] (the durability gate), and [`plugin`] (who may do what).
//!
//! **Invariant:** nothing here knows what the messages are about, nor SQL, nor an HTTP API.
//! **Invariant:** codec, engine, router and session perform no IO and read no clock.
//! **Invariant:** every queue, map and buffer has a bound in [`Limits`] and a defined behaviour past it.
//!
//! Without plugins the broker is open: anybody may connect, publish and subscribe. That is for benchmarks and
//! conformance suites, and for programs that bind it to the loopback.

pub mod codec;
pub mod engine;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod plugin;
pub mod reason;
pub mod router;
pub mod session;
pub mod topic;
pub mod websocket;

mod broker;
mod connection;
mod listener;

pub use broker::{Broker, BrokerBuilder, BrokerError, BrokerHandle};
pub use engine::{ConnectionInfo, Counters, KeptSession, SessionInfo};
pub use limits::Limits;
pub use reason::ReasonCode;
