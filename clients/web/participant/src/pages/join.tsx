/** The event that a code or link leads to, and joining it. */
import { ApiError, LABEL_CHARS_MAX, type EventCard } from "@muster/sdk";
import { days } from "@muster/ui";
import { useEffect, useState } from "preact/hooks";
import type { App } from "../app.ts";
import { EmergencyCall, Problem, problemText, Title } from "../parts.tsx";
import { show } from "../route.ts";
import { t } from "../text.ts";

export function JoinPage({ app, code }: { app: App; code: string }) {
  const [event, setEvent] = useState<EventCard>();
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function load() {
    setProblem(undefined);
    try {
      setEvent(await app.api.findByCode(code));
    } catch (error) {
      setProblem(error instanceof ApiError && error.status === 404 ? t("findNone", { query: code }) : problemText(error));
    }
  }
  useEffect(() => void load(), []);

  async function join(submit: SubmitEvent) {
    submit.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await app.join(code, name);
      show(`/e/${encodeURIComponent(code)}`, true);
    } catch (error) {
      setProblem(problemText(error));
    } finally {
      setBusy(false);
    }
  }

  if (!event) {
    return (
      <main class="page">
        <p class="brand">{t("appName")}</p>
        <Title>{problem ? code : t("loading")}</Title>
        <Problem text={problem} />
        {problem && (
          <button class="button wide" type="button" onClick={() => show("/")}>
            {t("findTitle")}
          </button>
        )}
      </main>
    );
  }
  return (
    <main class="page join">
      <p class="brand">{t("appName")}</p>
      {app.state.over && <p class="notice">{t("ended")}</p>}
      <p class="over">{t("joinTitle")}</p>
      <Title>{event.name}</Title>
      <p class="under">
        {event.venue && (
          <>
            {event.venue}
            <br />
          </>
        )}
        {days(Date.parse(event.starts_at), Date.parse(event.ends_at))}
        <br />
        {t("joinCode", { code: event.join_code })}
      </p>
      <form onSubmit={join}>
        <label class="field">
          <span>
            {t("joinName")} <small>{t("optional")}</small>
          </span>
          <input
            type="text"
            name="name"
            value={name}
            onInput={(e) => setName(e.currentTarget.value)}
            autocomplete="given-name"
            maxLength={LABEL_CHARS_MAX}
          />
        </label>
        <Problem text={problem} />
        <button class="button primary wide" type="submit" disabled={busy}>
          {busy ? t("joinBusy") : t("joinGo")}
        </button>
        <button class="quiet" type="button" onClick={() => show("/")}>
          {t("joinOther")}
        </button>
      </form>
      <EmergencyCall event={event} large />
    </main>
  );
}
