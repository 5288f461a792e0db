/**
 * The console as a model: the account, the cases of one event, the chats that are on the screen, where people are.
 *
 * Invariant: the retained cases are the truth; a command changes nothing here until its case comes back changed.
 * Invariant: only the chats of the shown case and of the cases that this operator has are subscribed.
 */
import {
  Api,
  ApiError,
  Client,
  cut,
  LABEL_CHARS_MAX,
  newer,
  OutboxFull,
  readCase,
  readChat,
  readDone,
  readEventCard,
  readLocation,
  readQueueState,
  readSeen,
  ServerTime,
  TEXT_CHARS_MAX,
  Thread,
  Topics,
  uuidv7,
  type Account,
  type Case,
  type Command,
  type Done,
  type EventCard,
  type Incoming,
  type Location,
  type Message,
  type QueueState,
  type Session,
  type Status,
  type Store,
} from "@muster/sdk";
import { Model } from "@muster/ui";

export type Verb = "claim" | "close" | "release";

/** A command whose answer is still out. */
export interface Pending {
  id: string;
  case: string;
  verb: Verb;
  /** Server time, milliseconds. */
  since_ms: number;
}

/** A position and when the broker had it, milliseconds since 1970. */
export interface Fix {
  location: Location;
  at_ms: number;
}

/** An event that this person may work at. */
export interface Choice {
  agency: { id: string; name: string };
  event: EventCard;
}

/** A staff session, and whose event it is for. */
export interface Place extends Session {
  agency: string;
}

export interface State {
  ready: boolean;
  account?: Account | undefined;
  choices?: Choice[] | undefined;
  session?: Place | undefined;
  /** The session ended without the person's doing. */
  signedOut: boolean;
  connection: Status;
  cases: ReadonlyMap<string, Case>;
  queue?: QueueState | undefined;
  fixes: ReadonlyMap<string, Fix>;
  /** Client of the shown case. */
  selected?: string | undefined;
  messages: readonly Message[];
  historyFailed: boolean;
  /** Last own message that the participant has seen, by client. */
  read: ReadonlyMap<string, string>;
  unread: ReadonlySet<string>;
  /** By case. */
  pending: ReadonlyMap<string, Pending>;
  /** The last refusal, by case. */
  refused: ReadonlyMap<string, Done>;
  full: boolean;
  /** Parts of the server that do not work now. */
  down: readonly string[];
}

const SESSION_EXPIRY_S = 3_600;
/** Between two looks at the server's readiness, milliseconds. */
const READY_MS = 15_000;
/** Most cases held: far above any line; the oldest closed ones go first. */
const CASES_MAX = 5_000;

export class App extends Model<State> {
  readonly time = new ServerTime();
  readonly api = new Api((ms) => this.time.seen(ms));
  readonly now_ms = () => this.time.now_ms();

