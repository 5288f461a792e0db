/** Why bytes from the other side are no MQTT 5 packet, with the reason code that DISCONNECT reports. */
export class CodecError extends Error {
  /** @param reason a reason code of MQTT 5, section 2.4 */
  constructor(
    readonly reason: number,
    message: string,
  ) {
    super(message);
  }
}

/** Malformed Packet: the bytes cannot be read. */
export const MALFORMED = 0x81;
/** Protocol Error: readable, and not allowed here. */
export const PROTOCOL_ERROR = 0x82;
/** Packet too large: more than we announced to take. */
export const TOO_LARGE = 0x95;

export function malformed(message: string): CodecError {
  return new CodecError(MALFORMED, message);
}
