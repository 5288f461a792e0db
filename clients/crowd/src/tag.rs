//! The words of the crowd's chat messages, which say what they are: the chat, who wrote, the place in the order.
//!
//! Checked against the UUID that travels beside them, so a message that ended up elsewhere, or another's text under a
//! known id, is found.

use std::fmt;
use std::str::FromStr;

/// Who wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one who asked for help.
    Participant,
    /// The one who answers.
    Operator,
}

impl Side {
    /// The one whom it is written to.
    pub fn other(self) -> Self {
        match self {
            Side::Participant => Side::Operator,
            Side::Operator => Side::Participant,
        }
    }
}

/// A message's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// Number of the chat.
    pub chat: u32,
    /// The author.
    pub side: Side,
    /// Number among the author's messages of this chat, from 0.
    pub seq: u32,
    /// Of an answer: the number of the message that it answers.
    pub answers: Option<u32>,
}

/// Not a message of a crowd.
#[derive(Debug, PartialEq, Eq)]
pub struct NoTag;

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (side, words) = match self.side {
            Side::Participant => ("p", "Where is the nearest exit from here?"),
            Side::Operator => ("o", "Behind the stage on your left. I see you on the map."),
        };
        write!(f, "crowd {} {side} {}", self.chat, self.seq)?;
        if let Some(answers) = self.answers {
            write!(f, " re {answers}")?;
        }
        write!(f, ": {words}")
    }
}

impl FromStr for Tag {
    type Err = NoTag;

    fn from_str(text: &str) -> Result<Self, NoTag> {
        let (tag, _) = text.split_once(": ").ok_or(NoTag)?;
        let mut words = tag.split(' ');
        let mut word = || words.next().ok_or(NoTag);
        if word()? != "crowd" {
            return Err(NoTag);
        }
        let chat = word()?.parse().map_err(|_| NoTag)?;
        let side = match word()? {
            "p" => Side::Participant,
            "o" => Side::Operator,
            _ => return Err(NoTag),
        };
        let seq = word()?.parse().map_err(|_| NoTag)?;
        let answers = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("re"), Some(answers), None) => Some(answers.parse().map_err(|_| NoTag)?),
            _ => return Err(NoTag),
        };
        Ok(Self {
            chat,
            side,
            seq,
            answers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_written() {
        for (side, answers) in [(Side::Participant, None), (Side::Operator, Some(41))] {
            let tag = Tag {
                chat: 7,
                side,
                seq: 42,
                answers,
            };
            assert_eq!(tag.to_string().parse(), Ok(tag));
        }
    }

    #[test]
    fn what_people_write_is_no_tag() {
        for text in [
            "",
            "hello",
            "crowd",
            "crowd 1 x 2: a",
            "crowd 1 p: a",
            "crowd 1 o 2 re: a",
            "crowd 1 p -1: a",
        ] {
            assert_eq!(text.parse::<Tag>(), Err(NoTag), "{text}");
        }
    }
}
