//! The whole of Muster as a user runs it: the real binary, real sockets, a real PostgreSQL.

#![allow(clippy::print_stdout, reason = "tests show their figures")]

mod configuration;
mod crowd;
mod devices;
mod faults;
mod lifecycle;
mod muster;
mod open_broker;
