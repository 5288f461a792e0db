//! The bridge between a real broker and a real PostgreSQL.

mod faults;
mod path;
mod poison;
mod repeats;
mod restart;
mod support;
