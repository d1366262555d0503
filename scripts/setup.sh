#!/bin/sh
# Makes .venv, once: every package from requirements.lock, checked by hash, then this checkout.
# A stamp names what .venv was made from, so the next call costs a few milliseconds, and a set-up
# that was interrupted, or was made from another lock file or another folder, is made anew.
set -eu

cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.ready
owner=$venv/.made-by-setup
log=$venv/setup.log

wanted="$(pwd -P)
$(cksum requirements.lock pyproject.toml scripts/setup.sh)"

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# The interpreter behind a name, if it is new enough. A name on PATH proves nothing: version managers
# leave stubs there, and an activated .venv shadows the Python that it was made from.
interpreter() {
    "$1" -c 'import os, sys
if sys.version_info < (3, 11): sys.exit(1)
print(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))' 2>/dev/null
}
complete() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

# A PYTHON that was asked for must be the one that .venv was made with; else any will do.
fits() {
    [ -z "${PYTHON:-}" ] || [ "$(interpreter "$PYTHON")" = "$(cat "$venv/.python")" ]
}

if [ -f "$stamp" ] && [ -x "$venv/bin/python" ] && [ "$(cat "$stamp")" = "$wanted" ] && fits; then
    exit 0
fi

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        if ! interpreter "$PYTHON" >/dev/null; then
            complain "set-up: PYTHON=$PYTHON is not a Python 3.11 or newer."
            return 1
        fi
        candidates=$PYTHON
    else
        candidates='python3.14
python3.13
python3.12
python3.11
python3'
    fi
    incomplete=
    IFS='
'
    for candidate in $candidates; do
        if found=$(interpreter "$candidate"); then
            if complete "$found"; then
                say "$found"
                return 0
            fi
            incomplete=$candidate
        fi
    done
    if [ -n "$incomplete" ]; then
        complain "set-up: $incomplete lacks the venv module."
        complain "  On Debian and Ubuntu: apt-get install python3-venv. Then make it again."
    else
        complain "set-up: no Python 3.11 or newer on PATH."
        complain "  Install one, or name it: make test PYTHON=/path/to/python3.12"
    fi
    return 1
}

# Settings of the person or the machine that would send packages elsewhere than into .venv.
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_ROOT PIP_TARGET PIP_USER
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

python=$(find_python)

if [ -e "$venv" ] && [ ! -f "$owner" ]; then
    complain "set-up: there is a $venv that this script did not make. Move it away, then try again."
    exit 1
fi

packages=$(grep -c '^[A-Za-z0-9].*==' requirements.lock)
version=$("$python" -c 'import platform; print(platform.python_version())')
say "setting up .venv with Python $version, once: about a minute, most of it the second step"

rm -rf "$venv"
mkdir "$venv"
: >"$owner"

# Each step is named before it begins, and its seconds when it is over: nobody waits without a word.
step=0
run() {
    step=$((step + 1))
    printf '  %s of 4  %s ... ' "$step" "$1"
    what=$1
    shift
    began=$(date +%s)
    "$@" </dev/null >"$log" 2>&1 || {
        say "failed"
        complain ""
        cat "$log" >&2
        complain ""
        complain "set-up: $what failed; what it said is above."
        complain "  No network, or a proxy? pip listens to HTTPS_PROXY, PIP_INDEX_URL and PIP_CERT."
        complain "  No package for this Python? Name another: make PYTHON=python3.12"
        complain "  Then make it again; it starts anew."
        exit 1
    }
    say "$(($(date +%s) - began)) s"
}

run "making an empty environment" "$python" -m venv "$venv"
run "installing $packages packages, each checked by hash" "$venv/bin/python" -m pip install --quiet \
    --require-hashes --only-binary :all: --requirement requirements.lock
# hatchling is in the lock file, so this needs no network.
run "installing this checkout" "$venv/bin/python" -m pip install --quiet \
    --no-index --no-deps --no-build-isolation --editable .

# Where Python is told to write none, or may not, each start would compile the program again.
run "compiling this checkout" "$venv/bin/python" -m compileall -q reconciler

say "$python" >"$venv/.python"
say "$wanted" >"$stamp"
say "set up: .venv/bin/reconciler"
