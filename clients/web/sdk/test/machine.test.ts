import { beforeEach, describe, expect, it } from "vitest";
import { decode } from "../src/codec/decode.ts";
import { Frames } from "../src/codec/frames.ts";
import { backoff_ms, BACKOFF_MAX_MS, BACKOFF_MIN_MS } from "../src/connection/backoff.ts";
import { Machine, QUEUE_MAX, type Action, type MachineOptions } from "../src/connection/machine.ts";
import * as peer from "./peer.ts";

const text = new TextEncoder();
let now: number;
let machine: Machine;

function make(options: Partial<MachineOptions> = {}): Machine {
  now = 1_000;
  return new Machine({ clientId: "me", token: "tok", sessionExpiry_s: 86_400, random: () => 0.5, ...options });
}
const feed = (...packets: Uint8Array[]) => {
  for (const bytes of packets) for (const packet of new Frames(100_000).push(bytes)) machine.received(packet, now);
};
const take = () => machine.take();
const does = (actions: Action[]) => actions.map((a) => a.do);
const sent = (actions: Action[]) => actions.flatMap((a) => (a.do === "send" ? peer.split(a.bytes) : []));
const publishes = (actions: Action[]) => sent(actions).filter((p) => p.type === 3).map(peer.readPublish);
const outcomes = (actions: Action[]) => actions.flatMap((a) => (a.do === "outcome" ? [[a.token, a.outcome.kind]] : []));
const say = (token: number, payload = `m${token}`) => machine.publish({ token, topic: "t", payload: text.encode(payload), qos: 1 }, now);

function online(sessionPresent = false, properties?: Uint8Array): Action[] {
  machine.opened(now);
  feed(peer.connack(0, sessionPresent, properties));
  return take();
}
function reconnect(sessionPresent: boolean): Action[] {
  machine.lost(now);
  now = machine.deadline!;
  machine.tick(now);
  return online(sessionPresent);
}

beforeEach(() => {
  machine = make();
  machine.start(now);
});

describe("connecting", () => {
  it("opens, sends CONNECT, is online after CONNACK", () => {
    expect(does(take())).toEqual(["status", "open"]);
    machine.opened(now);
    expect(sent(take())[0]).toMatchObject({ type: 1 });
    feed(peer.connack());
    expect(machine.status).toEqual({ phase: "online" });
  });

  it("asks for a clean start once at most", () => {
    machine = make({ cleanFirst: true });
    machine.start(now);
    machine.opened(now);
    expect(sent(take())[0]!.body[7]! & 2).toBe(2);
    feed(peer.connack());
    machine.lost(now);
    machine.tick(machine.deadline!);
    machine.opened(now);
    expect(sent(take())[0]!.body[7]! & 2).toBe(0);
  });

  it("gives up a socket without an answer and waits longer each time", () => {
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      machine.opened(now);
      now = machine.deadline!;
      machine.tick(now);
      expect(machine.status.phase).toBe("waiting");
      waits.push(machine.deadline! - now);
      now = machine.deadline!;
      machine.tick(now);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeLessThan(1_000);
    expect(waits[7]).toBeGreaterThan(10_000);
  });

  it("starts backoff anew only after a connection that held", () => {
    for (let i = 0; i < 5; i++) reconnect(false);
    machine.lost(now);
    expect(machine.deadline! - now).toBeGreaterThan(2_000);
    now = machine.deadline!;
    machine.tick(now);
    online();
    now += 6_000;
    machine.lost(now);
    expect(machine.deadline! - now).toBeLessThan(1_000);
  });

  it("backoff keeps its bounds", () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      expect(backoff_ms(attempt, 0)).toBe(BACKOFF_MIN_MS);
      expect(backoff_ms(attempt, 0.999999)).toBeLessThanOrEqual(BACKOFF_MAX_MS);
    }
  });

  it("a packet before CONNACK is a fault", () => {
    machine.opened(now);
    take();
    feed(peer.pingresp());
    expect(does(take())).toContain("close");
    expect(machine.status.phase).toBe("waiting");
  });
});

