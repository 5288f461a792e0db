/**
 * One chat, merged by message id from what was kept, read over HTTP, received live, and written here.
 *
 * Invariant: each id appears once, however often and by whatever way it came.
 * Invariant: order is the order in which the broker had the messages; what it has not had yet stands last, in the order
 * of writing.
 */
import type { KeptMessage } from "./store/store.ts";

/** `waiting` = kept here, not acknowledged; `sent` = the broker has it; `refused` = it will not take it. */
export type MessageState = "waiting" | "sent" | "refused";

export interface Message extends KeptMessage {
  state: MessageState;
}

export class Thread {
  private readonly messages = new Map<string, Message & { arrival: number }>();
  private arrivals = 0;
  private sorted: readonly Message[] | undefined;

  /** Adds or completes messages. @returns those that were not known, or are known better now */
  merge(come: readonly (KeptMessage & { state?: MessageState })[]): KeptMessage[] {
    const changed: KeptMessage[] = [];
    for (const message of come) {
      const known = this.messages.get(message.id);
      const state = message.received_ms !== undefined ? "sent" : (message.state ?? known?.state ?? (message.refused ? "refused" : "sent"));
      const received_ms = known?.received_ms ?? message.received_ms;
      if (known && known.state === state && known.received_ms === received_ms) continue;
      const { state: _, arrival: __, ...kept } = { arrival: 0, ...message, ...known, ...(received_ms === undefined ? {} : { received_ms }) };
      // Two that the broker had in the same millisecond keep the order in which they came here.
      const arrival = known?.received_ms === undefined ? this.arrivals++ : known.arrival;
      this.messages.set(message.id, { ...kept, state, arrival });
      changed.push(kept);
    }
    if (changed.length > 0) this.sorted = undefined;
    return changed;
  }

  /** What became of one's own message. */
  mark(id: string, state: MessageState): void {
    const known = this.messages.get(id);
    if (!known || known.received_ms !== undefined) return;
    this.messages.set(id, { ...known, state });
    this.sorted = undefined;
  }

  get list(): readonly Message[] {
    this.sorted ??= [...this.messages.values()].sort((a, b) => {
      if (a.received_ms === undefined && b.received_ms === undefined) return a.sent_ms - b.sent_ms || a.arrival - b.arrival;
      return (a.received_ms ?? Infinity) - (b.received_ms ?? Infinity) || a.arrival - b.arrival;
    });
    return this.sorted;
  }
}
