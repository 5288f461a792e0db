//! The HTTP interface over a real listener and a real PostgreSQL.

mod accounts;
mod agencies;
mod api;
mod audit;
mod bounds;
mod events;
mod history;
mod pages;
mod participants;
mod secrets;
mod seed;
mod server;
mod tenants;
mod tokens;
