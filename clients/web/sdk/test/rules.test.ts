import { describe, expect, it } from "vitest";
import { ahead, byPriorityThenWaiting, eta_s, etaRange_min, newer } from "../src/line.ts";
import { cut, readCase, readChat, readLocation, readQueueState, type Case } from "../src/payload.ts";
import { ServerTime } from "../src/servertime.ts";
import { Thread } from "../src/thread.ts";
import { Topics } from "../src/topics.ts";
import { uuidv7 } from "../src/uuid.ts";

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const aCase = (fields: Partial<Case> = {}): Case => ({
  id: "c1", client: "p1", state: "queued", revision: 1, priority: "urgent", text: "", opened_at: "2026-11-21T10:00:00Z", ...fields,
});

describe("payloads", () => {
  it("takes what the bridge writes", () => {
    const full = aCase({ place: { ahead: 2, gone: 5 }, eta_s: 60, operator: { client: "o", name: "Mira" }, seat: "B" });
    expect(readCase(json(full))).toEqual(full);
    expect(readChat(json({ id: "x", at: "2026-11-21T10:00:00.5Z", text: "hi" }))).toBeDefined();
  });

  it.each([
    [readCase, aCase({ state: "odd" as never })],
    [readCase, aCase({ revision: 1.5 })],
    [readCase, aCase({ opened_at: "yesterday" })],
    [readCase, aCase({ place: { ahead: -1, gone: 0 } })],
    [readCase, [1]],
    [readChat, { id: "x", at: "2026-11-21T10:00:00Z", text: { html: "<b>" } }],
    [readLocation, { _type: "location", lat: 91, lon: 0, tst: 1 }],
    [readLocation, { _type: "waypoint", lat: 1, lon: 0, tst: 1 }],
    [readQueueState, { waiting: 1 }],
    [readQueueState, null],
  ])("refuses what has another shape", (read, value) => {
    expect((read as (b: Uint8Array) => unknown)(json(value))).toBeUndefined();
  });

  it("refuses what is no JSON or no UTF-8", () => {
    expect(readChat(new Uint8Array())).toBeUndefined();
    expect(readChat(new Uint8Array([0x22, 0xff, 0x22]))).toBeUndefined();
  });

  it("cuts between characters", () => {
    expect(cut("a👋b", 2)).toBe("a👋");
  });
});

describe("topics", () => {
  const topics = new Topics("0192d3c4-0000-7000-8000-000000000000");
  it("reads what it writes", () => {
    expect(topics.read(topics.chat("a", "b"))).toEqual({ about: "chat", client: "a", sender: "b" });
    expect(topics.read(topics.seen("a", "b"))).toEqual({ about: "seen", client: "a", sender: "b" });
    expect(topics.read(topics.case("a"))).toEqual({ about: "case", client: "a" });
    expect(topics.read(topics.location("a"))).toEqual({ about: "location", client: "a" });
    expect(topics.read(topics.queue())).toEqual({ about: "queue" });
    expect(topics.read(topics.done("a"))).toEqual({ about: "done" });
  });
  it("knows no other event and no odd topic", () => {
    expect(topics.read("ev/x/info")).toBeUndefined();
    for (const odd of ["chat/a", "chat/a/b/c", "chat/a/b/seen/d", "loc/team/a", "info/x", "case/"]) {
      expect(topics.read(topics.info().replace("info", odd))).toBeUndefined();
    }
  });
});

