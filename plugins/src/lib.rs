//! What makes the broker Muster's: who may connect, what they may do, what a message must look like.
//!
//! Each plugin fills one role of the broker's chain. Order of the filters: [`PayloadShape`], then [`ReceiveStamp`];
//! authorization comes after them, so that the final topic is judged.
//!
//! **Invariant:** nothing here waits for a network or a database; every decision follows from the token and the message.
//! **Invariant:** what is not understood is denied.

mod audit;
mod authorizer;
mod jwt;
mod shape;
mod stamp;

pub use audit::AuditLog;
pub use authorizer::ClaimsAuthorizer;
pub use jwt::{Archive, JwtAuthenticator};
pub use shape::PayloadShape;
pub use stamp::{RECEIVED_AT, ReceiveStamp};
