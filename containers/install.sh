#!/bin/sh
# Install the package into a folder of its own, for an image: sh install.sh SOURCE FOLDER
# SOURCE is the source tree; Python 3.11 or later with the module venv is needed. Neither pip nor the tests of NumPy get
# into FOLDER. What the package imports is compiled, since a user of the image cannot write there.
set -eu
source=$1 folder=$2

python3 -m venv /tmp/pip
python3 -m venv --without-pip "$folder"
/tmp/pip/bin/pip --python "$folder/bin/python" install --quiet --no-cache-dir --no-compile "$source"
rm -rf /tmp/pip
find "$folder" -type d -name tests -prune -exec rm -rf {} +
"$folder/bin/galaxy-classify" self-test
"$folder/bin/galaxy-classify" --help >/dev/null
