/**
 * The participant's page as a model: the event that was joined, the call for help, the chat.
 *
 * Invariant: what a person writes is kept on the device before it is shown as written.
 * Invariant: the location is published only while a case is open and the person shares it; closing, withdrawing and
 * stopping clear it.
 *
 * The case on `case/{me}` is the truth; this model only bridges the time between asking and its arrival (`asked`).
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
  readEventCard,
  readQueueState,
  readSeen,
  ServerTime,
  TEXT_CHARS_MAX,
  Thread,
  Topics,
  uuidv7,
  type Case,
  type EventCard,
  type Help,
  type Incoming,
  type KeptMessage,
  type Location,
  type Message,
  type Priority,
  type QueueState,
  type Session,
  type Status,
  type Store,
} from "@muster/sdk";
import { Model } from "@muster/ui";
import { LocationSharing, type Sharing } from "./location.ts";

/** A call for help of which no case is known yet. */
export interface Asked {
  id: string;
  kind: Priority;
  text: string;
  seat?: string;
  /** Server time, milliseconds since 1970. */
  at_ms: number;
  /** The case before it: one with another id is the answer. */
  before?: string;
  sent: boolean;
}

export interface State {
  ready: boolean;
  session?: Session | undefined;
  connection: Status;
  durable: boolean;
  case?: Case | undefined;
  asked?: Asked | undefined;
  queue?: QueueState | undefined;
  messages: readonly Message[];
  /** The last of our messages that the other side has seen. */
  read?: string | undefined;
  sharing: Sharing;
  /** A sentence about what just could not be kept. */
  full: boolean;
  /** The event knows this phone no longer. */
  over: boolean;
}

const SESSION_EXPIRY_S = 86_400;
const LOCATION_EXPIRY_S = 900;

export class App extends Model<State> {
  readonly time = new ServerTime();
  readonly api = new Api((ms) => this.time.seen(ms));
  readonly now_ms = () => this.time.now_ms();

  private client: Client | undefined;
  private topics: Topics | undefined;
  private thread = new Thread();
  private history: string | undefined;
  private readonly location: LocationSharing;

  constructor(private readonly store: Store) {
    super({
      ready: false,
      connection: { phase: "connecting", attempt: 0 },
      durable: store.durable,
      messages: [],
      sharing: { on: false },
      full: false,
      over: false,
    });
    this.location = new LocationSharing(
      (sharing) => this.set({ sharing }),
      (fix) => this.publishFix(fix),
    );
  }

  /** Takes up where an earlier page ended, if there was one. */
  async open(): Promise<void> {
    const session = await this.store.get<Session>("session");
    if (session) await this.resume(session);
    this.set({ ready: true });
  }

  /** Joins as a new participant. Throws what the API throws. */
  async join(code: string, name: string): Promise<void> {
    const session = await this.api.join(code, cut(name.trim(), LABEL_CHARS_MAX) || undefined);
    await this.forget();
    await this.store.set("session", session);
    await this.resume(session);
  }

  /** Ends here: withdraws nothing, deletes everything that is kept on the device. */
  async leave(): Promise<void> {
    this.stopSharing();
    await this.forget();
  }

  /** The open call for help, as far as it is known here. */
  get helpOpen(): boolean {
    const { case: c, asked } = this.state;
    return asked !== undefined || (c !== undefined && c.state !== "closed");
  }

  async ask(kind: Priority, text: string, seat: string, share: boolean): Promise<void> {
    const { client, topics, session } = this.must();
    const { sharing, case: c } = this.state;
    const help: Help = { id: uuidv7(), kind, text: cut(text.trim(), TEXT_CHARS_MAX) };
    const label = cut(seat.trim(), LABEL_CHARS_MAX);
    if (label) help.seat = label;
    if (share && sharing.on && sharing.fix) help.location = sharing.fix;
    const asked: Asked = { id: help.id, kind, text: help.text, ...(label && { seat: label }), ...(c && { before: c.id }), at_ms: this.now_ms(), sent: false };
    await this.store.set("asked", asked);
    this.set({ asked });
    if (!(await this.kept(() => client.send(topics.help(session.client_id), help)))) {
      await this.store.remove("asked");
      this.set({ asked: undefined });
      return;
    }
    if (share) this.startSharing();
    else if (sharing.on) this.location.stop();
  }

