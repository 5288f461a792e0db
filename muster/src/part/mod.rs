//! The parts as this binary starts them: from the configuration, in an order, with an end.

pub mod api;
pub mod bridge;
pub mod broker;
pub mod database;
pub mod keys;
pub mod metrics;
pub mod websocket;
