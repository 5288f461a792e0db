//! Topic names and topic filters: validated once at the edge, trusted afterwards.
//!
//! **Invariant:** a [`TopicName`] is not empty and holds neither wildcards nor U+0000.
//! **Invariant:** in a [`TopicFilter`] every wildcard stands alone in its level, `#` only in the last one; a share
//! group, where there is one, is not empty and holds no wildcard.
//! **Invariant:** nothing here recurses, so a name of 65,535 separators costs time in its length and no stack.
//!
//! Knows nothing of rights and of what is subscribed to; the router's index has its own form of the same rules, and
//! [`matches`] is what it is tested against.

use std::fmt;
use std::num::NonZeroU16;

use crate::codec::ByteStr;

const SHARE_PREFIX: &str = "$share/";

/// How long topics may be. Checked for names and filters alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicLimits {
    /// Longest topic, in bytes of UTF-8. The wire cannot carry more than 65,535.
    pub length_max: usize,
    /// Most levels. A hostile name of 65,535 slashes would otherwise cost one tree step per byte for every publish.
    pub levels_max: usize,
}

impl Default for TopicLimits {
    fn default() -> Self {
        Self {
            length_max: 65_535,
            levels_max: 128,
        }
    }
}

/// Why a text is no topic name or filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Zero characters. [MQTT-4.7.3-1]
    #[error("the topic is empty")]
    Empty,
    /// U+0000 within. [MQTT-4.7.3-2]
    #[error("the topic holds U+0000")]
    NullCharacter,
    /// `+` or `#` in a topic name. [MQTT-3.3.2-2]
    #[error("the topic name holds a wildcard")]
    WildcardInName,
    /// `#` beside other characters, or not in the last level. [MQTT-4.7.1-1]
    #[error("'#' does not stand alone in the last level of the filter")]
    MultiLevelWildcard,
    /// `+` beside other characters. [MQTT-4.7.1-2]
    #[error("'+' does not stand alone in its level of the filter")]
    SingleLevelWildcard,
    /// `$share/` with an empty or wildcard group, or without a filter. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    #[error("the shared subscription is not $share/{{group}}/{{filter}}")]
    ShareGroup,
    /// More bytes than [`TopicLimits::length_max`].
    #[error("the topic is longer than the limit")]
    TooLong,
    /// More levels than [`TopicLimits::levels_max`].
    #[error("the topic has more levels than the limit")]
    TooManyLevels,
}

impl TopicError {
    /// True when the topic is well formed by the specification and only passes a limit of this broker.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::TooLong | Self::TooManyLevels)
    }
}

fn check_common(text: &str, limits: &TopicLimits) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > limits.length_max {
        return Err(TopicError::TooLong);
    }
    let mut levels = 1;
    for byte in text.bytes() {
        match byte {
            0 => return Err(TopicError::NullCharacter),
            b'/' => levels += 1,
            _ => {}
        }
    }
    if levels > limits.levels_max {
        return Err(TopicError::TooManyLevels);
    }
    Ok(())
}

/// The topic that a message is published to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(ByteStr);

impl TopicName {
    /// Checks a text received from a peer.
    ///
    /// # Errors
    /// The first rule of section 4.7 that the text breaks, or the limit that it passes.
    pub fn new(text: ByteStr, limits: &TopicLimits) -> Result<Self, TopicError> {
        check_common(&text, limits)?;
        if text.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
            return Err(TopicError::WildcardInName);
        }
        Ok(Self(text))
    }

    /// Checks a text of the program's own under the default limits.
    ///
    /// # Errors
    /// As [`TopicName::new`].
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        Self::new(ByteStr::from(text), &TopicLimits::default())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The name's bytes; a clone shares them.
    pub fn as_byte_str(&self) -> &ByteStr {
        &self.0
    }

    /// The levels, from the first; empty levels count.
    pub fn levels(&self) -> impl Iterator<Item = &str> + Clone {
        self.as_str().split('/')
    }

    /// True for names that begin with `$`, which wildcards in the first level do not match. [MQTT-4.7.2-1]
    pub fn is_dollar(&self) -> bool {
        self.0.as_bytes().first() == Some(&b'$')
    }

    /// A copy with an allocation of its own, for keeping: the decoded name shares (and so keeps alive) the whole
    /// buffer that it was read into.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self(self.0.detach())
    }
}

/// What a client subscribes to, share group included.
///
/// Two filters are equal when their whole texts are: `$share/a/x`, `$share/b/x` and `x` are three subscriptions.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter {
    text: ByteStr,
    /// Where the filter proper begins when the text names a share group.
    shared_at: Option<NonZeroU16>,
}

