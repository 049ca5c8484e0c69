#!/usr/bin/env bash
# Run the package on an emulated 64-bit ARM processor, with the compiled decoder and without: the self-test, the standalone
# file, and a folder of JPEGs (by default the example images), whose rows must be the same with both decoders.
#   bash tests/packaging/emulate_aarch64.sh [FOLDER] [PROCESSOR...]
# It needs Debian or Ubuntu with qemu-user-static, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross, and Python 3.11 or
# later with pip; what else it needs for ARM is downloaded into a folder of its own. EMULATED names one that is kept.
set -euo pipefail

source=$(cd "$(dirname "$0")/../.." && pwd)
images=$(realpath "${1:-$source/examples/images}")
processors=("${@:2}")
[ "${#processors[@]}" -gt 0 ] || processors=(cortex-a72 neoverse-n1)
work=${EMULATED:-$(mktemp -d)}
[ -n "${EMULATED:-}" ] || trap 'rm -rf "$work"' EXIT
root=$work/root site=$work/root/site

step() { printf '\n== %s\n' "$*"; }

# Python and libjpeg-turbo, from the packages of this system for ARM.
if [ ! -d "$root" ]; then
    step "packages for ARM"
    mkdir -p "$work"/apt/{lists,cache}/partial "$work/apt/cache/archives/partial"
    touch "$work/apt/status"
    for_arm=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::status="$work/apt/status"
        -o Dir::State::lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" -o Debug::NoLocking=1 -qq)
    apt-get "${for_arm[@]}" update
    apt-get "${for_arm[@]}" install -y --download-only --no-install-recommends python3 libstdc++6 libjpeg-dev
    for package in "$work"/apt/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
fi
python=$(basename "$(realpath "$root/usr/bin/python3")")
version=${python#python}

if [ ! -d "$site" ]; then
    step "wheels for ARM, Python $version"
    mapfile -t wanted < <(sed -n '/^dependencies = \[/,/^\]/s/^ *"\(.*\)",$/\1/p' "$source/pyproject.toml")
    wanted+=("onnxruntime<1.24") # 1.32 crashes in QEMU 7.2 when it is loaded
    platforms=()
    for libc in 17 24 27 28 31 34; do platforms+=(--platform "manylinux_2_${libc}_aarch64"); done
    python3 -m pip install --quiet --disable-pip-version-check --target "$site" --only-binary=:all: \
        --python-version "$version" "${platforms[@]}" --platform manylinux2014_aarch64 "${wanted[@]}"
fi

step "the compiled decoder for ARM"
turbo=$work/turbo/galaxy_classify_turbo
rm -rf "$work/turbo"
mkdir -p "$work/turbo"
cp -r "$source/turbo/galaxy_classify_turbo" "$turbo"
# The headers of Python are those of this machine: the limited interface is the same everywhere.
aarch64-linux-gnu-gcc -std=gnu11 -O3 -fPIC -shared -fvisibility=hidden -DGALAXY_TURBO_VERSION='"1.0.0"' \
    -I"$root/usr/include" -I"$root/usr/include/aarch64-linux-gnu" \
    -I"$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
    "$source"/turbo/src/*.c "$root/usr/lib/aarch64-linux-gnu/libjpeg.a" -lm -o "$turbo/_turbo.abi3.so"
aarch64-linux-gnu-gcc -std=gnu11 -O2 -static "$source"/turbo/tests/kernels.c "$source"/turbo/src/lanczos*.c -lm -o "$work/kernels"

for processor in "${processors[@]}"; do
    step "$processor"
    qemu-aarch64-static -cpu "$processor" "$work/kernels" 300
    emulated() {
        PYTHONHOME=$root/usr PYTHONPATH=$1:$source/runtime:$site PYTHONDONTWRITEBYTECODE=1 \
            qemu-aarch64-static -cpu "$processor" -L "$root" "$root/usr/bin/$python" "${@:2}"
    }
    emulated "$work/turbo" -c 'import platform, galaxy_classify_turbo as t; print(platform.machine(), t.LIBJPEG_TURBO_VERSION, t.kernels())'
    emulated "$work/turbo" -m galaxy_classify --version
    emulated "$work/turbo" -m galaxy_classify self-test
    emulated "$work/turbo" "$source/tests/packaging/check_standalone.py"
    emulated "$work/turbo" -m galaxy_classify "$images" --quiet --force --output "$work/turbo.csv" --decoder turbo || [ $? = 1 ]
    emulated /nowhere -m galaxy_classify "$images" --quiet --force --output "$work/pillow.csv" --exact || [ $? = 1 ]
    cmp "$work/turbo.csv" "$work/pillow.csv"
    echo "$(($(wc -l <"$work/turbo.csv") - 1)) rows are the same with both decoders"
done

step "all passed"
