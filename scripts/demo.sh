#!/bin/sh
# The main job on the sample repository, each command shown before it runs.
set -eu

cd "$(dirname "$0")/.."
PATH="$(pwd)/.venv/bin:$PATH"
export PATH

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

show reconciler validate
show reconciler list
for document in environments/*.yaml environments/*/*.yaml environments/*/*/*.yaml; do
    [ -f "$document" ] || continue
    show reconciler render "$(basename "$document" .yaml)"
done
