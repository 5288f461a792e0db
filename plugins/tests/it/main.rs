//! The broker with Muster's plugins over real sockets: who gets in, and what reaches whom.

mod fixture;
mod foreign;
mod matrix;
mod messages;
mod refusals;
mod roles;
mod secrets;
mod sessions;
mod tokens;
mod wills;

/// The raw client of the broker's own tests: it sends what it is told and shows what came.
#[allow(dead_code, unused_imports, reason = "these tests need a part of it")]
#[path = "../../../broker/tests/it/support/mod.rs"]
mod support;
