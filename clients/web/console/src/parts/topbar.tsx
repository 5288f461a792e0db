/** The event, the truth about connection and server, and the figures of the line. */
import { running, Shape, useModel, useNow, type ShapeName } from "@muster/ui";
import type { App, State } from "../app.ts";
import { t } from "../text.ts";

export function TopBar({ app, onMe }: { app: App; onMe: () => void }) {
  const state = useModel(app);
  const now_ms = useNow(app.now_ms);
  const event = state.session!.event;
  const cases = [...state.cases.values()];
  const waiting = cases.filter((c) => c.state === "queued");
  const oldest = waiting.length > 0 ? Math.min(...waiting.map((c) => Date.parse(c.opened_at))) : undefined;
  return (
    <header class="topbar">
      <h1>
        {event.name} <span class="code">{event.join_code}</span>
      </h1>
      <Truth app={app} state={state} />
      <dl class="figures">
        <div>
          <dt>{t("waiting")}</dt>
          <dd data-figure="waiting">{waiting.length}</dd>
        </div>
        <div>
          <dt>{t("open")}</dt>
          <dd data-figure="open">{cases.filter((c) => c.state === "claimed").length}</dd>
        </div>
        <div>
          <dt>{t("oldest")}</dt>
          <dd data-figure="oldest">{oldest === undefined ? t("none") : running(now_ms - oldest)}</dd>
        </div>
      </dl>
      <button class="button me" type="button" onClick={onMe}>
        {state.account?.person.name ?? t("me")}
      </button>
    </header>
  );
}

function Truth({ app, state: { connection, down } }: { app: App; state: State }) {
  if (connection.phase === "stopped" && connection.why === "taken_over") {
    return (
      <p class="truth bad" role="status">
        <Shape name="bar" /> <span>{t("takenOver")}</span>
        <button class="quiet" type="button" onClick={() => app.useHere()}>
          {t("useHere")}
        </button>
      </p>
    );
  }
  const [shape, text, tone]: [ShapeName, string, string] =
    connection.phase === "online"
      ? down.length > 0
        ? ["bar", t("partsDown", { parts: down.join(", "), effect: t(down.includes("bridge") ? "effectBridge" : "effectOther") }), "bad"]
        : ["dot", t("online"), "good"]
      : connection.phase === "renewing"
        ? ["ring", t("renewing"), ""]
        : connection.phase === "connecting" && connection.attempt === 0
          ? ["ring", t("connecting"), ""]
          : ["bar", t("offline"), "bad"];
  return (
    <p class={`truth ${tone}`} role="status">
      <Shape name={shape} /> <span>{text}</span>
    </p>
  );
}