  async withdraw(): Promise<void> {
    const { client, topics, session } = this.must();
    this.stopSharing();
    const help: Help = { id: uuidv7(), kind: "withdraw", text: "" };
    await this.kept(() => client.send(topics.help(session.client_id), help));
    await this.store.remove("asked");
    this.set({ asked: undefined });
  }

  async write(text: string): Promise<boolean> {
    const { client, topics, session } = this.must();
    const me = session.client_id;
    const chat = { id: uuidv7(), at: new Date().toISOString(), text: cut(text.trim(), TEXT_CHARS_MAX) };
    if (!chat.text) return false;
    const message: KeptMessage = { chat: me, id: chat.id, sender: me, text: chat.text, sent_ms: Date.now() };
    await this.store.keepMessages([message]);
    this.thread.merge([{ ...message, state: "waiting" }]);
    const kept = await this.kept(() => client.send(topics.chat(me, me), chat));
    if (!kept) this.thread.mark(chat.id, "refused");
    this.showThread();
    return kept;
  }

  /** The chat is on the screen: tell the other side how far it was seen. */
  markRead(): void {
    const { client, topics, session } = this.must();
    const last = this.thread.list.findLast((m) => m.sender !== session.client_id);
    if (!last || last.id === this.readUpTo || document.visibilityState !== "visible") return;
    if (client.publishLive(topics.seen(session.client_id, session.client_id), { up_to: last.id }, { qos: 0 })) this.readUpTo = last.id;
  }
  private readUpTo: string | undefined;

  /** Begins to find the place already while the form is filled in, so that its accuracy can be shown. */
  startSharing(): void {
    this.location.start();
    void this.store.set("sharing", true);
  }

  stopSharing(): void {
    void this.store.remove("sharing");
    const was = this.state.sharing.on;
    this.location.stop();
    if (was) this.clearFix();
  }

  /** Takes the session back from another tab or device. */
  useHere(): void {
    this.client?.restart();
  }

  private must(): { client: Client; topics: Topics; session: Session } {
    const { session } = this.state;
    if (!this.client || !this.topics || !session) throw new Error("no event is joined");
    return { client: this.client, topics: this.topics, session };
  }

  private async resume(session: Session): Promise<void> {
    const me = session.client_id;
    const topics = new Topics(session.event.id);
    this.topics = topics;
    const url = new URL(session.mqtt.path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const client = new Client({
      url: url.href,
      clientId: me,
      token: session.token,
      sessionExpiry_s: SESSION_EXPIRY_S,
      store: this.store,
      renew: () => this.renew(),
      onMessage: (message) => this.came(message, me, topics),
      onStatus: (connection) => this.statusChanged(connection),
      onSent: ({ id, state }) => void this.sent(id, state),
    });
    this.client = client;
    client.subscribe([topics.info(), topics.case(me), topics.chat(me, "+"), topics.seen(me, "+"), topics.queue(), topics.alerts()]);
    const [asked, kept, wasSharing] = await Promise.all([
      this.store.get<Asked>("asked"),
      this.store.keptMessages(me),
      this.store.get<boolean>("sharing"),
    ]);
    this.set({ session, asked, over: false, case: await this.store.get<Case>("case") });
    const waiting = new Set((await client.start()).map((item) => item.id));
    this.thread.merge(kept.map((m) => (waiting.has(m.id) ? { ...m, state: "waiting" as const } : m)));
    this.showThread();
    if (wasSharing && this.helpOpen) this.location.start();
  }

  private async forget(): Promise<void> {
    this.client?.stop();
    this.client = undefined;
    this.location.stop();
    this.thread = new Thread();
    this.history = undefined;
    await this.store.clear();
    this.set({ session: undefined, case: undefined, asked: undefined, queue: undefined, messages: [], read: undefined, over: false });
  }

  private async renew(): Promise<string | null> {
    const { session } = this.must();
    try {
      const fresh = await this.api.renew(session.token);
      const next = { ...session, ...fresh };
      await this.store.set("session", next);
      this.set({ session: next });
      return fresh.token;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 429 || error.status >= 500) throw error;
      this.set({ over: true });
      return null;
    }
  }

  private statusChanged(connection: Status): void {
    this.set({ connection });
    if (connection.phase !== "online") return;
    void this.readHistory();
    // What was retained may be gone with a restart of the broker, or expired meanwhile.
    if (this.state.sharing.on && this.state.sharing.fix) this.publishFix(this.state.sharing.fix);
  }