describe("publishing at QoS 1", () => {
  it("keeps the order and reports each acknowledgement", () => {
    say(1);
    say(2);
    expect(publishes(online()).map((p) => p.payload)).toEqual(["m1", "m2"]);
    say(3);
    const [third] = publishes(take());
    expect(third).toMatchObject({ payload: "m3", dup: false });
    feed(peer.puback(1), peer.puback(2), peer.puback(third!.id));
    expect(outcomes(take())).toEqual([[1, "acked"], [2, "acked"], [3, "acked"]]);
  });

  it("never has more under way than the receive maximum", () => {
    for (let i = 1; i <= 5; i++) say(i);
    expect(publishes(online(false, peer.bytes(0x21, 0, 2))).map((p) => p.payload)).toEqual(["m1", "m2"]);
    feed(peer.puback(1));
    expect(publishes(take()).map((p) => p.payload)).toEqual(["m3"]);
  });

  it("repeats what was not acknowledged, in order, marked, before anything new", () => {
    online();
    say(1);
    say(2);
    say(3);
    const first = publishes(take());
    feed(peer.puback(first[0]!.id));
    take();
    machine.lost(now);
    say(4);
    now = machine.deadline!;
    machine.tick(now);
    const again = publishes(online(true));
    expect(again.map((p) => [p.payload, p.dup, p.id])).toEqual([
      ["m2", true, first[1]!.id],
      ["m3", true, first[2]!.id],
      ["m4", false, expect.any(Number)],
    ]);
  });

  it("a server that lost the session gets them as new packets, in order", () => {
    online();
    say(1);
    say(2);
    take();
    expect(publishes(reconnect(false)).map((p) => [p.payload, p.dup])).toEqual([["m1", false], ["m2", false]]);
  });

  it("tells a refusal that may pass from one that stays", () => {
    online();
    say(1);
    say(2);
    const [a, b] = publishes(take());
    feed(peer.puback(a!.id, 0x97), peer.puback(b!.id, 0x87));
    expect(outcomes(take())).toEqual([[1, "later"], [2, "refused"]]);
  });

  it("refuses what the server would not take", () => {
    online(false, peer.bytes(0x27, 0, 0, 0, 50));
    say(1, "x".repeat(60));
    expect(outcomes(take())).toEqual([[1, "refused"]]);
  });

  it("has a bound", () => {
    for (let i = 0; i < QUEUE_MAX; i++) expect(say(i + 1)).toBe(true);
    expect(say(9_999)).toBe(false);
  });

  it("ignores an acknowledgement of nothing", () => {
    online();
    feed(peer.puback(77));
    expect(outcomes(take())).toEqual([]);
  });
});

describe("subscriptions", () => {
  it("are asked for in one packet, and not again when the session is kept", () => {
    machine.subscribe(["a", "b/+"], 1, now);
    const [asked] = sent(online()).filter((p) => p.type === 8);
    feed(peer.suback((asked!.body[0]! << 8) | asked!.body[1]!, 1, 0x87));
    expect(take().filter((a) => a.do === "granted")).toEqual([
      { do: "granted", filter: "a", reason: 1 },
      { do: "granted", filter: "b/+", reason: 0x87 },
    ]);
    expect(sent(reconnect(true)).filter((p) => p.type === 8)).toHaveLength(0);
    expect(sent(reconnect(false)).filter((p) => p.type === 8)).toHaveLength(1);
  });

  it("are asked for again when the answer was lost", () => {
    machine.subscribe(["a"], 1, now);
    online();
    expect(sent(reconnect(true)).filter((p) => p.type === 8)).toHaveLength(1);
  });
});

describe("receiving", () => {
  it("acknowledges after the application is done, on the same socket only", () => {
    online();
    feed(peer.publish("t", "x", { qos: 1, id: 5 }));
    const [delivered] = take();
    expect(delivered).toMatchObject({ do: "deliver", message: { packetId: 5 } });
    const generation = machine.generation;
    machine.processed(5, generation, now);
    expect(sent(take()).map((p) => p.type)).toEqual([4]);
    reconnect(true);
    machine.processed(5, generation, now);
    expect(sent(take())).toEqual([]);
  });
});

describe("a network that dies or comes back", () => {
  it("pings when idle and cuts when nobody answers", () => {
    online();
    now = machine.deadline!;
    machine.tick(now);
    expect(sent(take()).map((p) => p.type)).toEqual([12]);
    feed(peer.pingresp());
    expect(machine.deadline! - now).toBe(30_000);
    now = machine.deadline!;
    machine.tick(now);
    now = machine.deadline!;
    machine.tick(now);
    expect(does(take())).toContain("close");
    expect(machine.status.phase).toBe("waiting");
  });

  it("keeps to the server's keep alive", () => {
    online(false, peer.bytes(0x13, 0, 10));
    expect(machine.deadline! - now).toBe(5_000);
  });

  it("tries at once when the device says online, and probes a connection that may be dead", () => {
    machine.lost(now);
    take();
    machine.hint("online", now);
    expect(does(take())).toContain("open");
    online();
    machine.hint("visible", now);
    expect(sent(take()).map((p) => p.type)).toEqual([12]);
    expect(machine.deadline! - now).toBeLessThan(5_000);
  });

  it("lets go at once when the device says offline", () => {
    online();
    machine.hint("offline", now);
    expect(does(take())).toContain("close");
    expect(machine.status.phase).toBe("waiting");
  });
});

