//! The crowd's client against real brokers over real sockets.

mod exchange;
mod foreign;
mod recovery;
mod refusal;
mod support;
