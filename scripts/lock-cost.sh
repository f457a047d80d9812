#!/usr/bin/env bash
# Measures what a whole `turno lock NAME -- true` costs beside `flock FILE true`: processor time
# and wall time of a run, from the start of the program to its end. The lock is free, and this
# machine had it last. Starts an agent of its own.
#
#   scripts/lock-cost.sh [--rounds N] [--runs N] [--port N] [TURNO]
#
# A round is 200 runs of each, in turns; of the rounds (11) the median counts, with the minimum and
# the maximum. TURNO is the program, target/release/turno by default; its agent listens at UDP port 17099.
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=11 runs=200 port=17099 turno=target/release/turno
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit ;;
    --rounds) rounds=$2; shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    *) turno=$1; shift ;;
  esac
done
if [ "$turno" = target/release/turno ]; then cargo build --release --locked --quiet; fi

folder=$(mktemp -d)
export TURNO_SOCKET=$folder/turno.sock
"$turno" agent --id 1 --state "$folder/state" "127.0.0.1:$port" 2>"$folder/agent.log" &
agent=$!
trap 'kill $agent 2>/dev/null || true; wait $agent 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
  if "$turno" lock -n cost -- true 2>/dev/null; then break; fi
  kill -0 $agent 2>/dev/null || { cat "$folder/agent.log" >&2; exit 1; }
  sleep 0.1
done

# The processor time of the agent so far, in hundredths of a second.
agent_time() { awk '{ print $14 + $15 }' "/proc/$agent/stat"; }

# Runs a command so often, and prints the microseconds of a run: wall, processor time.
TIMEFORMAT='%R %U %S'
figures() {
  { time for ((i = 0; i < runs; i++)); do "$@"; done; } 2>&1 |
    awk -v runs="$runs" '{ printf "%.0f %.0f\n", $1 * 1e6 / runs, ($2 + $3) * 1e6 / runs }'
}

for ((round = 0; round < rounds; round++)); do
  of_true=$(figures "$(type -P true)")
  of_flock=$(figures flock "$folder/lock" true)
  before=$(agent_time)
  of_turno=$(figures "$turno" lock cost -- true)
  after=$(agent_time)
  echo "$of_true $of_flock $of_turno $(((after - before) * 10000 / runs))"
done >"$folder/figures"

awk '
  # Prints the median of the values, and in brackets the least and the most.
  function middle(values, count, format,   i, j, value) {
    for (i = 2; i <= count; i++) {
      value = values[i]
      for (j = i - 1; j > 0 && values[j] > value; j--) values[j + 1] = values[j]
      values[j + 1] = value
    }
    return sprintf(format " (" format " to " format ")", values[int((count + 1) / 2)], values[1], values[count])
  }
  {
    for (i = 1; i <= 7; i++) column[i, NR] = $i
    wall[NR] = $5 / $3; cpu[NR] = $6 / $4
  }
  function of(which,   i, values) {
    for (i = 1; i <= NR; i++) values[i] = column[which, i]
    return middle(values, NR, "%d")
  }
  END {
    printf "%-24s wall %s µs, processor %s µs\n", "true", of(1), of(2)
    printf "%-24s wall %s µs, processor %s µs\n", "flock FILE true", of(3), of(4)
    printf "%-24s wall %s µs, processor %s µs; its agent %s µs\n", "turno lock NAME -- true", of(5), of(6), of(7)
    printf "times flock:             wall %s, processor %s\n", middle(wall, NR, "%.2f"), middle(cpu, NR, "%.2f")
  }' "$folder/figures"
