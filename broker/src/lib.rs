//! muster-broker
