/**
 * A plan without tiles: positions around the venue in metres, and the window of it that is shown.
 *
 * The earth is taken as flat within a few kilometres of the venue; the error is far below a phone's accuracy.
 */

export interface Point {
  lat: number;
  lon: number;
}

/** East and north of the origin, metres. */
export interface Metres {
  x: number;
  y: number;
}

const METRES_PER_DEGREE = 111_320;
/** Farther away than this is not on the plan, only in the list, metres. */
export const PLAN_MAX_M = 5_000;
/** The plan shows at least this around the venue, metres. */
const PLAN_MIN_M = 120;

export function metres(origin: Point, p: Point): Metres {
  return {
    x: (p.lon - origin.lon) * METRES_PER_DEGREE * Math.cos((origin.lat * Math.PI) / 180),
    y: (p.lat - origin.lat) * METRES_PER_DEGREE,
  };
}

/** Half the width of the window that shows everybody, metres. */
export function fit(points: readonly Metres[]): number {
  const far = points.filter((p) => Math.hypot(p.x, p.y) <= PLAN_MAX_M).map((p) => Math.max(Math.abs(p.x), Math.abs(p.y)));
  return Math.max(PLAN_MIN_M, ...far.map((m) => m * 1.2));
}

/** A round distance between grid lines so that about four fit into the half width: 1, 2 or 5 times a power of ten. */
export function gridStep(half_m: number): number {
  const rough = half_m / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([5, 2].find((n) => n * power <= rough) ?? 1);
}

const DIRECTIONS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"] as const;

/** How far and in which direction from the origin; distance rounded as a person would say it. */
export function bearing(p: Metres): { distance_m: number; direction: (typeof DIRECTIONS)[number] } {
  const distance = Math.hypot(p.x, p.y);
  const round = distance < 100 ? 5 : distance < 1_000 ? 10 : 100;
  const turn = (Math.atan2(p.x, p.y) / (2 * Math.PI) + 1) % 1;
  return { distance_m: Math.round(distance / round) * round, direction: DIRECTIONS[Math.round(turn * 8) % 8]! };
}
