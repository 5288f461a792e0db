/**
 * The client's side of an MQTT 5 session as a state machine: what to do when a socket opens, a packet comes, a timer
 * fires or the network is said to be back.
 *
 * Invariant: does no IO and reads no clock; callers pass `now` (milliseconds of a monotonic clock) and carry out what
 * `take()` returns.
 * Invariant: never has more unacknowledged QoS 1 publishes under way than the server's receive maximum.
 * Invariant: publishes leave in the order in which they were given, also after a reconnect.
 *
 * Does not persist: what must survive a killed tab is kept by the outbox, which publishes again; the message's own id
 * makes it one message.
 */
import { encodeConnect, encodeDisconnect, encodePingreq, encodePuback, encodePublish, encodeSubscribe, encodeUnsubscribe } from "../codec/encode.ts";
import type { Connack, FromServer, Publish, QoS } from "../codec/packets.ts";
import { backoff_ms } from "./backoff.ts";
import { mayRetryPublish, SESSION_TAKEN_OVER, verdict } from "./reasons.ts";

/** QoS 1 messages that the server may have under way to us. */
export const RECEIVE_MAXIMUM = 100;
/** Longest packet that we take, in bytes: 16 times the longest payload of the topic tree. */
export const PACKET_BYTES_MAX = 256 * 1024;
/** Publishes that wait for a connection or for room in the window; more are refused. */
export const QUEUE_MAX = 1_000;

const KEEP_ALIVE_S = 60;
/** From opening the socket to CONNACK. */
const HANDSHAKE_MS = 15_000;
/** From PINGREQ to any packet. */
const PING_ANSWER_MS = 8_000;
/** The same when the device has just said that its network changed. */
const PROBE_ANSWER_MS = 3_000;
/** Connected for so long means that the trouble is over and backoff starts anew. */
const STABLE_MS = 5_000;

/** What the machine wants done. */
export type Action =
  | { do: "open" }
  | { do: "close" }
  | { do: "send"; bytes: Uint8Array<ArrayBuffer> }
  | { do: "deliver"; message: Publish; generation: number }
  | { do: "outcome"; token: number; outcome: Outcome }
  | { do: "granted"; filter: string; reason: number }
  | { do: "renew" }
  | { do: "status" };

/** How a QoS 1 publish ended: acknowledged, refused for good, or refused now (`later`). */
export type Outcome = { kind: "acked" } | { kind: "refused"; reason: number } | { kind: "later"; reason: number };

/** What a person may be told. */
export type Status =
  | { phase: "connecting"; attempt: number }
  | { phase: "online" }
  | { phase: "waiting"; retryAt: number; reason: number }
  | { phase: "renewing" }
  | { phase: "stopped"; why: "by_us" | "taken_over" | "refused"; reason: number };

/** What to publish. `token` comes back with the outcome. */
export interface Outgoing {
  token: number;
  topic: string;
  payload: Uint8Array;
  qos: QoS;
  retain?: boolean;
  messageExpiry_s?: number;
}

export interface MachineOptions {
  clientId: string;
  token: string;
  sessionExpiry_s: number;
  /** Asks the server to forget an older session at the first connect of this machine; later ones resume. */
  cleanFirst?: boolean;
  random: () => number;
}

interface Flight extends Outgoing {
  packetId: number;
  sent: boolean;
}

export class Machine {
  status: Status = { phase: "stopped", why: "by_us", reason: 0 };
  /** Grows with each socket: an acknowledgement that belongs to an older one is of no use. */
  generation = 0;

  private token: string;
  private clean: boolean;
  private actions: Action[] = [];
  private attempt = 0;
  private socket: "none" | "opening" | "handshake" | "online" = "none";
  private onlineSince = 0;
  private lastSent = 0;
  private deadline_: number | undefined;
  private keepAlive_ms = KEEP_ALIVE_S * 1000;
  private window = 65_535;
  private packetMax = PACKET_BYTES_MAX;
  private nextId = 0;
  private queue: Outgoing[] = [];
  private flights = new Map<number, Flight>();
  private wanted = new Map<string, QoS>();
  private granted = new Set<string>();
  private asking = new Map<number, string[]>();

  constructor(private readonly options: MachineOptions) {
    this.token = options.token;
    this.clean = options.cleanFirst ?? false;
  }

  /** The actions since the last call, in order. */
  take(): Action[] {
    const actions = this.actions;
    this.actions = [];
    return actions;
  }

  /** When `tick` must be called next, or `undefined` when nothing is due. */
  get deadline(): number | undefined {
    if (this.status.phase === "waiting") return this.status.retryAt;
    if (this.deadline_ !== undefined) return this.deadline_;
    // Half of the keep alive: a dead network is noticed early, and one late timer does not cost the connection.
    if (this.socket === "online" && this.keepAlive_ms > 0) return this.lastSent + this.keepAlive_ms / 2;
    return undefined;
  }

  start(now: number): void {
    if (this.status.phase !== "stopped") return;
    this.attempt = 0;
    this.open(now);
  }

