/**
 * Reads the data types of MQTT 5 (section 1.5) from one packet's bytes.
 *
 * Invariant: never reads past the end; every shortage is a `CodecError`, never an exception of another kind.
 */
import { malformed } from "./error.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** The next `count` bytes, as a view into the packet. */
  take(count: number): Uint8Array {
    if (count > this.left) throw malformed("the packet ends too early");
    return this.bytes.subarray(this.at, (this.at += count));
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    const b = this.take(2);
    return (b[0]! << 8) | b[1]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** A variable byte integer of 1 to 4 bytes, in its shortest form only [MQTT-1.5.5-1]. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw malformed("a number is longer than it needs to be");
        return value;
      }
    }
    throw malformed("a number has more than 4 bytes");
  }

  binary(): Uint8Array {
    return this.take(this.u16());
  }

  /** A UTF-8 string; U+0000 and broken sequences are refused [MQTT-1.5.4-1, -2]. */
  text(): string {
    let text: string;
    try {
      text = utf8.decode(this.binary());
    } catch (error) {
      if (error instanceof TypeError) throw malformed("a text is not UTF-8");
      throw error;
    }
    if (text.includes("\0")) throw malformed("a text holds U+0000");
    return text;
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }
}
