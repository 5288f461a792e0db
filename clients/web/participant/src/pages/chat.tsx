/** The chat of a call for help: every message with what became of it, quick replies, and a field to write. */
import { TEXT_CHARS_MAX, type Message } from "@muster/sdk";
import { Shape, timeOfDay, type ShapeName } from "@muster/ui";
import { useEffect, useRef, useState } from "preact/hooks";
import type { App, State } from "../app.ts";
import { Connection } from "../parts.tsx";
import { t } from "../text.ts";

const QUICK = ["quick1", "quick2", "quick3", "quick4", "quick5"] as const;

export function Chat({ app, state, open }: { app: App; state: State; open: boolean }) {
  const [text, setText] = useState("");
  const end = useRef<HTMLDivElement>(null);
  const { messages, asked, case: c, session } = state;
  const me = session!.client_id;
  const first = asked ?? c;
  const readAt = messages.findIndex((m) => m.id === state.read);

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
        {first && (
          <li class="message own first">
            <p class="who">
              <Shape name={"kind" in first ? first.kind : first.priority} /> {t("youAsked")}: {t("kind" in first ? first.kind : first.priority)}
            </p>
            {first.text && <p class="text">{first.text}</p>}
            {first.seat && <p class="text">{first.seat}</p>}
          </li>
        )}
        {messages.map((m, i) => (
          <Line key={m.id} message={m} own={m.sender === me} who={who(m, state)} read={readAt >= i} online={state.connection.phase === "online"} />
        ))}
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

function who(m: Message, { case: c }: State): string {
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
