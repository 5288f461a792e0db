//! muster-auth
