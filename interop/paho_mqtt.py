"""The Python package paho-mqtt against a broker: MQTT 3.1.1 and 5, over TCP and WebSocket.

Usage: paho_mqtt.py HOST TCP_PORT WS_PORT [WS_PATH]

Prints a line per combination and exits non-zero at the first check that fails. Nothing is slept for: every wait is
for an event, under one deadline.
"""

import queue
import socket
import sys
import threading
import uuid

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

DEADLINE_S = 15


class Peer:
    """One client with its own network thread; what happens to it is put into queues."""

    def __init__(self, target, version, transport, client_id=None, clean=True, will=None):
        self.target, self.version, self.clean = target, version, clean
        self.connected, self.subscribed, self.acked = queue.Queue(), queue.Queue(), queue.Queue()
        self.messages, self.closed = queue.Queue(), threading.Event()
        arguments = {} if version == mqtt.MQTTv5 else {"clean_session": clean}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=client_id or f"paho-{uuid.uuid4()}",
            protocol=version,
            transport=transport,
            reconnect_on_failure=False,
            **arguments,
        )
        if transport == "websockets":
            self.client.ws_set_options(path=target["path"])
        if will:
            self.client.will_set(*will)
        self.client.on_connect = lambda _c, _u, flags, code, _p: self.connected.put((flags, code))
        self.client.on_subscribe = lambda _c, _u, mid, codes, _p: self.subscribed.put((mid, codes))
        self.client.on_publish = lambda _c, _u, mid, code, _p: self.acked.put((mid, code))
        self.client.on_message = lambda _c, _u, message: self.messages.put(message)
        self.client.on_disconnect = lambda *_: self.closed.set()
        port = target["ws"] if transport == "websockets" else target["tcp"]
        arguments = {}
        if version == mqtt.MQTTv5:
            arguments["clean_start"] = clean
            if not clean:
                arguments["properties"] = Properties(PacketTypes.CONNECT)
                arguments["properties"].SessionExpiryInterval = 60
        self.client.connect(target["host"], port, keepalive=30, **arguments)
        self.client.loop_start()
        flags, code = self.connected.get(timeout=DEADLINE_S)
        check(not code.is_failure, f"CONNACK {code}")
        self.session_present = flags.session_present

    def subscribe(self, topic, qos):
        if self.version == mqtt.MQTTv5:
            result, mid = self.client.subscribe(topic, options=SubscribeOptions(qos=qos))
        else:
            result, mid = self.client.subscribe(topic, qos)
        check(result == mqtt.MQTT_ERR_SUCCESS, "SUBSCRIBE was not sent")
        acked, codes = self.subscribed.get(timeout=DEADLINE_S)
        check(acked == mid and [code.value for code in codes] == [qos], f"SUBACK {codes}")

    def publish(self, topic, payload, qos, retain=False, properties=None):
        info = self.client.publish(topic, payload, qos, retain, properties)
        info.wait_for_publish(DEADLINE_S)
        check(info.is_published(), f"PUBLISH of QoS {qos} was not acknowledged")

    def receive(self):
        return self.messages.get(timeout=DEADLINE_S)

    def close(self):
        self.client.disconnect()
        check(self.closed.wait(DEADLINE_S), "the connection did not end")
        self.client.loop_stop()

    def vanish(self):
        """Ends the socket without a DISCONNECT."""
        sock = self.client.socket()
        # WebSocket wraps the socket; both know shutdown, one under another name.
        raw = getattr(sock, "_socket", sock)
        raw.shutdown(socket.SHUT_RDWR)
        check(self.closed.wait(DEADLINE_S), "the connection did not end")
        self.client.loop_stop()


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def every_qos(peer, base):
    peer.subscribe(f"{base}/qos/#", 2)
    for qos in (0, 1, 2):
        payload = f"quality {qos} \u00e4\u20ac".encode()
        peer.publish(f"{base}/qos/{qos}", payload, qos)
        message = peer.receive()
        check((message.topic, message.payload, message.qos) == (f"{base}/qos/{qos}", payload, qos), f"QoS {qos}")
        check(not message.retain, "a live message has the retain flag")
    large = bytes(range(256)) * 800
    peer.publish(f"{base}/qos/large", large, 1)
    check(peer.receive().payload == large, "200 KiB came back changed")


