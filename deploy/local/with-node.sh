#!/bin/sh
# Runs a script of this project: with-node.sh [NODE-OPTION...] SCRIPT [ARGUMENT...]. Brings what is missing first: the npm dependencies, and a pinned Node.js
# where the machine's own is older. Needs only Node.js 20 and npm; the script replaces this shell, so signals reach it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
local_node=$root/deploy/local/node

say() { printf '%s\n' "$*" >&2; }

major() { "$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

install_packages() { # FOLDER
  command -v npm >/dev/null || { say 'npm is missing: it comes with Node.js (https://nodejs.org)'; exit 1; }
  npm ci --prefix "$1" --include=dev --include=optional --no-audit --no-fund --loglevel=error >&2 || { say "npm could not install what $1/package-lock.json lists"; exit 1; }
}

own=$(command -v node) || { say 'Node.js is missing: install version 20 or newer (https://nodejs.org)'; exit 1; }
[ "$(major "$own")" -ge 20 ] || { say "Node.js $("$own" --version) is too old: version 20 or newer is needed to start"; exit 1; }

"$own" "$root/deploy/local/installed.mjs" "$root" || { say 'Installing the npm dependencies'; install_packages "$root"; }

node=$own
if [ "$(major "$own")" -lt 26 ]; then
  node=$local_node/node_modules/.bin/node
  "$own" "$root/deploy/local/installed.mjs" "$local_node" && [ -x "$node" ] || {
    say "Node.js $("$own" --version) is older than 26: installing that for this project alone"
    (install_packages "$local_node") || :
  }
  "$node" --version >/dev/null 2>&1 || {
    [ "$(major "$own")" -ge 24 ] || { say "No Node.js 26 for $(uname -sm) could be installed: install it (https://nodejs.org)"; exit 1; }
    say "No Node.js 26 for $(uname -sm) could be installed: going on with $("$own" --version)"
    node=$own
  }
fi

# Node's own options hold no spaces.
options=
while case $1 in --*) ;; *) false ;; esac; do
  options="$options $1"
  shift
done
script=$1
shift
# shellcheck disable=SC2086
exec "$node" $options "$root/$script" "$@"
