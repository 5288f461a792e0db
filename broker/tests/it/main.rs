//! The broker over real sockets, byte by byte.
//!
//! A test that proves a normative statement is named by it: `mqtt_3_1_0_1_...` proves [MQTT-3.1.0-1]. Where the two
//! versions number differently, the number is that of MQTT 5, and `mqtt311_...` that of 3.1.1. Rows of attacks and
//! their defence are `s01_...`.
//!
//! Nothing sleeps: what must happen is waited for under one deadline, and what must not happen is shown by something
//! that can only come after it.

mod authorization;
mod bounds;
mod connect;
mod delivery;
mod embedding;
mod engine;
mod flow_control;
mod foreign;
mod hostile;
mod kept;
mod quality;
mod retained;
mod session;
mod shared;
mod strict;
mod subscribe;
mod support;
mod websocket;
mod will;
