/** Pieces that several pages show. */
import { ApiError, NetworkError, type EventCard, type Status } from "@muster/sdk";
import { Shape, type ShapeName } from "@muster/ui";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { App, State } from "./app.ts";
import { t } from "./text.ts";

/** A page's heading; takes the focus when the page appears, so that a screen reader begins there. */
export function Title({ children, focus = true }: { children: ComponentChildren; focus?: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (focus) heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** The public emergency number, on every page that asks for help. */
export function EmergencyCall({ event, large = false }: { event: EventCard; large?: boolean }) {
  const number = event.emergency_number;
  return (
    <a class={large ? "call large" : "call"} href={`tel:${number.replace(/[^\d+*#]/g, "")}`}>
      <Shape name="phone" />
      <span>
        <b>{t("emergency", { number })}</b>
        {large && <small>{t("emergencyHint")}</small>}
      </span>
    </a>
  );
}

/** The truth about the connection, in words. */
export function Connection({ status }: { status: Status }) {
  const [shape, text]: [ShapeName, string] =
    status.phase === "online"
      ? ["dot", t("online")]
      : status.phase === "renewing"
        ? ["ring", t("renewing")]
        : status.phase === "connecting" && status.attempt === 0
          ? ["ring", t("connecting")]
          : ["bar", t("offline")];
  return (
    <p class={`connection ${shape}`}>
      <Shape name={shape} /> {text}
    </p>
  );
}

/** What stands in the way of everything else: another device, a session that is over, a browser that keeps nothing. */
export function Notices({ app, state }: { app: App; state: State }) {
  const { connection, durable, full } = state;
  return (
    <>
      {connection.phase === "stopped" && connection.why === "taken_over" && (
        <div class="notice" role="alert">
          <p>{t("takenOver")}</p>
          <button class="button" type="button" onClick={() => app.useHere()}>
            {t("takenOverUse")}
          </button>
        </div>
      )}
      {!durable && <p class="notice">{t("notDurable")}</p>}
      {full && (
        <p class="notice problem" role="alert">
          <Shape name="bar" /> {t("tooMany")}
        </p>
      )}
    </>
  );
}

export function Problem({ text }: { text: string | undefined }) {
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

/** What went wrong with a request, for a person. */
export function problemText(error: unknown): string {
  if (error instanceof NetworkError) return t("networkFailed");
  if (error instanceof ApiError) return error.status === 429 ? t("tooOften", { n: error.retryAfter_s ?? 60 }) : error.message;
  throw error;
}
