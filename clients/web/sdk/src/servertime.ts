/**
 * What the server's clock shows, from stamps that it put on messages and answers, because a phone's own clock may be
 * hours wrong.
 *
 * Every stamp is at most as old as its way took, so the greatest difference seen is the best; a message that waited in
 * a session for minutes says little and does no harm.
 */
export class ServerTime {
  private offset_ms: number | undefined;

  constructor(private readonly device_ms: () => number = Date.now) {}

  /** A stamp of the server that has just arrived, milliseconds since 1970. */
  seen(stamp_ms: number): void {
    const offset = stamp_ms - this.device_ms();
    if (this.offset_ms === undefined || offset > this.offset_ms) this.offset_ms = offset;
  }

  /** Milliseconds since 1970; the device's own clock as long as nothing better is known. */
  now_ms(): number {
    return this.device_ms() + (this.offset_ms ?? 0);
  }
}
