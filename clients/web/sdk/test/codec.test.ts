import { describe, expect, it } from "vitest";
import { encodeConnect, encodeDisconnect, encodePingreq, encodePuback, encodePublish, encodeSubscribe, encodeUnsubscribe } from "../src/codec/encode.ts";
import { CodecError } from "../src/codec/error.ts";
import { Frames } from "../src/codec/frames.ts";
import * as peer from "./peer.ts";

const MAX = 1_000;
const read = (stream: Uint8Array) => new Frames(MAX).push(stream);
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");

describe("what the client sends", () => {
  it("CONNECT has clean start, keep alive, three properties, client id and token", () => {
    const sent = encodeConnect({
      clientId: "c1",
      password: "tok",
      cleanStart: false,
      keepAlive_s: 60,
      sessionExpiry_s: 86_400,
      receiveMaximum: 100,
      maximumPacketSize: 262_144,
    });
    expect(hex(sent)).toBe(
      hex(
        peer.packet(
          0x10,
          peer.bytes(peer.field("MQTT"), 5, 0x40, 0, 60, 13, [0x11, 0, 1, 0x51, 0x80], [0x21, 0, 100], [0x27, 0, 4, 0, 0], peer.field("c1"), peer.field("tok")),
        ),
      ),
    );
  });

  it("PUBLISH carries its flags, id, expiry and payload", () => {
    const payload = new TextEncoder().encode("grüße 👋");
    const sent = encodePublish({ topic: "a/ü", payload, qos: 1, retain: true, dup: true, packetId: 0x1234, messageExpiry_s: 900 });
    const [seen] = peer.split(sent);
    expect(seen).toMatchObject({ type: 3, flags: 0b1011 });
    expect(peer.readPublish(seen!)).toMatchObject({ topic: "a/ü", id: 0x1234, dup: true, retain: true, payload: "grüße 👋" });
    expect([...peer.readPublish(seen!).properties]).toEqual([0x02, 0, 0, 3, 132]);
  });

  it("a payload of 20,000 bytes gets a remaining length of three bytes", () => {
    const sent = encodePublish({ topic: "t", payload: new Uint8Array(20_000), qos: 0, retain: false, dup: false, packetId: 0 });
    expect(peer.split(sent)).toHaveLength(1);
    expect(sent.length).toBe(1 + 3 + 3 + 1 + 20_000);
  });

  it("the small packets are as the specification writes them", () => {
    expect(hex(encodePuback(7))).toBe("40020007");
    expect(hex(encodePingreq())).toBe("c000");
    expect(hex(encodeDisconnect(0))).toBe("e00100");
    expect(hex(encodeSubscribe(3, [{ filter: "a/+", qos: 1 }]))).toBe("8209000300" + "0003612f2b" + "01");
    expect(hex(encodeUnsubscribe(4, ["a"]))).toBe("a2060004000001" + "61");
  });
});