impl TopicFilter {
    /// Checks a text received from a peer. `$share/{group}/{filter}` is a shared subscription in both versions.
    ///
    /// # Errors
    /// The first rule of sections 4.7 and 4.8.2 that the text breaks, or the limit that it passes.
    pub fn new(text: ByteStr, limits: &TopicLimits) -> Result<Self, TopicError> {
        check_common(&text, limits)?;
        let mut shared_at = None;
        let mut filter = text.as_str();
        if let Some(rest) = filter.strip_prefix(SHARE_PREFIX) {
            let (group, shared) = rest.split_once('/').ok_or(TopicError::ShareGroup)?;
            if group.is_empty() || group.contains(['+', '#']) || shared.is_empty() {
                return Err(TopicError::ShareGroup);
            }
            let at = SHARE_PREFIX.len() + group.len() + 1;
            shared_at = Some(
                u16::try_from(at)
                    .ok()
                    .and_then(NonZeroU16::new)
                    .ok_or(TopicError::TooLong)?,
            );
            filter = shared;
        }
        let mut levels = filter.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('#') && (level != "#" || levels.peek().is_some()) {
                return Err(TopicError::MultiLevelWildcard);
            }
            if level.contains('+') && level != "+" {
                return Err(TopicError::SingleLevelWildcard);
            }
        }
        Ok(Self { text, shared_at })
    }

    /// Checks a text of the program's own under the default limits.
    ///
    /// # Errors
    /// As [`TopicFilter::new`].
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        Self::new(ByteStr::from(text), &TopicLimits::default())
    }

    /// The whole text as the client sent it, share group included.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The group of a shared subscription.
    pub fn share_group(&self) -> Option<&str> {
        let end = usize::from(self.shared_at?.get()) - 1;
        Some(&self.as_str()[SHARE_PREFIX.len()..end])
    }

    /// The filter that topic names are matched against: without `$share/{group}/`.
    pub fn filter(&self) -> &str {
        &self.as_str()[self.filter_start()..]
    }

    /// As [`TopicFilter::filter`], sharing the bytes.
    pub fn filter_byte_str(&self) -> ByteStr {
        self.text.slice_from(self.filter_start())
    }

    fn filter_start(&self) -> usize {
        self.shared_at.map_or(0, |at| usize::from(at.get()))
    }

    /// True when [`TopicFilter::filter`] holds `+` or `#`.
    pub fn has_wildcard(&self) -> bool {
        self.filter().bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// The levels of [`TopicFilter::filter`], from the first; empty levels count.
    pub fn levels(&self) -> impl Iterator<Item = &str> + Clone {
        self.filter().split('/')
    }

    /// Whether messages of that topic belong to this subscription.
    pub fn matches(&self, name: &TopicName) -> bool {
        matches(self.filter(), name.as_str())
    }

    /// A copy with an allocation of its own; see [`TopicName::detach`].
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            text: self.text.detach(),
            shared_at: self.shared_at,
        }
    }
}

