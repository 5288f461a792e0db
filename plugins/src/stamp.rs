//! The broker's receive time on every message: clocks of phones are wrong, this one decides.

use std::time::SystemTime;

use muster_broker::codec::{ByteStr, Publish};
use muster_broker::plugin::{FilterContext, PublishFilter};
use muster_broker::reason::ReasonCode;

/// The user property that carries the time at which the broker received a message, in milliseconds since 1970 UTC.
pub const RECEIVED_AT: &str = "received-at";

/// Stamps every publish; a stamp that a client made is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReceiveStamp;

impl PublishFilter for ReceiveStamp {
    fn filter(&self, publish: &mut Publish, context: &FilterContext<'_>) -> Result<(), ReasonCode> {
        let at_ms = context
            .now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let stamp =
            ByteStr::from_bytes(at_ms.to_string().into()).map_err(|_| ReasonCode::UnspecifiedError)?;
        let properties = &mut publish.properties.user_properties.0;
        properties.retain(|(name, _)| name.as_str() != RECEIVED_AT);
        properties.push((ByteStr::from_static(RECEIVED_AT), stamp));
        Ok(())
    }
}
