/** The case on the screen: what was asked, who has it, what can be done, and the chat. */
import type { Case } from "@muster/sdk";
import { running, Shape, timeOfDay, useModel, useNow } from "@muster/ui";
import { useState } from "preact/hooks";
import type { App, State } from "../app.ts";
import { t } from "../text.ts";
import { Chat } from "./chat.tsx";

/** After this long without an answer a command is called slow, milliseconds. */
const SLOW_MS = 6_000;

interface Props {
  app: App;
  closing: boolean;
  setClosing: (closing: boolean) => void;
  onClaim: (client: string) => void;
}

export function CaseColumn({ app, closing, setClosing, onClaim }: Props) {
  const state = useModel(app);
  const c = app.shown;
  if (!c) {
    return (
      <section class="case" aria-label={t("case")}>
        <div class="empty">
          <p>
            <b>{t("emptyCase")}</b>
          </p>
          <p>{t("emptyCaseHint")}</p>
        </div>
      </section>
    );
  }
  const mine = c.state === "claimed" && c.operator?.client === app.me;
  return (
    <section class="case" aria-label={t("case")} key={c.client}>
      <Summary c={c} app={app} />
      <div class="actions">
        <Actions app={app} c={c} state={state} mine={mine} onClaim={onClaim} onClose={() => setClosing(true)} />
      </div>
      {closing && mine && <CloseForm app={app} c={c} onDone={() => setClosing(false)} />}
      <Chat app={app} state={state} c={c} mine={mine} />
    </section>
  );
}

function Summary({ c, app }: { c: Case; app: App }) {
  const now_ms = useNow(app.now_ms);
  const opened_ms = Date.parse(c.opened_at);
  return (
    <header>
      <p class={`priority ${c.priority}`}>
        <Shape name={c.priority} /> {t(c.priority)}
      </p>
      <h2>{c.name ?? t("unnamed")}</h2>
      <p class="standing figures" role="status">
        {c.state === "queued"
          ? t("waits", { time: running(now_ms - opened_ms) })
          : c.state === "closed"
            ? t("isClosed", { reason: reasonText(c.reason) })
            : c.operator?.client === app.me
              ? t("youHaveIt")
              : t("hasIt", { name: c.operator?.name ?? t("colleague") })}
      </p>
      <dl>
        <div>
          <dt>{t("asked")}</dt>
          <dd class="text">{c.text || t("noText")}</dd>
        </div>
        {c.seat && (
          <div>
            <dt>{t("seat")}</dt>
            <dd>{c.seat}</dd>
          </div>
        )}
        <div>
          <dt>{t("askedAt")}</dt>
          <dd class="figures">{timeOfDay(opened_ms)}</dd>
        </div>
      </dl>
    </header>
  );
}

function reasonText(reason: string | undefined): string {
  return !reason || reason === "resolved" ? t("resolved") : reason === "withdrawn" ? t("withdrawn") : reason;
}

interface ActionProps {
  app: App;
  c: Case;
  state: State;
  mine: boolean;
  onClaim: (client: string) => void;
  onClose: () => void;
}

function Actions({ app, c, state, mine, onClaim, onClose }: ActionProps) {
  const now_ms = useNow(app.now_ms);
  const pending = state.pending.get(c.id);
  const refused = state.refused.get(c.id);
  const off = state.connection.phase !== "online" || pending !== undefined;
  return (
    <>
      <div class="buttons">
        {c.state === "queued" && (
          <button class="button primary" type="button" disabled={off} onClick={() => onClaim(c.client)}>
            {t(pending ? "claiming" : "claim")} <kbd aria-hidden="true">c</kbd>
          </button>
        )}
        {mine && (
          <>
            <button class="button" type="button" disabled={off} onClick={onClose}>
              {t(pending ? "working" : "close")} <kbd aria-hidden="true">x</kbd>
            </button>
            <button class="button" type="button" disabled={off} onClick={() => app.command("release", c)}>
              {t("release")}
            </button>
          </>
        )}
      </div>
      <div role="status">
        {pending && now_ms - pending.since_ms > SLOW_MS && <p class="late">{t("slow")}</p>}
        {refused && (
          <p class="problem">
            <Shape name="bar" />{" "}
            {refused.code === "already_claimed" && c.operator ? t("lost", { name: c.operator.name }) : t("failed", { message: refused.message })}
          </p>
        )}
      </div>
    </>
  );
}

const REASONS = [
  ["resolved", "closeResolved"],
  ["asked twice", "closeDuplicate"],
  ["does not answer", "closeUnreachable"],
  ["", "closeOther"],
] as const;

function CloseForm({ app, c, onDone }: { app: App; c: Case; onDone: () => void }) {
  const [reason, setReason] = useState<string>("resolved");
  const [other, setOther] = useState("");
  return (
    <form
      class="closing"
      onSubmit={(e) => {
        e.preventDefault();
        app.command("close", c, reason || other);
        onDone();
      }}
    >
      <fieldset>
        <legend>{t("closeTitle")}</legend>
        {REASONS.map(([value, key], i) => (
          <label key={key}>
            <input type="radio" name="reason" checked={reason === value} onChange={() => setReason(value)} autofocus={i === 0} /> {t(key)}
          </label>
        ))}
      </fieldset>
      {reason === "" && (
        <label class="field">
          <span>{t("closeReason")}</span>
          <input type="text" name="other" required maxLength={120} value={other} onInput={(e) => setOther(e.currentTarget.value)} />
        </label>
      )}
      <div class="buttons">
        <button class="button primary" type="submit">
          {t("closeGo")}
        </button>
        <button class="button" type="button" onClick={onDone}>
          {t("cancel")}
        </button>
      </div>
    </form>
  );
}