describe("refusals", () => {
  it("taken over: stops and stays stopped, until told to start", () => {
    online();
    feed(peer.disconnect(0x8e));
    expect(machine.status).toMatchObject({ phase: "stopped", why: "taken_over" });
    expect(machine.deadline).toBeUndefined();
    machine.hint("online", now);
    expect(machine.status.phase).toBe("stopped");
    take();
    machine.start(now);
    expect(does(take())).toContain("open");
  });

  it.each([["CONNACK", 0x87], ["CONNACK", 0x86], ["DISCONNECT", 0x87], ["DISCONNECT", 0xa0]])("%s %i asks for another token", (packet, reason) => {
    if (packet === "CONNACK") {
      machine.opened(now);
      feed(peer.connack(reason));
    } else {
      online();
      feed(peer.disconnect(reason));
    }
    expect(does(take())).toContain("renew");
    expect(machine.status.phase).toBe("renewing");
    machine.renewed("fresh", now);
    now = machine.deadline!;
    machine.tick(now);
    machine.opened(now);
    expect(Buffer.from(sent(take()).at(-1)!.body).toString()).toContain("fresh");
  });

  it("no other token: stops; not now: tries again", () => {
    for (const [retry, phase] of [[false, "stopped"], [true, "waiting"]] as const) {
      machine = make();
      machine.start(now);
      machine.opened(now);
      feed(peer.connack(0x87));
      machine.notRenewed(retry, now);
      expect(machine.status.phase).toBe(phase);
    }
  });

  it("a busy or stopping server is tried again", () => {
    machine.opened(now);
    feed(peer.connack(0x89));
    expect(machine.status).toMatchObject({ phase: "waiting", reason: 0x89 });
  });

  it("stop says goodbye", () => {
    online();
    machine.stop();
    expect(sent(take()).map((p) => p.type)).toEqual([14]);
    expect(machine.status).toMatchObject({ phase: "stopped", why: "by_us" });
  });
});

it("random packets in any state keep the window and never throw", () => {
  let state = 7;
  const random = () => (state = (state * 48_271) % 0x7fffffff) / 0x7fffffff;
  let token = 0;
  machine = make({ random });
  const server = new Map<number, string>();
  const order: number[] = [];
  const done = new Set<number>();
  for (let step = 0; step < 20_000; step++) {
    now += Math.floor(random() * 2_000);
    const dice = Math.floor(random() * 10);
    if (dice === 0) machine.start(now);
    else if (dice === 1) machine.opened(now);
    else if (dice === 2) machine.received(decode(0x20, peer.bytes(random() < 0.5 ? 1 : 0, 0, 3, 0x21, 0, 3)), now);
    else if (dice === 3 && random() < 0.2) machine.lost(now);
    else if (dice === 4) say(++token);
    else if (dice === 5) machine.tick(now);
    else if (dice === 6) machine.hint(random() < 0.8 ? "online" : "offline", now);
    else if (dice === 7 && random() < 0.3) machine.received(decode(0xe0, peer.bytes(random() < 0.5 ? 0x87 : 0x8b)), now);
    else if (dice === 8 && machine.status.phase === "renewing") machine.renewed("x", now);
    else {
      const [id] = server.keys();
      if (id !== undefined) {
        server.delete(id);
        machine.received(decode(0x40, peer.bytes(id >> 8, id & 255)), now);
      }
    }
    for (const action of machine.take()) {
      if (action.do === "open" || action.do === "close") server.clear();
      if (action.do === "outcome") done.add(action.token);
      if (action.do !== "send") continue;
      for (const seen of peer.split(action.bytes)) {
        if (seen.type !== 3) continue;
        const { id, payload } = peer.readPublish(seen);
        server.set(id, payload);
        order.push(Number(payload.slice(1)));
        expect(server.size).toBeLessThanOrEqual(3);
      }
    }
  }
  const firsts = order.filter((value, i) => order.indexOf(value) === i);
  expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
  expect(done.size).toBeGreaterThan(500);
});
