/** Ask for help: what kind, then what and where. */
import { LABEL_CHARS_MAX, TEXT_CHARS_MAX, type Priority } from "@muster/sdk";
import { Shape, useModel } from "@muster/ui";
import { useState } from "preact/hooks";
import type { App } from "../app.ts";
import { LocationSharing } from "../location.ts";
import { EmergencyCall, Notices, Title } from "../parts.tsx";
import { go } from "../route.ts";
import { t } from "../text.ts";

const KINDS: Priority[] = ["life", "urgent", "service"];

export function AskPage({ app, kind }: { app: App; kind: Priority | undefined }) {
  const event = app.state.session!.event;
  if (kind) return <Details app={app} kind={kind} />;
  return (
    <main class="page ask">
      <Back to={() => go({ name: "home" })} />
      <Title>{t("askTitle")}</Title>
      <ul class="kinds">
        {KINDS.map((k) => (
          <li key={k}>
            <button class={`kind ${k}`} type="button" onClick={() => go({ name: "ask", kind: k })}>
              <Shape name={k} />
              <span>
                <b>{t(k)}</b>
                <small>{t(`${k}Example`)}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <EmergencyCall event={event} />
    </main>
  );
}

function Details({ app, kind }: { app: App; kind: Priority }) {
  const state = useModel(app);
  const event = state.session!.event;
  const { sharing } = state;
  const [text, setText] = useState("");
  const [seat, setSeat] = useState("");
  const [busy, setBusy] = useState(false);

  async function send(submit: SubmitEvent) {
    submit.preventDefault();
    setBusy(true);
    await app.ask(kind, text, seat, sharing.on);
    go({ name: "help" }, true);
  }

  return (
    <main class="page ask">
      <Back to={() => go({ name: "ask" })} />
      <Title>
        <Shape name={kind} /> {t(kind)}
      </Title>
      {kind === "life" && <p class="callfirst">{t("lifeCall", { number: event.emergency_number })}</p>}
      <EmergencyCall event={event} large={kind === "life"} />
      <Notices app={app} state={state} />
      <form onSubmit={send}>
        <label class="field">
          <span>
            {t("askText")} <small>{t("optional")}</small>
          </span>
          <textarea
            name="text"
            rows={2}
            value={text}
            onInput={(e) => setText(e.currentTarget.value)}
            maxLength={TEXT_CHARS_MAX}
            placeholder={t("askTextExample")}
          />
        </label>
        <label class="field">
          <span>
            {t("askSeat")} <small>{t("optional")}</small>
          </span>
          <input
            type="text"
            name="seat"
            value={seat}
            onInput={(e) => setSeat(e.currentTarget.value)}
            maxLength={LABEL_CHARS_MAX}
            placeholder={t("askSeatExample")}
            autocomplete="off"
          />
        </label>
        {LocationSharing.available() && (
          <div class="share">
            <label>
              <input
                type="checkbox"
                name="share"
                checked={sharing.on}
                onChange={(e) => (e.currentTarget.checked ? app.startSharing() : app.stopSharing())}
                aria-describedby="share-state"
              />
              <b>{t("askShare")}</b>
            </label>
            <p id="share-state" role="status">
              {!sharing.on
                ? t(sharing.problem === "denied" ? "locationDenied" : "askShareHint")
                : sharing.fix
                  ? t("accuracy", { n: sharing.fix.acc ?? 0 })
                  : t(sharing.problem ? "locationFailed" : "locating")}
            </p>
          </div>
        )}
        <button class={`button wide ${kind === "life" ? "danger" : "primary"}`} type="submit" disabled={busy}>
          {t("send")}
        </button>
      </form>
    </main>
  );
}

export function Back({ to }: { to: () => void }) {
  return (
    <button class="quiet back" type="button" onClick={to}>
      <Shape name="back" /> {t("back")}
    </button>
  );
}
