//! muster-plugins
