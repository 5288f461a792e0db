//! The whole engine in simulated time, without sockets: random interleavings of clients that publish, subscribe,
//! acknowledge, vanish and come back, checked by what a client may rely on.

mod gate;
mod interleavings;
mod push_back;
mod support;
