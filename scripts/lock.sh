#!/bin/sh
# Remakes requirements.lock: every package, run time, development and build, pinned with the
# hashes of all its files, for every supported Python and platform.
# Pins stay as they are unless pyproject.toml asks otherwise; UPGRADE=1 renews them all.
set -eu

cd "$(dirname "$0")/.."

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT TERM

# uv runs from a throw-away place, without the settings of the machine.
"${PYTHON:-python3}" -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv

unset PIP_EXTRA_INDEX_URL PIP_FIND_LINKS UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_INDEX
if [ -f requirements.lock ] && [ -z "${UPGRADE:-}" ]; then
    cp requirements.lock "$tools/lock"
fi
"$tools/venv/bin/uv" pip compile --quiet --no-config --system-certs \
    --universal --python-version 3.11 --extra dev --generate-hashes \
    --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
    --output-file "$tools/lock" pyproject.toml >/dev/null

# Only names, versions, markers and hashes may stand in it: no host, no path, no option.
if grep -nE '://|file:|^ *-|@ ' "$tools/lock" | grep -vE '^[0-9]+: +--hash=sha256:'; then
    echo 'lock: the lines above must not be in a lock file; requirements.lock is unchanged.' >&2
    exit 1
fi

{
    echo '# Made by `make lock` from pyproject.toml. Do not edit.'
    cat "$tools/lock"
} >requirements.lock
echo "requirements.lock: $(grep -c '^[A-Za-z0-9].*==' requirements.lock) packages"
