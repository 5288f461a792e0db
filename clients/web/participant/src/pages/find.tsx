/** Find an event: by code, by name, by scanning. */
import { ApiError, type EventCard } from "@muster/sdk";
import { days } from "@muster/ui";
import { useEffect, useState } from "preact/hooks";
import type { App } from "../app.ts";
import { Problem, problemText, Title } from "../parts.tsx";
import { codeOf, show } from "../route.ts";
import { t } from "../text.ts";

export function FindPage({ app, recent }: { app: App; recent: EventCard | undefined }) {
  const [query, setQuery] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [hits, setHits] = useState<EventCard[]>();
  const [scan, setScan] = useState<typeof import("./scan.tsx")["Scan"]>();
  const canScan = useCanScan();

  async function find(event: SubmitEvent) {
    event.preventDefault();
    const asked = query.trim();
    setHits(undefined);
    setProblem(undefined);
    if ([...asked].length < 2) return setProblem(t("findShort"));
    setBusy(true);
    try {
      const code = codeOf(asked);
      const byCode = code ? await found(app.api.findByCode(code)) : undefined;
      if (byCode) return show(`/e/${encodeURIComponent(byCode.join_code)}`);
      const { items } = await app.api.findByName(asked);
      if (items.length === 0) setProblem(t("findNone", { query: asked }));
      else setHits(items);
    } catch (error) {
      setProblem(problemText(error));
    } finally {
      setBusy(false);
    }
  }

  const Scan = scan;
  if (Scan) return <Scan onCode={(code) => (setScan(undefined), code && show(`/e/${encodeURIComponent(code)}`))} />;
  return (
    <main class="page find">
      <p class="brand">{t("appName")}</p>
      <Title focus={false}>{t("findTitle")}</Title>
      <form onSubmit={find} noValidate>
        <label class="field">
          <span>{t("findLabel")}</span>
          <input
            type="text"
            name="code"
            value={query}
            onInput={(e) => setQuery(e.currentTarget.value)}
            placeholder={t("findExample")}
            autocomplete="off"
            autocapitalize="characters"
            spellcheck={false}
            enterkeyhint="search"
            maxLength={80}
            aria-describedby="find-hint"
          />
        </label>
        <p id="find-hint" class="hint">
          {t("findHint")}
        </p>
        <Problem text={problem} />
        <button class="button primary wide" type="submit" disabled={busy}>
          {busy ? t("findBusy") : t("findGo")}
        </button>
        {canScan && (
          <button class="button wide" type="button" onClick={async () => setScan(await scanner())}>
            {t("findScan")}
          </button>
        )}
      </form>
      <div role="status" class="hidden">
        {hits && t("findResults", { n: hits.length })}
      </div>
      {hits && <EventRows events={hits} title={t("findResults", { n: hits.length })} />}
      {!hits && recent && <EventRows events={[recent]} title={t("recent")} />}
    </main>
  );
}

/** State setters call a function they are given, so the component is wrapped. */
async function scanner() {
  const { Scan } = await import("./scan.tsx");
  return () => Scan;
}

async function found(card: Promise<EventCard>): Promise<EventCard | undefined> {
  try {
    return await card;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 400 || error.status === 422)) return undefined;
    throw error;
  }
}

function EventRows({ events, title }: { events: EventCard[]; title: string }) {
  return (
    <section class="rows">
      <h2>{title}</h2>
      <ul>
        {events.map((event) => (
          <li key={event.id}>
            <a
              href={`/e/${encodeURIComponent(event.join_code)}`}
              onClick={(e) => {
                e.preventDefault();
                show(e.currentTarget.pathname);
              }}
            >
              <b>{event.name}</b>
              <span>
                {event.venue && `${event.venue}, `}
                {days(Date.parse(event.starts_at), Date.parse(event.ends_at))}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** Whether this browser reads square codes by itself; where it does not, the button is not there. */
function useCanScan(): boolean {
  const [can, setCan] = useState(false);
  useEffect(() => {
    const detector = (globalThis as { BarcodeDetector?: { getSupportedFormats(): Promise<string[]> } }).BarcodeDetector;
    if (!detector || !navigator.mediaDevices) return;
    void detector.getSupportedFormats().then((formats) => setCan(formats.includes("qr_code")));
  }, []);
  return can;
}