describe("the line", () => {
  const queue = (gone: number, pace_s?: number) => ({ waiting: 9, open: 1, gone, ...(pace_s === undefined ? {} : { pace_s }) });
  it("a place moves with the line and never back", () => {
    const c = aCase({ place: { ahead: 5, gone: 10 } });
    expect([10, 13, 99, 9].map((gone) => ahead(c, queue(gone)))).toEqual([5, 2, 0, 5]);
    expect(ahead(c, undefined)).toBe(5);
    expect(ahead(aCase(), queue(1))).toBeUndefined();
  });
  it("the expected time follows the pace, then the service's own figure", () => {
    const c = aCase({ place: { ahead: 2, gone: 0 }, eta_s: 500 });
    expect(eta_s(c, queue(0, 60))).toBe(180);
    expect(eta_s(c, queue(0))).toBe(500);
    expect(etaRange_min(20)).toEqual({ low: 0, high: 1 });
    expect(etaRange_min(240)).toEqual({ low: 3, high: 5 });
  });
  it("sorts by priority, then by who waits longest", () => {
    const cases = [
      aCase({ id: "a", priority: "service", opened_at: "2026-11-21T09:00:00Z" }),
      aCase({ id: "b", priority: "urgent", opened_at: "2026-11-21T10:01:00Z" }),
      aCase({ id: "c", priority: "urgent", opened_at: "2026-11-21T10:00:00Z" }),
      aCase({ id: "d", priority: "life", opened_at: "2026-11-21T11:00:00Z" }),
    ];
    expect(cases.sort(byPriorityThenWaiting).map((c) => c.id)).toEqual(["d", "c", "b", "a"]);
  });
  it("an older revision changes nothing; a new case replaces the old", () => {
    const two = aCase({ revision: 2, state: "claimed" });
    expect(newer(two, aCase({ revision: 1 }))).toBe(two);
    const next = aCase({ id: "c2", revision: 1, opened_at: "2026-11-21T12:00:00Z" });
    expect(newer(two, next)).toBe(next);
    expect(newer(next, two)).toBe(next);
  });
});

describe("a thread", () => {
  const m = (id: string, received_ms?: number, sent_ms = 0) => ({ chat: "c", id, sender: "s", text: id, sent_ms, ...(received_ms === undefined ? {} : { received_ms }) });
  const ids = (t: Thread) => t.list.map((x) => x.id);

  it("shows each message once, in the order of the broker, what waits last", () => {
    const t = new Thread();
    t.merge([{ ...m("own2", undefined, 2), state: "waiting" }, { ...m("own1", undefined, 1), state: "waiting" }]);
    t.merge([m("b", 20), m("a", 10)]);
    t.merge([m("b", 20), m("a", 10)]);
    expect(ids(t)).toEqual(["a", "b", "own1", "own2"]);
    t.merge([m("own1", 15)]);
    expect(ids(t)).toEqual(["a", "own1", "b", "own2"]);
    expect(t.list.map((x) => x.state)).toEqual(["sent", "sent", "sent", "waiting"]);
  });

  it("of the same millisecond, keeps the order of arrival", () => {
    const t = new Thread();
    t.merge([m("z", 5)]);
    t.merge([m("a", 5)]);
    t.merge([m("z", 5)]);
    expect(ids(t)).toEqual(["z", "a"]);
  });

  it("an own message is sent once acknowledged, and a late refusal does not undo the broker's copy", () => {
    const t = new Thread();
    t.merge([{ ...m("x"), state: "waiting" }]);
    t.mark("x", "sent");
    expect(t.list[0]!.state).toBe("sent");
    t.merge([m("x", 5)]);
    t.mark("x", "refused");
    expect(t.list[0]!.state).toBe("sent");
  });

  it("tells what is new, so that only that is stored", () => {
    const t = new Thread();
    expect(t.merge([m("a", 1)])).toHaveLength(1);
    expect(t.merge([m("a", 1)])).toHaveLength(0);
  });
});

it("server time follows the freshest stamp, whatever the device's clock shows", () => {
  let device = 0;
  const time = new ServerTime(() => device);
  time.seen(10_800_000 - 200);
  device = 1_000;
  time.seen(10_801_000 - 50);
  time.seen(10_000_000);
  expect(time.now_ms()).toBe(10_801_000 - 50);
});

it("ids are UUIDv7 and keep the order of their making", () => {
  const ids = Array.from({ length: 10_000 }, () => uuidv7(1_795_000_000_000));
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual([...ids].sort());
});
