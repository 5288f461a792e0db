//! muster-bridge
