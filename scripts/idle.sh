#!/usr/bin/env bash
# Measures an idle group: starts the critical section and three processes, and prints
# their context switches and processor time over ten seconds.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked
turno=target/release/turno
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT
$turno shared --listen :10000 >/dev/null & pids+=($!)
for id in 1 2 3; do
  $turno process "$id" :10001 :10002 :10003 </dev/null >/dev/null & pids+=($!)
done
sleep 1

figures() {
  for pid in "${pids[@]}"; do
    awk -v pid="$pid" '
      /ctxt_switches/ { switches += $2 }
      END { getline line < ("/proc/" pid "/stat"); split(line, f, " "); print switches, f[14] + f[15] }
    ' "/proc/$pid/status"
  done
}

before=$(figures)
sleep 10
after=$(figures)
paste -d ' ' <(printf 'shared\nprocess 1\nprocess 2\nprocess 3\n' | sed 's/ /_/') \
  <(echo "$before") <(echo "$after") |
  awk '{ printf "%-10s %d context switches, %d ticks of processor time in 10 s\n", $1, $4 - $2, $5 - $3 }'
