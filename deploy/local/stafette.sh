#!/bin/sh
# The `stafette` command line: what npm links as its bin. Follows the link to the clone, then runs there as every script does.
set -eu
exec sh "$(dirname "$(readlink -f "$0")")/with-node.sh" services/cli/main.ts "$@"
