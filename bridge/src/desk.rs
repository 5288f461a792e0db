//! The help desk: applies calls for help and commands of staff, in their order, to an image of the cases they concern.
//!
//! The image is loaded and written by the writer, in one transaction with the rest of the batch; so a batch costs the
//! same number of statements however many calls are in it, and races are decided by the order of arrival.
//!
//! **Invariant:** performs no IO and reads no clock: all times are the broker's receive times.
//! **Invariant:** a message that is in `applied` changes nothing; a command that is repeated gets its answer again.
//! **Invariant:** an image that was loaded for messages is complete for them: their events, their senders' open cases,
//! the cases that they name, and what of them was applied before.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_domain::case::{Actor, Asked, Call as Rules};
use muster_domain::payload::{CaseState, Done};
use muster_domain::{AgencyId, CaseId, ClientId, EventId, EventTopic, MessageId, Topic};
use muster_store::audit::Entry;
use muster_store::cases::CaseRow;
use muster_store::outbox::Message;
use time::OffsetDateTime;

use crate::incoming::{Call, Order};

/// A person of staff at one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// The name that participants see.
    pub name: String,
    /// Whether they run the event.
    pub organizer: bool,
}

/// A message as it is known to have been applied: the event, who sent it, its id.
pub type MessageKey = (EventId, ClientId, MessageId);

/// The image that messages are applied to.
#[derive(Debug, Default)]
pub struct Desk {
    /// The events that exist, with their agencies.
    pub events: HashMap<EventId, AgencyId>,
    /// Names of participants.
    pub names: HashMap<(EventId, ClientId), String>,
    /// Members of the agency among the senders of commands.
    pub staff: HashMap<(EventId, ClientId), Staff>,
    /// What was applied before, with the answer to it.
    pub applied: HashMap<MessageKey, Option<Vec<u8>>>,
    cases: HashMap<CaseId, CaseRow>,
    open: HashMap<(EventId, ClientId), CaseId>,
    outcome: Outcome,
}

/// What applying came to; everything in it is to be written.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Cases that changed, in the order of their first change.
    pub changed: Vec<CaseId>,
    /// What was applied now, with the answer to it.
    pub applied: Vec<(MessageKey, Option<Vec<u8>>)>,
    /// Answers to commands.
    pub answers: Vec<Message>,
    /// Participants whose position is to be cleared, as their case is closed.
    pub cleared: Vec<(EventId, ClientId)>,
    /// How many left the line, by event.
    pub left: BTreeMap<EventId, i64>,
    /// What staff did.
    pub audit: Vec<Entry>,
    /// Messages that had been applied before.
    pub repeated: u64,
}

impl Desk {
    /// Puts a case into the image.
    pub fn add_case(&mut self, case: CaseRow) {
        if case.state != CaseState::Closed {
            self.open.insert((case.event, case.client.clone()), case.id);
        }
        self.cases.insert(case.id, case);
    }

    /// A case of the image.
    pub fn case(&self, id: CaseId) -> Option<&CaseRow> {
        self.cases.get(&id)
    }

    /// What has come of everything that was applied; the image begins a new account.
    pub fn take_outcome(&mut self) -> Outcome {
        std::mem::take(&mut self.outcome)
    }

    /// Applies a call for help.
    ///
    /// # Errors
    /// The reason why it can never be applied.
    pub fn call(&mut self, call: &Call) -> Result<(), String> {
        self.known_event(call.event)?;
        let key = (call.event, call.client.clone(), call.help.id);
        if self.applied.contains_key(&key) {
            self.outcome.repeated += 1;
            return Ok(());
        }
        let open = self
            .open
            .get(&(call.event, call.client.clone()))
            .and_then(|id| self.cases.get(id))
            .cloned();
        let rules = open.as_ref().map(rules);
        match (call.help.kind.priority(), open) {
            (None, open) => {
                if let (Some(closed), Some(open)) = (Rules::withdraw(rules.as_ref()), open) {
                    self.change(open, closed, call.received_at, Some("withdrawn"));
                }
            }
            (Some(priority), open) => {
                match (
                    Rules::ask(
                        rules.as_ref(),
                        priority,
                        &call.help.text,
                        call.help.seat.as_deref(),
                    ),
                    open,
                ) {
                    (Asked::Opened(opened), _) => self.open_case(call, opened),
                    (Asked::Changed(changed), Some(open)) => {
                        self.change(open, changed, call.received_at, None)
                    }
                    (Asked::Changed(_), None) | (Asked::Unchanged, _) => {}
                }
            }
        }
        self.note_applied(key, None);
        Ok(())
    }

    /// Applies a command and answers it.
    ///
    /// # Errors
    /// The reason why it can never be applied.
    pub fn order(&mut self, order: &Order) -> Result<(), String> {
        let agency = self.known_event(order.event)?;
        let key = (order.event, order.sender.clone(), order.command.id);
        if let Some(answer) = self.applied.get(&key) {
            self.outcome.repeated += 1;
            if let Some(answer) = answer.clone() {
                self.outcome
                    .answers
                    .push(Message::answer(done_topic(order.event, &order.sender), answer));
            }
            return Ok(());
        }
        let (ok, code, message) = self.carry_out(order, agency);
        let done = Done {
            id: order.command.id,
            ok,
            code: code.into(),
            message,
        };
        let answer = serde_json::to_vec(&done).map_err(|error| error.to_string())?;
        self.outcome.answers.push(Message::answer(
            done_topic(order.event, &order.sender),
            answer.clone(),
        ));
        self.note_applied(key, Some(answer));
        Ok(())
    }

