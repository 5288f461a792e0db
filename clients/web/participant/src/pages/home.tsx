/** An event's first page: the truth about the connection, and one button. */
import { days, Shape, useModel } from "@muster/ui";
import { useState } from "preact/hooks";
import type { App } from "../app.ts";
import { Connection, EmergencyCall, Notices, Title } from "../parts.tsx";
import { go, show } from "../route.ts";
import { t } from "../text.ts";

export function HomePage({ app }: { app: App }) {
  const state = useModel(app);
  const event = state.session!.event;
  return (
    <main class="page home">
      <header>
        <Title>{event.name}</Title>
        <div role="status">
          <Connection status={state.connection} />
        </div>
      </header>
      <Notices app={app} state={state} />
      {app.helpOpen ? (
        <button class="help open" type="button" onClick={() => go({ name: "help" })}>
          <b>{t("helpOpen")}</b>
          <span>{state.case?.operator && !state.asked ? t("helpClaimed", { name: state.case.operator.name }) : t("helpWaiting")}</span>
        </button>
      ) : (
        <button class="help" type="button" onClick={() => go({ name: "ask" })}>
          <Shape name="life" />
          {t("help")}
        </button>
      )}
      <EmergencyCall event={event} large />
      <dl class="facts">
        {event.venue && (
          <div>
            <dt>{t("venue")}</dt>
            <dd>{event.venue}</dd>
          </div>
        )}
        <div>
          <dt>{t("when")}</dt>
          <dd>{days(Date.parse(event.starts_at), Date.parse(event.ends_at))}</dd>
        </div>
      </dl>
      <Leave app={app} />
    </main>
  );
}

function Leave({ app }: { app: App }) {
  const [sure, setSure] = useState(false);
  if (!sure) {
    return (
      <button class="quiet leave" type="button" onClick={() => setSure(true)}>
        {t("leave")}
      </button>
    );
  }
  return (
    <div class="sure">
      <p>{t("leaveSure")}</p>
      <button
        class="button"
        type="button"
        onClick={async () => {
          await app.leave();
          show("/", true);
        }}
      >
        {t("leaveYes")}
      </button>
      <button class="button" type="button" onClick={() => setSure(false)}>
        {t("leaveNo")}
      </button>
    </div>
  );
}
