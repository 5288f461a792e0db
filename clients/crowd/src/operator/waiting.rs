//! What an operator knows of the line: who waits, by the retained cases.
//!
//! **Invariant:** a case that was seen in a later revision never comes back in an earlier one.
//! **Invariant:** performs no IO; randomness is passed in.

use std::collections::{BTreeMap, HashMap};

use muster_domain::payload::{Case, CaseState};
use muster_domain::{CaseId, ClientId};

/// Who waits, in the order in which the cases were opened.
#[derive(Default)]
pub struct Waiting {
    /// Case ids are UUIDv7, so their order is that of their opening.
    cases: BTreeMap<CaseId, ClientId>,
    revisions: HashMap<CaseId, i64>,
}

impl Waiting {
    /// Takes a case that arrived; false when it is older than what is known.
    pub fn saw(&mut self, case: &Case) -> bool {
        let known = self.revisions.entry(case.id).or_insert(i64::MIN);
        if case.revision <= *known {
            return false;
        }
        *known = case.revision;
        if case.state == CaseState::Queued {
            self.cases.insert(case.id, case.client.clone());
        } else {
            self.cases.remove(&case.id);
        }
        true
    }

    /// Takes one out of the line: among the first `among` of it the one that `random` (0 to 1) falls on, as people
    /// choose from the top of a list. So operators sometimes reach for the same case, and mostly do not.
    pub fn take(&mut self, among: usize, random: f64) -> Option<(CaseId, ClientId)> {
        let among = among.clamp(1, self.cases.len().max(1));
        let nth = ((among as f64 * random) as usize).min(among - 1);
        let (case, client) = self
            .cases
            .iter()
            .nth(nth)
            .map(|(case, client)| (*case, client.clone()))?;
        self.cases.remove(&case);
        Some((case, client))
    }
}

#[cfg(test)]
mod tests {
    use muster_domain::payload::Priority;
    use time::OffsetDateTime;

    use super::*;

    fn case(id: CaseId, revision: i64, state: CaseState) -> Case {
        Case {
            id,
            client: ClientId::random(),
            name: None,
            state,
            revision,
            priority: Priority::Service,
            text: String::new(),
            seat: None,
            place: None,
            eta_s: None,
            operator: None,
            opened_at: OffsetDateTime::UNIX_EPOCH,
            claimed_at: None,
            closed_at: None,
            reason: None,
        }
    }

    #[test]
    fn a_claimed_case_waits_no_more_even_if_an_older_state_arrives() {
        let mut waiting = Waiting::default();
        let id = CaseId::new();
        assert!(waiting.saw(&case(id, 1, CaseState::Queued)));
        assert!(waiting.saw(&case(id, 3, CaseState::Claimed)));
        assert!(!waiting.saw(&case(id, 2, CaseState::Queued)));
        assert!(waiting.take(9, 0.5).is_none());
    }

    #[test]
    fn choices_stay_near_the_top() {
        let mut waiting = Waiting::default();
        let mut ids: Vec<_> = (0..5).map(|_| CaseId::new()).collect();
        ids.sort();
        for id in &ids {
            waiting.saw(&case(*id, 1, CaseState::Queued));
        }
        assert_eq!(waiting.take(2, 0.99).unwrap().0, ids[1]);
        assert_eq!(waiting.take(2, 0.0).unwrap().0, ids[0]);
        assert_eq!(waiting.take(100, 1.0).unwrap().0, ids[4]);
    }
}
