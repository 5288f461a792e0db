//! Messages that wait for one receiver.
//!
//! **Invariant:** push and pop touch one block; no operation copies or walks the queue, however long it is. A ring that
//! doubles would at a million entries copy megabytes while the broker's state is locked.

use std::collections::VecDeque;

use super::Queued;

/// Entries per block: small enough that a short queue is small, large enough that blocks are few.
const BLOCK: usize = 256;

/// A first-in first-out queue that knows its size.
#[derive(Debug, Default)]
pub struct Queue {
    blocks: VecDeque<VecDeque<(u64, Queued)>>,
    /// Without the retained messages of a SUBSCRIBE.
    len: usize,
    bytes: usize,
    /// The retained messages of a SUBSCRIBE.
    burst: usize,
    popped: u64,
    pushed: u64,
}

impl Queue {
    /// Appends. `order` is kept with the entry and told by [`Self::front_order`].
    pub fn push(&mut self, order: u64, queued: Queued) {
        match queued.burst {
            true => self.burst += 1,
            false => {
                self.len += 1;
                self.bytes += queued.message.size();
            }
        }
        self.pushed += 1;
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back((order, queued)),
            _ => self.blocks.push_back(VecDeque::from([(order, queued)])),
        }
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Queued> {
        let block = self.blocks.front_mut()?;
        let (_, queued) = block.pop_front()?;
        if block.is_empty() {
            self.blocks.pop_front();
            if self.blocks.is_empty() {
                // An idle session holds no memory for its queue.
                self.blocks = VecDeque::new();
            }
        }
        match queued.burst {
            true => self.burst -= 1,
            false => {
                self.len -= 1;
                self.bytes -= queued.message.size();
            }
        }
        self.popped += 1;
        Some(queued)
    }

    /// The order of the oldest.
    pub fn front_order(&self) -> Option<u64> {
        self.blocks.front()?.front().map(|(order, _)| *order)
    }

    /// Entries that were ever appended.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Entries that were ever taken.
    pub fn popped(&self) -> u64 {
        self.popped
    }

    /// Entries that wait, without the retained messages of a SUBSCRIBE.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Their bytes of topic, payload and properties.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Retained messages of a SUBSCRIBE that wait.
    pub fn burst(&self) -> usize {
        self.burst
    }

    /// True when nothing at all waits.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Takes everything, oldest first, and leaves the queue empty. Costs nothing until iterated.
    pub fn take(&mut self) -> impl Iterator<Item = Queued> + use<> {
        let blocks = std::mem::take(&mut self.blocks);
        self.popped = self.pushed;
        (self.len, self.bytes, self.burst) = (0, 0, 0);
        blocks.into_iter().flatten().map(|(_, queued)| queued)
    }
}
