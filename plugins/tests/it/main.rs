//! The broker with Muster's plugins over real sockets: who gets in, and what reaches whom.

mod fixture;
mod matrix;
mod messages;
mod tokens;

/// The raw client of the broker's own tests: it sends what it is told and shows what came.
#[allow(dead_code, unused_imports, reason = "these tests need a part of it")]
#[path = "../../../broker/tests/it/support/mod.rs"]
mod support;
