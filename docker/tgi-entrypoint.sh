#!/usr/bin/env bash
# Starts text-generation-inference with every adapter of the data folder.
# It loads adapters only at its start: restart this service after a new one.
set -euo pipefail

adapters=""
for config in "${ADAPTERS_DIR:-/data/adapters}"/*/adapter_config.json; do
    [[ -f $config ]] || continue
    folder=$(dirname "$config")
    adapters+="${adapters:+,}$(basename "$folder")=$folder"
done
if [[ -n $adapters ]]; then
    export LORA_ADAPTERS="$adapters"
fi
echo "Adapters: ${adapters:-none}"
exec text-generation-launcher --hostname 0.0.0.0 --port 80 --max-best-of 4 "$@"
