/**
 * The JSON of the topics, as `domain/src/payload.rs` has it, and readers that take nothing else.
 *
 * Invariant: a reader returns a value whose fields have the types named here, or `undefined`; what another client
 * published is never trusted by its shape.
 */

export type Priority = "life" | "urgent" | "service";
export type CaseState = "queued" | "claimed" | "closed";
export type EventStatus = "draft" | "published" | "ended";

/** Longest text of one message, in characters (Unicode code points). */
export const TEXT_CHARS_MAX = 2_000;
/** Longest seat, zone, name or reason, in characters. */
export const LABEL_CHARS_MAX = 120;

/** `help/{client}` */
export interface Help {
  id: string;
  kind: Priority | "withdraw";
  text: string;
  seat?: string;
  location?: Location;
}

/** `chat/{client}/{sender}` */
export interface Chat {
  id: string;
  /** The author's clock, RFC 3339. */
  at: string;
  text: string;
  reply_to?: string;
}

/** `chat/{client}/{sender}/seen` */
export interface Seen {
  up_to?: string;
  typing?: boolean;
}

/** `loc/{group}/{client}`: an OwnTracks location. */
export interface Location {
  _type: "location";
  lat: number;
  lon: number;
  /** Seconds since 1970 by the device's clock. */
  tst: number;
  /** Radius in metres. */
  acc?: number;
}

/** How many were before this one when `gone` had left the line. */
export interface Place {
  ahead: number;
  gone: number;
}

/** `case/{client}`, retained. Of two, the one with the higher revision is the newer. */
export interface Case {
  id: string;
  client: string;
  name?: string;
  state: CaseState;
  revision: number;
  priority: Priority;
  text: string;
  seat?: string;
  place?: Place;
  eta_s?: number;
  operator?: { client: string; name: string };
  opened_at: string;
  claimed_at?: string;
  closed_at?: string;
  reason?: string;
}

/** `queue/{queue}/state`, retained. */
export interface QueueState {
  waiting: number;
  open: number;
  gone: number;
  /** Seconds between two who leave the line, lately. */
  pace_s?: number;
}

/** `do/{verb}/{client}` */
export interface Command {
  id: string;
  case: string;
  reason?: string;
}

/** `done/{client}` */
export interface Done {
  id: string;
  ok: boolean;
  code: string;
  message: string;
}

/** `info`, retained; the API answers the same. */
export interface EventCard {
  id: string;
  name: string;
  status: EventStatus;
  venue: string;
  lat?: number;
  lon?: number;
  starts_at: string;
  ends_at: string;
  join_code: string;
  emergency_number: string;
}

type Check = (value: unknown) => boolean;
const text: Check = (v) => typeof v === "string";
const number: Check = (v) => typeof v === "number" && Number.isFinite(v);
const count: Check = (v) => Number.isInteger(v) && (v as number) >= 0;
const flag: Check = (v) => typeof v === "boolean";
const time: Check = (v) => typeof v === "string" && !Number.isNaN(Date.parse(v));
const oneOf = (...words: string[]): Check => (v) => typeof v === "string" && words.includes(v);
const between = (low: number, high: number): Check => (v) => number(v) && (v as number) >= low && (v as number) <= high;
const object = (fields: Record<string, Check>, optional: Record<string, Check> = {}): Check => (v) =>
  typeof v === "object" &&
  v !== null &&
  Object.entries(fields).every(([name, check]) => check((v as Record<string, unknown>)[name])) &&
  Object.entries(optional).every(([name, check]) => {
    const value = (v as Record<string, unknown>)[name];
    return value === undefined || value === null || check(value);
  });

const isChat = object({ id: text, at: time, text }, { reply_to: text });
const isSeen = object({}, { up_to: text, typing: flag });
const isLocation = object(
  { _type: oneOf("location"), lat: between(-90, 90), lon: between(-180, 180), tst: number },
  { acc: between(0, 1_000_000) },
);
const isCase = object(
  {
    id: text,
    client: text,
    state: oneOf("queued", "claimed", "closed"),
    revision: count,
    priority: oneOf("life", "urgent", "service"),
    text,
    opened_at: time,
  },
  {
    name: text,
    seat: text,
    place: object({ ahead: count, gone: count }),
    eta_s: count,
    operator: object({ client: text, name: text }),
    claimed_at: time,
    closed_at: time,
    reason: text,
  },
);
const isQueueState = object({ waiting: count, open: count, gone: count }, { pace_s: count });
const isDone = object({ id: text, ok: flag, code: text, message: text });
const isCard = object(
  {
    id: text,
    name: text,
    status: oneOf("draft", "published", "ended"),
    venue: text,
    starts_at: time,
    ends_at: time,
    join_code: text,
    emergency_number: text,
  },
  { lat: between(-90, 90), lon: between(-180, 180) },
);

const utf8 = new TextDecoder("utf-8", { fatal: true });

function reader<T>(check: Check): (bytes: Uint8Array) => T | undefined {
  return (bytes) => {
    try {
      const value: unknown = JSON.parse(utf8.decode(bytes));
      return check(value) ? (value as T) : undefined;
    } catch {
      return undefined;
    }
  };
}

export const readChat = reader<Chat>(isChat);
export const readSeen = reader<Seen>(isSeen);
export const readLocation = reader<Location>(isLocation);
export const readCase = reader<Case>(isCase);
export const readQueueState = reader<QueueState>(isQueueState);
export const readDone = reader<Done>(isDone);
export const readEventCard = reader<EventCard>(isCard);

/** Cuts a text to a number of characters, never through one. */
export function cut(value: string, chars: number): string {
  return [...value].slice(0, chars).join("");
}
