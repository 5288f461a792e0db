/** UUIDv7 (RFC 9562, section 5.7): the id of a message, made by its author, ordered by the time of its making. */

let last_ms = 0;
let counter = 0;

/**
 * Within one millisecond the 12 bits behind the time count up, so that ids of one page keep the order of their making.
 * @param now_ms milliseconds since 1970 by the device's clock
 */
export function uuidv7(now_ms: number = Date.now()): string {
  if (now_ms > last_ms) {
    last_ms = now_ms;
    counter = 0;
  } else if (++counter > 0xfff) {
    last_ms++;
    counter = 0;
  }
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(last_ms / 2 ** (8 * (5 - i))) & 0xff;
  bytes[6] = 0x70 | (counter >> 8);
  bytes[7] = counter & 0xff;
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
