#!/usr/bin/env bash
# Measures an entry of turno and of its alternatives in the same run. Starts Redis,
# PostgreSQL and etcd, if they are installed, on this host, in a folder that is removed
# at the end:
#
#   scripts/bench.sh [--unpinned] [OPTIONS OF cargo bench]
#
# All processes, the servers too, are bound to one processor; with --unpinned, none is.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit ;; esac
pinned=--pinned
if [ "${1:-}" = --unpinned ]; then pinned=--unpinned; shift; fi
processor=0

folder=$(mktemp -d)
servers=()
stop() {
  [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT

# Prefixes a command, to bind it to the processor.
bound=()
if [ $pinned = --pinned ]; then bound=(taskset -c "$processor"); fi

# Starts the server $1, and waits until the command $2 says that it answers.
serve() {
  local name=$1 answers=$2
  shift 2
  "${bound[@]}" "$@" >"$folder/$name.log" 2>&1 &
  servers+=($!)
  for _ in $(seq 100); do
    sleep 0.1
    # If this server has ended, another one may be answering.
    kill -0 "${servers[-1]}" 2>/dev/null || break
    if $answers >/dev/null 2>&1; then return 0; fi
  done
  echo "$name did not start, and is left out:" >&2
  tail -3 "$folder/$name.log" >&2
  return 1
}

left_out() { echo "$1 is left out: $2" >&2; }

against=()

redis_answers() { redis-cli -p 16379 ping; }
if command -v redis-server redis-cli >/dev/null; then
  if serve Redis redis_answers redis-server --port 16379 --bind 127.0.0.1 --save '' \
    --appendonly no --dir "$folder"; then
    against+=(--redis 127.0.0.1:16379)
  fi
else
  left_out Redis 'apt-get install redis-server'
fi

# On Debian the server's programs are not in the path.
PATH=$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)
postgres_answers() { pg_isready -h "$folder/postgres" -U turno -d postgres; }
if command -v postgres initdb pg_isready >/dev/null; then
  mkdir "$folder/postgres"
  # PostgreSQL refuses to run as root.
  as=()
  if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid nobody --regid nogroup --clear-groups)
    chmod 755 "$folder"
    chown nobody:nogroup "$folder/postgres"
  fi
  if "${as[@]}" initdb --auth trust --username turno --no-sync "$folder/postgres/data" \
    >"$folder/initdb.log" 2>&1 &&
    serve PostgreSQL postgres_answers "${as[@]}" postgres -D "$folder/postgres/data" \
      -k "$folder/postgres" -c listen_addresses= -c fsync=off; then
    against+=(--postgres "$folder/postgres/.s.PGSQL.5432")
  fi
else
  left_out PostgreSQL 'apt-get install postgresql'
fi

etcd_answers() { (exec 3<>/dev/tcp/127.0.0.1/12379) && grep -q 'ready to serve' "$folder/etcd.log"; }
if command -v etcd >/dev/null; then
  if serve etcd etcd_answers etcd --data-dir "$folder/etcd" \
    --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
    --listen-peer-urls http://127.0.0.1:12380 \
    --initial-advertise-peer-urls http://127.0.0.1:12380 \
    --initial-cluster default=http://127.0.0.1:12380; then
    against+=(--etcd 127.0.0.1:12379)
  fi
else
  left_out etcd 'apt-get install etcd-server'
fi

cargo bench --locked --bench entries -- $pinned --processor "$processor" "${against[@]}" "$@"

echo 'A whole command under a lock:'
cargo build --release --locked --quiet
"${bound[@]}" scripts/lock-cost.sh
