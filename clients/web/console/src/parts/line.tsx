/** The line: who waits, who is being helped, who was. What sorts it is written on top. */
import type { Case } from "@muster/sdk";
import { running, Shape, useModel, useNow } from "@muster/ui";
import { useRef, useState } from "preact/hooks";
import type { App, State } from "../app.ts";
import { group, held } from "../arrange.ts";
import { t } from "../text.ts";

interface Props {
  app: App;
  onOpen: (client: string) => void;
}

export function LineColumn({ app, onOpen }: Props) {
  const state = useModel(app);
  const now_ms = useNow(app.now_ms);
  const [query, setQuery] = useState("");
  const [pointer, setPointer] = useState(false);
  const shown = useRef<string[]>([]);
  const groups = group(state.cases.values(), app.me, query);
  const waiting = pointer ? held(shown.current, groups.waiting) : groups.waiting;
  shown.current = waiting.map((c) => c.id);
  const moved = pointer && waiting.some((c, i) => c !== groups.waiting[i]);
  const rows = (cases: Case[]) => cases.map((c) => <Row key={c.id} c={c} app={app} state={state} now_ms={now_ms} onOpen={onOpen} />);
  const nothing = query !== "" && groups.waiting.length + groups.taken.length + groups.closed.length === 0;

  return (
    <section class="line" aria-label={t("line")}>
      <div class="search">
        <input type="search" data-search aria-label={t("search")} placeholder={t("search")} value={query} onInput={(e) => setQuery(e.currentTarget.value)} />
      </div>
      <div
        class="scroll"
        onPointerEnter={(e) => e.pointerType === "mouse" && setPointer(true)}
        onPointerLeave={() => setPointer(false)}
      >
        <Head title={t("waiting")} count={groups.waiting.length} sort={moved ? t("lineHeld") : t("lineSort")} />
        {waiting.length > 0 && <ol>{rows(waiting)}</ol>}
        {nothing && <p class="empty">{t("searchNone", { query })}</p>}
        {waiting.length === 0 && !nothing && (
          <div class="empty">
            <p>
              <b>{t("emptyLine")}</b>
            </p>
            {groups.taken.length === 0 && <p>{t("emptyLineHint", { code: state.session!.event.join_code })}</p>}
          </div>
        )}
        {groups.taken.length > 0 && (
          <>
            <Head title={t("withOperator")} count={groups.taken.length} sort={t("withSort")} />
            <ol>{rows(groups.taken)}</ol>
          </>
        )}
        {groups.closed.length > 0 && (
          <details>
            <summary>
              {t("closedLately")} <span class="figures">{groups.closed.length}</span>
            </summary>
            <ol>{rows(groups.closed)}</ol>
          </details>
        )}
      </div>
    </section>
  );
}

function Head({ title, count, sort }: { title: string; count: number; sort: string }) {
  return (
    <div class="head">
      <h2>
        {title} <span class="figures">{count}</span>
      </h2>
      <p>{sort}</p>
    </div>
  );
}

interface RowProps {
  c: Case;
  app: App;
  state: State;
  now_ms: number;
  onOpen: (client: string) => void;
}

function Row({ c, app, state, now_ms, onOpen }: RowProps) {
  const current = state.selected === c.client;
  const until_ms = c.state === "queued" ? now_ms : Date.parse(c.claimed_at ?? c.closed_at ?? c.opened_at);
  const who = c.operator && (c.operator.client === app.me ? t("yours") : c.operator.name);
  return (
    <li class={`row ${c.state}`}>
      <button type="button" data-row={c.client} aria-current={current ? "true" : undefined} onClick={() => onOpen(c.client)}>
        <span class={`priority ${c.priority}`}>
          <Shape name={c.priority} /> {t(c.priority)}
        </span>
        <span class="waited figures">{c.state === "queued" ? running(until_ms - Date.parse(c.opened_at)) : who}</span>
        <span class="first">{c.text.split("\n")[0] || t("noText")}</span>
        <span class="meta">
          {[c.name ?? t("unnamed"), c.seat].filter(Boolean).join(", ")}
          {state.fixes.has(c.client) && <Shape name="place" />}
          {state.unread.has(c.client) && (
            <b class="unread">
              <Shape name="dot" /> {t("newMessage")}
            </b>
          )}
        </span>
      </button>
    </li>
  );
}
