//! The server's side of WebSocket (RFC 6455), as far as MQTT needs it (MQTT 5, section 6).
//!
//! Sans-IO: [`upgrade::parse`] reads the HTTP request and gives the bytes of the answer, [`FrameDecoder`] turns frames
//! into the MQTT byte stream, [`put_binary_frame`] turns that stream into frames. It is our own instead of a general
//! library because an idle connection then costs the 16 bytes of a decoder and no buffers, and because payloads are
//! unmasked as they come: no frame is ever collected, so none costs more memory than what was received of it.
//!
//! **Invariant:** holds no payload; what was fed is passed on within the same call.
//!
//! Deliberately without extensions (compression would need a window per connection), without text frames and without
//! a client's side.

mod close;
mod decoder;
mod encoder;
pub mod upgrade;

pub use close::CloseCode;
pub use decoder::{Fed, FrameDecoder};
pub use encoder::{FRAME_HEADER_MAX, binary_frame_header, put_binary_frame, put_close_frame};
