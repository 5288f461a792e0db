//! Embedding: build a broker, start it, and hold it by its handle.

mod builder;
mod error;
mod handle;
mod shared;

pub use builder::{Broker, BrokerBuilder};
pub use error::BrokerError;
pub use handle::BrokerHandle;
pub(crate) use shared::Shared;
