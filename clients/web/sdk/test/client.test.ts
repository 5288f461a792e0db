import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client, OUTBOX_MAX, OutboxFull, type ClientOptions, type Incoming, type Sent } from "../src/client.ts";
import type { Clock, Socket } from "../src/connection/connection.ts";
import { openStore } from "../src/store/indexeddb.ts";
import type { Store } from "../src/store/store.ts";
import * as peer from "./peer.ts";

/** A clock whose hands the test moves. */
class Hands implements Clock {
  private at = 0;
  private timers = new Map<number, { due: number; run: () => void }>();
  private next = 1;
  now = () => this.at;
  set = (run: () => void, after_ms: number) => {
    this.timers.set(this.next, { due: this.at + after_ms, run });
    return this.next++;
  };
  clear = (timer: unknown) => void this.timers.delete(timer as number);
  move(ms: number) {
    this.at += ms;
    for (const [id, { due, run }] of [...this.timers]) {
      if (due <= this.at && this.timers.delete(id)) run();
    }
  }
}

/** A server on the other end of a socket. */
class Wire implements Socket {
  binaryType: BinaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  got: peer.Seen[] = [];
  send(bytes: Uint8Array) {
    this.got.push(...peer.split(bytes));
  }
  close() {
    this.closed = true;
  }
  say(...packets: Uint8Array[]) {
    for (const bytes of packets) this.onmessage?.({ data: bytes.slice().buffer });
  }
  accept(sessionPresent = false) {
    this.onopen?.();
    this.say(peer.connack(0, sessionPresent));
  }
  get publishes() {
    return this.got.filter((p) => p.type === 3).map(peer.readPublish);
  }
}

let wires: Wire[];
let clock: Hands;
let store: Store;
let messages: Incoming[];
let sent: Sent[];
const clients: Client[] = [];

