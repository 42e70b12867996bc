#!/bin/sh
# A campaign in parts, each a process of its own, and their joint result.
#
#   PARTS=4 SEED=1 CASES=1000000 sh campaign.sh mlx5
#
# Ends as `vfiolab merge` does: 0 held, 1 violated, 2 a part is missing or unusable, 3 a fault of the emulator.
set -u
variant=${1:-mlx5}
parts=${PARTS:-4}
seed=${SEED:-1}
cases=${CASES:-1000000}
folder=${FOLDER:-campaign}

mkdir -p "$folder"
rm -f "$folder"/part-*.json
part=1
while [ "$part" -le "$parts" ]; do
  npx vfiolab check "$variant" --shard "$part/$parts" --seed "$seed" --cases "$cases" \
    --out "$folder/part-$part" --json > "$folder/part-$part.json" &
  part=$((part + 1))
done
# A part that found something ends with 1. What counts is what all of them say together.
wait
npx vfiolab merge "$folder"/part-*.json --out "$folder/counterexamples"
