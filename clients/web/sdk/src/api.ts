/** The HTTP interface, for what is not live: finding and joining an event, logging in, history. */
import type { Case, CaseState, EventCard } from "./payload.ts";

const PREFIX = "/api/v1";
/** A request that takes longer has failed for the person. */
const TIMEOUT_MS = 15_000;

/** The server refused. `code` is for programs, `message` for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds after which another try is welcome. */
    readonly retryAfter_s: number | undefined,
  ) {
    super(message);
  }
}

/** The server was not reached: no network, or no answer in time. */
export class NetworkError extends Error {}

/** What joining, a staff token and a renewal answer. */
export interface Session {
  token: string;
  client_id: string;
  expires_at: string;
  event: EventCard;
  mqtt: { path: string };
  role?: string;
}

export interface Person {
  id: string;
  email: string;
  name: string;
}

export interface Account {
  token: string;
  expires_at: string;
  person: Person;
}

export interface HistoryItem {
  seq: number;
  id: string;
  client: string;
  sender: string;
  text: string;
  reply_to?: string | null;
  received_at: string;
  sent_at?: string | null;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export class Api {
  /**
   * @param onDate takes the server's time of each answer, milliseconds since 1970
   * @param base where the server is; the page's own origin by default
   */
  constructor(
    private readonly onDate: (server_ms: number) => void = () => {},
    private readonly base = "",
  ) {}

  findByCode = (code: string) => this.call<EventCard>("GET", `/events/${encodeURIComponent(code)}`);
  findByName = (name: string) => this.call<Page<EventCard>>("GET", `/events?q=${encodeURIComponent(name)}`);
  join = (code: string, name: string | undefined) =>
    this.call<Session>("POST", `/events/${encodeURIComponent(code)}/join`, { body: name ? { name } : {} });
  renew = (token: string) => this.call<Session>("POST", "/session/renew", { token });
  history = (token: string, event: string, client: string, after: string | undefined) =>
    this.call<Page<HistoryItem>>(
      "GET",
      `/events/${event}/chats/${encodeURIComponent(client)}/messages?limit=500${after ? `&after=${encodeURIComponent(after)}` : ""}`,
      { token },
    );

  login = (email: string, password: string) => this.call<Account>("POST", "/auth/login", { body: { email, password } });
  me = (token: string) => this.call<{ person: Person; agencies: { id: string; name: string; role: string }[] }>("GET", "/me", { token });
  events = (token: string, agency: string) => this.call<Page<EventCard>>("GET", `/agencies/${agency}/events`, { token });
  cases = (token: string, agency: string, event: string, state: CaseState, after: string | undefined) =>
    this.call<Page<Case>>(
      "GET",
      `/agencies/${agency}/events/${event}/cases?state=${state}&limit=500${after ? `&after=${encodeURIComponent(after)}` : ""}`,
      { token },
    );
  staffToken = (token: string, agency: string, event: string) =>
    this.call<Session>("POST", `/agencies/${agency}/events/${event}/tokens`, { token, body: {} });

  private async call<T>(method: string, path: string, options: { token?: string; body?: unknown } = {}): Promise<T> {
    const headers: Record<string, string> = { accept: "application/json" };
    if (options.token) headers.authorization = `Bearer ${options.token}`;
    if (options.body !== undefined) headers["content-type"] = "application/json";
    let response: Response;
    try {
      response = await fetch(this.base + PREFIX + path, {
        method,
        headers,
        body: options.body === undefined ? null : JSON.stringify(options.body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        credentials: "omit",
        cache: "no-store",
      });
    } catch {
      throw new NetworkError("the server was not reached");
    }
    const date = Date.parse(response.headers.get("date") ?? "");
    if (!Number.isNaN(date)) this.onDate(date);
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok && answer !== undefined) return answer as T;
    const problem = (answer ?? {}) as { code?: unknown; detail?: unknown; title?: unknown };
    const message = [problem.detail, problem.title].find((text) => typeof text === "string") as string | undefined;
    const retry = Number(response.headers.get("retry-after") ?? NaN);
    throw new ApiError(
      response.status,
      typeof problem.code === "string" ? problem.code : "unknown",
      message ?? `The server answered ${response.status}.`,
      Number.isFinite(retry) ? retry : undefined,
    );
  }
}
