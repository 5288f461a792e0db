/**
 * What a page keeps on the device: its session, what is not sent yet, and the messages of shown chats.
 *
 * Two makes keep to one contract: `openStore` (IndexedDB, survives a killed tab) and `memoryStore` (where the browser
 * keeps nothing, as some private windows do). `durable` says which, because the person must be told the truth.
 */

/** A message that is not acknowledged yet. */
export interface OutboxItem {
  /** Place in the outbox; set by the store, grows. */
  seq: number;
  /** The message's own id, also within its payload. */
  id: string;
  /** The client that wrote it: another person on this device must not send it. */
  owner: string;
  topic: string;
  payload: string;
  /** When it was written, milliseconds since 1970 by the device's clock. */
  written_ms: number;
}

/** A chat message as it is kept. */
export interface KeptMessage {
  /** The participant whose chat it is. */
  chat: string;
  id: string;
  sender: string;
  text: string;
  /** When the broker had it, milliseconds since 1970; absent until its own copy came back. */
  received_ms?: number;
  /** The author's clock, milliseconds since 1970. */
  sent_ms: number;
  /** The broker will not take it; told to the author also after a reload. */
  refused?: boolean;
}

/** Messages kept per chat; older ones are read over HTTP. */
export const KEPT_PER_CHAT_MAX = 300;

export interface Store {
  readonly durable: boolean;
  get<T>(key: string): Promise<T | undefined>;
  set(key: string, value: unknown): Promise<void>;
  remove(key: string): Promise<void>;
  /** Appends and returns the item with its place. */
  outboxAdd(item: Omit<OutboxItem, "seq">): Promise<OutboxItem>;
  /** Every waiting item of an owner, in order. */
  outboxList(owner: string): Promise<OutboxItem[]>;
  outboxRemove(seq: number): Promise<void>;
  /** Inserts or replaces by (chat, id); beyond `KEPT_PER_CHAT_MAX` the oldest go. */
  keepMessages(messages: readonly KeptMessage[]): Promise<void>;
  keptMessages(chat: string): Promise<KeptMessage[]>;
  /** Removes everything: the person left the event or signed out. */
  clear(): Promise<void>;
}

/** Keeps everything until the page closes. */
export function memoryStore(): Store {
  const values = new Map<string, unknown>();
  let outbox: OutboxItem[] = [];
  const chats = new Map<string, Map<string, KeptMessage>>();
  let seq = 0;
  return {
    durable: false,
    get: async <T>(key: string) => values.get(key) as T | undefined,
    set: async (key, value) => void values.set(key, structuredClone(value)),
    remove: async (key) => void values.delete(key),
    outboxAdd: async (item) => {
      const added = { ...item, seq: ++seq };
      outbox.push(added);
      return added;
    },
    outboxList: async (owner) => outbox.filter((item) => item.owner === owner),
    outboxRemove: async (gone) => {
      outbox = outbox.filter((item) => item.seq !== gone);
    },
    keepMessages: async (messages) => {
      for (const message of messages) {
        const chat = chats.get(message.chat) ?? new Map<string, KeptMessage>();
        chats.set(message.chat, chat);
        chat.set(message.id, message);
        for (const id of beyond([...chat.values()])) chat.delete(id);
      }
    },
    keptMessages: async (chat) => inOrder([...(chats.get(chat)?.values() ?? [])]),
    clear: async () => {
      values.clear();
      chats.clear();
      outbox = [];
    },
  };
}

export function inOrder(messages: KeptMessage[]): KeptMessage[] {
  return messages.sort((a, b) => (a.received_ms ?? Infinity) - (b.received_ms ?? Infinity) || (a.id < b.id ? -1 : 1));
}

/** The ids of the messages that are too many, oldest first. */
export function beyond(messages: KeptMessage[]): string[] {
  return inOrder(messages).slice(0, Math.max(0, messages.length - KEPT_PER_CHAT_MAX)).map((message) => message.id);
}