  /** Ends for good: DISCONNECT, then close. The server keeps the session for its expiry. */
  stop(): void {
    if (this.socket === "online") this.send(encodeDisconnect(0), 0);
    this.end("by_us", 0);
  }

  /** The application has another token. */
  renewed(token: string, now: number): void {
    this.token = token;
    if (this.status.phase === "renewing") this.wait(now, 0);
  }

  /** The application could not get a token now (`retry`), or never will. */
  notRenewed(retry: boolean, now: number): void {
    if (this.status.phase !== "renewing") return;
    if (retry) this.wait(now, 0x87);
    else this.end("refused", 0x87);
  }

  opened(now: number): void {
    if (this.socket !== "opening") return;
    this.socket = "handshake";
    this.deadline_ = now + HANDSHAKE_MS;
    this.send(
      encodeConnect({
        clientId: this.options.clientId,
        password: this.token,
        cleanStart: this.clean,
        keepAlive_s: KEEP_ALIVE_S,
        sessionExpiry_s: this.options.sessionExpiry_s,
        receiveMaximum: RECEIVE_MAXIMUM,
        maximumPacketSize: PACKET_BYTES_MAX,
      }),
      now,
    );
  }

  /** The socket is gone, whoever closed it. */
  lost(now: number): void {
    if (this.socket === "none") return;
    this.drop(now);
    this.wait(now, 0);
  }

  /** The server broke the protocol: say so, close, try again later. */
  fault(reason: number, now: number): void {
    if (this.socket === "none") return;
    if (this.socket === "online") this.send(encodeDisconnect(reason), now);
    this.close(now);
    this.wait(now, reason);
  }

  /** What the browser noticed. It is a hint only: `online` may lie, so it leads to a try or a ping. */
  hint(what: "online" | "offline" | "visible", now: number): void {
    if (what === "offline") {
      if (this.socket === "none") return;
      this.close(now);
      this.wait(now, 0);
    } else if (this.status.phase === "waiting") {
      this.attempt = Math.min(this.attempt, 1);
      this.open(now);
    } else if (this.socket === "online" && this.deadline_ === undefined) {
      this.send(encodePingreq(), now);
      this.deadline_ = now + PROBE_ANSWER_MS;
    }
  }

  tick(now: number): void {
    const due = this.deadline;
    if (due === undefined || now < due) return;
    if (this.status.phase === "waiting") return this.open(now);
    if (this.deadline_ !== undefined) {
      // No CONNACK, or no answer to a ping: the connection is dead even if the device has not noticed.
      this.close(now);
      return this.wait(now, 0);
    }
    this.send(encodePingreq(), now);
    this.deadline_ = now + PING_ANSWER_MS;
  }

  /**
   * Gives a message to be sent. QoS 0 is dropped unless connected.
   * @returns false when it was not taken: too many wait, or not connected with QoS 0, or longer than the server takes
   */
  publish(message: Outgoing, now: number): boolean {
    if (message.qos === 0) {
      if (this.socket !== "online") return false;
      const bytes = this.encode(message, 0, false);
      if (bytes.length > this.packetMax) return false;
      this.send(bytes, now);
      return true;
    }
    if (this.queue.length + this.flights.size >= QUEUE_MAX) return false;
    this.queue.push(message);
    this.pump(now);
    return true;
  }

  subscribe(filters: readonly string[], qos: QoS, now: number): void {
    for (const filter of filters) this.wanted.set(filter, qos);
    this.askSubscriptions(now);
  }

  unsubscribe(filters: readonly string[], now: number): void {
    const known = filters.filter((filter) => this.wanted.delete(filter));
    for (const filter of known) this.granted.delete(filter);
    if (known.length > 0 && this.socket === "online") this.send(encodeUnsubscribe(this.freeId(), known), now);
  }

  /** The application has dealt with a delivered message: acknowledge it, on the socket on which it came. */
  processed(packetId: number, generation: number, now: number): void {
    if (packetId > 0 && generation === this.generation && this.socket === "online") this.send(encodePuback(packetId), now);
  }

  received(packet: FromServer, now: number): void {
    if (this.socket === "handshake") {
      if (packet.kind === "connack") return this.connack(packet, now);
      return this.fault(0x82, now);
    }
    if (this.socket !== "online") return;
    // Any packet shows that the other side lives.
    this.deadline_ = undefined;
    switch (packet.kind) {
      case "publish":
        this.actions.push({ do: "deliver", message: packet, generation: this.generation });
        break;
      case "puback":
        this.puback(packet.packetId, packet.reason, now);
        break;
      case "suback": {
        const filters = this.asking.get(packet.packetId) ?? [];
        this.asking.delete(packet.packetId);
        filters.forEach((filter, i) => {
          const reason = packet.reasons[i] ?? 0x80;
          // A refused filter is not asked for again on this connection; the next session may allow it.
          this.actions.push({ do: "granted", filter, reason });
        });
        break;
      }
      case "disconnect":
        this.refused(packet.reason, now);
        break;
      case "connack":
        this.fault(0x82, now);
        break;
      case "unsuback":
      case "pingresp":
        break;
    }
  }

