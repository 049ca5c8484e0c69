#!/bin/bash
# Classify one of many equal parts of a folder of images: classify_shard.sh PART PARTS IMAGES RESULTS
# PART may be several, as in 21-30: they share the start-up and the listing of IMAGES.
#
# May be killed and started again at any time. When all parts are done, `galaxy-classify --check-shards RESULTS` says
# whether anything is missing, and RESULTS is a Parquet data set.
set -uo pipefail

galaxy-classify "$3" --shard "$1/$2" --output "$4/" --resume --quiet
code=$?
# 1: some images cannot be classified, and their rows say why. The part is done all the same.
[ "$code" -eq 1 ] && code=0
exit "$code"
