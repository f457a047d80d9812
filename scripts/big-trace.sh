#!/usr/bin/env bash
# Simulates a group that asks again and again, on a network that loses and
# repeats a little, and writes its trace:
#
#   scripts/big-trace.sh DIR [EVENTS [NODES]]
#
# About that many events (a million) of that many nodes (3). Then, for example:
#
#   /usr/bin/time -v target/release/turno trace check DIR
set -euo pipefail
folder=$(realpath -m "${1:?where is the trace to go?}")
events=${2:-1000000}
nodes=${3:-3}
cd "$(dirname "$0")/.."
cargo build --release --locked

# An entry is three events, of which one is the last reply's arrival, and two a
# peer: the request's arrival and the reply's; and what is lost is sent again.
plan=$(mktemp)
trap 'rm -f "$plan"' EXIT
awk -v entries=$((events / (2 * nodes))) -v nodes="$nodes" 'BEGIN {
  printf "{\"dice\":1,\"members\":["
  for (id = 1; id <= nodes; id++) printf "%s\"durable\"", (id > 1 ? "," : "")
  printf "],\"has_key\":false,\"ahead\":1000000,\"network\":{\"least\":50,\"spread\":500,"
  printf "\"late_in_1000\":5,\"late_by\":20000,\"lost_in_1000\":2,\"repeated_in_1000\":5},"
  printf "\"hold\":1000,\"wishes\":["
  for (entry = 0; entry < entries; entry++) {
    # All at once, so that they wait for each other; and time to send again.
    round = int(entry / nodes)
    printf "%s{\"at\":%.0f,\"id\":%d,\"what\":\"ask\"}", (entry ? "," : ""),
      round * 400000 + entry % nodes * 100, entry % nodes + 1
  }
  printf "],\"faults\":[],\"odd\":null,\"heals_at\":%.0f}\n", (round + 5) * 400000
}' >"$plan"
target/release/turno simulate --plan "$plan" --trace "$folder" >/dev/null
cat "$folder"/node-*.jsonl | wc -lc | awk '{ print $1 " lines, " $2 " bytes" }'
