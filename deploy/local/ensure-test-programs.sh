#!/bin/sh
# Makes sure that the programs of others that tests talk with are there, all in one go: PostgreSQL, strace, mail clients. Root gets what is
# missing from Debian, and no service is started; anybody else is told the one command to type, and the tests concerned say what they lack.
set -eu

say() { printf '%s\n' "$*" >&2; }

packages=
need() { command -v "$1" >/dev/null || packages="$packages $2"; } # PROGRAM PACKAGE

need strace strace
need curl curl
need mpop mpop
need fetchmail fetchmail
need mbsync isync
need mutt mutt
need python3 python3
need script bsdutils
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  say "Some tests need more. Type: sudo apt-get install$packages"
  exit 1
fi

say "Installing$packages"
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 # in runlevel 1 invoke-rc.d starts nothing
# shellcheck disable=SC2086
install() { apt-get install -y --no-install-recommends $packages >&2; }
install 2>/dev/null || { apt-get update >&2 && install; } || { say "apt-get could not install$packages"; exit 1; }
