#!/bin/sh
# Prints the path of redis-server or valkey-server. Where neither is in PATH, installs Debian's package when run as root (without starting
# its service), else prints the one command to type and fails.
set -eu

find_server() { command -v redis-server || command -v valkey-server; }

say() { printf '%s\n' "$*" >&2; }

find_server && exit 0

if ! command -v apt-get >/dev/null; then
  say 'redis-server (7.0 or later) or valkey-server is missing: install it with the package manager of this system'
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  say 'redis-server is missing. Type: sudo apt-get install redis-server'
  exit 1
fi

say 'Installing redis-server'
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # asked by the package whether it may start its service; 101 says no
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends redis-server >&2; }
install 2>/dev/null || { apt-get update >&2 && install; } || { say 'apt-get could not install redis-server'; exit 1; }
find_server
