/**
 * The plan as a drawing: a grid in round metres, the venue, people with the circle in which they are.
 *
 * It is a picture only. Everything it shows, and every action, is also in the list below it.
 */
import { gridStep } from "../plan.ts";
import { t } from "../text.ts";
import type { Person } from "./where.tsx";

/** Size of the drawing in its own units. */
const W = 400;
const H = 320;

const MARK = {
  life: "M-4-9h8l5 5v8l-5 5h-8l-5-5v-8z",
  urgent: "M0-10 10 8H-10z",
  service: "M0-8a8 8 0 1 0 0 16A8 8 0 0 0 0-8z",
};

export function Plan({ people, half_m, venue, selected }: { people: Person[]; half_m: number; venue: string; selected: string | undefined }) {
  const scale = H / 2 / half_m;
  const step = gridStep(half_m);
  const lines = (size: number) => {
    const n = Math.floor(size / 2 / (step * scale));
    return Array.from({ length: 2 * n + 1 }, (_, i) => (i - n) * step * scale);
  };
  return (
    <svg class="plan" viewBox={`${-W / 2} ${-H / 2} ${W} ${H}`} role="img" aria-label={t("planLabel", { n: people.length })}>
      <g class="grid">
        {lines(W).map((x) => (
          <path key={`x${x}`} d={`M${x} ${-H / 2}V${H / 2}`} />
        ))}
        {lines(H).map((y) => (
          <path key={`y${y}`} d={`M${-W / 2} ${y}H${W / 2}`} />
        ))}
      </g>
      <g class="venue">
        <path d="M-7 0H7M0-7V7" />
        <text y="20">{venue}</text>
      </g>
      {[...people].reverse().map(({ c, fix, at, stale }) => (
        <g key={c.client} class={`person ${c.priority}${stale ? " stale" : ""}`} transform={`translate(${at.x * scale} ${-at.y * scale})`}>
          {fix.location.acc !== undefined && <circle class="accuracy" r={Math.max(10, fix.location.acc * scale)} />}
          {c.client === selected && <circle class="selected" r="16" />}
          <path class="mark" d={MARK[c.priority]} />
          {c.client === selected && (
            <text y="-22" class="name">
              {c.name ?? t("unnamed")}
            </text>
          )}
        </g>
      ))}
      <g class="scale" transform={`translate(${-W / 2 + 12} ${H / 2 - 12})`}>
        <path d={`M0-5V0H${step * scale}V-5`} />
        <text x={step * scale + 8}>{t("scale", { n: step })}</text>
      </g>
      <g class="north" transform={`translate(${W / 2 - 18} ${-H / 2 + 24})`}>
        <path d="M0-14 5 0H-5z" />
        <text y="13">N</text>
      </g>
    </svg>
  );
}