describe("what the server sends", () => {
  const stream = peer.bytes(
    peer.connack(0, true, peer.bytes([0x21, 0, 20], [0x13, 0, 30], [0x27, 0, 0, 16, 0])),
    peer.publish("ev/x/chat/a/b", "hello", { qos: 1, id: 9, dup: true, properties: peer.receivedAt("1795000000123") }),
    peer.publish("ev/x/info", "", { retain: true }),
    peer.puback(5),
    peer.puback(6, 0x97),
    peer.suback(7, 1, 0x87),
    peer.pingresp(),
    peer.disconnect(0x8e),
  );
  const expected = read(stream);

  it("is read in full", () => {
    expect(expected.map((p) => p.kind)).toEqual(["connack", "publish", "publish", "puback", "puback", "suback", "pingresp", "disconnect"]);
    expect(expected[0]).toMatchObject({ sessionPresent: true, reason: 0, receiveMaximum: 20, serverKeepAlive_s: 30, maximumPacketSize: 4096 });
    expect(expected[1]).toMatchObject({ topic: "ev/x/chat/a/b", qos: 1, packetId: 9, dup: true, user: [["received-at", "1795000000123"]] });
    expect(expected[4]).toMatchObject({ packetId: 6, reason: 0x97 });
    expect(expected[5]).toMatchObject({ reasons: [1, 0x87] });
    expect(expected[7]).toMatchObject({ reason: 0x8e });
  });

  it("is read the same however the bytes are split", () => {
    for (let size = 1; size <= 17; size++) {
      const frames = new Frames(MAX);
      const got = [];
      for (let at = 0; at < stream.length; at += size) got.push(...frames.push(stream.subarray(at, at + size)));
      expect(got).toEqual(expected);
    }
  });

  it.each<[string, Uint8Array]>([
    ["a client's packet type", peer.packet(0x10, peer.bytes())],
    ["type 0", peer.packet(0x00, peer.bytes())],
    ["AUTH", peer.packet(0xf0, peer.bytes())],
    ["reserved flags", peer.packet(0x41, peer.bytes(0, 1))],
    ["QoS 3", peer.packet(0x36, peer.bytes(peer.field("t"), 0, 1, 0))],
    ["QoS 2", peer.packet(0x34, peer.bytes(peer.field("t"), 0, 1, 0))],
    ["DUP with QoS 0", peer.packet(0x38, peer.bytes(peer.field("t"), 0))],
    ["a wildcard in a topic name", peer.publish("a/+", "x")],
    ["an empty topic", peer.publish("", "x")],
    ["a topic alias", peer.publish("t", "x", { properties: peer.bytes(0x23, 0, 1) })],
    ["packet identifier 0", peer.puback(0)],
    ["U+0000 in a topic", peer.publish("a\0b", "x")],
    ["broken UTF-8 in a topic", peer.packet(0x30, peer.bytes(peer.field(new Uint8Array([0xc3, 0x28])), 0))],
    ["a surrogate in UTF-8", peer.packet(0x30, peer.bytes(peer.field(new Uint8Array([0xed, 0xa0, 0x80])), 0))],
    ["a text that ends too early", peer.packet(0x30, peer.bytes(0, 9, "t"))],
    ["an unknown property", peer.publish("t", "x", { properties: peer.bytes(0x7f, 0) })],
    ["a property twice", peer.connack(0, false, peer.bytes([0x21, 0, 1], [0x21, 0, 2]))],
    ["a receive maximum of 0", peer.connack(0, false, peer.bytes(0x21, 0, 0))],
    ["properties longer than the packet", peer.packet(0x20, peer.bytes(0, 0, 9))],
    ["bytes behind the end", peer.packet(0xd0, peer.bytes(1))],
    ["SUBACK without codes", peer.packet(0x90, peer.bytes(0, 1, 0))],
    ["a remaining length of 5 bytes", peer.bytes(0x30, 0xff, 0xff, 0xff, 0xff, 1)],
    ["a remaining length longer than needed", peer.bytes(0xd0, 0x80, 0x00)],
    ["a packet longer than announced", peer.bytes(0x30, peer.varint(MAX))],
  ])("%s is refused", (_, malformed) => {
    expect(() => read(malformed)).toThrow(CodecError);
  });

  it("any bytes lead to packets or to a CodecError, never to anything else", () => {
    let state = 42;
    const random = () => (state = (state * 1_103_515_245 + 12_345) & 0x7fffffff) / 0x7fffffff;
    let refused = 0;
    for (let round = 0; round < 5_000; round++) {
      // Half noise, half good packets with a few bytes changed.
      const noise = Uint8Array.from({ length: 40 }, () => Math.floor(random() * 256));
      const bent = stream.slice();
      for (let i = 0; i < 3; i++) bent[Math.floor(random() * bent.length)] = Math.floor(random() * 256);
      try {
        read(round % 2 ? noise : bent);
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1_000);
  });
});

