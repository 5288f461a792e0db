/**
 * The store in IndexedDB.
 *
 * Invariant: a promise of a write resolves when its transaction is complete, so what the caller was told is kept
 * survives a tab that is killed right after.
 */
import { beyond, inOrder, memoryStore, type KeptMessage, type OutboxItem, type Store } from "./store.ts";

const VERSION = 1;

/** Opens the store of that name, or one in memory where the browser refuses. */
export async function openStore(name: string): Promise<Store> {
  try {
    return stored(await open(name));
  } catch {
    return memoryStore();
  }
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore("values");
      db.createObjectStore("outbox", { keyPath: "seq", autoIncrement: true }).createIndex("owner", "owner");
      db.createObjectStore("chat", { keyPath: ["chat", "id"] }).createIndex("chat", "chat");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another page holds an older form of the store"));
  });
}

function stored(db: IDBDatabase): Store {
  // A later form of the store, opened by another tab, must not wait for this one.
  db.onversionchange = () => db.close();

  function run<T>(name: string, mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction = db.transaction(name, mode, { durability: "strict" });
      const request = work(transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }
  const write = <T>(name: string, work: (store: IDBObjectStore) => IDBRequest<T>) => run(name, "readwrite", work);
  const list = <T>(name: string, index: string, key: string) =>
    run<T[]>(name, "readonly", (store) => store.index(index).getAll(key) as IDBRequest<T[]>);

  return {
    durable: true,
    get: <T>(key: string) => run<T | undefined>("values", "readonly", (store) => store.get(key)),
    set: async (key, value) => void (await write("values", (store) => store.put(value, key))),
    remove: async (key) => void (await write("values", (store) => store.delete(key))),
    outboxAdd: async (item) => ({ ...item, seq: (await write("outbox", (store) => store.add(item))) as number }),
    outboxList: async (owner) => (await list<OutboxItem>("outbox", "owner", owner)).sort((a, b) => a.seq - b.seq),
    outboxRemove: async (seq) => void (await write("outbox", (store) => store.delete(seq))),
    keepMessages: async (messages) => {
      if (messages.length === 0) return;
      await write("chat", (store) => {
        const puts = messages.map((message) => store.put(message));
        return puts[puts.length - 1]!;
      });
      for (const chat of new Set(messages.map((message) => message.chat))) {
        const gone = beyond(await list<KeptMessage>("chat", "chat", chat));
        for (const id of gone) await write("chat", (store) => store.delete([chat, id]));
      }
    },
    keptMessages: async (chat) => inOrder(await list<KeptMessage>("chat", "chat", chat)),
    clear: async () => {
      for (const name of ["values", "outbox", "chat"]) await write(name, (store) => store.clear());
    },
  };
}