/// Whether a filter (without share group) matches a topic name (sections 4.7.1 and 4.7.2).
///
/// Both must be valid; costs at most one pass over the shorter of them.
pub fn matches(filter: &str, name: &str) -> bool {
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut names = name.split('/');
    for level in filter.split('/') {
        match (level, names.next()) {
            // '#' stands for the parent too: "sport/#" matches "sport".
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_refuse_wildcards_nul_and_emptiness() {
        for (text, error) in [
            ("", TopicError::Empty),
            ("a\0", TopicError::NullCharacter),
            ("a/+", TopicError::WildcardInName),
            ("a#", TopicError::WildcardInName),
        ] {
            assert_eq!(TopicName::parse(text), Err(error), "{text:?}");
        }
        for text in ["/", "a", " ", "ä/ö", "$SYS/x", "a//b"] {
            assert_eq!(TopicName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn filters_keep_wildcards_alone_in_their_level() {
        for text in [
            "#",
            "+",
            "+/+",
            "/+",
            "a/#",
            "+/a/#",
            "$share",
            "$shared/x",
            "//#",
        ] {
            assert!(TopicFilter::parse(text).is_ok(), "{text}");
        }
        for (text, error) in [
            ("", TopicError::Empty),
            ("a/#/b", TopicError::MultiLevelWildcard),
            ("a#", TopicError::MultiLevelWildcard),
            ("##", TopicError::MultiLevelWildcard),
            ("#/", TopicError::MultiLevelWildcard),
            ("+x", TopicError::SingleLevelWildcard),
            ("a/x+/b", TopicError::SingleLevelWildcard),
            ("++", TopicError::SingleLevelWildcard),
            ("a\0", TopicError::NullCharacter),
        ] {
            assert_eq!(TopicFilter::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn shared_filters_are_taken_apart() {
        let filter = TopicFilter::parse("$share/group/a/+/#").unwrap();
        assert_eq!(filter.share_group(), Some("group"));
        assert_eq!(filter.filter(), "a/+/#");
        assert_eq!(filter.filter_byte_str().as_str(), "a/+/#");
        assert!(filter.matches(&TopicName::parse("a/b").unwrap()));
        let plain = TopicFilter::parse("a/b").unwrap();
        assert_eq!((plain.share_group(), plain.filter()), (None, "a/b"));
        assert_eq!(TopicFilter::parse("$share/g//").unwrap().filter(), "/");
        for text in [
            "$share/",
            "$share/g",
            "$share/g/",
            "$share//a",
            "$share/+/a",
            "$share/#/a",
            "$share/g#/a",
        ] {
            assert_eq!(TopicFilter::parse(text), Err(TopicError::ShareGroup), "{text}");
        }
    }

    #[test]
    fn limits_are_told_apart_from_faults() {
        let limits = TopicLimits {
            length_max: 5,
            levels_max: 2,
        };
        let name = |text: &str| TopicName::new(ByteStr::from(text), &limits);
        assert!(name("ab/cd").is_ok());
        assert_eq!(name("ab/cde"), Err(TopicError::TooLong));
        assert_eq!(name("a/b/c"), Err(TopicError::TooManyLevels));
        assert!(TopicError::TooManyLevels.is_limit() && !TopicError::Empty.is_limit());
        let slashes = "/".repeat(65_535);
        assert_eq!(TopicName::parse(&slashes), Err(TopicError::TooManyLevels));
        assert_eq!(TopicFilter::parse(&slashes), Err(TopicError::TooManyLevels));
    }

    #[test]
    fn matching_follows_the_examples_of_the_specification() {
        for (filter, name, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player12", false),
            ("sport/#", "sport", true),
            ("#", "sport/tennis", true),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("sport/+", "sport/a/b", false),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/x", false),
            ("+/x", "$SYS/x", false),
            ("$SYS/#", "$SYS/x", true),
            ("$SYS/+", "$SYS/x", true),
            ("a/$x", "a/$x", true),
            ("a/+", "a/$x", true),
            ("Accounts", "accounts", false),
        ] {
            assert_eq!(matches(filter, name), expected, "{filter} {name}");
        }
    }

    /// The rules once more, written by recursion over level slices, without a shared line of code.
    fn naive(filter: &[&str], name: &[&str]) -> bool {
        match (filter, name) {
            ([], []) => true,
            (["#"], _) => true,
            (["+", filter @ ..], [_, name @ ..]) => naive(filter, name),
            ([a, filter @ ..], [b, name @ ..]) => a == b && naive(filter, name),
            _ => false,
        }
    }

    fn level() -> impl Strategy<Value = String> {
        prop_oneof![Just(""), Just("a"), Just("b"), Just("$a"), Just("ab")].prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn matching_equals_the_naive_matcher(
            name in prop::collection::vec(level(), 1..5),
            mut filter in prop::collection::vec(prop_oneof![2 => level(), 1 => Just("+".to_owned())], 1..5),
            multi in any::<bool>(),
        ) {
            if multi {
                filter.push("#".to_owned());
            }
            let (name, filter) = (name.join("/"), filter.join("/"));
            let hidden = name.starts_with('$') && filter.starts_with(['+', '#']);
            let levels = |text: &'static str| text.split('/').collect::<Vec<_>>();
            let (name, filter): (&'static str, &'static str) = (name.leak(), filter.leak());
            let expected = !hidden && naive(&levels(filter), &levels(name));
            prop_assert_eq!(matches(filter, name), expected, "{} {}", filter, name);
        }

        #[test]
        fn whatever_is_accepted_keeps_the_invariants(text in "[ab+#/$\u{0}]{0,12}|\\$share/[ab+/#]{0,6}") {
            if let Ok(name) = TopicName::parse(&text) {
                prop_assert!(!name.as_str().is_empty() && !name.as_str().contains(['+', '#', '\0']));
            }
            if let Ok(filter) = TopicFilter::parse(&text) {
                let levels = filter.levels().collect::<Vec<_>>();
                let last = levels.len() - 1;
                for (at, level) in levels.iter().enumerate() {
                    prop_assert!(!level.contains('#') || (*level == "#" && at == last));
                    prop_assert!(!level.contains('+') || *level == "+");
                }
                prop_assert_eq!(filter.share_group().is_some(), text.starts_with("$share/"));
            }
        }
    }
}