function make(options: Partial<ClientOptions> = {}): Client {
  const client = new Client({
    url: "ws://x/mqtt",
    clientId: "me",
    token: "tok",
    sessionExpiry_s: 60,
    store,
    renew: async () => null,
    onMessage: (m) => void messages.push(m),
    onStatus: () => {},
    onSent: (s) => void sent.push(s),
    openSocket: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire;
    },
    clock,
    ...options,
  });
  clients.push(client);
  return client;
}
const wire = () => wires.at(-1)!;
/** Lets promises and fake-indexeddb's immediates run until a condition holds. */
async function until(condition: () => boolean | Promise<boolean>) {
  for (let i = 0; i < 1_000; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("the condition never came true");
}

beforeEach(async () => {
  globalThis.indexedDB = new IDBFactory();
  wires = [];
  messages = [];
  sent = [];
  clock = new Hands();
  store = await openStore("t");
});
afterEach(() => {
  for (const client of clients.splice(0)) client.stop();
});

describe("the outbox", () => {
  it("keeps a message until the broker acknowledged it", async () => {
    const client = make();
    await client.start();
    wire().accept();
    await client.send("t", { id: "a" });
    expect(await store.outboxList("me")).toHaveLength(1);
    wire().say(peer.puback(wire().publishes[0]!.id));
    await until(() => sent.length === 1);
    expect(sent).toEqual([{ id: "a", topic: "t", state: "sent" }]);
    expect(await store.outboxList("me")).toEqual([]);
  });

  it("a killed page sends again, in order, with the same ids, before what is new", async () => {
    const before = make();
    await before.start();
    for (const id of ["a", "b", "c"]) await before.send("t", { id });
    wire().accept();
    wire().say(peer.puback(wire().publishes[0]!.id));
    await until(() => sent.length === 1);
    // The page is gone without a word; another one opens.
    const after = make({ store: await openStore("t") });
    expect((await after.start()).map((i) => i.id)).toEqual(["b", "c"]);
    await after.send("t", { id: "d" });
    wire().accept(true);
    expect(wire().publishes.map((p) => JSON.parse(p.payload).id)).toEqual(["b", "c", "d"]);
  });

  it("does not send another person's messages", async () => {
    await store.outboxAdd({ id: "x", owner: "other", topic: "t", payload: "{}", written_ms: 0 });
    await make().start();
    wire().accept();
    expect(wire().publishes).toEqual([]);
  });

  it("says what was refused for good and tries again what may pass", async () => {
    const client = make();
    await client.start();
    wire().accept();
    await client.send("t", { id: "no" });
    await client.send("t", { id: "later" });
    const [no, later] = wire().publishes;
    wire().say(peer.puback(no!.id, 0x87), peer.puback(later!.id, 0x97));
    await until(() => sent.length === 1);
    expect(sent).toEqual([{ id: "no", topic: "t", state: "refused", reason: 0x87 }]);
    expect((await store.outboxList("me")).map((i) => i.id)).toEqual(["later"]);
    clock.move(3_000);
    expect(JSON.parse(wire().publishes[2]!.payload).id).toBe("later");
  });

  it("has a bound that is told", async () => {
    const client = make();
    for (let i = 0; i < OUTBOX_MAX; i++) await client.send("t", { id: String(i) });
    await expect(client.send("t", { id: "more" })).rejects.toBeInstanceOf(OutboxFull);
  });
});

describe("live messages", () => {
  const at = (tst: number) => ({ tst });
  const live = { qos: 1 as const, retain: true, messageExpiry_s: 900 };

  it("of several positions that wait, the first and the newest are sent, and a clearing comes last", async () => {
    const client = make();
    await client.start();
    for (let i = 1; i <= 5; i++) client.publishLive("loc", at(i), live);
    client.publishLive("loc", null, { qos: 1, retain: true });
    wire().accept();
    expect(wire().publishes).toHaveLength(1);
    wire().say(peer.puback(wire().publishes[0]!.id));
    await until(() => wire().publishes.length === 2);
    expect(wire().publishes[1]).toMatchObject({ payload: "", retain: true });
  });

  it("at QoS 0 nothing waits", async () => {
    const client = make();
    await client.start();
    expect(client.publishLive("seen", {}, { qos: 0 })).toBe(false);
    wire().accept();
    expect(wire().publishes).toEqual([]);
    expect(client.publishLive("seen", {}, { qos: 0 })).toBe(true);
  });
});

describe("receiving", () => {
  it("reads the broker's stamp, hands over in order and acknowledges in order, after the handler", async () => {
    let release = () => {};
    const first = new Promise<void>((resolve) => (release = resolve));
    const client = make({ onMessage: (m) => (messages.push(m), messages.length === 1 ? first : undefined) });
    await client.start();
    wire().accept();
    wire().say(
      peer.publish("a", "1", { qos: 1, id: 11, properties: peer.receivedAt("1795000000123") }),
      peer.publish("a", "2", { qos: 1, id: 12 }),
    );
    await until(() => messages.length === 1);
    expect(messages[0]!.received_ms).toBe(1_795_000_000_123);
    expect(wire().got.filter((p) => p.type === 4)).toHaveLength(0);
    release();
    await until(() => wire().got.filter((p) => p.type === 4).length === 2);
    expect(messages.map((m) => m.received_ms)).toEqual([1_795_000_000_123, undefined]);
    expect(wire().got.filter((p) => p.type === 4).map((p) => p.body[1])).toEqual([11, 12]);
  });

  it("a text frame or a broken packet closes the socket and tries again", async () => {
    const client = make();
    await client.start();
    wire().accept();
    wire().onmessage?.({ data: "text" });
    expect(wire().closed).toBe(true);
    expect(client.status.phase).toBe("waiting");
    clock.move(60_000);
    expect(wires).toHaveLength(2);
  });
});

describe("tokens", () => {
  it("a refused token is renewed and used", async () => {
    const client = make({ renew: async () => "fresh" });
    await client.start();
    wire().onopen?.();
    wire().say(peer.connack(0x87));
    await until(() => client.status.phase === "waiting");
    clock.move(60_000);
    wire().onopen?.();
    expect(Buffer.from(wire().got[0]!.body).toString()).toContain("fresh");
  });

  it("a renewal that fails for lack of network is asked for again", async () => {
    const client = make({ renew: async () => { throw new Error("no network"); } });
    await client.start();
    wire().onopen?.();
    wire().say(peer.connack(0x87));
    await until(() => client.status.phase === "waiting");
  });

  it("taken over: no further socket is opened", async () => {
    const client = make();
    await client.start();
    wire().accept();
    wire().say(peer.disconnect(0x8e));
    clock.move(3_600_000);
    expect(wires).toHaveLength(1);
    expect(client.status).toMatchObject({ phase: "stopped", why: "taken_over" });
  });
});
