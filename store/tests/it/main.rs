//! The store against real servers.

mod embedded;
mod schema;
