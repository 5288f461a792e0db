import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it } from "vitest";
import { openStore } from "../src/store/indexeddb.ts";
import { KEPT_PER_CHAT_MAX, memoryStore, type Store } from "../src/store/store.ts";

const item = (id: string, owner = "me") => ({ id, owner, topic: "t", payload: "{}", written_ms: 1 });

// One suite over both makes: they keep to one contract.
describe.each<[string, () => Promise<Store>]>([
  ["IndexedDB", () => openStore("test")],
  ["memory", async () => memoryStore()],
])("the store in %s", (_, open) => {
  let store: Store;
  beforeEach(async () => {
    globalThis.indexedDB = new IDBFactory();
    store = await open();
  });

  it("keeps values", async () => {
    await store.set("a", { b: 1 });
    expect(await store.get("a")).toEqual({ b: 1 });
    await store.remove("a");
    expect(await store.get("a")).toBeUndefined();
  });

  it("keeps the outbox in order and apart by owner", async () => {
    const first = await store.outboxAdd(item("1"));
    await store.outboxAdd(item("2", "other"));
    await store.outboxAdd(item("3"));
    expect((await store.outboxList("me")).map((i) => i.id)).toEqual(["1", "3"]);
    await store.outboxRemove(first.seq);
    expect((await store.outboxList("me")).map((i) => i.id)).toEqual(["3"]);
  });

  it("keeps a message once and only the newest of a chat", async () => {
    const message = (n: number) => ({ chat: "c", id: `id${String(n).padStart(4, "0")}`, sender: "c", text: "x", sent_ms: n, received_ms: n });
    await store.keepMessages([message(1), message(1)]);
    expect(await store.keptMessages("c")).toHaveLength(1);
    await store.keepMessages(Array.from({ length: KEPT_PER_CHAT_MAX + 5 }, (_, i) => message(i)));
    const kept = await store.keptMessages("c");
    expect(kept).toHaveLength(KEPT_PER_CHAT_MAX);
    expect(kept[0]!.received_ms).toBe(5);
  });

  it("clears everything", async () => {
    await store.set("a", 1);
    await store.outboxAdd(item("1"));
    await store.clear();
    expect(await store.get("a")).toBeUndefined();
    expect(await store.outboxList("me")).toEqual([]);
  });
});

it("what was written is there after the page is opened again", async () => {
  globalThis.indexedDB = new IDBFactory();
  const before = await openStore("page");
  await before.outboxAdd(item("1"));
  const after = await openStore("page");
  expect(after.durable).toBe(true);
  expect((await after.outboxList("me")).map((i) => i.id)).toEqual(["1"]);
});

it("says when nothing can be kept", async () => {
  globalThis.indexedDB = { open: () => { throw new Error("not here"); } } as unknown as IDBFactory;
  expect((await openStore("page")).durable).toBe(false);
});
