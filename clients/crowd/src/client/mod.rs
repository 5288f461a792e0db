//! A light MQTT 5 client, made to be many: thousands of them share one runtime and few cores with the server that they
//! measure.
//!
//! A [`Client`] is a plain value that its owner's task drives by [`Client::next`]: reading, writing, keeping alive and
//! reconnecting all happen there, so a client costs one task and no channel. What [`Client::publish`] and the other
//! commands make is only put into a buffer; the next call of `next` writes all of it at once, after having read all
//! that had arrived.
//!
//! **Invariant:** a QoS 1 publish that was taken is sent until it is acknowledged, over any number of connections and
//! in the order in which it was taken; repeats within a session carry DUP. [MQTT-4.4.0-1]
//! **Invariant:** never more unacknowledged publishes than the server's receive maximum, no packet identifier used
//! twice at once, and no more waiting publishes than the configuration allows.
//! **Invariant:** attempts to connect are counted and bounded.
//!
//! It deliberately speaks neither MQTT 3.1.1 nor QoS 2 and knows no TLS: it is for measuring, not for phones.

mod backoff;
mod config;
mod connect;
mod driver;
mod endpoint;
mod error;
mod event;
mod outgoing;
mod transport;

pub use config::ClientConfig;
pub use driver::Client;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ClientError, Lost, QueueFull};
pub use event::Event;
pub use outgoing::Token;
