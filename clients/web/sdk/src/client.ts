/**
 * A live connection with an outbox: what the pages use.
 *
 * Invariant: `send` resolves only after the message is kept on the device, and it is removed only after the broker
 * acknowledged or finally refused it. A page killed in between sends it again after it is opened; the id in the message
 * makes the two one.
 * Invariant: messages of one owner leave in the order in which they were written.
 */
import { Connection, type Clock, type Socket } from "./connection/connection.ts";
import type { Outcome, Status } from "./connection/machine.ts";
import type { OutboxItem, Store } from "./store/store.ts";

/** Messages that may wait on the device; a person who writes more is told so. */
export const OUTBOX_MAX = 200;
/** After a refusal that may pass (a rate limit), milliseconds. */
const LATER_MS = 3_000;

/** A message from the broker. */
export interface Incoming {
  topic: string;
  payload: Uint8Array;
  retain: boolean;
  /** When the broker had it, milliseconds since 1970; absent from brokers that do not stamp. */
  received_ms: number | undefined;
}

/** What became of a message of the outbox. */
export type Sent = { id: string; topic: string; state: "sent" } | { id: string; topic: string; state: "refused"; reason: number };

export interface ClientOptions {
  url: string;
  clientId: string;
  token: string;
  sessionExpiry_s: number;
  cleanFirst?: boolean;
  store: Store;
  renew: () => Promise<string | null>;
  onMessage: (message: Incoming) => void | Promise<void>;
  onStatus: (status: Status) => void;
  onSent: (sent: Sent) => void;
  openSocket?: (url: string) => Socket;
  clock?: Clock;
}

/** The outbox takes no more: hundreds of messages are not sent yet. */
export class OutboxFull extends Error {}

const utf8 = new TextEncoder();

export class Client {
  private readonly connection: Connection;
  private readonly waiting = new Map<number, OutboxItem>();
  private nextLive = -1;
  private liveWaiting = new Map<string, number>();

  constructor(private readonly options: ClientOptions) {
    const { store: _, onSent: __, onMessage, ...rest } = options;
    this.connection = new Connection({
      ...rest,
      onMessage: ({ topic, payload, retain, user }) => {
        const stamp = Number(user?.find(([name]) => name === "received-at")?.[1] ?? NaN);
        return onMessage({ topic, payload, retain, received_ms: Number.isFinite(stamp) ? stamp : undefined });
      },
      onOutcome: (token, outcome) => void this.outcome(token, outcome),
    });
  }

  get status(): Status {
    return this.connection.status;
  }

  /** Loads what an earlier page left in the outbox, then connects. Returns what waits. */
  async start(): Promise<OutboxItem[]> {
    const items = await this.options.store.outboxList(this.options.clientId);
    for (const item of items) this.give(item);
    this.connection.start();
    return items;
  }

  stop(): void {
    this.connection.stop();
  }

  /** Takes the session back after another device had it. */
  restart(): void {
    this.connection.start();
  }

  subscribe(filters: readonly string[]): void {
    this.connection.subscribe(filters);
  }

  unsubscribe(filters: readonly string[]): void {
    this.connection.unsubscribe(filters);
  }

  /** Tries at once instead of waiting for the next attempt. */
  tryNow(): void {
    this.connection.hint("online");
  }

  /**
   * Keeps a message and sends it, now or when the network is back. `payload.id` names it.
   * @throws OutboxFull
   */
  async send(topic: string, payload: { id: string }): Promise<void> {
    if (this.waiting.size >= OUTBOX_MAX) throw new OutboxFull("too many messages wait to be sent");
    const item = await this.options.store.outboxAdd({
      id: payload.id,
      owner: this.options.clientId,
      topic,
      payload: JSON.stringify(payload),
      written_ms: Date.now(),
    });
    this.give(item);
  }

  /**
   * Publishes what is of use only now (a position, a read mark): not kept over a killed tab. Of several for one topic
   * that wait for the network only the newest counts; at QoS 0 nothing waits at all.
   * @param payload `null` clears a retained message
   */
  publishLive(topic: string, payload: object | null, options: { qos: 0 | 1; retain?: boolean; messageExpiry_s?: number }): boolean {
    if (options.qos === 1 && this.liveWaiting.has(topic) && this.status.phase !== "online") {
      this.livePending.set(topic, { payload, options });
      return true;
    }
    const token = this.nextLive--;
    const bytes = payload === null ? new Uint8Array(0) : utf8.encode(JSON.stringify(payload));
    const taken = this.connection.publish({ token, topic, payload: bytes, ...options });
    if (taken && options.qos === 1) this.liveWaiting.set(topic, token);
    return taken;
  }

  private readonly livePending = new Map<string, { payload: object | null; options: { qos: 0 | 1; retain?: boolean; messageExpiry_s?: number } }>();

  private give(item: OutboxItem): void {
    this.waiting.set(item.seq, item);
    this.connection.publish({ token: item.seq, topic: item.topic, payload: utf8.encode(item.payload), qos: 1 });
  }

  private async outcome(token: number, outcome: Outcome): Promise<void> {
    if (token < 0) return this.liveDone(token);
    const item = this.waiting.get(token);
    if (!item) return;
    if (outcome.kind === "later") {
      (this.options.clock?.set ?? ((run: () => void, ms: number) => setTimeout(run, ms)))(() => this.give(item), LATER_MS);
      return;
    }
    this.waiting.delete(token);
    await this.options.store.outboxRemove(token);
    const { id, topic } = item;
    this.options.onSent(outcome.kind === "acked" ? { id, topic, state: "sent" } : { id, topic, state: "refused", reason: outcome.reason });
  }

  private liveDone(token: number): void {
    for (const [topic, waiting] of this.liveWaiting) {
      if (waiting !== token) continue;
      this.liveWaiting.delete(topic);
      const next = this.livePending.get(topic);
      this.livePending.delete(topic);
      if (next) this.publishLive(topic, next.payload, next.options);
    }
  }
}
