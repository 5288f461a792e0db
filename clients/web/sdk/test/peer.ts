/** The server's side of the codec, written from the specification on its own, so that a mistake is not mirrored. */

export interface Seen {
  type: number;
  flags: number;
  body: Uint8Array;
}

const utf8 = new TextEncoder();
export const bytes = (...parts: (number | string | Uint8Array | number[])[]): Uint8Array =>
  new Uint8Array(parts.flatMap((p) => (typeof p === "number" ? [p] : typeof p === "string" ? [...utf8.encode(p)] : [...p])));
export const field = (text: string | Uint8Array): Uint8Array => {
  const raw = typeof text === "string" ? utf8.encode(text) : text;
  return bytes(raw.length >> 8, raw.length & 255, raw);
};
export function varint(value: number): number[] {
  const out: number[] = [];
  for (;;) {
    const low = value % 128;
    value = Math.floor(value / 128);
    if (value === 0) return [...out, low];
    out.push(low | 128);
  }
}
export const packet = (first: number, body: Uint8Array): Uint8Array => bytes(first, varint(body.length), body);

export const connack = (reason = 0, sessionPresent = false, properties: Uint8Array = bytes()) =>
  packet(0x20, bytes(sessionPresent ? 1 : 0, reason, varint(properties.length), properties));
export const puback = (id: number, reason?: number) => packet(0x40, bytes(id >> 8, id & 255, ...(reason === undefined ? [] : [reason])));
export const suback = (id: number, ...reasons: number[]) => packet(0x90, bytes(id >> 8, id & 255, 0, reasons));
export const pingresp = () => packet(0xd0, bytes());
export const disconnect = (reason: number) => packet(0xe0, bytes(reason));
export function publish(topic: string, payload: string, options: { qos?: 0 | 1; id?: number; dup?: boolean; retain?: boolean; properties?: Uint8Array } = {}) {
  const { qos = 0, id = 1, dup = false, retain = false, properties = bytes() } = options;
  return packet(
    0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0),
    bytes(field(topic), ...(qos ? [id >> 8, id & 255] : []), varint(properties.length), properties, payload),
  );
}
export const receivedAt = (ms: string) => bytes(0x26, field("received-at"), field(ms));

/** What a client sent, packet by packet. */
export function split(stream: Uint8Array): Seen[] {
  const seen: Seen[] = [];
  for (let at = 0; at < stream.length; ) {
    let length = 0;
    let i = at + 1;
    for (let shift = 1; ; shift *= 128) {
      const byte = stream[i++]!;
      length += (byte & 127) * shift;
      if (byte < 128) break;
    }
    seen.push({ type: stream[at]! >> 4, flags: stream[at]! & 15, body: stream.subarray(i, i + length) });
    at = i + length;
  }
  return seen;
}

/** A PUBLISH of the client. */
export function readPublish(seen: Seen): { topic: string; id: number; dup: boolean; retain: boolean; payload: string; properties: Uint8Array } {
  const { body, flags } = seen;
  const text = new TextDecoder();
  const length = (body[0]! << 8) | body[1]!;
  let at = 2 + length;
  const qos = (flags >> 1) & 3;
  const id = qos ? (body[at]! << 8) | body[at + 1]! : 0;
  if (qos) at += 2;
  const size = body[at]!;
  return {
    topic: text.decode(body.subarray(2, 2 + length)),
    id,
    dup: (flags & 8) !== 0,
    retain: (flags & 1) !== 0,
    properties: body.subarray(at + 1, at + 1 + size),
    payload: text.decode(body.subarray(at + 1 + size)),
  };
}
