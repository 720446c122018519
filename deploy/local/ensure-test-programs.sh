#!/bin/sh
# Makes sure that strace is there, with which a test proves the order of system calls. Where it is missing, installs Debian's package when
# run as root, else prints the one command to type and fails.
set -eu

command -v strace && exit 0

say() { printf '%s\n' "$*" >&2; }

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  say 'strace is missing. Type: sudo apt-get install strace'
  exit 1
fi

say 'Installing strace'
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends strace >&2; }
install 2>/dev/null || { apt-get update >&2 && install; } || { say 'apt-get could not install strace'; exit 1; }
command -v strace
