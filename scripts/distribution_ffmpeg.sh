#!/bin/sh
# Unpacks the FFmpeg of a Debian release, with its libraries, into a folder of its own, for TEST_FFMPEG (docs/encoding.md).
# usage: scripts/distribution_ffmpeg.sh bookworm /usr/local/lib/ffmpeg-bookworm
# It needs apt-get, patchelf, and a folder that the sandbox may read (such as one in /usr/local/lib). Nothing is installed.
set -eu
release=$1 folder=$2
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$folder"
: > "$state/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" > "$state/sources"
apt() {
    apt-get -q -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
        -o Dir::Etc::SourceList="$state/sources" -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root "$@"
}
apt update
apt install -y --no-install-recommends --download-only ffmpeg
for package in "$state"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
# The program finds its libraries and its loader here. A library's own search path would hide that of the program.
find "$folder" -type f -name '*.so*' -exec sh -c 'patchelf --remove-rpath "$1" 2>/dev/null || true' _ {} \;
libraries=$(find "$folder" -name '*.so*' -exec dirname {} \; | sort -u | paste -sd:)
loader=$(find "$folder" -name 'ld-linux*.so.*' -type f | head -1)
cp "$folder/usr/bin/ffmpeg" "$folder/ffmpeg"
patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$folder/ffmpeg"
"$folder/ffmpeg" -hide_banner -version | head -1
