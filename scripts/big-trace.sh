#!/usr/bin/env bash
# Simulates a group that enters again and again, on a network that loses and repeats a
# few datagrams, and writes its trace:
#
#   scripts/big-trace.sh DIR [EVENTS [NODES]]
#
# of about 1,000,000 events and 3 nodes by default. Then, for example:
#
#   /usr/bin/time -v target/release/turno trace check DIR
set -euo pipefail
folder=$(realpath -m "${1:?DIR, the folder for the trace, is missing}")
events=${2:-1000000}
nodes=${3:-3}
cd "$(dirname "$0")/.."
cargo build --release --locked

# An entry has two events per peer (the request arrives there, the reply arrives here)
# and two more (the request and the exit); and lost datagrams are sent again.
plan=$(mktemp)
trap 'rm -f "$plan"' EXIT
awk -v entries=$((events / (2 * nodes))) -v nodes="$nodes" 'BEGIN {
  printf "{\"dice\":1,\"members\":["
  for (id = 1; id <= nodes; id++) printf "%s\"durable\"", (id > 1 ? "," : "")
  printf "],\"has_key\":false,\"ahead\":1000000,\"network\":{\"least\":50,\"spread\":500,"
  printf "\"late_in_1000\":5,\"late_by\":20000,\"lost_in_1000\":2,\"repeated_in_1000\":5},"
  printf "\"hold\":1000,\"wishes\":["
  for (entry = 0; entry < entries; entry++) {
    # All ask at once, so that they wait for each other, with time to resend.
    round = int(entry / nodes)
    printf "%s{\"at\":%.0f,\"id\":%d,\"what\":\"ask\"}", (entry ? "," : ""),
      round * 400000 + entry % nodes * 100, entry % nodes + 1
  }
  printf "],\"faults\":[],\"odd\":null,\"heals_at\":%.0f}\n", (round + 5) * 400000
}' >"$plan"
target/release/turno simulate --plan "$plan" --trace "$folder" >/dev/null
cat "$folder"/node-*.jsonl | wc -lc | awk '{ print $1 " lines, " $2 " bytes" }'
