/**
 * The shell around `Machine`: a WebSocket, a timer and the browser's hints.
 *
 * Invariant: messages are handed over one after the other and acknowledged in that order [MQTT-4.6.0-2], each only
 * after its handler has finished, so that what the handler stores is stored before the server forgets it.
 */
import { CodecError, MALFORMED } from "../codec/error.ts";
import { Frames } from "../codec/frames.ts";
import type { Publish, QoS } from "../codec/packets.ts";
import { Machine, PACKET_BYTES_MAX, type Outcome, type Outgoing, type Status } from "./machine.ts";

/** The part of the browser's WebSocket that is used, so that tests can stand in for the network. */
export interface Socket {
  binaryType: BinaryType;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** Time and timers, for the same reason. */
export interface Clock {
  now(): number;
  set(run: () => void, after_ms: number): unknown;
  clear(timer: unknown): void;
}

export interface ConnectionOptions {
  url: string;
  clientId: string;
  token: string;
  sessionExpiry_s: number;
  cleanFirst?: boolean;
  /** Gets another token; `null` when there will be none. May throw when the network fails: it is asked again. */
  renew: () => Promise<string | null>;
  onMessage: (message: Publish) => void | Promise<void>;
  onStatus: (status: Status) => void;
  onOutcome: (token: number, outcome: Outcome) => void;
  onGranted?: (filter: string, reason: number) => void;
  openSocket?: (url: string) => Socket;
  clock?: Clock;
  random?: () => number;
}

const browserClock: Clock = {
  now: () => performance.now(),
  set: (run, after_ms) => setTimeout(run, after_ms),
  clear: (timer) => clearTimeout(timer as number),
};

export class Connection {
  private readonly machine: Machine;
  private readonly clock: Clock;
  private socket: Socket | undefined;
  private timer: unknown;
  private handling: Promise<void> = Promise.resolve();
  private running = false;

  constructor(private readonly options: ConnectionOptions) {
    const { clientId, token, sessionExpiry_s, cleanFirst = false, random = Math.random } = options;
    this.machine = new Machine({ clientId, token, sessionExpiry_s, cleanFirst, random });
    this.clock = options.clock ?? browserClock;
  }

  get status(): Status {
    return this.machine.status;
  }

  start(): void {
    this.listen(true);
    this.run((now) => this.machine.start(now));
  }

  stop(): void {
    this.listen(false);
    this.run(() => this.machine.stop());
  }

  subscribe(filters: readonly string[], qos: QoS = 1): void {
    this.run((now) => this.machine.subscribe(filters, qos, now));
  }

  unsubscribe(filters: readonly string[]): void {
    this.run((now) => this.machine.unsubscribe(filters, now));
  }

  /** See `Machine.publish`. */
  publish(message: Outgoing): boolean {
    let taken = false;
    this.run((now) => {
      taken = this.machine.publish(message, now);
    });
    return taken;
  }

  /** Passes on what the browser noticed. */
  hint(what: "online" | "offline" | "visible"): void {
    this.run((now) => this.machine.hint(what, now));
  }

  private run(step: (now: number) => void): void {
    step(this.clock.now());
    // An action may lead back here (a handler that publishes); the outermost call carries everything out in order.
    if (this.running) return;
    this.running = true;
    try {
      for (let actions = this.machine.take(); actions.length > 0; actions = this.machine.take()) {
        for (const action of actions) this.carryOut(action);
      }
    } finally {
      this.running = false;
    }
    this.clock.clear(this.timer);
    const due = this.machine.deadline;
    if (due !== undefined) {
      const wait_ms = Math.max(0, Math.ceil(due - this.clock.now()));
      this.timer = this.clock.set(() => this.run((now) => this.machine.tick(now)), wait_ms);
    }
  }

  private carryOut(action: ReturnType<Machine["take"]>[number]): void {
    switch (action.do) {
      case "open":
        return this.open();
      case "close":
        return this.detach();
      case "send":
        return this.socket?.send(action.bytes);
      case "deliver": {
        const { message, generation } = action;
        this.handling = this.handling
          .then(() => this.options.onMessage(message))
          // A handler that fails must not stop the stream; the message counts as dealt with.
          .catch((error: unknown) => console.error("a message could not be handled", error))
          .then(() => this.run((now) => this.machine.processed(message.packetId, generation, now)));
        return;
      }
      case "outcome":
        return this.options.onOutcome(action.token, action.outcome);
      case "granted":
        return this.options.onGranted?.(action.filter, action.reason);
      case "status":
        return this.options.onStatus(this.machine.status);
      case "renew":
        void this.options.renew().then(
          (token) => this.run((now) => (token === null ? this.machine.notRenewed(false, now) : this.machine.renewed(token, now))),
          () => this.run((now) => this.machine.notRenewed(true, now)),
        );
    }
  }

  private open(): void {
    this.detach();
    const socket = (this.options.openSocket ?? openWebSocket)(this.options.url);
    const frames = new Frames(PACKET_BYTES_MAX);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.run((now) => this.machine.opened(now));
    socket.onclose = () => this.run((now) => this.machine.lost(now));
    socket.onmessage = ({ data }) => {
      try {
        if (!(data instanceof ArrayBuffer)) throw new CodecError(MALFORMED, "a text frame");
        for (const packet of frames.push(new Uint8Array(data))) {
          if (this.socket !== socket) return;
          this.run((now) => this.machine.received(packet, now));
        }
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        this.run((now) => this.machine.fault(error.reason, now));
      }
    };
  }

  /** Lets go of the socket at once: closing one on a dead network may take the browser a minute to report. */
  private detach(): void {
    const socket = this.socket;
    this.socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private listen(on: boolean): void {
    if (typeof window === "undefined") return;
    const change = on ? "addEventListener" : "removeEventListener";
    window[change]("online", this.online);
    window[change]("offline", this.offline);
    document[change]("visibilitychange", this.visible);
  }

  private readonly online = () => this.hint("online");
  private readonly offline = () => this.hint("offline");
  private readonly visible = () => {
    if (document.visibilityState === "visible") this.hint("visible");
  };
}

function openWebSocket(url: string): Socket {
  return new WebSocket(url, "mqtt") as Socket;
}
