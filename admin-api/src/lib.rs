//! muster-admin-api
