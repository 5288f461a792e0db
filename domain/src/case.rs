//! A call for help, from asking to closing: what may follow what.
//!
//! ```text
//!            ask                claim                close
//!   (none) -------> queued -------------> claimed ----------> closed
//!                     ^ \    release         | \                ^
//!                     |  +-------------------+  \   withdraw    |
//!                     +------- (back) -------+   +--------------+
//! ```
//!
//! **Invariant:** a queued call has no operator and a claimed one has exactly one.
//! **Invariant:** a priority is only ever raised, and nothing that was written is thrown away while there is room.
//! **Invariant:** a closed call never changes again; who asks anew opens another one.
//!
//! Pure: it knows neither ids nor times, and decides no race. Whoever calls serializes the calls of one case.

use std::str::FromStr;

use crate::ClientId;
use crate::payload::{CaseState, Priority, TEXT_CHARS_MAX};

/// The part of a case that its rules decide on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Queued, claimed or closed.
    pub state: CaseState,
    /// How urgent.
    pub priority: Priority,
    /// What was written, oldest first, one message per line; at most [`TEXT_CHARS_MAX`] characters.
    pub text: String,
    /// Seat or zone.
    pub seat: Option<String>,
    /// Who has it; of a closed call, who had it.
    pub operator: Option<ClientId>,
}

/// What asking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A new call, at the end of the line of its priority.
    Opened(Call),
    /// The open call, told more or made more urgent; it keeps its time and so its place among equals.
    Changed(Call),
    /// Everything was known already.
    Unchanged,
}

/// A command of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// I take it.
    Claim,
    /// Back to the line, to its old place.
    Release,
    /// Done.
    Close,
}

impl Verb {
    /// Every verb, for tables and tests.
    pub const ALL: [Verb; 3] = [Verb::Claim, Verb::Release, Verb::Close];

    /// The word for it in the topic.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Claim => "claim",
            Verb::Release => "release",
            Verb::Close => "close",
        }
    }
}

/// The text is no command about a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown command: use claim, release or close")]
pub struct UnknownVerb;

impl FromStr for Verb {
    type Err = UnknownVerb;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Verb::ALL
            .into_iter()
            .find(|verb| verb.as_str() == s)
            .ok_or(UnknownVerb)
    }
}

/// Who commands.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The client id.
    pub client: &'a ClientId,
    /// Organizers may release and close what others have.
    pub organizer: bool,
}

/// Why a command is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Another operator has it.
    #[error("another operator has this case")]
    AlreadyClaimed,
    /// It is closed.
    #[error("this case is closed")]
    NotOpen,
    /// Only who has it may do that, or an organizer.
    #[error("only the operator who has this case, or an organizer, may do that")]
    NotYours,
}

impl Refusal {
    /// The word for programs, as in `Done::code`.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::AlreadyClaimed => "already_claimed",
            Refusal::NotOpen => "not_open",
            Refusal::NotYours => "not_yours",
        }
    }
}

impl Call {
    /// Asks for help. Who has an open call already keeps it, and the place in line: a higher priority raises it, a
    /// lower one is not taken (who wrote "life" and then asks for water is still in danger); new words are added as a
    /// further line, so that the operator sees all of them; a seat replaces the one before, as people move.
    pub fn ask(open: Option<&Call>, priority: Priority, text: &str, seat: Option<&str>) -> Asked {
        let Some(open) = open.filter(|call| call.state != CaseState::Closed) else {
            return Asked::Opened(Call {
                state: CaseState::Queued,
                priority,
                text: added("", text),
                seat: seat.map(str::to_owned),
                operator: None,
            });
        };
        let changed = Call {
            priority: open.priority.min(priority),
            text: added(&open.text, text),
            seat: seat.map(str::to_owned).or_else(|| open.seat.clone()),
            ..open.clone()
        };
        if changed == *open {
            Asked::Unchanged
        } else {
            Asked::Changed(changed)
        }
    }

    /// The person no longer needs help. `None` when there is nothing open.
    pub fn withdraw(open: Option<&Call>) -> Option<Call> {
        open.filter(|call| call.state != CaseState::Closed)
            .map(Call::closed)
    }

    /// Carries out a command: `Ok(None)` when it is so already, as after the same command before.
    ///
    /// # Errors
    /// [`Refusal`] says why not; the call is then as it was.
    pub fn command(&self, verb: Verb, by: Actor<'_>) -> Result<Option<Call>, Refusal> {
        let own = self.operator.as_ref() == Some(by.client);
        match (verb, self.state) {
            (_, CaseState::Closed) => Err(Refusal::NotOpen),
            (Verb::Claim, CaseState::Queued) => Ok(Some(Call {
                state: CaseState::Claimed,
                operator: Some(by.client.clone()),
                ..self.clone()
            })),
            (Verb::Claim, CaseState::Claimed) if own => Ok(None),
            (Verb::Claim, CaseState::Claimed) => Err(Refusal::AlreadyClaimed),
            (Verb::Release, CaseState::Queued) => Ok(None),
            (Verb::Release, CaseState::Claimed) if own || by.organizer => Ok(Some(Call {
                state: CaseState::Queued,
                operator: None,
                ..self.clone()
            })),
            (Verb::Close, CaseState::Claimed) if own || by.organizer => Ok(Some(self.closed())),
            // Out of the line without having been answered: a prank, or settled by other means.
            (Verb::Close, CaseState::Queued) if by.organizer => Ok(Some(self.closed())),
            (Verb::Release | Verb::Close, _) => Err(Refusal::NotYours),
        }
    }

