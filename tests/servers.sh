#!/usr/bin/env bash
# Installs the servers that tests start, where they are missing and that can be done: Debian packages, as root.
#
# usage: tests/servers.sh
set -euo pipefail

missing=()
for server in redis-server; do
  command -v "$server" >/dev/null 2>&1 || missing+=("$server")
done
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  # Servers are started by the tests, not by the system.
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c "apt-get update -q && apt-get install -q -y --no-install-recommends ${missing[*]}" ||
    echo "could not install ${missing[*]}: tests that need them are skipped" >&2
fi