  /** What was said while no session was kept for us, or by an earlier page. */
  private async readHistory(): Promise<void> {
    const { session } = this.must();
    const me = session.client_id;
    try {
      // Bounded: a chat of more than 5,000 messages is read from where it is now.
      for (let pages = 0; pages < 10; pages++) {
        const page = await this.api.history(session.token, session.event.id, me, this.history);
        await this.keep(
          page.items.map((item) => ({
            chat: me,
            id: item.id,
            sender: item.sender,
            text: item.text,
            received_ms: Date.parse(item.received_at),
            sent_ms: Date.parse(item.sent_at ?? item.received_at),
          })),
        );
        const last = page.items.at(-1);
        if (last) this.history = String(last.seq);
        if (page.next === null) return;
      }
    } catch {
      // The live connection goes on without it, and the next connect reads it again.
    }
  }

  private async came({ topic, payload, retain, received_ms }: Incoming, me: string, topics: Topics): Promise<void> {
    if (received_ms !== undefined && !retain) this.time.seen(received_ms);
    const about = topics.read(topic);
    switch (about?.about) {
      case "info": {
        const card = readEventCard(payload);
        if (card) await this.cardCame(card);
        break;
      }
      case "case": {
        const come = about.client === me ? readCase(payload) : undefined;
        if (come) await this.caseCame(newer(this.state.case, come));
        break;
      }
      case "queue": {
        const queue = readQueueState(payload);
        if (queue) this.set({ queue });
        break;
      }
      case "seen": {
        const seen = about.sender !== me ? readSeen(payload) : undefined;
        if (seen?.up_to) this.set({ read: seen.up_to });
        break;
      }
      case "chat": {
        const chat = readChat(payload);
        if (!chat) break;
        const sent_ms = Date.parse(chat.at);
        await this.keep([{ chat: me, id: chat.id, sender: about.sender, text: chat.text, sent_ms, received_ms: received_ms ?? this.now_ms() }]);
      }
    }
  }

  private async cardCame(event: EventCard): Promise<void> {
    const { session } = this.must();
    const next = { ...session, event };
    await this.store.set("session", next);
    this.set({ session: next });
  }

  private async caseCame(c: Case): Promise<void> {
    const { asked } = this.state;
    await this.store.set("case", c);
    this.set({ case: c });
    if (asked && c.id !== asked.before) {
      await this.store.remove("asked");
      this.set({ asked: undefined });
    }
    // The service clears the retained position itself; here the phone stops telling.
    if (c.state === "closed" && !this.state.asked) this.stopSharing();
    else if (this.state.sharing.on && this.state.sharing.fix) this.publishFix(this.state.sharing.fix);
  }

  private async sent(id: string, state: "sent" | "refused"): Promise<void> {
    const { asked } = this.state;
    if (asked?.id === id) {
      const next = state === "sent" ? { ...asked, sent: true } : undefined;
      await (next ? this.store.set("asked", next) : this.store.remove("asked"));
      this.set({ asked: next });
    }
    this.thread.mark(id, state);
    this.showThread();
    const message = this.thread.list.find((m) => m.id === id);
    if (message && state === "refused") {
      const { state: _, ...kept } = message;
      await this.store.keepMessages([{ ...kept, refused: true }]);
    }
  }

  private async keep(messages: KeptMessage[]): Promise<void> {
    const changed = this.thread.merge(messages);
    if (changed.length === 0) return;
    await this.store.keepMessages(changed);
    this.showThread();
  }

  private showThread(): void {
    this.set({ messages: this.thread.list });
  }

  /** Runs what keeps a message; says when there is no more room. */
  private async kept(send: () => Promise<void>): Promise<boolean> {
    try {
      await send();
      this.set({ full: false });
      return true;
    } catch (error) {
      if (!(error instanceof OutboxFull)) throw error;
      this.set({ full: true });
      return false;
    }
  }

  private publishFix(fix: Location): void {
    const { case: c, session } = this.state;
    if (!session || !this.client || !this.topics || !c || c.state === "closed") return;
    this.client.publishLive(this.topics.location(session.client_id), fix, { qos: 1, retain: true, messageExpiry_s: LOCATION_EXPIRY_S });
  }

  private clearFix(): void {
    const { session } = this.state;
    if (!session || !this.client || !this.topics) return;
    this.client.publishLive(this.topics.location(session.client_id), null, { qos: 1, retain: true });
  }
}
