//! Simulates a whole event over real sockets against a running Muster, and counts what became of every message.
//!
//! Participants join by the API, connect over WebSocket, ask for help, tell where they are and chat; operators see the
//! line, claim, answer and close. Both sides keep books of every message; afterwards everything that was
//! acknowledged is asked back from the archive. `muster crowd` is [`run`] with [`CrowdArgs`].
//!
//! Two ways of pacing: in turn (a participant writes when answered, as people do), and an open loop at a
//! fixed rate that does not wait for a slow server, for load figures that hold.
//!
//! **Invariant:** it is an outsider: it knows the HTTP contract, the topics and the wire, and nothing of the inside.
//! **Invariant:** every run ends by itself, and says in plain words what was lost, doubled or out of order.
//!
//! It does not start a Muster and does not remove the accounts and events that it made.

pub mod client;

mod api;
mod archive;
mod args;
mod files;
mod ledger;
mod operator;
mod participant;
mod progress;
mod report;
mod run;
mod schedule;
mod setup;
mod stage;
mod stats;
mod tag;
mod talk;
mod visit;

pub use args::CrowdArgs;
pub use ledger::Tally;
pub use report::{Ending, Report, Times};
pub use run::run;
pub use stats::Summary;
pub use visit::visit;
