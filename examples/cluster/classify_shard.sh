#!/bin/bash
# Classify one of many equal parts of a folder of images: classify_shard.sh PART PARTS IMAGES RESULTS
# PART may be a range such as 21-30: its parts share the start-up and the listing of IMAGES.
#
# The script may be killed and started again at any time. When all parts are done, RESULTS is a Parquet data set, and
# `galaxy-classify check-shards RESULTS` checks that nothing is missing.
set -uo pipefail

galaxy-classify "$3" --shard "$1/$2" --output "$4/" --resume --quiet
code=$?
# 1: some images cannot be classified, and their rows say why. The part is complete: do not run it again.
[ "$code" -eq 1 ] && code=0

# The scheduler takes 0 for done: the files must be there.
for ((part = ${1%-*}; part <= ${1#*-}; part++)); do
    printf -v file '%s/shard-%0*d-of-%d.parquet' "$4" "${#2}" "$part" "$2"
    if [ "$code" -eq 0 ] && [ ! -s "$file" ]; then
        echo "$file: missing, although galaxy-classify ended as if it were complete" >&2
        code=4
    fi
done
exit "$code"
