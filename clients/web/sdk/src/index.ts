/** Muster in the browser: MQTT 5 over WebSocket, an outbox on the device, the topics and payloads of an event, and the HTTP interface. */
export * from "./api.ts";
export * from "./client.ts";
export type { Status } from "./connection/machine.ts";
export * from "./line.ts";
export * from "./payload.ts";
export * from "./servertime.ts";
export * from "./store/indexeddb.ts";
export { memoryStore, type KeptMessage, type OutboxItem, type Store } from "./store/store.ts";
export * from "./thread.ts";
export * from "./topics.ts";
export { uuidv7 } from "./uuid.ts";