  private connack(packet: Connack, now: number): void {
    if (packet.reason !== 0) return this.refused(packet.reason, now);
    this.socket = "online";
    this.clean = false;
    this.onlineSince = now;
    this.deadline_ = undefined;
    this.keepAlive_ms = (packet.serverKeepAlive_s ?? KEEP_ALIVE_S) * 1000;
    this.window = packet.receiveMaximum;
    this.packetMax = packet.maximumPacketSize;
    this.setStatus({ phase: "online" });
    this.asking.clear();
    const flights = [...this.flights.values()];
    if (!packet.sessionPresent) {
      // The server knows nothing of earlier packets: they are new ones now [MQTT-3.2.2-5].
      this.granted.clear();
      this.flights.clear();
      this.queue.unshift(...flights);
    }
    this.askSubscriptions(now);
    if (packet.sessionPresent) {
      // In their first order, marked as repeats [MQTT-4.4.0-1, MQTT-4.6.0-1].
      for (const flight of flights) this.send(this.encode(flight, flight.packetId, flight.sent), now);
      for (const flight of flights) flight.sent = true;
    }
    this.pump(now);
  }

  private puback(packetId: number, reason: number, now: number): void {
    const flight = this.flights.get(packetId);
    if (!flight) return;
    this.flights.delete(packetId);
    const outcome: Outcome =
      reason < 0x80 ? { kind: "acked" } : { kind: mayRetryPublish(reason) ? "later" : "refused", reason };
    this.actions.push({ do: "outcome", token: flight.token, outcome });
    this.pump(now);
  }

  private refused(reason: number, now: number): void {
    this.close(now);
    const next = verdict(reason);
    if (next === "retry") this.wait(now, reason);
    else if (next === "stop") this.end(reason === SESSION_TAKEN_OVER ? "taken_over" : "refused", reason);
    else {
      this.setStatus({ phase: "renewing" });
      this.actions.push({ do: "renew" });
    }
  }

  private pump(now: number): void {
    while (this.socket === "online" && this.flights.size < this.window) {
      const next = this.queue.shift();
      if (!next) return;
      const packetId = this.freeId();
      const bytes = this.encode(next, packetId, false);
      if (bytes.length > this.packetMax) {
        this.actions.push({ do: "outcome", token: next.token, outcome: { kind: "refused", reason: 0x95 } });
        continue;
      }
      this.flights.set(packetId, { ...next, packetId, sent: true });
      this.send(bytes, now);
    }
  }

  private askSubscriptions(now: number): void {
    if (this.socket !== "online") return;
    const asked = new Set([...this.asking.values()].flat());
    const filters = [...this.wanted].filter(([filter]) => !this.granted.has(filter) && !asked.has(filter));
    if (filters.length === 0) return;
    const packetId = this.freeId();
    const list = filters.map(([filter, qos]) => ({ filter, qos }));
    this.asking.set(packetId, list.map((f) => f.filter));
    for (const { filter } of list) this.granted.add(filter);
    this.send(encodeSubscribe(packetId, list), now);
  }

  private encode(message: Outgoing, packetId: number, dup: boolean): Uint8Array<ArrayBuffer> {
    const { topic, payload, qos, retain = false, messageExpiry_s } = message;
    return encodePublish({ topic, payload, qos, retain, dup, packetId, messageExpiry_s });
  }

  private freeId(): number {
    do this.nextId = (this.nextId % 65_535) + 1;
    while (this.flights.has(this.nextId) || this.asking.has(this.nextId));
    return this.nextId;
  }

  private send(bytes: Uint8Array<ArrayBuffer>, now: number): void {
    this.lastSent = now;
    this.actions.push({ do: "send", bytes });
  }

  private open(now: number): void {
    this.generation++;
    this.socket = "opening";
    this.deadline_ = now + HANDSHAKE_MS;
    this.setStatus({ phase: "connecting", attempt: this.attempt });
    this.actions.push({ do: "open" });
  }

  private close(now: number): void {
    this.actions.push({ do: "close" });
    this.drop(now);
  }

  private drop(now: number): void {
    if (this.socket === "online" && now - this.onlineSince >= STABLE_MS) this.attempt = 0;
    // A SUBSCRIBE without its answer may not have arrived.
    for (const filters of this.asking.values()) for (const filter of filters) this.granted.delete(filter);
    this.asking.clear();
    this.socket = "none";
    this.deadline_ = undefined;
  }

  private wait(now: number, reason: number): void {
    const retryAt = now + backoff_ms(this.attempt++, this.options.random());
    this.setStatus({ phase: "waiting", retryAt, reason });
  }

  private end(why: "by_us" | "taken_over" | "refused", reason: number): void {
    if (this.socket !== "none") {
      this.actions.push({ do: "close" });
      this.drop(0);
    }
    this.setStatus({ phase: "stopped", why, reason });
  }

  private setStatus(status: Status): void {
    this.status = status;
    this.actions.push({ do: "status" });
  }
}
