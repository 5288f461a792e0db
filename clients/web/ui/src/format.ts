/** Times for people. All take milliseconds. */

const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

/** A time of day, such as 14:05. */
export const timeOfDay = (ms: number): string => hour.format(ms);

/** From one day to another, or the one day that both are. */
export function days(from_ms: number, until_ms: number): string {
  return day.formatRange(from_ms, Math.max(from_ms, until_ms));
}

/** A duration that grows on the screen: 0:07, 12:45, 1:02:33. */
export function running(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  return minutes < 60 ? `${minutes}:${two(s % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`;
}
