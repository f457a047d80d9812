#!/usr/bin/env bash
# Starts the bank with everything: a PostgreSQL of its own in a temporary folder, three servers
# that take turns with failover, and clients that move money. Prints an audit every few seconds.
#
#   scripts/bank.sh [SECONDS]
#
# Ctrl-C, or the end of the time, ends all of it, compares the accounts with what the clients
# were answered, and removes the folder. Another client may join:
#
#   cargo run --example bank -- client 9999999999 --server :5002
#
# BANK_PORT=5001 is the first of the three ports of the servers, TCP, and BANK_GROUP_PORT=7001
# the first at which they reach each other, UDP.
set -euo pipefail
cd "$(dirname "$0")/.."

SERVERS=3
CLIENTS=6
port=${BANK_PORT-5001}
group_port=${BANK_GROUP_PORT-7001}
seconds=${1-}

programs=$(dirname "$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | tail -1)")
if [ ! -x "$programs/initdb" ]; then
  echo 'postgresql is missing: apt-get install postgresql' >&2
  exit 1
fi
cargo build --locked --example bank
bank=${CARGO_TARGET_DIR-target}/debug/examples/bank

folder=$(mktemp -d)
pids=()
clients=()
database=

# PostgreSQL refuses root.
as_other=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as_other=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi

stop() {
  trap '' INT TERM
  trap - EXIT
  local status=$1
  [ ${#clients[@]} = 0 ] || kill "${clients[@]}" 2>/dev/null || true
  wait "${clients[@]}" 2>/dev/null || true
  if [ -e "$folder/before" ]; then
    "$bank" audit --accounts "$url" --since "$folder/before" --answers "$folder"/record-* || status=1
  fi
  [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  [ -z "$database" ] || kill -INT "$database" 2>/dev/null || true
  [ -z "$database" ] || wait "$database" 2>/dev/null || true
  rm -rf "$folder"
  exit "$status"
}
trap 'stop $?' EXIT
trap 'exit 0' INT TERM

# Each in a session of its own: Ctrl-C reaches this script alone, which ends them in order.
(cd "$folder" && "${as_other[@]}" "$programs/initdb" -D data -U bank --auth=trust --no-sync >/dev/null)
setsid "${as_other[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" \
  -c listen_addresses= -c log_min_messages=fatal >"$folder/postgres.log" 2>&1 &
database=$!
url=postgres://bank@${folder//\//%2F}/postgres
until "$bank" open --accounts "$url" 2>/dev/null; do
  kill -0 "$database" || { cat "$folder/postgres.log" >&2; exit 1; }
  sleep 0.2
done
"$bank" audit --accounts "$url" >"$folder/before"

members=()
for ((n = 0; n < SERVERS; n++)); do members+=(":$((group_port + n))"); done
for ((n = 1; n <= SERVERS; n++)); do
  setsid "$bank" server --id "$n" "${members[@]}" --failover 2s --state "$folder/state-$n" \
    --port $((port + n - 1)) --accounts "$url" >"$folder/server-$n.log" 2>&1 &
  pids+=($!)
done
for ((n = 1; n <= SERVERS; n++)); do
  until grep -q '^Servidor iniciado' "$folder/server-$n.log"; do
    kill -0 "${pids[n - 1]}" 2>/dev/null || { cat "$folder/server-$n.log" >&2; exit 1; }
    sleep 0.1
  done
done
echo "$SERVERS servers at ports $port to $((port + SERVERS - 1)); $CLIENTS clients play; Ctrl-C ends all"

# Types transfers of cents to random accounts.
play() {
  while sleep "0.$((RANDOM % 5))"; do
    printf '4\n%s\n0.0%d\n' "$(printf "$((RANDOM % 10))%.0s" {1..10})" $((1 + RANDOM % 9))
  done
}
for ((n = 0; n < CLIENTS; n++)); do
  rg=$(printf "$n%.0s" {1..10})
  : >"$folder/record-$n"
  (
    trap 'kill $(jobs -p) 2>/dev/null; exit 0' TERM
    "$bank" client "$rg" --server ":$((port + n % SERVERS))" --record "$folder/record-$n" \
      < <(play) >/dev/null 2>&1 &
    wait
  ) &
  clients+=($!)
done

began=$SECONDS
while [ -z "$seconds" ] || ((SECONDS - began < seconds)); do
  sleep 2 &
  wait $! || true
  count=$(cat "$folder"/record-* | grep -c '^< .*|s:0|' || true)
  echo "$("$bank" audit --accounts "$url" | tail -1), $count operations done"
done
