#!/usr/bin/env bash
# Starts text-generation-inference with every adapter of the data folder, and again whenever asked.
# It loads adapters only at its start: the studio writes a new word into ADAPTERS_DIR/.restart.
set -euo pipefail

folder=${ADAPTERS_DIR:-/data/adapters}
launcher=""

asked() { cat "$folder/.restart" 2>/dev/null || true; }

start() {
    local adapters="" config name
    for config in "$folder"/*/adapter_config.json; do
        [[ -f $config ]] || continue
        name=$(dirname "$config")
        adapters+="${adapters:+,}$(basename "$name")=$name"
    done
    unset LORA_ADAPTERS
    [[ -z $adapters ]] || export LORA_ADAPTERS="$adapters"
    echo "Adapters: ${adapters:-none}"
    text-generation-launcher --hostname 0.0.0.0 --port 80 --max-best-of 4 "$@" &
    launcher=$!
}

trap 'kill -TERM "$launcher" 2>/dev/null || true; wait "$launcher" || true; exit 0' TERM INT

seen=$(asked)
start "$@"
while kill -0 "$launcher" 2>/dev/null; do
    sleep "${RESTART_POLL_SECONDS:-2}" &
    wait $! || true  # a signal ends this wait at once, and its trap runs
    now=$(asked)
    if [[ $now != "$seen" ]]; then
        seen=$now
        echo "Asked to restart."
        kill -TERM "$launcher" 2>/dev/null || true
        wait "$launcher" || true
        start "$@"
    fi
done
wait "$launcher"
