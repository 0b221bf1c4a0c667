#!/usr/bin/env bash
# Succeeds if Chromium is there for the browser tests; as root on Debian it installs it first.
set -euo pipefail

has() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }

has && exit 0
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing Debian's chromium."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null || true
fi
has && exit 0
echo "SKIPPED: the browser tests need Chromium. On Debian: sudo apt-get install chromium"
exit 1
