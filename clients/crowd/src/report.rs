//! What a run came to, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::ledger::Tally;
use crate::stats::{Stats, Summary};

/// Why the crowd stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everybody had left, helped or not.
    Everybody,
    /// Its time was up.
    Timeout,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// No operator was left.
    NoOperators,
}

/// The result of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Where.
    pub url: String,
    /// The event's id.
    pub event: String,
    /// Its join code.
    pub join_code: String,
    /// Chats that were planned.
    pub participants: u32,
    /// Operators that were planned.
    pub operators: u32,
    /// Messages planned for each participant.
    pub messages_each: u32,
    /// Messages per second of each participant; absent when each waited for the answer.
    pub rate: Option<f64>,
    /// From the first arrival to the last leaving, in seconds.
    pub elapsed_s: f64,
    /// Why it stopped.
    pub ending: Ending,
    /// Chats that went through to the end.
    pub chats_done: u64,
    /// What became of every message.
    pub messages: Tally,
    /// False when the archive could not be asked; then `stored` says nothing.
    pub archive_asked: bool,
    /// Seconds that the archive took to hold everything after the end, or was waited for.
    pub archive_s: f64,
    /// Messages of the event that could not be stored, new since the beginning.
    pub dead_letters: u64,
    /// Messages that found too many waiting for the broker.
    pub not_sent: u64,
    /// Publishes that the broker had no room for at first.
    pub pushed_back: u64,
    /// Calls for help.
    pub asked: u64,
    /// Of them, those that became a case.
    pub opened: u64,
    /// Cases claimed.
    pub claimed: u64,
    /// Claims that another operator won.
    pub races_lost: u64,
    /// Cases closed.
    pub closed: u64,
    /// Locations acknowledged.
    pub locations: u64,
    /// Locations that the archive has more of than before. Those of others at the same event are among them.
    pub locations_stored: u64,
    /// Connections lost or not come about, each followed by another attempt.
    pub reconnects: u64,
    /// Processor time of this process, in seconds.
    pub cpu_s: f64,
    /// The times.
    pub times: Times,
    /// The first things that went wrong, in words.
    pub failures: Vec<String>,
    /// Why the run did not pass; empty when it passed.
    pub reasons: Vec<String>,
}

/// The measured times.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    /// Joining by the API.
    pub join: Summary,
    /// From the first byte to CONNACK.
    pub connect: Summary,
    /// From asking for help to seeing the case.
    pub help_to_case: Summary,
    /// From an operator's claim to its answer.
    pub claim: Summary,
    /// From the time at which a chat message was to be sent to its arrival.
    pub delivery: Summary,
    /// From the time at which a question was to be sent to the arrival of its answer.
    pub round_trip: Summary,
    /// From sending to PUBACK.
    pub puback: Summary,
}

impl From<&Stats> for Times {
    fn from(stats: &Stats) -> Self {
        Self {
            join: stats.join.summary(),
            connect: stats.connect.summary(),
            help_to_case: stats.help_to_case.summary(),
            claim: stats.claim.summary(),
            delivery: stats.delivery.summary(),
            round_trip: stats.round_trip.summary(),
            puback: stats.puback.summary(),
        }
    }
}

