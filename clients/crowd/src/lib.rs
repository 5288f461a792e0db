//! muster-crowd
