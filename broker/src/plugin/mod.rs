//! What the embedding program decides: who may connect, what may be sent, by whom and to whom.
//!
//! One small trait per role. [`Authenticator`] turns credentials into a [`Principal`]; [`PublishFilter`] inspects,
//! changes or refuses a publish; [`Authorizer`] allows or denies publish, subscribe, receive and will;
//! [`Observer`] is told afterwards and cannot veto.
//!
//! Order of a publish: decode, limits, filters, authorize, durability gate, route, acknowledge, observe.
//!
//! **Invariant:** deny overrides allow; when every authorizer abstains it is denied; a plugin that panics, fails or
//! takes too long has denied.
//! **Invariant:** filters run before authorizers, so the topic that is authorized is the topic that is routed.
//!
//! A broker without an authenticator takes everybody as [`Principal::anonymous`]; one without authorizers allows
//! everything. There is no half-way: the first authorizer makes deny the default.

mod authenticate;
mod authorize;
mod chain;
mod filter;
mod observe;
mod principal;

pub use authenticate::{Authenticator, ConnectRequest, ReauthenticateRequest, Transport};
pub use authorize::{Authorizer, Decision, PublishAccess, ReceiveAccess, SubscribeAccess};
pub use chain::Chain;
pub use filter::{FilterContext, PublishFilter, PublishOrigin};
pub use observe::{Event, Observer};
pub use principal::{Principal, PrincipalLimits, WhenFull};
