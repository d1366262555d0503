#!/bin/sh
# Installs the tools that have environments of their own (Checkov), once; docs/checkov.md.
# They are shared by all checkouts of this user, so the second time costs a moment.
set -eu

cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM

# Quick when all is there: no Python is started for nothing.
stamp=.venv/.tools
wanted=$(cksum reconciler/adapters/checkov.lock reconciler/adapters/tools.py; echo "${RECONCILER_TOOLS_DIR:-}|${XDG_DATA_HOME:-}|${HOME:-}")
if [ -f "$stamp" ] && [ "$(sed '$d' "$stamp")" = "$wanted" ] && [ -f "$(tail -n 1 "$stamp")/ready.json" ]; then
    exit 0
fi

.venv/bin/reconciler tools install
folder=$(.venv/bin/reconciler tools list --format json | sed -n 's/^ *"folder": "\(.*\)",$/\1/p')
printf '%s\n%s\n' "$wanted" "$folder" >"$stamp"
