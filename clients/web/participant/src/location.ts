/**
 * Where the phone is, only while the person shares it.
 *
 * Invariant: the device is asked only between `start` and `stop`.
 * Invariant: a position is reported when it moved or at the slow beat, not with each fix: a battery lasts the day.
 */
import type { Location } from "@muster/sdk";

/** What is known of sharing. */
export type Sharing = { on: false; problem?: "denied" } | { on: true; fix?: Location; problem?: "failed" };

/** A fix closer than this to the last one says nothing new, metres. */
const MOVED_M = 10;
/** Never more often than this, milliseconds. */
const PAUSE_MS = 5_000;
/** At least this often: the retained position expires after 15 minutes. */
const BEAT_MS = 120_000;

export class LocationSharing {
  private watch: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private latest: Location | undefined;
  private sent: { fix: Location; at: number } | undefined;

  constructor(
    private readonly onChange: (sharing: Sharing) => void,
    private readonly onFix: (fix: Location) => void,
  ) {}

  static available(): boolean {
    return "geolocation" in navigator && window.isSecureContext;
  }

  start(): void {
    if (this.watch !== undefined) return;
    if (!LocationSharing.available()) return this.onChange({ on: false, problem: "denied" });
    this.onChange({ on: true });
    this.watch = navigator.geolocation.watchPosition(
      (position) => this.came(position),
      (error) => {
        if (error.code === error.PERMISSION_DENIED) {
          this.stop();
          this.onChange({ on: false, problem: "denied" });
        } else if (!this.latest) this.onChange({ on: true, problem: "failed" });
      },
      { enableHighAccuracy: true, maximumAge: 10_000, timeout: 20_000 },
    );
  }

  stop(): void {
    if (this.watch !== undefined) navigator.geolocation.clearWatch(this.watch);
    clearTimeout(this.timer);
    this.watch = this.latest = this.sent = undefined;
    this.onChange({ on: false });
  }

  private came({ coords, timestamp }: GeolocationPosition): void {
    const fix: Location = {
      _type: "location",
      lat: coords.latitude,
      lon: coords.longitude,
      tst: Math.round(timestamp / 1000),
      acc: Math.round(coords.accuracy),
    };
    this.latest = fix;
    this.onChange({ on: true, fix });
    this.report();
  }

  /** Reports the latest fix now, or sets the time at which it is due. */
  private report(): void {
    clearTimeout(this.timer);
    if (!this.latest) return;
    const now = performance.now();
    const wait_ms = this.sent ? this.sent.at + due_ms(this.sent.fix, this.latest) - now : 0;
    if (wait_ms <= 0) {
      this.sent = { fix: this.latest, at: now };
      this.onFix(this.latest);
    }
    this.timer = setTimeout(() => this.report(), wait_ms > 0 ? wait_ms : BEAT_MS);
  }
}

/** How long after the last report a fix is worth another one, milliseconds. */
export function due_ms(last: Location, next: Location): number {
  const better = (next.acc ?? Infinity) < (last.acc ?? Infinity) / 2;
  return better || metres(last, next) >= MOVED_M ? PAUSE_MS : BEAT_MS;
}

/** Metres between two near positions; the earth as a sphere, flat over that distance. */
export function metres(a: { lat: number; lon: number }, b: { lat: number; lon: number }): number {
  const y = (b.lat - a.lat) * 111_320;
  const x = (b.lon - a.lon) * 111_320 * Math.cos((a.lat * Math.PI) / 180);
  return Math.hypot(x, y);
}
