//! The log of a broker that promises nothing beyond its own life.

use super::{Log, Position, Record};

/// Keeps nothing; durable at once.
#[derive(Debug, Default, Clone, Copy)]
pub struct MemoryLog;

impl Log for MemoryLog {
    fn keeps(&self) -> bool {
        false
    }

    fn append(&mut self, _record: Record<'_>) -> Position {
        0
    }

    fn durable_upto(&self) -> Position {
        Position::MAX
    }
}
