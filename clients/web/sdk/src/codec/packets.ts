/** The packets that a client reads and writes, as plain values. QoS 2 and AUTH are left out on purpose: nothing here uses them. */

/** Packet types: the upper half of the first byte (MQTT 5, section 2.1.2). */
export const Type = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
} as const;

export type QoS = 0 | 1;

/** CONNECT. The token travels as the password; the user name is of no meaning here and left out. */
export interface Connect {
  clientId: string;
  password: string;
  cleanStart: boolean;
  /** Seconds without traffic after which the server may cut; 0 = never. */
  keepAlive_s: number;
  /** Seconds for which the server keeps the session after the socket is gone. */
  sessionExpiry_s: number;
  /** QoS 1 messages that the server may have under way to us. */
  receiveMaximum: number;
  /** Longest packet we take, in bytes. */
  maximumPacketSize: number;
}

/** PUBLISH, in either direction. */
export interface Publish {
  topic: string;
  payload: Uint8Array;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  /** 0 exactly when `qos` is 0. */
  packetId: number;
  /** Seconds until the message is of no use to anybody. */
  messageExpiry_s?: number | undefined;
  user?: [string, string][];
}

/** What the server says about itself when it accepts. */
export interface Connack {
  kind: "connack";
  sessionPresent: boolean;
  reason: number;
  reasonText: string;
  receiveMaximum: number;
  maximumPacketSize: number;
  /** Replaces our own keep alive when present. */
  serverKeepAlive_s: number | undefined;
}

/** What a server may send. */
export type FromServer =
  | Connack
  | ({ kind: "publish" } & Publish)
  | { kind: "puback"; packetId: number; reason: number }
  | { kind: "suback"; packetId: number; reasons: number[] }
  | { kind: "unsuback"; packetId: number; reasons: number[] }
  | { kind: "pingresp" }
  | { kind: "disconnect"; reason: number; reasonText: string };
