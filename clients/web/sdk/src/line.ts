/** The line of waiting people, reckoned from what was broadcast: places, expected time, and the order in the console. */
import type { Case, Priority, QueueState } from "./payload.ts";

/** How many are before a case now: exact as long as those who left stood before it. `undefined` when unknown. */
export function ahead(c: Case, queue: QueueState | undefined): number | undefined {
  if (!c.place) return undefined;
  const left = Math.max(0, (queue?.gone ?? c.place.gone) - c.place.gone);
  return Math.max(0, c.place.ahead - left);
}

/** Expected seconds until an operator has it; `undefined` when nobody can know. */
export function eta_s(c: Case, queue: QueueState | undefined): number | undefined {
  const before = ahead(c, queue);
  if (before !== undefined && queue?.pace_s !== undefined) return (before + 1) * queue.pace_s;
  return c.eta_s;
}

/** A range in whole minutes that an expected time is told in: nobody can promise the minute. */
export function etaRange_min(seconds: number): { low: number; high: number } {
  const low = Math.max(0, Math.floor((seconds * 0.8) / 60));
  return { low, high: Math.max(low + 1, Math.ceil((seconds * 1.25) / 60)) };
}

const RANK: Record<Priority, number> = { life: 0, urgent: 1, service: 2 };

/** Most pressing first, then who has waited longest. */
export function byPriorityThenWaiting(a: Case, b: Case): number {
  return RANK[a.priority] - RANK[b.priority] || Date.parse(a.opened_at) - Date.parse(b.opened_at) || (a.id < b.id ? -1 : 1);
}

/** Of two states of one client's case, the one that holds: a new case replaces an old one, a higher revision a lower. */
export function newer(known: Case | undefined, come: Case): Case {
  if (!known) return come;
  if (known.id === come.id) return come.revision >= known.revision ? come : known;
  return Date.parse(come.opened_at) >= Date.parse(known.opened_at) ? come : known;
}