def retained(peer, base):
    topic = f"{base}/retained"
    peer.publish(topic, b"kept", 1, retain=True)
    peer.subscribe(topic, 1)
    message = peer.receive()
    check(message.retain and message.payload == b"kept", "the retained message")
    peer.publish(topic, b"", 1, retain=True)
    check(peer.receive().payload == b"", "the clearing message")


def will(watcher, base, connect):
    topic = f"{base}/will"
    watcher.subscribe(topic, 1)
    connect(will=(topic, b"gone", 1, False)).vanish()
    check(watcher.receive().payload == b"gone", "the will")


def session(publisher, base, connect):
    client_id = f"paho-session-{uuid.uuid4()}"
    first = connect(client_id=client_id, clean=False)
    check(not first.session_present, "a session was there before")
    first.subscribe(f"{base}/session", 2)
    first.close()
    for qos in (1, 2):
        publisher.publish(f"{base}/session", f"offline {qos}".encode(), qos)
    again = connect(client_id=client_id, clean=False)
    check(again.session_present, "the session is gone")
    check([again.receive().payload for _ in (1, 2)] == [b"offline 1", b"offline 2"], "queued messages")
    again.close()


def version_5_only(peer, base):
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = f"{base}/answer"
    properties.CorrelationData = b"\x00\x01"
    properties.ContentType = "text/plain"
    properties.UserProperty = [("name", "one"), ("name", "two")]
    peer.subscribe(f"{base}/properties", 1)
    peer.publish(f"{base}/properties", b"x", 1, properties=properties)
    got = peer.receive().properties
    check(got.ResponseTopic == f"{base}/answer" and got.CorrelationData == b"\x00\x01", "request and response")
    check(got.ContentType == "text/plain", "content type")
    check(got.UserProperty == [("name", "one"), ("name", "two")], "user properties in order")


def shared(publisher, base, connect):
    members = [connect() for _ in range(2)]
    for member in members:
        member.subscribe(f"$share/group/{base}/shared", 1)
    for number in range(10):
        publisher.publish(f"{base}/shared", str(number).encode(), 1)
    # A last message to each member tells that nothing more is under way.
    counts = []
    for at, member in enumerate(members):
        member.subscribe(f"{base}/end/{at}", 1)
        publisher.publish(f"{base}/end/{at}", b"end", 1)
        count = 0
        while member.receive().payload != b"end":
            count += 1
        counts.append(count)
        member.close()
    check(sum(counts) == 10 and min(counts) > 0, f"shares of 10 messages: {counts}")


def run(target, version, transport):
    base = f"interop/paho/{uuid.uuid4()}"

    def connect(**arguments):
        return Peer(target, version, transport, **arguments)

    peer = connect()
    every_qos(peer, base)
    retained(peer, base)
    will(peer, base, connect)
    session(peer, base, connect)
    shared(peer, base, connect)
    if version == mqtt.MQTTv5:
        version_5_only(peer, base)
    peer.close()


def main():
    host, tcp, ws, path = (sys.argv[1:] + ["/mqtt"])[:4]
    target = {"host": host, "tcp": int(tcp), "ws": int(ws), "path": path}
    for name, version in (("3.1.1", mqtt.MQTTv311), ("5", mqtt.MQTTv5)):
        for transport in ("tcp", "websockets"):
            try:
                run(target, version, transport)
            except (AssertionError, queue.Empty) as error:
                sys.exit(f"paho-mqtt MQTT {name} {transport}: {error!r}")
            print(f"paho-mqtt: MQTT {name} over {transport}: ok", flush=True)


if __name__ == "__main__":
    main()
