#!/bin/sh
# mosquitto_pub and mosquitto_sub against a broker: MQTT 3.1.1 and 5 over TCP (they speak no WebSocket).
#
# Usage: mosquitto.sh HOST TCP_PORT
#
# Retained messages and persistent sessions are used throughout, so no subscriber has to be up before its publisher.
set -eu

host=$1 port=$2

fail() {
    echo "mosquitto clients: $*" >&2
    exit 1
}

expect() {
    [ "$1" = "$2" ] || fail "$3: expected '$1', got '$2'"
}

for version in 311 5; do
    name=$version
    [ $version = 311 ] && name=3.1.1
    id=mosquitto-$$-$version
    base=interop/mosquitto/$id
    common="-h $host -p $port -V $version"
    # Word splitting of $common is wanted: it holds no spaces but its own.
    for qos in 0 1 2; do
        mosquitto_pub $common -q $qos -t "$base/retained/$qos" -m "kept $qos" -r
        got=$(mosquitto_sub $common -q $qos -t "$base/retained/$qos" -C 1 -W 15 -F '%r %q %p')
        expect "1 $qos kept $qos" "$got" "retained message of QoS $qos, MQTT $name"
        mosquitto_pub $common -q $qos -t "$base/retained/$qos" -n -r
    done
    expiry=
    [ $version = 5 ] && expiry='-x 60'
    mosquitto_sub $common -c -i "$id" $expiry -q 2 -t "$base/queued" -E
    mosquitto_pub $common -q 1 -t "$base/queued" -m one
    mosquitto_pub $common -q 2 -t "$base/queued" -m two
    got=$(mosquitto_sub $common -c -i "$id" $expiry -q 2 -t "$base/queued" -C 2 -W 15 | tr '\n' ' ')
    expect 'one two ' "$got" "queued messages, MQTT $name"
    # Leaves nothing behind: a clean session takes the place of the persistent one.
    mosquitto_sub $common -i "$id" -t "$base/queued" -E
    echo "mosquitto_pub and mosquitto_sub: MQTT $name over tcp: ok"
done
