/** Packets to bytes: what a client sends. */
import { Type, type Connect, type Publish, type QoS } from "./packets.ts";
import { Property } from "./properties.ts";
import { Writer } from "./writer.ts";

export function encodeConnect(c: Connect): Uint8Array<ArrayBuffer> {
  return new Writer()
    .text("MQTT")
    .u8(5)
    .u8(0x40 | (c.cleanStart ? 0x02 : 0)) // password, no user name, no will
    .u16(c.keepAlive_s)
    .sized((p) => {
      p.u8(Property.SessionExpiryInterval).u32(c.sessionExpiry_s);
      p.u8(Property.ReceiveMaximum).u16(c.receiveMaximum);
      p.u8(Property.MaximumPacketSize).u32(c.maximumPacketSize);
    })
    .text(c.clientId)
    .text(c.password)
    .packet(Type.Connect << 4);
}

export function encodePublish(m: Publish): Uint8Array<ArrayBuffer> {
  const writer = new Writer().text(m.topic);
  if (m.qos > 0) writer.u16(m.packetId);
  writer.sized((p) => {
    if (m.messageExpiry_s !== undefined) p.u8(Property.MessageExpiryInterval).u32(m.messageExpiry_s);
    for (const [name, value] of m.user ?? []) p.u8(Property.UserProperty).text(name).text(value);
  });
  const flags = (m.dup ? 8 : 0) | (m.qos << 1) | (m.retain ? 1 : 0);
  return writer.raw(m.payload).packet((Type.Publish << 4) | flags);
}

export function encodePuback(packetId: number): Uint8Array<ArrayBuffer> {
  return new Writer().u16(packetId).packet(Type.Puback << 4);
}

export function encodeSubscribe(packetId: number, filters: readonly { filter: string; qos: QoS }[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer().u16(packetId).u8(0);
  for (const { filter, qos } of filters) writer.text(filter).u8(qos);
  return writer.packet((Type.Subscribe << 4) | 2);
}

export function encodeUnsubscribe(packetId: number, filters: readonly string[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer().u16(packetId).u8(0);
  for (const filter of filters) writer.text(filter);
  return writer.packet((Type.Unsubscribe << 4) | 2);
}

export function encodePingreq(): Uint8Array<ArrayBuffer> {
  return new Writer().packet(Type.Pingreq << 4);
}

export function encodeDisconnect(reason: number): Uint8Array<ArrayBuffer> {
  return new Writer().u8(reason).packet(Type.Disconnect << 4);
}
