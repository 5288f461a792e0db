/**
 * Cuts a byte stream into packets. WebSocket frames need not end where packets end (MQTT 5, section 6.0).
 *
 * Invariant: holds at most `max` bytes and one chunk; a longer packet is refused as soon as its header is read.
 */
import { decode } from "./decode.ts";
import { CodecError, malformed, TOO_LARGE } from "./error.ts";
import type { FromServer } from "./packets.ts";

export class Frames {
  private held = new Uint8Array(0);

  /** @param max longest packet taken, fixed header included, in bytes */
  constructor(private readonly max: number) {}

  /** Takes bytes as they come and returns the packets that are complete by now. */
  push(chunk: Uint8Array): FromServer[] {
    const bytes = new Uint8Array(this.held.length + chunk.length);
    bytes.set(this.held);
    bytes.set(chunk, this.held.length);
    const packets: FromServer[] = [];
    let at = 0;
    for (;;) {
      const header = this.header(bytes, at);
      if (!header || bytes.length < header.end) break;
      packets.push(decode(bytes[at]!, bytes.subarray(header.begin, header.end)));
      at = header.end;
    }
    this.held = bytes.slice(at);
    return packets;
  }

  private header(bytes: Uint8Array, at: number): { begin: number; end: number } | undefined {
    let length = 0;
    for (let i = 0; i < 4; i++) {
      const byte = bytes[at + 1 + i];
      if (byte === undefined) return undefined;
      length += (byte & 0x7f) * 128 ** i;
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw malformed("a remaining length longer than it needs to be");
        const begin = at + 2 + i;
        if (begin - at + length > this.max) throw new CodecError(TOO_LARGE, "a packet is longer than announced");
        return { begin, end: begin + length };
      }
    }
    throw malformed("a remaining length of more than 4 bytes");
  }
}
