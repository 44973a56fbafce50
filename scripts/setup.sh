#!/usr/bin/env bash
# Installs a requirements file into an environment (.venv unless another is named), which it makes if there is none.
# Follows the user's own pip settings. A Python that PYTHON names is used, or the set-up fails.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=$1
venv=${2:-.venv}

find_python() {
    local name
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            command -v "$name"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        echo "PYTHON=$PYTHON is older than Python 3.11" >&2
        exit 1
    fi
    echo "Python 3.11 or newer was not found: sudo apt-get install python3 python3-venv (Debian, Ubuntu)," \
        "or name one that is not on the PATH: make run PYTHON=/path/to/python3" >&2
    exit 1
}

if ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making $venv with $("$python" --version) ..."
    rm -rf $venv
    if ! said=$("$python" -m venv $venv 2>&1); then
        rm -rf $venv
        case $said in
            *ensurepip*) said="its module venv is not complete" ;;
            *) said=${said##*$'\n'} ;;
        esac
        echo "$python cannot make virtual environments ($said): sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi

pip=($venv/bin/python -m pip --disable-pip-version-check install --quiet)
echo "Installing $requirements (about a minute the first time) ..."
"${pip[@]}" --no-deps --require-hashes -r requirements-stores.txt
"${pip[@]}" -r "$requirements"
