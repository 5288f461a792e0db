/** Where people are: a plan around the venue, and a list that says the same in words. */
import type { Case } from "@muster/sdk";
import { running, Shape, useModel, useNow } from "@muster/ui";
import { useState } from "preact/hooks";
import type { App, Fix } from "../app.ts";
import { bearing, fit, metres, PLAN_MAX_M, type Metres } from "../plan.ts";
import { t } from "../text.ts";
import { Plan } from "./plan.tsx";

/** A position older than this is called old, milliseconds: twice the slow beat of the participant's page. */
const STALE_MS = 240_000;

/** A person on the plan. */
export interface Person {
  c: Case;
  fix: Fix;
  at: Metres;
  stale: boolean;
}

export function WhereColumn({ app, onOpen }: { app: App; onOpen: (client: string) => void }) {
  const state = useModel(app);
  const now_ms = useNow(app.now_ms, 5_000);
  const [zoom, setZoom] = useState(0);
  const event = state.session!.event;
  const located = [...state.fixes].flatMap(([client, fix]) => {
    const c = state.cases.get(client);
    return c && c.state !== "closed" ? [{ c, fix }] : [];
  });
  const first = located[0]?.fix.location;
  const origin = event.lat !== undefined && event.lon !== undefined ? { lat: event.lat, lon: event.lon } : first;
  const people: Person[] = origin
    ? located.map(({ c, fix }) => ({ c, fix, at: metres(origin, fix.location), stale: now_ms - fix.at_ms > STALE_MS }))
    : [];
  people.sort((a, b) => Number(b.c.client === state.selected) - Number(a.c.client === state.selected) || (a.c.id < b.c.id ? -1 : 1));
  const half_m = fit(people.map((p) => p.at)) * 2 ** zoom;
  const shown = app.shown;

  return (
    <section class="where" aria-label={t("where")}>
      <div class="head">
        <h2>{t("where")}</h2>
        <p>{event.venue}</p>
      </div>
      {origin && (
        <Plan people={people.filter((p) => Math.hypot(p.at.x, p.at.y) <= PLAN_MAX_M)} half_m={half_m} venue={event.venue} selected={state.selected} />
      )}
      {origin && (
        <div class="zoom">
          <button class="button" type="button" onClick={() => setZoom(zoom - 1)} disabled={zoom <= -3}>
            {t("planIn")}
          </button>
          <button class="button" type="button" onClick={() => setZoom(zoom + 1)} disabled={zoom >= 4}>
            {t("planOut")}
          </button>
          <button class="button" type="button" onClick={() => setZoom(0)} disabled={zoom === 0}>
            {t("planFit")}
          </button>
        </div>
      )}
      {shown && shown.state !== "closed" && !state.fixes.has(shown.client) && (
        <p class="note">{t("thisNone", { name: shown.name ?? t("unnamed") })}</p>
      )}
      {people.length === 0 ? (
        <div class="empty">
          <p>
            <b>{t("noLocation")}</b>
          </p>
          <p>{t("noLocationHint")}</p>
        </div>
      ) : (
        <ul class="people">
          {people.map(({ c, fix, at, stale }) => {
            const { distance_m, direction } = bearing(at);
            return (
              <li key={c.client}>
                <button type="button" aria-current={c.client === state.selected ? "true" : undefined} onClick={() => onOpen(c.client)}>
                  <b>
                    <Shape name={c.priority} /> {c.name ?? t("unnamed")}
                  </b>
                  <span>{distance_m === 0 ? t("atVenue", { venue: event.venue }) : t("fromVenue", { n: distance_m, direction: t(direction), venue: event.venue })}</span>
                  <span class={stale ? "figures late" : "figures"}>
                    {fix.location.acc !== undefined && `${t("accuracy", { n: Math.round(fix.location.acc) })}, `}
                    {t(stale ? "stale" : "age", { time: running(now_ms - fix.at_ms) })}
                  </span>
                </button>
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
