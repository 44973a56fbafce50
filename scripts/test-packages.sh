#!/usr/bin/env bash
# The tests' own tools that no wheel brings: installs the missing ones with apt and npm, or says which and why.
set -euo pipefail
PATH=$PATH:/usr/sbin

missing=()
reasons=()
need() { # package, reason, commands of which one must exist
    local package=$1 reason=$2 command
    shift 2
    for command in "$@"; do
        if command -v "$command" >/dev/null; then return; fi
    done
    missing+=("$package")
    reasons+=("  $package: $reason")
}

need curl "tells the story of README.md as a newcomer would" curl
need chromium "opens the documentation page as a reader would" chromium chromium-browser google-chrome
need nodejs "runs the tests of the page's modules" node
need npm "installs the checker of the page's types" npm
need nginx-light "checks deploy/nginx.conf.example" nginx
need systemd "checks the service units (systemd-analyze verify)" systemd-analyze

if [[ $(ldconfig -p) != *libatomic.so.1* ]]; then
    missing+=(libatomic1)
    reasons+=("  libatomic1: Playwright, which controls Chromium, needs it")
fi

page_tools() { # what the tests of the page need from npm, as package-lock.json says
    local folder lock
    folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../tests/system/page" && pwd)
    lock=$folder/package-lock.json
    if [ "$folder/node_modules/.ready" -nt "$lock" ]; then return; fi
    echo "Installing for the tests of the page: typescript, axe-core"
    npm ci --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error
    touch "$folder/node_modules/.ready"
}

if [ ${#missing[@]} -eq 0 ]; then
    page_tools
    exit 0
fi

root=()
if [ "$(id -u)" -ne 0 ]; then root=(sudo -n); fi
if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
    echo "The tests need packages that only root can install:" >&2
    printf '%s\n' "${reasons[@]}" >&2
    echo "Run once: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "Installing for the tests: ${missing[*]}"
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
page_tools
