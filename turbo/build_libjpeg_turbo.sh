#!/usr/bin/env bash
# Build a static libjpeg-turbo into the folder LIBJPEG_TURBO_ROOT, for wheels that contain it. Arguments go to CMake.
set -euo pipefail

version=3.2.0
commit=c85e6b905bf237038faa936dab160ebfc5da0344

: "${LIBJPEG_TURBO_ROOT:?names the folder in which libjpeg-turbo is installed}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet --depth 1 --branch "$version" https://github.com/libjpeg-turbo/libjpeg-turbo "$work/source"
[ "$(git -C "$work/source" rev-parse HEAD)" = "$commit" ] || { echo "libjpeg-turbo $version is not the commit $commit" >&2; exit 1; }
cmake -S "$work/source" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$LIBJPEG_TURBO_ROOT" \
    -DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DREQUIRE_SIMD=ON "$@"
cmake --build "$work/build" --config Release --parallel 2
cmake --install "$work/build" --config Release
