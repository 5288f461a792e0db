//! The HTTP request that a WebSocket connection begins with (RFC 6455, section 4).
//!
//! **Invariant:** a request longer than [`REQUEST_SIZE_MAX`] or with more than [`HEADERS_MAX`] headers is refused.
//!
//! Serves nothing but the upgrade: no keep-alive after a refusal, no bodies. A program that has an HTTP server of its
//! own answers 101 there with [`accept_key`] and [`select_subprotocol`] and hands the stream on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest as _, Sha1};

/// Longest request in bytes. Cookies of a browser must find room in it.
pub const REQUEST_SIZE_MAX: usize = 8 * 1024;

/// Most headers of a request; browsers send about 20.
pub const HEADERS_MAX: usize = 64;

/// From section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Which pages may open a connection. A browser says truly which page asks; other clients say what they like or
/// nothing, so this protects users of browsers and is no authentication. A request without an origin is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OriginPolicy {
    /// All of them.
    #[default]
    Any,
    /// Pages of the host and port that the request itself names, and no `null` (sandboxed pages, files).
    SameHost,
    /// These, as browsers write them: `https://example.org`, with the port unless it is the scheme's own.
    Listed(Vec<String>),
}

impl OriginPolicy {
    fn allows(&self, origin: &str, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::SameHost => origin
                .split_once("://")
                .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)),
            Self::Listed(origins) => origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        }
    }
}

/// What an upgrade must ask for.
#[derive(Debug, Clone)]
pub struct UpgradePolicy {
    /// The path; a query behind it is ignored.
    pub path: String,
    /// The pages.
    pub origins: OriginPolicy,
}

/// An accepted request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// How many bytes of the buffer were the request; what follows are frames.
    pub request_len: usize,
    /// The answer to write.
    pub response: Vec<u8>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// Not HTTP/1.1, or not an upgrade to WebSocket.
    #[error("{0}")]
    BadRequest(&'static str),
    /// Another page than policy allows.
    #[error("this origin may not connect")]
    Origin,
    /// Another path.
    #[error("there is nothing at this path")]
    NotFound,
    /// Another method than GET.
    #[error("only GET is served")]
    Method,
    /// Another version of WebSocket than 13.
    #[error("only version 13 of WebSocket is spoken")]
    Version,
    /// More bytes or headers than the bounds.
    #[error("the request is too long")]
    TooLarge,
}

impl UpgradeError {
    /// The answer to write before the connection is closed.
    pub fn response(&self) -> Vec<u8> {
        let (status, extra) = match self {
            Self::BadRequest(_) => ("400 Bad Request", ""),
            Self::Origin => ("403 Forbidden", ""),
            Self::NotFound => ("404 Not Found", ""),
            Self::Method => ("405 Method Not Allowed", "Allow: GET\r\n"),
            Self::Version => (
                "426 Upgrade Required",
                "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n",
            ),
            Self::TooLarge => ("431 Request Header Fields Too Large", ""),
        };
        let body = self.to_string();
        format!(
            "HTTP/1.1 {status}\r\n{extra}Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// Reads the request at the front of `buf`, or returns `None` when more bytes are needed.
///
/// # Errors
/// Why there is no upgrade; write [`UpgradeError::response`] and close.
pub fn parse(buf: &[u8], policy: &UpgradePolicy) -> Result<Option<Upgrade>, UpgradeError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let request_len = match request.parse(buf) {
        Ok(httparse::Status::Complete(len)) if len <= REQUEST_SIZE_MAX => len,
        Ok(httparse::Status::Partial) if buf.len() < REQUEST_SIZE_MAX => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(UpgradeError::TooLarge),
        Err(_) => return Err(UpgradeError::BadRequest("the request is not HTTP")),
    };
    if request.method != Some("GET") {
        return Err(UpgradeError::Method);
    }
    if request.version != Some(1) {
        return Err(UpgradeError::BadRequest("the request is not HTTP/1.1"));
    }
    let path = request.path.unwrap_or_default();
    if path.split_once('?').map_or(path, |(path, _)| path) != policy.path {
        return Err(UpgradeError::NotFound);
    }
    let response = answer(request.headers, &policy.origins)?;
    Ok(Some(Upgrade {
        request_len,
        response,
    }))
}

fn answer(headers: &[httparse::Header<'_>], origins: &OriginPolicy) -> Result<Vec<u8>, UpgradeError> {
    if !has_token(headers, "Upgrade", "websocket") || !has_token(headers, "Connection", "upgrade") {
        return Err(UpgradeError::BadRequest("the request is no upgrade to WebSocket"));
    }
    if single(headers, "Sec-WebSocket-Version")? != Some("13") {
        return Err(UpgradeError::Version);
    }
    let host = single(headers, "Host")?.ok_or(UpgradeError::BadRequest("the Host header is missing"))?;
    if let Some(origin) = single(headers, "Origin")?
        && !origins.allows(origin, host)
    {
        return Err(UpgradeError::Origin);
    }
    let key = single(headers, "Sec-WebSocket-Key")?
        .filter(|key| BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16))
        .ok_or(UpgradeError::BadRequest(
            "Sec-WebSocket-Key is not 16 bytes in base64",
        ))?;
    // [MQTT-6.0.0-3]
    let subprotocol = values(headers, "Sec-WebSocket-Protocol")
        .find_map(select_subprotocol)
        .ok_or(UpgradeError::BadRequest("the subprotocol mqtt is not offered"))?;
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n",
        accept_key(key)
    )
    .into_bytes())
}

/// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (section 4.2.2).
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(ACCEPT_GUID);
    BASE64.encode(hash.finalize())
}