impl Report {
    /// True when nothing was lost, doubled or out of order, and everything was completed.
    pub fn passed(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Fills in why the run did not pass.
    pub(crate) fn judge(mut self, timeout: Duration) -> Self {
        let tally = &self.messages;
        let archive = self.archive_asked;
        let mut reasons: Vec<String> = [
            (tally.lost_delivery, "acknowledged and never delivered"),
            (
                if archive { tally.lost_archive } else { 0 },
                "acknowledged and not in the archive",
            ),
            (tally.doubled_delivery, "delivered more than once"),
            (tally.doubled_archive, "in the archive more than once"),
            (tally.out_of_order, "delivered out of order"),
            (tally.out_of_order_archive, "out of order in the archive"),
            (tally.unexpected, "unexpected: of another chat, or sent by nobody"),
            (self.not_sent, "not sent, as too many waited for the broker"),
            (self.dead_letters, "put aside as dead letters by the bridge"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} messages {what}"))
        .collect();
        if !archive {
            reasons.push("the archive could not be asked".into());
        }
        match self.ending {
            Ending::Everybody => {}
            Ending::Timeout => reasons.push(format!(
                "not everything was done in {} s (--timeout)",
                timeout.as_secs()
            )),
            Ending::Interrupted => reasons.push("it was interrupted".into()),
            Ending::NoOperators => reasons.push("no operator was left to answer".into()),
        }
        let participants = u64::from(self.participants);
        if self.chats_done < participants {
            let stages = [
                (participants.saturating_sub(self.asked), "never asked for help"),
                (self.asked.saturating_sub(self.opened), "asked and saw no case"),
                (self.opened.saturating_sub(self.claimed), "were not claimed"),
                (
                    self.claimed.saturating_sub(self.closed),
                    "were claimed and not closed",
                ),
            ];
            let where_: Vec<_> = stages
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| format!("{n} {what}"))
                .collect();
            let where_ = if where_.is_empty() {
                String::new()
            } else {
                format!(" ({})", where_.join(", "))
            };
            reasons.push(format!(
                "{} of {participants} chats were not completed{where_}",
                participants - self.chats_done
            ));
        }
        self.reasons = reasons;
        self
    }
}

impl fmt::Display for Report {
    /// A table for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = match self.rate {
            Some(rate) => format!("{rate} messages per second each, answered at once"),
            None => "one after the other is answered".to_owned(),
        };
        writeln!(
            f,
            "{} chats, {} operators, {} messages by each participant ({pace}), {:.1} s, event {}",
            self.participants, self.operators, self.messages_each, self.elapsed_s, self.join_code
        )?;
        writeln!(
            f,
            "\n{:<34}{:>9}{:>11}{:>11}{:>11}",
            "time", "count", "p50 ms", "p99 ms", "max ms"
        )?;
        let times = &self.times;
        for (name, one) in [
            ("join (API)", times.join),
            ("connect", times.connect),
            ("help to case", times.help_to_case),
            ("claim", times.claim),
            ("chat delivery (to the other side)", times.delivery),
            ("chat round trip (to the answer)", times.round_trip),
            ("PUBACK", times.puback),
        ] {
            writeln!(
                f,
                "{name:<34}{:>9}{:>11.2}{:>11.2}{:>11.2}",
                one.count, one.p50_ms, one.p99_ms, one.max_ms
            )?;
        }
        let tally = &self.messages;
        writeln!(f, "\n{:<34}{:>9}", "chat messages", "count")?;
        let stored = |f: &mut fmt::Formatter<'_>, name: &str, count: u64| match self.archive_asked {
            true => writeln!(f, "{name:<34}{count:>9}"),
            false => writeln!(f, "{name:<34}{:>9}", "unknown"),
        };
        for (name, count) in [
            ("sent", tally.sent),
            ("acknowledged", tally.acked),
            ("received", tally.received),
        ] {
            writeln!(f, "{name:<34}{count:>9}")?;
        }
        stored(f, "stored", tally.stored)?;
        writeln!(
            f,
            "{:<34}{:>9}",
            "lost (acked, not received)", tally.lost_delivery
        )?;
        stored(f, "lost (acked, not stored)", tally.lost_archive)?;
        for (name, count) in [
            ("doubled (received)", tally.doubled_delivery),
            ("doubled (stored)", tally.doubled_archive),
            ("out of order (received)", tally.out_of_order),
            ("out of order (stored)", tally.out_of_order_archive),
            ("unexpected", tally.unexpected),
        ] {
            writeln!(f, "{name:<34}{count:>9}")?;
        }
        writeln!(
            f,
            "\ncases: {} asked, {} in line, {} claimed ({} races lost), {} closed; locations: {} acknowledged, {} stored; \
             reconnects: {}",
            self.asked,
            self.opened,
            self.claimed,
            self.races_lost,
            self.closed,
            self.locations,
            self.locations_stored,
            self.reconnects
        )?;
        writeln!(
            f,
            "repeated as QoS 1 allows: {}; pushed back: {}; reordered by that: {}; archive complete after {:.1} s",
            tally.repeated, self.pushed_back, tally.reordered, self.archive_s
        )?;
        let each = self.cpu_s * 1e6 / (tally.sent.max(1)) as f64;
        writeln!(
            f,
            "processor time of the crowd: {:.1} s, {each:.1} us per chat message",
            self.cpu_s
        )?;
        for failure in &self.failures {
            writeln!(f, "went wrong: {failure}")?;
        }
        if self.passed() {
            write!(
                f,
                "\nPASSED: every message was delivered and stored once, in order"
            )
        } else {
            write!(f, "\nFAILED: {}", self.reasons.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(messages: Tally, chats_done: u64, ending: Ending) -> Report {
        Report {
            url: "http://127.0.0.1:1".into(),
            event: "e".into(),
            join_code: "FEST-42".into(),
            participants: 3,
            operators: 1,
            messages_each: 2,
            rate: None,
            elapsed_s: 1.0,
            ending,
            chats_done,
            messages,
            archive_asked: true,
            archive_s: 0.1,
            dead_letters: 0,
            not_sent: 0,
            pushed_back: 0,
            asked: 3,
            opened: 3,
            claimed: 2,
            races_lost: 0,
            closed: chats_done,
            locations: 3,
            locations_stored: 3,
            reconnects: 0,
            cpu_s: 0.5,
            times: Times::from(&Stats::default()),
            failures: Vec::new(),
            reasons: Vec::new(),
        }
        .judge(Duration::from_secs(9))
    }

    const WHOLE: Tally = Tally {
        sent: 12,
        acked: 12,
        received: 12,
        stored: 12,
        lost_delivery: 0,
        lost_archive: 0,
        doubled_delivery: 0,
        doubled_archive: 0,
        out_of_order: 0,
        out_of_order_archive: 0,
        unexpected: 0,
        repeated: 1,
        reordered: 1,
    };

    #[test]
    fn a_whole_run_passes_and_says_so() {
        let report = report(WHOLE, 3, Ending::Everybody);
        assert!(report.passed(), "{:?}", report.reasons);
        let table = report.to_string();
        assert!(table.contains("PASSED") && !table.contains("FAILED"), "{table}");
        let json: serde_json::Value = serde_json::to_value(&report).unwrap();
        assert_eq!(json["messages"]["stored"], 12);
        assert_eq!(json["reasons"], serde_json::json!([]));
        assert_eq!(json["times"]["round_trip"]["p99_ms"], 0.0);
    }

    #[test]
    fn each_fault_fails_the_run_in_words() {
        for (fault, words) in [
            (
                Tally {
                    lost_delivery: 1,
                    ..WHOLE
                },
                "never delivered",
            ),
            (
                Tally {
                    lost_archive: 1,
                    ..WHOLE
                },
                "not in the archive",
            ),
            (
                Tally {
                    doubled_delivery: 1,
                    ..WHOLE
                },
                "delivered more than once",
            ),
            (
                Tally {
                    doubled_archive: 1,
                    ..WHOLE
                },
                "in the archive more than once",
            ),
            (
                Tally {
                    out_of_order: 1,
                    ..WHOLE
                },
                "delivered out of order",
            ),
            (
                Tally {
                    out_of_order_archive: 1,
                    ..WHOLE
                },
                "out of order in the archive",
            ),
            (
                Tally {
                    unexpected: 1,
                    ..WHOLE
                },
                "unexpected",
            ),
        ] {
            let report = report(fault, 3, Ending::Everybody);
            assert!(
                !report.passed() && report.to_string().contains(words),
                "{words}: {report}"
            );
        }
    }

    #[test]
    fn an_unfinished_run_says_where_it_stuck() {
        let report = report(WHOLE, 1, Ending::Timeout);
        let text = report.reasons.join("; ");
        for words in [
            "9 s (--timeout)",
            "2 of 3 chats",
            "1 were not claimed",
            "1 were claimed and not closed",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
