/**
 * The few shapes that stand beside a word: priority, delivery state, connection.
 *
 * They say nothing that the word beside them does not say, so they are hidden from screen readers; colour is the third
 * sign of the same thing.
 */

const PATHS = {
  life: "M5 1h6l4 4v6l-4 4H5l-4-4V5z",
  urgent: "M8 1.5 15.5 15H.5z",
  service: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z",
  dot: "M8 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  ring: "M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3zm0 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  tick: "m6.2 12.6-4-4 1.4-1.4 2.6 2.6 6.2-6.2 1.4 1.4z",
  ticks: "m4.4 12.4-4-4 1.3-1.3 2.7 2.7 6-6 1.3 1.3zm4.3 0-1-1 6-6.3 1.3 1.3z",
  bar: "M1 6.5h14v3H1z",
  square: "M3 3h10v10H3z",
  place: "M8 0a5.5 5.5 0 0 0-5.5 5.5C2.5 9.5 8 16 8 16s5.5-6.5 5.5-10.5A5.5 5.5 0 0 0 8 0zm0 3.5a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  phone: "M4.2 1 1.8 2.4C1.3 9.2 6.8 14.7 13.6 14.2L15 11.8l-3.6-2.4-1.7 1.3a9 9 0 0 1-4.4-4.4l1.3-1.7z",
  back: "M10.5 1.5 4 8l6.5 6.5 1.4-1.4L6.8 8l5.1-5.1z",
} as const;

export type ShapeName = keyof typeof PATHS;

export function Shape({ name }: { name: ShapeName }) {
  return (
    <svg class={`shape is-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