  private client: Client | undefined;
  private topics: Topics | undefined;
  private threads = new Map<string, Thread>();
  private following = new Set<string>();
  private readyTimer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly store: Store) {
    super({
      ready: false,
      signedOut: false,
      connection: { phase: "connecting", attempt: 0 },
      cases: new Map(),
      fixes: new Map(),
      messages: [],
      historyFailed: false,
      read: new Map(),
      unread: new Set(),
      pending: new Map(),
      refused: new Map(),
      full: false,
      down: [],
    });
  }

  get me(): string {
    return this.state.session?.client_id ?? "";
  }

  get shown(): Case | undefined {
    return this.state.selected === undefined ? undefined : this.state.cases.get(this.state.selected);
  }

  async open(): Promise<void> {
    const account = await this.store.get<Account>("account");
    const session = await this.store.get<Place>("session");
    if (account && session) {
      this.set({ account });
      await this.start(session);
    } else if (account) {
      await this.choose(account).catch((error: unknown) => {
        // Without a network the person logs in again when there is one; nothing is thrown away for that.
        if (error instanceof ApiError && error.status === 401) return this.store.remove("account");
      });
    }
    this.set({ ready: true });
  }

  /** Throws what the API throws. */
  async login(email: string, password: string): Promise<void> {
    const account = await this.api.login(email, password);
    await this.store.set("account", account);
    this.set({ signedOut: false });
    await this.choose(account);
  }

  async enter({ agency, event }: Choice): Promise<void> {
    const { account } = this.state;
    if (!account) return;
    const session = { ...(await this.api.staffToken(account.token, agency.id, event.id)), agency: agency.id };
    await this.store.set("session", session);
    await this.start(session);
  }

  async signOut(): Promise<void> {
    this.leaveEvent();
    await this.store.clear();
    this.set({ account: undefined, choices: undefined });
  }

  async otherEvent(): Promise<void> {
    const { account } = this.state;
    this.leaveEvent();
    await this.store.remove("session");
    if (account) await this.choose(account, false);
  }

  useHere(): void {
    this.client?.restart();
  }

  select(client: string): void {
    const unread = new Set(this.state.unread);
    unread.delete(client);
    this.set({ selected: client, unread, historyFailed: false });
    if (this.following.has(client)) void this.readHistory(client);
    this.follow();
    this.showThread();
  }

  /** Sends a command about a case. Only while connected: a claim that arrives minutes later helps nobody. */
  command(verb: Verb, c: Case, reason?: string): void {
    const { client, topics } = this;
    if (!client || !topics || this.state.connection.phase !== "online" || this.state.pending.has(c.id)) return;
    const command: Command = { id: uuidv7(), case: c.id };
    if (reason) command.reason = cut(reason.trim(), LABEL_CHARS_MAX);
    client.publishLive(topics.command(verb, this.me), command, { qos: 1 });
    const refused = new Map(this.state.refused);
    refused.delete(c.id);
    const pending = new Map(this.state.pending).set(c.id, { id: command.id, case: c.id, verb, since_ms: this.now_ms() });
    this.set({ refused, pending });
  }

  async write(to: string, text: string): Promise<boolean> {
    const { client, topics, me } = this;
    const chat = { id: uuidv7(), at: new Date().toISOString(), text: cut(text.trim(), TEXT_CHARS_MAX) };
    if (!client || !topics || !chat.text) return false;
    const thread = this.thread(to);
    thread.merge([{ chat: to, id: chat.id, sender: me, text: chat.text, sent_ms: Date.now(), state: "waiting" }]);
    let kept = true;
    try {
      await client.send(topics.chat(to, me), chat);
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error;
      thread.mark(chat.id, "refused");
      kept = false;
    }
    this.set({ full: !kept });
    this.showThread();
    return kept;
  }

  /** The shown chat is on the screen: tell the participant how far it was read. */
  markRead(): void {
    const { client, topics, me } = this;
    const c = this.shown;
    if (!client || !topics || !c || c.operator?.client !== me || document.visibilityState !== "visible") return;
    const last = this.thread(c.client).list.findLast((m) => m.sender === c.client);
    if (!last || this.told.get(c.client) === last.id) return;
    if (client.publishLive(topics.seen(c.client, me), { up_to: last.id }, { qos: 0 })) this.told.set(c.client, last.id);
  }
  private readonly told = new Map<string, string>();

  private async choose(account: Account, enterOnly = true): Promise<void> {
    const { agencies } = await this.api.me(account.token);
    const lists = await Promise.all(agencies.map((agency) => this.api.events(account.token, agency.id)));
    const choices = agencies.flatMap((agency, i) => lists[i]!.items.map((event) => ({ agency, event })));
    this.set({ account });
    const published = choices.filter(({ event }) => event.status === "published");
    // Nothing to choose, so no page that flashes by.
    if (enterOnly && published.length === 1) await this.enter(published[0]!);
    else this.set({ choices });
  }

  private async start(session: Place): Promise<void> {
    const topics = new Topics(session.event.id);
    this.topics = topics;
    const url = new URL(session.mqtt.path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const client = new Client({
      url: url.href,
      clientId: session.client_id,
      token: session.token,
      sessionExpiry_s: SESSION_EXPIRY_S,
      // A page that opens knows nothing: it wants every retained case again, and none of an older page's filters.
      cleanFirst: true,
      store: this.store,
      renew: () => this.renew(),
      onMessage: (message) => this.came(message, topics),
      onStatus: (connection) => this.statusChanged(connection),
      onSent: ({ id, state }) => {
        for (const thread of this.threads.values()) thread.mark(id, state);
        this.showThread();
      },
    });
    this.client = client;
    const me = session.client_id;
    client.subscribe([topics.info(), topics.case("+"), topics.queue(), topics.location("+"), topics.done(me)]);
    this.set({ session });
    // Answers that an earlier page could not send show where they were written.
    for (const item of await client.start()) {
      const about = topics.read(item.topic);
      const chat = about?.about === "chat" ? readChat(new TextEncoder().encode(item.payload)) : undefined;
      if (about?.about !== "chat" || !chat) continue;
      const { id, text } = chat;
      this.thread(about.client).merge([{ chat: about.client, id, sender: me, text, sent_ms: item.written_ms, state: "waiting" }]);
    }
    this.readyTimer = setInterval(() => void this.lookReady(), READY_MS);
    void this.lookReady();
  }

  private leaveEvent(): void {
    clearInterval(this.readyTimer);
    this.client?.stop();
    this.client = undefined;
    this.threads.clear();
    this.following.clear();
    this.told.clear();
    this.set({
      session: undefined,
      cases: new Map(),
      fixes: new Map(),
      queue: undefined,
      selected: undefined,
      messages: [],
      unread: new Set(),
      read: new Map(),
      pending: new Map(),
      refused: new Map(),
      down: [],
    });
  }

  private async renew(): Promise<string | null> {
    const { session } = this.state;
    if (!session) return null;
    try {
      const fresh = await this.api.renew(session.token);
      const next = { ...session, ...fresh };
      await this.store.set("session", next);
      this.set({ session: next });
      return fresh.token;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 429 || error.status >= 500) throw error;
      // The outbox stays: after the next log-in what was written is sent.
      await Promise.all([this.store.remove("account"), this.store.remove("session")]);
      this.leaveEvent();
      this.set({ account: undefined, choices: undefined, signedOut: true });
      return null;
    }
  }

  private statusChanged(connection: Status): void {
    this.set({ connection });
    if (connection.phase !== "online") return;
    for (const client of this.following) void this.readHistory(client);
    void this.readCases();
  }

  private came({ topic, payload, retain, received_ms }: Incoming, topics: Topics): void {
    if (received_ms !== undefined && !retain) this.time.seen(received_ms);
    const about = topics.read(topic);
    switch (about?.about) {
      case "info": {
        const event = readEventCard(payload);
        if (event && this.state.session) this.set({ session: { ...this.state.session, event } });
        break;
      }
      case "case":
        this.caseCame(about.client, payload);
        break;
      case "queue": {
        const queue = readQueueState(payload);
        if (queue) this.set({ queue });
        break;
      }
      case "location": {
        const fixes = new Map(this.state.fixes);
        const location = readLocation(payload);
        if (location) fixes.set(about.client, { location, at_ms: received_ms ?? location.tst * 1000 });
        else fixes.delete(about.client);
        this.set({ fixes });
        break;
      }
      case "chat": {
        const chat = readChat(payload);
        if (!chat) break;
        const { client, sender } = about;
        const sent_ms = Date.parse(chat.at);
        const changed = this.thread(client).merge([{ chat: client, id: chat.id, sender, text: chat.text, sent_ms, received_ms: received_ms ?? this.now_ms() }]);
        if (changed.length > 0 && sender === client && client !== this.state.selected) {
          this.set({ unread: new Set(this.state.unread).add(client) });
        }
        this.showThread();
        break;
      }
      case "seen": {
        const seen = about.sender === about.client ? readSeen(payload) : undefined;
        if (seen?.up_to) this.set({ read: new Map(this.state.read).set(about.client, seen.up_to) });
        break;
      }
      case "done": {
        const done = readDone(payload);
        if (done) this.doneCame(done);
      }
    }
  }

  private caseCame(client: string, payload: Uint8Array): void {
    const cases = new Map(this.state.cases);
    const come = readCase(payload);
    // An empty payload clears; what is no case or another's changes nothing.
    if (payload.length === 0) cases.delete(client);
    else if (come && come.client === client) cases.set(client, newer(cases.get(client), come));
    else return;
    if (cases.size > CASES_MAX) {
      const oldest = [...cases.values()].find((c) => c.state === "closed");
      if (oldest) cases.delete(oldest.client);
    }
    this.set({ cases });
    this.follow();
  }

  /**
   * The open cases as the database has them, at each connect: what was retained may be gone with a restart of the
   * broker. What it has as open and we do not is added; what only we still have as open is over.
   */
  private async readCases(): Promise<void> {
    const { account, session } = this.state;
    if (!account || !session) return;
    const before = this.state.cases;
    const found = new Map<string, Case>();
    try {
      for (const state of ["queued", "claimed"] as const) {
        let after: string | undefined;
        do {
          const page = await this.api.cases(account.token, session.agency, session.event.id, state, after);
          for (const c of page.items) found.set(c.id, c);
          after = page.next ?? undefined;
        } while (after !== undefined && found.size < CASES_MAX);
      }
    } catch {
      // The retained cases go on without it, and the next connect reads it again.
      return;
    }
    if (this.state.session?.event.id !== session.event.id) return;
    const cases = new Map(this.state.cases);
    for (const c of found.values()) cases.set(c.client, newer(cases.get(c.client), c));
    for (const [client, c] of before) {
      if (c.state !== "closed" && !found.has(c.id) && cases.get(client) === c) cases.delete(client);
    }
    this.set({ cases });
    this.follow();
  }

  private doneCame(done: Done): void {
    const waiting = [...this.state.pending.values()].find((p) => p.id === done.id);
    if (!waiting) return;
    const pending = new Map(this.state.pending);
    pending.delete(waiting.case);
    const refused = done.ok ? this.state.refused : new Map(this.state.refused).set(waiting.case, done);
    this.set({ pending, refused });
  }

  /** Subscribes to the chats that are needed and to no others. */
  private follow(): void {
    const { client, topics, me } = this;
    if (!client || !topics) return;
    const wanted = new Set<string>();
    for (const c of this.state.cases.values()) if (c.state === "claimed" && c.operator?.client === me) wanted.add(c.client);
    if (this.state.selected !== undefined) wanted.add(this.state.selected);
    const filters = (who: string) => [topics.chat(who, "+"), topics.seen(who, "+")];
    const come = [...wanted].filter((who) => !this.following.has(who));
    const gone = [...this.following].filter((who) => !wanted.has(who));
    this.following = wanted;
    if (come.length > 0) client.subscribe(come.flatMap(filters));
    if (gone.length > 0) client.unsubscribe(gone.flatMap(filters));
    for (const who of come) void this.readHistory(who);
  }

  private thread(client: string): Thread {
    let thread = this.threads.get(client);
    if (!thread) this.threads.set(client, (thread = new Thread()));
    return thread;
  }

  private showThread(): void {
    const { selected } = this.state;
    this.set({ messages: selected === undefined ? [] : this.thread(selected).list });
  }

  private async readHistory(client: string): Promise<void> {
    const { session } = this.state;
    if (!session) return;
    try {
      let after: string | undefined;
      // Bounded: 10 pages of 500 messages.
      for (let pages = 0; pages < 10; pages++) {
        const page = await this.api.history(session.token, session.event.id, client, after);
        this.thread(client).merge(
          page.items.map((item) => ({
            chat: client,
            id: item.id,
            sender: item.sender,
            text: item.text,
            received_ms: Date.parse(item.received_at),
            sent_ms: Date.parse(item.sent_at ?? item.received_at),
          })),
        );
        if (page.next === null) break;
        after = page.next;
      }
      if (client === this.state.selected) this.set({ historyFailed: false });
      this.showThread();
    } catch {
      if (client === this.state.selected) this.set({ historyFailed: true });
    }
  }

  /** Asks the server which of its parts work. No answer says nothing: the connection tells that. */
  private async lookReady(): Promise<void> {
    if (document.visibilityState !== "visible") return;
    try {
      const response = await fetch("/readyz", { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(5_000) });
      const answer: unknown = response.ok ? {} : await response.json();
      this.set({ down: partsDown(answer) });
    } catch {
      // See above.
    }
  }
}

/** The names of the parts that `/readyz` reports as not ready. */
function partsDown(answer: unknown): string[] {
  const parts = (answer as { parts?: unknown } | null)?.parts;
  if (typeof parts !== "object" || parts === null) return [];
  return Object.entries(parts).flatMap(([name, state]) => (state === "ready" ? [] : [name]));
}
