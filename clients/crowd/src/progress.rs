//! One line about how it goes, on standard error: always the same line on a terminal, a new one every few seconds
//! elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::stage::Stage;
use crate::stats::Stats;

/// The line's own state.
pub struct Progress {
    started: Instant,
    terminal: bool,
    shown: Option<Instant>,
}

impl Progress {
    /// Begins now.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            shown: None,
        }
    }

    /// Says something once.
    pub fn say(&mut self, text: &str) {
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        self.write(&format!("{clear}{text}\n"));
    }

    /// Shows the counts when it is time.
    pub fn show(&mut self, stage: &Stage) {
        let since = self.started.elapsed();
        self.line(|| line(&stage.stats, stage.plan.participants, since));
    }

    /// Shows a line in place of the last one when it is time.
    pub fn line(&mut self, text: impl FnOnce() -> String) {
        let every = if self.terminal {
            Duration::from_millis(250)
        } else {
            Duration::from_secs(5)
        };
        if self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let line = text();
        self.write(&if self.terminal {
            format!("\r\x1b[2K{line}")
        } else {
            format!("{line}\n")
        });
    }

    /// Leaves the line.
    pub fn end(&mut self) {
        if self.terminal && self.shown.is_some() {
            self.write("\n");
        }
    }

    fn write(&self, text: &str) {
        // Nobody to read it is no reason to stop.
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

fn line(stats: &Stats, chats: u32, elapsed: Duration) -> String {
    let mut line = format!(
        "{:>4} s  joined {} connected {} asked {} in line {} claimed {} done {}/{chats}  messages {} sent {} acked {} \
         received",
        elapsed.as_secs(),
        stats.joined.get(),
        stats.connected.get(),
        stats.asked.get(),
        stats.opened.get(),
        stats.claimed.get(),
        stats.chats_done.get(),
        stats.sent.get(),
        stats.acked.get(),
        stats.received.get(),
    );
    for (count, what) in [
        (stats.reconnects.get(), "reconnects"),
        (stats.pushed_back.get(), "pushed back"),
        (stats.chats_failed.get(), "FAILED"),
    ] {
        if count > 0 {
            line.push_str(&format!("  {count} {what}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_shown_when_there_is_some() {
        let stats = Stats::default();
        stats.joined.add_many(3);
        let quiet = line(&stats, 9, Duration::from_secs(2));
        assert!(
            quiet.contains("joined 3") && quiet.contains("done 0/9") && !quiet.contains("FAILED"),
            "{quiet}"
        );
        stats.chats_failed.add();
        assert!(line(&stats, 9, Duration::from_secs(2)).contains("1 FAILED"));
    }
}
