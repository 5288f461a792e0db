//! A string that shares the buffer it was read into.
//!
//! **Invariant:** the bytes are valid UTF-8; a string that came from a peer holds no U+0000 either (section 1.5.4).

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// An immutable, cheaply cloned UTF-8 string of the protocol. Derefs to `str`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ByteStr(Bytes);

/// The bytes are no string of the protocol: ill-formed UTF-8 [MQTT-1.5.4-1] or U+0000 [MQTT-1.5.4-2].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UTF-8 string of the protocol")]
pub struct NotAString;

impl ByteStr {
    /// The empty string; no allocation.
    pub const fn new() -> Self {
        Self(Bytes::new())
    }

    /// Checks bytes that came from outside, without copying them.
    ///
    /// # Errors
    /// When they are not UTF-8, or hold U+0000.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, NotAString> {
        let text = std::str::from_utf8(&bytes).map_err(|_| NotAString)?;
        if text.as_bytes().contains(&0) {
            return Err(NotAString);
        }
        Ok(Self(bytes))
    }

    /// A string that lives as long as the program; no allocation.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The string.
    // Topics are looked at several times per message and receiver; checking the same bytes again each time would be
    // the one cost of this type.
    #[allow(unsafe_code)]
    pub fn as_str(&self) -> &str {
        // SAFETY: every constructor takes a `str` or checks with `str::from_utf8`, slicing keeps to char boundaries
        // (`slice_from` asserts it), and the bytes are immutable.
        unsafe { std::str::from_utf8_unchecked(&self.0) }
    }

    /// The bytes; a clone shares them.
    pub fn bytes_shared(&self) -> &Bytes {
        &self.0
    }

    /// The rest from a byte position on, sharing the bytes.
    ///
    /// # Panics
    /// When the position lies past the end or within a character.
    #[must_use]
    pub fn slice_from(&self, start: usize) -> Self {
        assert!(self.as_str().is_char_boundary(start), "slice within a character");
        Self(self.0.slice(start..))
    }

    /// A copy with an allocation of its own. A decoded string keeps the whole read buffer alive, which is right for
    /// the time of a packet and wrong for what is kept.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

impl From<&str> for ByteStr {
    /// Copies. U+0000 is not looked for: peers refuse such a string, so the program must not make one.
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for ByteStr {
    /// Takes the allocation over; see `From<&str>`.
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl Deref for ByteStr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for ByteStr {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for ByteStr {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Hash for ByteStr {
    /// As `str` hashes, so that maps keyed by `ByteStr` are looked up by `&str`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for ByteStr {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByteStr {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialEq<str> for ByteStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ByteStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for ByteStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ByteStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ill_formed_bytes_are_refused() {
        // Overlong, lone surrogate, truncated, above U+10FFFF, and U+0000.
        for bytes in [
            &b"\xC0\x80"[..],
            b"\xED\xA0\x80",
            b"\xE2\x82",
            b"\xF4\x90\x80\x80",
            b"a\0b",
        ] {
            assert_eq!(
                ByteStr::from_bytes(Bytes::copy_from_slice(bytes)),
                Err(NotAString),
                "{bytes:?}"
            );
        }
        // U+FEFF is a character like any other. [MQTT-1.5.4-3]
        let text = ByteStr::from_bytes(Bytes::from_static(b"\xEF\xBB\xBFa")).unwrap();
        assert_eq!(text.as_bytes(), b"\xEF\xBB\xBFa");
    }

    #[test]
    fn maps_are_looked_up_by_str() {
        let set = HashSet::from([ByteStr::from("a/b")]);
        assert!(set.contains("a/b"));
    }

    #[test]
    fn detached_strings_do_not_share() {
        let whole = Bytes::from(vec![b'a'; 64]);
        let part = ByteStr::from_bytes(whole.slice(0..2)).unwrap();
        assert_eq!(part.bytes_shared().as_ptr(), whole.as_ptr());
        assert_ne!(part.detach().bytes_shared().as_ptr(), whole.as_ptr());
        assert_eq!(part.detach(), part);
    }

    #[test]
    #[should_panic(expected = "within a character")]
    fn slices_keep_to_characters() {
        let _ = ByteStr::from("ä").slice_from(1);
    }
}
