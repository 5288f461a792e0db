/** The open call for help: place in line, who helps, the chat, and the way to take it back. */
import { ahead, eta_s, etaRange_min } from "@muster/sdk";
import { Shape, useModel } from "@muster/ui";
import { useState } from "preact/hooks";
import type { App, State } from "../app.ts";
import { Chat } from "./chat.tsx";
import { Back } from "./ask.tsx";
import { Connection, EmergencyCall, Notices, Title } from "../parts.tsx";
import { LocationSharing } from "../location.ts";
import { go } from "../route.ts";
import { t } from "../text.ts";

export function HelpPage({ app }: { app: App }) {
  const state = useModel(app);
  const open = app.helpOpen;
  return (
    <main class="page helping">
      <div class="topline">
        <Back to={() => go({ name: "home" })} />
        <EmergencyCall event={state.session!.event} />
      </div>
      <div role="status">{(!open || state.connection.phase === "online") && <Connection status={state.connection} />}</div>
      <Notices app={app} state={state} />
      <section class="standing">
        <Standing state={state} />
        {open ? <Withdraw app={app} /> : <Over />}
      </section>
      {open && <Where app={app} state={state} />}
      <Chat app={app} state={state} open={open} />
    </main>
  );
}

/** Where the call stands: one heading, one line of what happens next. */
function Standing({ state }: { state: State }) {
  const { asked, case: c, queue } = state;
  if (asked) {
    const key = asked.sent ? "askedSent" : state.connection.phase === "online" ? "askedSending" : "askedKept";
    return (
      <div role="status">
        <Title>{t(key)}</Title>
        <p>{t(key === "askedSent" ? "askedSentHint" : "askedKeptHint")}</p>
      </div>
    );
  }
  if (!c) return null;
  if (c.state === "closed") {
    const why = !c.reason || c.reason === "resolved" ? t("closedResolved") : c.reason === "withdrawn" ? t("closedWithdrawn") : t("closedReason", { reason: c.reason });
    return (
      <div role="status">
        <Title>{t("closed")}</Title>
        <p>{why}</p>
      </div>
    );
  }
  if (c.state === "claimed") {
    const name = c.operator?.name ?? t("helperUnnamed");
    return (
      <div role="status">
        <Title>{t("claimedBy", { name })}</Title>
        <p>{t("claimedHint", { name })}</p>
      </div>
    );
  }
  const before = ahead(c, queue);
  return (
    <div role="status">
      {before === undefined ? (
        <Title>{t("askedSent")}</Title>
      ) : before === 0 ? (
        <Title>{t("nextUp")}</Title>
      ) : (
        <h1 tabIndex={-1} class="number">
          <span>{t("youAre")}</span> <b class="figures">{before + 1}</b> <span>{t("inLine")}</span>
        </h1>
      )}
      <p class="eta">{etaText(eta_s(c, queue))}</p>
      <p>{t("whatNext")}</p>
    </div>
  );
}

function etaText(seconds: number | undefined): string {
  if (seconds === undefined) return t("etaUnknown");
  const { low, high } = etaRange_min(seconds);
  if (high <= 1) return t("etaMinute");
  return low >= 60 ? t("etaLong") : t("etaRange", { low: Math.max(1, low), high });
}

function Withdraw({ app }: { app: App }) {
  const [sure, setSure] = useState(false);
  if (!sure) {
    return (
      <button class="quiet" type="button" onClick={() => setSure(true)}>
        {t("withdraw")}
      </button>
    );
  }
  return (
    <div class="sure">
      <p>{t("withdrawSure")}</p>
      <button class="button" type="button" onClick={() => (setSure(false), void app.withdraw())}>
        {t("withdrawYes")}
      </button>
      <button class="button" type="button" onClick={() => setSure(false)}>
        {t("withdrawNo")}
      </button>
    </div>
  );
}

function Over() {
  return (
    <div class="sure">
      <button class="button primary" type="button" onClick={() => go({ name: "home" }, true)}>
        {t("toStart")}
      </button>
      <button class="button" type="button" onClick={() => go({ name: "ask" }, true)}>
        {t("askAgain")}
      </button>
    </div>
  );
}

/** Always in sight while the location is shared, with one tap to stop. */
function Where({ app, state }: { app: App; state: State }) {
  const { sharing } = state;
  if (!LocationSharing.available()) return null;
  if (!sharing.on) {
    return (
      <div class="where">
        <button class="button" type="button" onClick={() => app.startSharing()}>
          <Shape name="place" /> {t("askShare")}
        </button>
        {sharing.problem && <p role="alert">{t("locationDenied")}</p>}
      </div>
    );
  }
  return (
    <div class="where on">
      <Shape name="place" />
      <p>
        <b>{t("sharing")}</b>{" "}
        <span>{sharing.fix ? t("accuracy", { n: sharing.fix.acc ?? 0 }) : t(sharing.problem ? "locationFailed" : "locating")}</span>
      </p>
      <button class="button" type="button" onClick={() => app.stopSharing()}>
        {t("sharingStop")}
      </button>
    </div>
  );
}