/// The subprotocol to answer with, out of the value of a `Sec-WebSocket-Protocol` header: `mqtt`, or the name that
/// clients before 3.1.1 used and some still offer.
pub fn select_subprotocol(offered: &str) -> Option<&'static str> {
    ["mqtt", "mqttv3.1"].into_iter().find(|spoken| {
        offered
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case(spoken))
    })
}

/// Values of a header, each that is text.
fn values<'a>(headers: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .filter_map(|header| std::str::from_utf8(header.value).ok())
        .map(str::trim)
}

/// The value of a header that may stand once.
fn single<'a>(headers: &'a [httparse::Header<'_>], name: &'a str) -> Result<Option<&'a str>, UpgradeError> {
    let mut values = values(headers, name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(UpgradeError::BadRequest("a header stands twice")),
    }
}

fn has_token(headers: &[httparse::Header<'_>], name: &str, token: &str) -> bool {
    values(headers, name).any(|value| {
        value
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /mqtt HTTP/1.1\r\nHost: example.org:8083\r\nUpgrade: websocket\r\n\
                        Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqttv3.1, mqtt\r\n\r\n";

    fn policy(origins: OriginPolicy) -> UpgradePolicy {
        UpgradePolicy {
            path: "/mqtt".into(),
            origins,
        }
    }

    fn parse_any(request: &str) -> Result<Option<Upgrade>, UpgradeError> {
        parse(request.as_bytes(), &policy(OriginPolicy::Any))
    }

    #[test]
    fn the_example_of_the_rfc_is_answered() {
        let upgrade = parse_any(&format!("{GOOD}frames")).unwrap().unwrap();
        assert_eq!(upgrade.request_len, GOOD.len());
        let response = String::from_utf8(upgrade.response).unwrap();
        assert!(response.starts_with("HTTP/1.1 101 "), "{response}");
        assert!(
            response.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{response}"
        );
        assert!(
            response.contains("\r\nSec-WebSocket-Protocol: mqtt\r\n"),
            "{response}"
        );
        assert!(response.ends_with("\r\n\r\n"), "{response}");
    }

    #[test]
    fn every_beginning_of_a_request_waits_for_more() {
        for len in 0..GOOD.len() {
            assert_eq!(parse_any(&GOOD[..len]), Ok(None), "{len}");
        }
    }

    #[test]
    fn what_is_no_upgrade_is_refused_with_its_status() {
        for (from, to, status) in [
            ("GET", "POST", "405"),
            ("/mqtt ", "/other ", "404"),
            ("HTTP/1.1", "HTTP/1.0", "400"),
            ("Upgrade: websocket", "Upgrade: h2c", "400"),
            ("keep-alive, Upgrade", "keep-alive", "400"),
            ("Version: 13", "Version: 8", "426"),
            ("Sec-WebSocket-Version: 13\r\n", "", "426"),
            ("dGhlIHNhbXBsZSBub25jZQ==", "dGhl", "400"),
            ("mqttv3.1, mqtt", "mqttx, soap", "400"),
            ("Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n", "", "400"),
            ("Host: example.org:8083\r\n", "", "400"),
            ("\r\n\r\n", "\r\nHost: other\r\n\r\n", "400"),
        ] {
            let request = GOOD.replacen(from, to, 1);
            assert_ne!(request, GOOD);
            let response = String::from_utf8(parse_any(&request).unwrap_err().response()).unwrap();
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")),
                "{to}: {response}"
            );
        }
        assert!(
            parse_any(&GOOD.replace("/mqtt ", "/mqtt?x=1 "))
                .unwrap()
                .is_some()
        );
        let old = GOOD.replace("mqttv3.1, mqtt", "mqttv3.1");
        assert!(
            String::from_utf8(parse_any(&old).unwrap().unwrap().response)
                .unwrap()
                .contains(": mqttv3.1\r\n")
        );
    }

    #[test]
    fn requests_without_an_end_are_bounded() {
        let endless = format!("{}X: {}", GOOD.trim_end(), "x".repeat(REQUEST_SIZE_MAX));
        assert_eq!(parse_any(&endless), Err(UpgradeError::TooLarge));
        let headers = "X: y\r\n".repeat(HEADERS_MAX + 1);
        assert_eq!(
            parse_any(&format!("GET /mqtt HTTP/1.1\r\n{headers}\r\n")),
            Err(UpgradeError::TooLarge)
        );
        assert_eq!(
            parse_any("\x10\x0e\0\x04MQTT"),
            Err(UpgradeError::BadRequest("the request is not HTTP"))
        );
    }

    #[test]
    fn origins_follow_the_policy() {
        let allowed = |origins: OriginPolicy, origin: Option<&str>| {
            let request = match origin {
                Some(origin) => GOOD.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n")),
                None => GOOD.to_owned(),
            };
            match parse(request.as_bytes(), &policy(origins)) {
                Ok(Some(_)) => true,
                Err(UpgradeError::Origin) => false,
                other => panic!("{other:?}"),
            }
        };
        let listed = || OriginPolicy::Listed(vec!["https://example.org".into()]);
        for (origin, any, same_host, in_list) in [
            (None, true, true, true),
            (Some("https://example.org"), true, false, true),
            (Some("http://example.org:8083"), true, true, false),
            (Some("https://example.org.evil"), true, false, false),
            (Some("null"), true, false, false),
        ] {
            assert_eq!(allowed(OriginPolicy::Any, origin), any, "{origin:?}");
            assert_eq!(allowed(OriginPolicy::SameHost, origin), same_host, "{origin:?}");
            assert_eq!(allowed(listed(), origin), in_list, "{origin:?}");
        }
    }
}
