/** Writes the data types of MQTT 5 (section 1.5) and frames a packet with its fixed header. */

const utf8 = new TextEncoder();

/** Longest text or binary field: its length has two bytes. */
const FIELD_BYTES_MAX = 0xffff;

export class Writer {
  private readonly out: number[] = [];

  u8(value: number): this {
    this.out.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value >> 8).u8(value);
  }

  u32(value: number): this {
    return this.u16(value >>> 16).u16(value & 0xffff);
  }

  varint(value: number): this {
    do {
      const low = value & 0x7f;
      value >>>= 7;
      this.u8(value > 0 ? low | 0x80 : low);
    } while (value > 0);
    return this;
  }

  raw(bytes: Uint8Array | readonly number[]): this {
    for (const byte of bytes) this.out.push(byte);
    return this;
  }

  /** @throws RangeError for more than 65,535 bytes: a mistake of the caller, who bounds what people type */
  text(value: string): this {
    const bytes = utf8.encode(value);
    if (bytes.length > FIELD_BYTES_MAX) throw new RangeError("a text field has at most 65,535 bytes");
    return this.u16(bytes.length).raw(bytes);
  }

  /** What `fill` writes, behind its length as a variable byte integer: how properties are written. */
  sized(fill: (inner: Writer) => void): this {
    const inner = new Writer();
    fill(inner);
    return this.varint(inner.out.length).raw(inner.out);
  }

  /** The packet: `first` is type and flags of the fixed header. */
  packet(first: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(new Writer().u8(first).varint(this.out.length).raw(this.out).out);
  }
}
