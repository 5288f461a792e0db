/** The working place: top bar and three columns that keep their place; on a phone one of them and a bar below. */
import { useModel } from "@muster/ui";
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app.ts";
import { useKeys } from "../keys.ts";
import { t } from "../text.ts";
import { CaseColumn } from "./case.tsx";
import { LineColumn } from "./line.tsx";
import { MeDialog } from "./me.tsx";
import { TopBar } from "./topbar.tsx";
import { WhereColumn } from "./where.tsx";

export type Pane = "line" | "case" | "map";
const PANES = [
  ["line", "paneLine"],
  ["case", "paneCase"],
  ["map", "paneMap"],
] as const;

export function Desk({ app }: { app: App }) {
  const state = useModel(app);
  const [pane, setPane] = useState<Pane>("line");
  const [closing, setClosing] = useState(false);
  const me = useRef<HTMLDialogElement>(null);

  useEffect(() => setClosing(false), [state.selected]);
  const open = (client: string) => {
    app.select(client);
    setPane("case");
  };
  const claim = (client: string | undefined) => {
    const c = client === undefined ? app.shown : app.state.cases.get(client);
    if (!c || c.state !== "queued") return;
    open(c.client);
    app.command("claim", c);
  };
  const close = () => {
    const c = app.shown;
    if (c?.state === "claimed" && c.operator?.client === app.me) setClosing(true);
  };
  const actions = { open, claim, close, help: () => me.current?.showModal() };
  useKeys(actions);

  return (
    <div class="desk" data-pane={pane}>
      <TopBar app={app} onMe={() => me.current?.showModal()} />
      <LineColumn app={app} onOpen={open} />
      <CaseColumn app={app} closing={closing} setClosing={setClosing} onClaim={claim} />
      <WhereColumn app={app} onOpen={open} />
      <nav class="panes" aria-label={t("console")}>
        {PANES.map(([p, text]) => (
          <button key={p} type="button" aria-current={pane === p ? "page" : undefined} onClick={() => setPane(p)}>
            {t(text)}
          </button>
        ))}
        <button type="button" onClick={() => me.current?.showModal()}>
          {t("me")}
        </button>
      </nav>
      <MeDialog app={app} dialog={me} actions={actions} />
    </div>
  );
}