    fn carry_out(&mut self, order: &Order, agency: AgencyId) -> (bool, &'static str, String) {
        let Some(verb) = order.verb else {
            return (
                false,
                "bad_command",
                "unknown command: use claim, release or close".into(),
            );
        };
        let case = self
            .cases
            .get(&order.command.case)
            .filter(|case| case.event == order.event)
            .cloned();
        let Some(case) = case else {
            return (
                false,
                "unknown_case",
                "there is no such case at this event".into(),
            );
        };
        let staff = self.staff.get(&(order.event, order.sender.clone()));
        let organizer = staff.is_some_and(|staff| staff.organizer);
        match rules(&case).command(
            verb,
            Actor {
                client: &order.sender,
                organizer,
            },
        ) {
            Err(refusal) => (false, refusal.code(), refusal.to_string()),
            Ok(None) => (true, "done", "it is so already".into()),
            Ok(Some(after)) => {
                let reason = order
                    .command
                    .reason
                    .as_deref()
                    .map(str::trim)
                    .filter(|reason| !reason.is_empty());
                let closing = after.state == CaseState::Closed;
                // A radio or a tablet is staff by its token, without a person behind it that the agency knows.
                let name = staff.map_or_else(|| order.sender.to_string(), |staff| staff.name.clone());
                let mut before = case.clone();
                if after.state == CaseState::Claimed {
                    before.operator_name = Some(name);
                }
                self.outcome.audit.push(Entry {
                    agency: Some(agency),
                    actor: order.sender.to_string(),
                    action: match after.state {
                        CaseState::Queued => "case.released",
                        CaseState::Claimed => "case.claimed",
                        CaseState::Closed => "case.closed",
                    },
                    target: case.id.to_string(),
                    detail: serde_json::json!({ "event": order.event }),
                });
                self.change(
                    before,
                    after,
                    order.received_at,
                    closing.then(|| reason.unwrap_or("resolved")),
                );
                (true, "done", "done".into())
            }
        }
    }

    fn known_event(&self, event: EventId) -> Result<AgencyId, String> {
        self.events
            .get(&event)
            .copied()
            .ok_or_else(|| "there is no such event".to_owned())
    }

    fn note_applied(&mut self, key: MessageKey, answer: Option<Vec<u8>>) {
        self.applied.insert(key.clone(), answer.clone());
        self.outcome.applied.push((key, answer));
    }

    fn open_case(&mut self, call: &Call, opened: Rules) {
        let case = CaseRow {
            id: CaseId::new(),
            event: call.event,
            client: call.client.clone(),
            name: self.names.get(&(call.event, call.client.clone())).cloned(),
            help_id: call.help.id,
            state: opened.state,
            revision: 1,
            priority: opened.priority,
            text: opened.text,
            seat: opened.seat,
            operator: None,
            operator_name: None,
            opened_at: call.received_at,
            claimed_at: None,
            closed_at: None,
            reason: None,
            told: None,
        };
        self.outcome.changed.push(case.id);
        self.add_case(case);
    }

    fn change(&mut self, before: CaseRow, after: Rules, at: OffsetDateTime, reason: Option<&str>) {
        let mut case = before;
        if case.state == CaseState::Queued && after.state != CaseState::Queued {
            *self.outcome.left.entry(case.event).or_default() += 1;
            case.told = None;
        }
        match (case.state, after.state) {
            (_, CaseState::Closed) => {
                case.closed_at = Some(at);
                case.reason = reason.map(str::to_owned);
                self.open.remove(&(case.event, case.client.clone()));
                self.outcome.cleared.push((case.event, case.client.clone()));
            }
            (CaseState::Queued, CaseState::Claimed) => case.claimed_at = Some(at),
            (CaseState::Claimed, CaseState::Queued) => {
                case.claimed_at = None;
                case.operator_name = None;
            }
            _ => {}
        }
        case.state = after.state;
        case.priority = after.priority;
        case.text = after.text;
        case.seat = after.seat;
        case.operator = after.operator;
        case.revision += 1;
        if !self.outcome.changed.contains(&case.id) {
            self.outcome.changed.push(case.id);
        }
        self.cases.insert(case.id, case);
    }
}

/// What an image must hold for messages to be applied to it.
#[derive(Debug, Default)]
pub struct Needs {
    /// Events.
    pub events: HashSet<EventId>,
    /// Participants: their names and open cases.
    pub callers: HashSet<(EventId, ClientId)>,
    /// Senders of commands.
    pub staff: HashSet<(EventId, ClientId)>,
    /// Cases that commands name.
    pub cases: HashSet<CaseId>,
    /// Messages that may have been applied before.
    pub messages: HashSet<MessageKey>,
}

impl Needs {
    /// Adds what a call for help needs.
    pub fn call(&mut self, call: &Call) {
        self.events.insert(call.event);
        self.callers.insert((call.event, call.client.clone()));
        self.messages
            .insert((call.event, call.client.clone(), call.help.id));
    }

    /// Adds what a command needs.
    pub fn order(&mut self, order: &Order) {
        self.events.insert(order.event);
        self.staff.insert((order.event, order.sender.clone()));
        self.cases.insert(order.command.case);
        self.messages
            .insert((order.event, order.sender.clone(), order.command.id));
    }

    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// The topic of answers to a member of staff.
pub(crate) fn done_topic(event: EventId, client: &ClientId) -> String {
    EventTopic::new(
        event,
        Topic::Done {
            client: client.clone(),
        },
    )
    .to_string()
}

fn rules(case: &CaseRow) -> Rules {
    Rules {
        state: case.state,
        priority: case.priority,
        text: case.text.clone(),
        seat: case.seat.clone(),
        operator: case.operator.clone(),
    }
}