    fn closed(&self) -> Call {
        Call {
            state: CaseState::Closed,
            ..self.clone()
        }
    }
}

/// Adds what was written as a further line, once. When all of it does not fit, the oldest characters go: the newest
/// words tell where the person is now.
fn added(before: &str, text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || before.lines().any(|line| line == text) || before == text {
        return before.to_owned();
    }
    let all = if before.is_empty() {
        text.to_owned()
    } else {
        format!("{before}\n{text}")
    };
    let over = all.chars().count().saturating_sub(TEXT_CHARS_MAX);
    if over == 0 {
        all
    } else {
        all.chars().skip(over).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn client(n: u8) -> ClientId {
        ClientId::new(format!("op-{n}")).unwrap()
    }

    fn queued() -> Call {
        match Call::ask(None, Priority::Urgent, "My friend fainted", Some("Block B")) {
            Asked::Opened(call) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn asking_again_keeps_the_call_and_adds_to_it() {
        let call = queued();
        assert_eq!(
            Call::ask(Some(&call), Priority::Service, "My friend fainted", None),
            Asked::Unchanged
        );
        match Call::ask(
            Some(&call),
            Priority::Life,
            "She does not breathe",
            Some("Gate 3"),
        ) {
            Asked::Changed(changed) => {
                assert_eq!(changed.priority, Priority::Life);
                assert_eq!(changed.text, "My friend fainted\nShe does not breathe");
                assert_eq!(changed.seat.as_deref(), Some("Gate 3"));
                assert_eq!(changed.state, CaseState::Queued);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn of_two_who_claim_the_first_has_it() {
        let (one, two) = (client(1), client(2));
        let actor = |client| Actor {
            client,
            organizer: false,
        };
        let claimed = queued().command(Verb::Claim, actor(&one)).unwrap().unwrap();
        assert_eq!(claimed.operator.as_ref(), Some(&one));
        assert_eq!(
            claimed.command(Verb::Claim, actor(&two)),
            Err(Refusal::AlreadyClaimed)
        );
        assert_eq!(
            claimed.command(Verb::Claim, actor(&one)),
            Ok(None),
            "the same command again changes nothing"
        );
        for verb in [Verb::Release, Verb::Close] {
            assert_eq!(claimed.command(verb, actor(&two)), Err(Refusal::NotYours));
            assert!(
                claimed
                    .command(
                        verb,
                        Actor {
                            client: &two,
                            organizer: true
                        }
                    )
                    .unwrap()
                    .is_some()
            );
        }
    }

    #[test]
    fn an_operator_closes_nothing_that_he_does_not_have() {
        let one = client(1);
        assert_eq!(
            queued().command(
                Verb::Close,
                Actor {
                    client: &one,
                    organizer: false
                }
            ),
            Err(Refusal::NotYours)
        );
        let closed = queued()
            .command(
                Verb::Close,
                Actor {
                    client: &one,
                    organizer: true,
                },
            )
            .unwrap()
            .unwrap();
        for verb in Verb::ALL {
            assert_eq!(
                closed.command(
                    verb,
                    Actor {
                        client: &one,
                        organizer: true
                    }
                ),
                Err(Refusal::NotOpen)
            );
        }
        assert_eq!(Call::withdraw(Some(&closed)), None);
        assert!(matches!(
            Call::ask(Some(&closed), Priority::Service, "", None),
            Asked::Opened(_)
        ));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask(Priority, String),
        Withdraw,
        Do(Verb, u8, bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (prop::sample::select(Priority::ALL.to_vec()), "[a-zé ]{0,900}")
                .prop_map(|(p, t)| Step::Ask(p, t)),
            Just(Step::Withdraw),
            (prop::sample::select(Verb::ALL.to_vec()), 0u8..3, any::<bool>())
                .prop_map(|(v, c, o)| Step::Do(v, c, o)),
        ]
    }

    proptest! {
        #[test]
        fn the_invariants_hold_over_every_history(steps in prop::collection::vec(step(), 0..60)) {
            let mut current: Option<Call> = None;
            for step in steps {
                let before = current.clone();
                let mut opened = false;
                match step {
                    Step::Ask(priority, text) => match Call::ask(current.as_ref(), priority, &text, None) {
                        Asked::Opened(call) => { opened = true; current = Some(call) }
                        Asked::Changed(call) => current = Some(call),
                        Asked::Unchanged => {}
                    },
                    Step::Withdraw => if let Some(call) = Call::withdraw(current.as_ref()) { current = Some(call) },
                    Step::Do(verb, by, organizer) => if let Some(call) = &current {
                        let by = client(by);
                        if let Ok(Some(call)) = call.command(verb, Actor { client: &by, organizer }) {
                            current = Some(call);
                        }
                    },
                }
                let Some(now) = &current else { continue };
                prop_assert!(now.text.chars().count() <= TEXT_CHARS_MAX);
                match now.state {
                    CaseState::Queued => prop_assert_eq!(&now.operator, &None),
                    CaseState::Claimed => prop_assert!(now.operator.is_some()),
                    CaseState::Closed => {}
                }
                if let Some(before) = before {
                    if before.state == CaseState::Closed {
                        prop_assert!(opened || before == *now, "a closed call changed");
                    } else {
                        prop_assert!(!opened, "a second open call");
                        prop_assert!(now.priority <= before.priority, "a priority was lowered");
                        if before.state == CaseState::Claimed && now.state == CaseState::Claimed {
                            prop_assert_eq!(&before.operator, &now.operator, "taken from who had it");
                        }
                    }
                }
            }
        }
    }
}
