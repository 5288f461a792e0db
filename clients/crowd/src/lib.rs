//! Simulates a whole event over real sockets, and counts whether everything that was promised was kept.

pub mod client;
mod args;
mod ledger;
mod schedule;
mod stats;
mod tag;
pub use args::CrowdArgs;
