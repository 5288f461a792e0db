//! Where a request comes from, for limits.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;

/// The peer's address, an IPv6 one cut to its /64: that is what one household or phone gets, and could otherwise be
/// changed at every request. `None` when the router is served without connection information.
///
/// The address of a proxy is the proxy's: forwarding headers are not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    fn of(peer: IpAddr) -> Self {
        Self(Some(match peer.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))
            }
            other => other,
        }))
    }

    /// The address that is to be limited.
    pub fn limited(self, limit_loopback: bool) -> Option<IpAddr> {
        self.0.filter(|address| limit_loopback || !address.is_loopback())
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(peer.map_or(Self(None), |ConnectInfo(peer)| Self::of(peer.ip())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_household_is_one_address() {
        let of = |text: &str| ClientAddress::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_eq!(of("::1").limited(false), None);
        assert_eq!(of("127.0.0.1").limited(false), None);
        assert!(of("127.0.0.1").limited(true).is_some() && of("192.0.2.7").limited(false).is_some());
    }
}
