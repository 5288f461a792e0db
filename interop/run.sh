#!/bin/sh
# MQTT clients of others against a running broker: paho-mqtt (Python), mqtt (npm), mosquitto_pub and mosquitto_sub.
#
# Usage: interop/run.sh HOST TCP_PORT WS_PORT [WS_PATH]      (WS_PATH: /mqtt)
#
# Installs the pinned clients on the first run, into interop/.venv and interop/node_modules and nowhere else. Exits 0
# when every client passed, 1 when one did not, 3 when something that cannot be installed here is missing.
# mosquitto_pub and mosquitto_sub are used where they are installed, and said to be left out where not.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: $0 HOST TCP_PORT WS_PORT [WS_PATH]" >&2
    exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
venv=$here/.venv

missing() {
    echo "interop: $1 is missing. On Debian: apt-get install $2" >&2
    exit 3
}

command -v python3 >/dev/null || missing python3 'python3 python3-venv'
command -v node >/dev/null || missing node 'nodejs npm'
command -v npm >/dev/null || missing npm npm
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    missing 'node 20 or newer' 'nodejs (or from nodejs.org)'

# What was installed last is kept beside the installation, so that a changed pin installs again.
install_python() {
    cmp -s "$here/requirements.txt" "$venv/.installed" && return
    rm -rf "$venv"
    python3 -m venv "$venv" >/dev/null || missing "Python's venv module" python3-venv
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/.installed"
}

install_npm() {
    cmp -s "$here/package-lock.json" "$here/node_modules/.installed" && return
    (cd "$here" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$here/node_modules/.installed"
}

install() {
    install_python
    install_npm
}

# Two runs at once must not install into each other.
if command -v flock >/dev/null; then
    exec 9>"$here/.install.lock"
    flock 9
    install
    exec 9>&-
else
    install
fi

"$venv/bin/python" "$here/paho_mqtt.py" "$@"
node "$here/mqtt_js.mjs" "$@"
if command -v mosquitto_pub >/dev/null && command -v mosquitto_sub >/dev/null; then
    sh "$here/mosquitto.sh" "$1" "$2"
else
    echo 'mosquitto_pub and mosquitto_sub: not installed, left out'
fi
