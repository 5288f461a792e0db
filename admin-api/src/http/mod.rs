//! What surrounds every route: problems, request ids, security headers, counting, limits on attempts.

pub(crate) mod address;
pub(crate) mod attempts;
pub(crate) mod layers;
pub(crate) mod problem;
