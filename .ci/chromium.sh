#!/usr/bin/env bash
# Prints where Chromium is for the browser tests; as root on Debian it installs it first.
# `chromium.sh find` only looks. Without a Chromium both fail.
set -euo pipefail

find_it() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

find_it && exit 0
[[ ${1:-} != find ]] || exit 1
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing Debian's chromium." >&2
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null || true
fi
find_it && exit 0
echo "The browser tests need Chromium. On Debian: sudo apt-get install chromium" >&2
exit 1
