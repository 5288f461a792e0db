/** The chat of a call for help: every message with what became of it, quick replies, and a field to write. */
import { TEXT_CHARS_MAX, type Case, type Message } from "@muster/sdk";
import { Shape, timeOfDay, type ShapeName } from "@muster/ui";
import { useEffect, useRef, useState } from "preact/hooks";
import type { App, Asked, State as AppState } from "../app.ts";
import { Connection } from "../parts.tsx";
import { t } from "../text.ts";

const QUICK = ["quick1", "quick2", "quick3", "quick4", "quick5"] as const;

export function Chat({ app, state, open }: { app: App; state: AppState; open: boolean }) {
  const [text, setText] = useState("");
  const end = useRef<HTMLDivElement>(null);
  const { messages, asked, case: c, session } = state;
  const me = session!.client_id;
  const first = asked ?? c;
  const readAt = messages.findIndex((m) => m.id === state.read);
  const lines = messages.map((m, i) => (
    <Line key={m.id} message={m} own={m.sender === me} who={who(m, state)} read={readAt >= i} online={state.connection.phase === "online"} />
  ));
  // What was said about an earlier call stands before this one.
  const begin = first ? beginOf(messages, asked?.at_ms ?? Date.parse(c!.opened_at)) : 0;

  useEffect(() => {
    // Only follows when the person is near the end: reading further up must not be disturbed.
    if (innerHeight + scrollY > document.documentElement.scrollHeight - 240 && messages.length > 0) {
      end.current?.scrollIntoView({ block: "end" });
    }
    app.markRead();
  }, [messages.length]);

  async function write(what: string) {
    if (!what.trim()) return;
    // Cleared at once, so that the next text is not lost while this one is being kept.
    const typed = what === text;
    if (typed) setText("");
    if (await app.write(what)) end.current?.scrollIntoView({ block: "end" });
    else if (typed) setText((now) => now || what);
  }

  return (
    <section class="chat" aria-label={t("chat")}>
      <div role="log" aria-live="polite" aria-relevant="additions" aria-label={t("chat")}>
        <ol>
          {lines.slice(0, begin)}
          {first && <Call key={first.id} call={first} />}
          {lines.slice(begin)}
        </ol>
      </div>
      {open && (
        <form
          class="write"
          onSubmit={(e) => {
            e.preventDefault();
            void write(text);
          }}
        >
          {/* Beside the field and always in sight, because it is about what is written here. */}
          <div role="status">{state.connection.phase !== "online" && <Connection status={state.connection} />}</div>
          <ul class="quick" aria-label={t("quickLabel")}>
            {QUICK.map((key) => (
              <li key={key}>
                <button type="button" class="chip" onClick={() => void write(t(key))}>
                  {t(key)}
                </button>
              </li>
            ))}
          </ul>
          <div class="compose">
            <textarea
              name="message"
              rows={1}
              aria-label={t("chatLabel")}
              placeholder={t("chatExample")}
              value={text}
              maxLength={TEXT_CHARS_MAX}
              onInput={(e) => setText(e.currentTarget.value)}
              onKeyDown={(e) => {
                // With a keyboard Enter sends; on a phone it is a new line and the button sends.
                if (e.key !== "Enter" || e.shiftKey || e.isComposing || !matchMedia("(pointer: fine)").matches) return;
                e.preventDefault();
                void write(text);
              }}
            />
            <button class="button primary" type="submit">
              {t("send")}
            </button>
          </div>
        </form>
      )}
      <div ref={end} />
    </section>
  );
}

/** How many messages the broker had before a time, milliseconds since 1970. */
function beginOf(messages: readonly Message[], at_ms: number): number {
  const index = messages.findIndex((m) => (m.received_ms ?? Infinity) >= at_ms);
  return index < 0 ? messages.length : index;
}

/** The call itself, as it was sent. */
function Call({ call }: { call: Asked | Case }) {
  const kind = "kind" in call ? call.kind : call.priority;
  return (
    <li class="message own first">
      <p class="who">
        <Shape name={kind} /> {t("youAsked")}: {t(kind)}
      </p>
      {call.text && <p class="text">{call.text}</p>}
      {call.seat && <p class="text">{call.seat}</p>}
    </li>
  );
}

function who(m: Message, { case: c }: AppState): string {
  return c?.operator?.client === m.sender ? t("helper", { name: c.operator.name }) : t("helperUnnamed");
}

function Line({ message: m, own, who, read, online }: { message: Message; own: boolean; who: string; read: boolean; online: boolean }) {
  return (
    <li class={own ? "message own" : "message"}>
      {own ? <p class="hidden">{t("you")}</p> : <p class="who">{who}</p>}
      <p class="text">{m.text}</p>
      <p class="state">
        <span class="figures">{timeOfDay(m.received_ms ?? m.sent_ms)}</span>
        {own && <State message={m} read={read} online={online} />}
      </p>
    </li>
  );
}

function State({ message: { state }, read, online }: { message: Message; read: boolean; online: boolean }) {
  const [shape, text, tone]: [ShapeName, string, string] =
    state === "refused"
      ? ["bar", t("stateRefused"), "bad"]
      : state === "waiting"
        ? online
          ? ["ring", t("stateSending"), ""]
          : ["bar", t("stateKept"), "late"]
        : read
          ? ["ticks", t("stateRead"), "good"]
          : ["tick", t("stateSent"), "good"];
  return (
    <span class={`delivery ${tone}`}>
      <Shape name={shape} /> {text}
    </span>
  );
}
