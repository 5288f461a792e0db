/**
 * Properties of MQTT 5 (section 2.2.2) as far as a server sends them.
 *
 * Invariant: a property that may appear once appears at most once [MQTT-2.2.2-2]; an unknown one is malformed, because
 * its length cannot be known.
 */
import { CodecError, malformed, PROTOCOL_ERROR } from "./error.ts";
import type { Reader } from "./reader.ts";

/** Identifiers, by the names of the specification. */
export const Property = {
  PayloadFormatIndicator: 0x01,
  MessageExpiryInterval: 0x02,
  ContentType: 0x03,
  ResponseTopic: 0x08,
  CorrelationData: 0x09,
  SubscriptionIdentifier: 0x0b,
  SessionExpiryInterval: 0x11,
  AssignedClientIdentifier: 0x12,
  ServerKeepAlive: 0x13,
  AuthenticationMethod: 0x15,
  AuthenticationData: 0x16,
  ResponseInformation: 0x1a,
  ServerReference: 0x1c,
  ReasonString: 0x1f,
  ReceiveMaximum: 0x21,
  TopicAliasMaximum: 0x22,
  TopicAlias: 0x23,
  MaximumQoS: 0x24,
  RetainAvailable: 0x25,
  UserProperty: 0x26,
  MaximumPacketSize: 0x27,
  WildcardSubscriptionAvailable: 0x28,
  SubscriptionIdentifierAvailable: 0x29,
  SharedSubscriptionAvailable: 0x2a,
} as const;

/** What was read: numbers and texts by identifier, user properties in their order. */
export interface Properties {
  numbers: Map<number, number>;
  texts: Map<number, string>;
  user: [string, string][];
}

/** More user properties than this in one packet is nobody's ordinary use. */
const USER_PROPERTIES_MAX = 32;

const BYTE = [0x01, 0x24, 0x25, 0x28, 0x29, 0x2a];
const TWO = [0x13, 0x21, 0x22, 0x23];
const FOUR = [0x02, 0x11, 0x27];
const TEXT = [0x03, 0x08, 0x12, 0x15, 0x1a, 0x1c, 0x1f];
const BINARY = [0x09, 0x16];

export function noProperties(): Properties {
  return { numbers: new Map(), texts: new Map(), user: [] };
}

/** Reads the property length and the properties. */
export function readProperties(outer: Reader, sub: (bytes: Uint8Array) => Reader): Properties {
  const found = noProperties();
  const reader = sub(outer.take(outer.varint()));
  const seen = new Set<number>();
  while (reader.left > 0) {
    const id = reader.varint();
    if (id !== Property.UserProperty && id !== Property.SubscriptionIdentifier) {
      if (seen.has(id)) throw new CodecError(PROTOCOL_ERROR, "a property appears twice");
      seen.add(id);
    }
    if (BYTE.includes(id)) found.numbers.set(id, reader.u8());
    else if (TWO.includes(id)) found.numbers.set(id, reader.u16());
    else if (FOUR.includes(id)) found.numbers.set(id, reader.u32());
    else if (TEXT.includes(id)) found.texts.set(id, reader.text());
    else if (BINARY.includes(id)) reader.binary();
    else if (id === Property.SubscriptionIdentifier) reader.varint();
    else if (id === Property.UserProperty) {
      if (found.user.length >= USER_PROPERTIES_MAX) throw malformed("too many user properties");
      found.user.push([reader.text(), reader.text()]);
    } else throw malformed("an unknown property");
  }
  return found;
}
