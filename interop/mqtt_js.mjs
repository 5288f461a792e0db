// The npm package mqtt (MQTT.js) against a broker: MQTT 3.1.1 and 5, over TCP and WebSocket.
//
// Usage: node mqtt_js.mjs HOST TCP_PORT WS_PORT [WS_PATH]
//
// Prints a line per combination and exits non-zero at the first check that fails. Nothing is slept for: every wait is
// for an event, under one deadline.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import mqtt from "mqtt";

const DEADLINE_MS = 15_000;

/** Rejects when a promise takes longer than the deadline. */
function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing came`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A connected client whose messages wait in a queue until they are asked for. */
class Peer {
  #messages = [];
  #waiting = [];

  static async connect(url, protocolVersion, options = {}) {
    const peer = new Peer();
    const clean = options.clean ?? true;
    peer.client = mqtt.connect(url, {
      protocolVersion,
      clientId: `mqttjs-${randomUUID()}`,
      reconnectPeriod: 0,
      connectTimeout: DEADLINE_MS,
      ...(protocolVersion === 5 && !clean ? { properties: { sessionExpiryInterval: 60 } } : {}),
      ...options,
    });
    peer.client.on("message", (topic, payload, packet) => {
      const message = { topic, payload, packet };
      const waiting = peer.#waiting.shift();
      if (waiting) waiting(message);
      else peer.#messages.push(message);
    });
    peer.connack = await within(
      new Promise((resolve, reject) => {
        peer.client.once("connect", resolve);
        peer.client.once("error", reject);
      }),
      "CONNACK",
    );
    peer.client.on("error", (error) => peer.fail?.(error));
    return peer;
  }

  async subscribe(topic, qos) {
    const granted = await within(this.client.subscribeAsync(topic, { qos }), "SUBACK");
    assert.deepEqual(
      granted.map((grant) => grant.qos),
      [qos],
    );
  }

  publish(topic, payload, options) {
    return within(this.client.publishAsync(topic, payload, options), `acknowledgement of QoS ${options.qos}`);
  }

  receive() {
    const message = this.#messages.shift();
    if (message) return Promise.resolve(message);
    return within(new Promise((resolve) => this.#waiting.push(resolve)), "a message");
  }

  close() {
    return within(this.client.endAsync(), "end");
  }

  /** Ends the socket without a DISCONNECT. */
  vanish() {
    const closed = new Promise((resolve) => this.client.once("close", resolve));
    this.client.stream.destroy();
    return within(closed, "close");
  }
}

async function everyQos(peer, base) {
  await peer.subscribe(`${base}/qos/#`, 2);
  for (const qos of [0, 1, 2]) {
    const payload = `quality ${qos} ä€`;
    await peer.publish(`${base}/qos/${qos}`, payload, { qos });
    const message = await peer.receive();
    assert.equal(message.topic, `${base}/qos/${qos}`);
    assert.equal(message.payload.toString(), payload);
    assert.equal(message.packet.qos, qos);
    assert.equal(message.packet.retain, false);
  }
  const large = Buffer.alloc(200 * 1024, "muster");
  await peer.publish(`${base}/qos/large`, large, { qos: 1 });
  assert.deepEqual((await peer.receive()).payload, large);
}

async function retained(peer, base) {
  const topic = `${base}/retained`;
  await peer.publish(topic, "kept", { qos: 1, retain: true });
  await peer.subscribe(topic, 1);
  const message = await peer.receive();
  assert.equal(message.payload.toString(), "kept");
  assert.equal(message.packet.retain, true);
  await peer.publish(topic, "", { qos: 1, retain: true });
  assert.equal((await peer.receive()).payload.length, 0);
}

async function will(watcher, base, connect) {
  const topic = `${base}/will`;
  await watcher.subscribe(topic, 1);
  const leaver = await connect({ will: { topic, payload: Buffer.from("gone"), qos: 1, retain: false } });
  await leaver.vanish();
  assert.equal((await watcher.receive()).payload.toString(), "gone");
}

async function session(publisher, base, connect) {
  const options = { clientId: `mqttjs-session-${randomUUID()}`, clean: false };
  const first = await connect(options);
  assert.equal(first.connack.sessionPresent, false);
  await first.subscribe(`${base}/session`, 2);
  await first.close();
  for (const qos of [1, 2]) await publisher.publish(`${base}/session`, `offline ${qos}`, { qos });
  const again = await connect(options);
  assert.equal(again.connack.sessionPresent, true);
  for (const qos of [1, 2]) assert.equal((await again.receive()).payload.toString(), `offline ${qos}`);
  await again.close();
}

async function version5Only(peer, base) {
  const properties = {
    responseTopic: `${base}/answer`,
    correlationData: Buffer.from([0, 1]),
    contentType: "text/plain",
    userProperties: { name: ["one", "two"] },
  };
  await peer.subscribe(`${base}/properties`, 1);
  await peer.publish(`${base}/properties`, "x", { qos: 1, properties });
  const got = (await peer.receive()).packet.properties;
  assert.equal(got.responseTopic, properties.responseTopic);
  assert.deepEqual(got.correlationData, properties.correlationData);
  assert.equal(got.contentType, properties.contentType);
  assert.deepEqual({ ...got.userProperties }, properties.userProperties);
}

async function run(url, version) {
  const base = `interop/mqttjs/${randomUUID()}`;
  const connect = (options) => Peer.connect(url, version, options);
  const peer = await connect();
  await everyQos(peer, base);
  await retained(peer, base);
  await will(peer, base, connect);
  await session(peer, base, connect);
  if (version === 5) await version5Only(peer, base);
  await peer.close();
}

const [host, tcp, ws, path = "/mqtt"] = process.argv.slice(2);
for (const [name, version] of [
  ["3.1.1", 4],
  ["5", 5],
]) {
  for (const [transport, url] of [
    ["tcp", `mqtt://${host}:${tcp}`],
    ["websockets", `ws://${host}:${ws}${path}`],
  ]) {
    try {
      await run(url, version);
    } catch (error) {
      console.error(`MQTT.js: MQTT ${name} over ${transport}: ${error.stack}`);
      process.exit(1);
    }
    console.log(`MQTT.js: MQTT ${name} over ${transport}: ok`);
  }
}
