#!/bin/sh
# Puts a genuine OPA (as a library) into .venv, for the tests that compare the engines. It is no
# dependency: it declares a newer Python than ours, and is alpha. Without it those tests are skipped
# and say so. --if-possible: that it cannot be had is no failure.
set -eu

cd "$(dirname "$0")/.."

package=opa-golib-python-bindings==0.4.4

if .venv/bin/python -c 'import opa_bindings' 2>/dev/null; then
    exit 0
fi
if .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
    --ignore-requires-python --no-deps --only-binary :all: "$package" &&
    .venv/bin/python -c 'import opa_bindings'; then
    echo "oracle: $package is installed"
    exit 0
fi
echo "oracle: $package could not be installed; tests that need it are skipped" >&2
[ "${1:-}" = --if-possible ]
