/** Log in and choose an event. */
import { ApiError, NetworkError } from "@muster/sdk";
import { days, Shape } from "@muster/ui";
import { useState } from "preact/hooks";
import type { App, Choice } from "../app.ts";
import { t } from "../text.ts";

/** What went wrong with a request, for a person. */
function problemText(error: unknown): string {
  if (error instanceof NetworkError) return t("networkFailed");
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) return t("loginWrong");
  return error.status === 429 ? t("tooOften", { n: error.retryAfter_s ?? 60 }) : error.message;
}

function Problem({ text }: { text: string | undefined }) {
  return (
    <div role="alert">
      {text && (
        <p class="problem">
          <Shape name="bar" /> {text}
        </p>
      )}
    </div>
  );
}

export function LoginPage({ app, signedOut }: { app: App; signedOut: boolean }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(signedOut ? t("signedOut") : undefined);

  async function login(event: SubmitEvent) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await app.login(email.trim(), password);
    } catch (error) {
      setProblem(problemText(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <main class="door">
      <p class="brand">
        {t("appName")} <span>{t("console")}</span>
      </p>
      <h1>{t("loginTitle")}</h1>
      <form onSubmit={login}>
        <label class="field">
          <span>{t("email")}</span>
          <input type="email" name="email" required autocomplete="username" value={email} onInput={(e) => setEmail(e.currentTarget.value)} />
        </label>
        <label class="field">
          <span>{t("password")}</span>
          <input
            type="password"
            name="password"
            required
            autocomplete="current-password"
            value={password}
            onInput={(e) => setPassword(e.currentTarget.value)}
          />
        </label>
        <Problem text={problem} />
        <button class="button primary" type="submit" disabled={busy}>
          {busy ? t("loginBusy") : t("loginGo")}
        </button>
      </form>
    </main>
  );
}

export function ChoosePage({ app, choices }: { app: App; choices: Choice[] }) {
  const [problem, setProblem] = useState<string>();
  const enter = (choice: Choice) => app.enter(choice).catch((error: unknown) => setProblem(problemText(error)));
  return (
    <main class="door">
      <p class="brand">
        {t("appName")} <span>{t("console")}</span>
      </p>
      <h1>{t("chooseTitle")}</h1>
      <Problem text={problem} />
      {choices.length === 0 && <p>{t("chooseNone")}</p>}
      <ul class="choices">
        {choices.map((choice) => (
          <li key={choice.event.id}>
            <button type="button" disabled={choice.event.status !== "published"} onClick={() => void enter(choice)}>
              <b>{choice.event.name}</b>
              <span>
                {choice.agency.name}, {days(Date.parse(choice.event.starts_at), Date.parse(choice.event.ends_at))}, {t(choice.event.status)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <button class="quiet" type="button" onClick={() => void app.signOut()}>
        {t("signOut")}
      </button>
    </main>
  );
}
