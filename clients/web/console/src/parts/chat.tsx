/** The chat of the shown case. */
import { TEXT_CHARS_MAX, type Case, type Message } from "@muster/sdk";
import { Shape, timeOfDay, type ShapeName } from "@muster/ui";
import { Fragment } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { App, State } from "../app.ts";
import { t } from "../text.ts";

/** What was begun for each participant, so that looking at another case loses no word. */
const drafts = new Map<string, string>();

export function Chat({ app, state, c, mine }: { app: App; state: State; c: Case; mine: boolean }) {
  const [text, setText] = useState(drafts.get(c.client) ?? "");
  const log = useRef<HTMLDivElement>(null);
  const { messages } = state;
  // What was said about an earlier call of the same person stands before this one.
  const opened_ms = Date.parse(c.opened_at);
  const begin = messages.findIndex((m) => (m.received_ms ?? Infinity) >= opened_ms);
  const readAt = messages.findIndex((m) => m.id === state.read.get(c.client));

  useEffect(() => {
    const box = log.current;
    if (box && box.scrollHeight - box.scrollTop - box.clientHeight < 200) box.scrollTop = box.scrollHeight;
    app.markRead();
  }, [messages.length, mine]);

  function change(next: string) {
    drafts.set(c.client, next);
    setText(next);
  }
  async function send() {
    if (!text.trim()) return;
    // Cleared at once, so that the next text is not lost while this one is being kept.
    change("");
    if (!(await app.write(c.client, text))) return change(drafts.get(c.client) || text);
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }

  return (
    <>
      <div class="log" ref={log} role="log" aria-live="polite" aria-label={t("chat")} tabIndex={0}>
        {state.historyFailed && <p class="late">{t("historyFailed")}</p>}
        {messages.length === 0 && !state.historyFailed && <p class="empty">{t(mine ? "chatEmptyMine" : "chatEmpty")}</p>}
        <ol>
          {messages.map((m, i) => (
            <Fragment key={m.id}>
              {i === begin && i > 0 && <li class="since figures">{t("thisCase", { time: timeOfDay(opened_ms) })}</li>}
              <Line m={m} c={c} me={app.me} read={readAt >= i} online={state.connection.phase === "online"} />
            </Fragment>
          ))}
          {messages.length > 0 && begin < 0 && <li class="since figures">{t("thisCase", { time: timeOfDay(opened_ms) })}</li>}
        </ol>
      </div>
      {mine ? (
        <form
          class="compose"
          onSubmit={(e) => {
            e.preventDefault();
            void send();
          }}
        >
          <textarea
            name="answer"
            data-reply
            rows={2}
            aria-label={t("writeLabel")}
            placeholder={t("write", { name: c.name ?? t("unnamed") })}
            value={text}
            maxLength={TEXT_CHARS_MAX}
            onInput={(e) => change(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key !== "Enter" || e.shiftKey || e.isComposing || !matchMedia("(pointer: fine)").matches) return;
              e.preventDefault();
              void send();
            }}
          />
          <button class="button primary" type="submit">
            {t("send")}
          </button>
          {state.full && (
            <p class="problem" role="alert">
              <Shape name="bar" /> {t("tooMany")}
            </p>
          )}
        </form>
      ) : (
        <p class="nowrite">{t(c.state === "closed" ? "closedNoWrite" : "claimToWrite")}</p>
      )}
    </>
  );
}

function Line({ m, c, me, read, online }: { m: Message; c: Case; me: string; read: boolean; online: boolean }) {
  const own = m.sender === me;
  const who = own ? t("you") : m.sender === c.client ? (c.name ?? t("participant")) : m.sender === c.operator?.client ? c.operator.name : t("colleague");
  return (
    <li class={m.sender === c.client ? "message" : "message ours"}>
      <p class="who">
        <b>{who}</b> <span class="figures">{timeOfDay(m.received_ms ?? m.sent_ms)}</span> {own && <State m={m} read={read} online={online} />}
      </p>
      <p class="text">{m.text}</p>
    </li>
  );
}

function State({ m, read, online }: { m: Message; read: boolean; online: boolean }) {
  const [shape, text, tone]: [ShapeName, string, string] =
    m.state === "refused"
      ? ["bar", t("stateRefused"), "bad"]
      : m.state === "waiting"
        ? [online ? "ring" : "bar", t(online ? "stateSending" : "stateKept"), online ? "" : "late"]
        : [read ? "ticks" : "tick", t(read ? "stateRead" : "stateSent"), "good"];
  return (
    <span class={`delivery ${tone}`}>
      <Shape name={shape} /> {text}
    </span>
  );
}
