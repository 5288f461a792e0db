/**
 * Bytes to packets: what a server sends.
 *
 * Invariant: anything but a well-formed packet that a server may send is a `CodecError`.
 */
import { CodecError, malformed, PROTOCOL_ERROR } from "./error.ts";
import { Type, type FromServer, type QoS } from "./packets.ts";
import { noProperties, Property, readProperties, type Properties } from "./properties.ts";
import { Reader } from "./reader.ts";

const sub = (bytes: Uint8Array) => new Reader(bytes);
const FLAGS: Partial<Record<number, number>> = {
  [Type.Connack]: 0,
  [Type.Puback]: 0,
  [Type.Suback]: 0,
  [Type.Unsuback]: 0,
  [Type.Pingresp]: 0,
  [Type.Disconnect]: 0,
};

/** Reads one packet: `first` is the first byte, `body` what follows the remaining length. */
export function decode(first: number, body: Uint8Array): FromServer {
  const type = first >> 4;
  const flags = first & 15;
  const reader = new Reader(body);
  if (type === Type.Publish) return publish(flags, reader);
  if (FLAGS[type] === undefined) throw new CodecError(PROTOCOL_ERROR, `a server does not send packet type ${type} here`);
  if (FLAGS[type] !== flags) throw malformed("reserved flags are set");
  const packet = rest(type, reader);
  if (reader.left > 0) throw malformed("bytes behind the end of the packet");
  return packet;
}

function rest(type: number, reader: Reader): FromServer {
  switch (type) {
    case Type.Connack:
      return connack(reader);
    case Type.Puback: {
      const packetId = id(reader);
      const reason = reader.left > 0 ? reader.u8() : 0;
      if (reader.left > 0) readProperties(reader, sub);
      return { kind: "puback", packetId, reason };
    }
    case Type.Suback:
    case Type.Unsuback: {
      const packetId = id(reader);
      readProperties(reader, sub);
      const reasons = [...reader.rest()];
      if (reasons.length === 0) throw new CodecError(PROTOCOL_ERROR, "an answer without reason codes");
      return { kind: type === Type.Suback ? "suback" : "unsuback", packetId, reasons };
    }
    case Type.Disconnect: {
      const reason = reader.left > 0 ? reader.u8() : 0;
      const properties = reader.left > 0 ? readProperties(reader, sub) : noProperties();
      return { kind: "disconnect", reason, reasonText: text(properties) };
    }
    default:
      return { kind: "pingresp" };
  }
}

function connack(reader: Reader): FromServer {
  const flags = reader.u8();
  if (flags > 1) throw malformed("reserved flags are set");
  const reason = reader.u8();
  const properties = readProperties(reader, sub);
  const receiveMaximum = properties.numbers.get(Property.ReceiveMaximum) ?? 65_535;
  const maximumPacketSize = properties.numbers.get(Property.MaximumPacketSize) ?? 0xffff_ffff;
  if (receiveMaximum === 0 || maximumPacketSize === 0) throw new CodecError(PROTOCOL_ERROR, "a maximum of 0");
  return {
    kind: "connack",
    sessionPresent: flags === 1,
    reason,
    reasonText: text(properties),
    receiveMaximum,
    maximumPacketSize,
    serverKeepAlive_s: properties.numbers.get(Property.ServerKeepAlive),
  };
}

function publish(flags: number, reader: Reader): FromServer {
  const qos = (flags >> 1) & 3;
  if (qos === 3) throw malformed("QoS 3");
  // We subscribe with QoS 1 at most, so a server that keeps to it never sends QoS 2.
  if (qos === 2) throw new CodecError(PROTOCOL_ERROR, "QoS 2 was not asked for");
  const dup = (flags & 8) !== 0;
  if (dup && qos === 0) throw malformed("DUP with QoS 0");
  const topic = reader.text();
  if (/[+#]/.test(topic)) throw malformed("a topic name with wildcards");
  const packetId = qos > 0 ? id(reader) : 0;
  const properties = readProperties(reader, sub);
  // No alias was allowed (our Topic Alias Maximum is 0), so the topic is always there.
  if (topic === "" || properties.numbers.has(Property.TopicAlias)) {
    throw new CodecError(PROTOCOL_ERROR, "a topic alias was not allowed");
  }
  return {
    kind: "publish",
    topic,
    payload: reader.rest().slice(),
    qos: qos as QoS,
    retain: (flags & 1) !== 0,
    dup,
    packetId,
    messageExpiry_s: properties.numbers.get(Property.MessageExpiryInterval),
    user: properties.user,
  };
}

function id(reader: Reader): number {
  const packetId = reader.u16();
  if (packetId === 0) throw malformed("packet identifier 0");
  return packetId;
}

function text(properties: Properties): string {
  return properties.texts.get(Property.ReasonString) ?? "";
}
