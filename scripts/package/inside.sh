# Run by scripts/package-check.sh on a clean system, as root: installs turno, uses it, upgrades
# it while a command runs, removes it, installs it again, and purges it.
# shellcheck shell=bash
set -euo pipefail

# How long anything may take, in tenths of a second.
MAX_WAIT=300

export TURNO_SOCKET=/run/turno/turno.sock
agent=
fail() { echo "FAILED: $*" >&2; cat /run/agent.log >&2 2>/dev/null || true; exit 1; }
await() {
  local what=$1
  shift
  for _ in $(seq $MAX_WAIT); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  fail "waited in vain for $what"
}
as() { setpriv --reuid "$1" --regid "$1" --init-groups -- "${@:2}"; }
# What the unit does. There is no systemd here.
start() {
  install -d -o turno -g turno /run/turno
  # Not by the function: the process id is to be the agent's.
  setpriv --reuid turno --regid turno --init-groups -- \
    turno agent --config /etc/turno/turno.json 2>>/run/agent.log &
  agent=$!
  await 'the agent' turno status
  cmp -s "/proc/$agent/exe" /usr/bin/turno || fail 'the agent is not of this build'
}
stop() { kill "$agent"; wait "$agent" || fail "the agent ended with $?"; }
# shellcheck disable=SC2016
token() { turno lock -w 20 nightly -- sh -c 'echo $TURNO_TOKEN'; }

dpkg -i /packages/turno_0.1~one_*.deb >/run/install
grep -q 'sudoedit /etc/turno/turno.json' /run/install || fail 'what is to be filled in is not said'
id -nG turno | grep -qx turno || fail 'there is no user turno'
[ "$(stat -c %U:%G:%a /etc/turno)" = root:turno:750 ] || fail 'the owner of /etc/turno'
zcat /usr/share/man/man1/turno-lock.1.gz | grep -q 'agent' || fail 'the man page'
bash -n /usr/share/bash-completion/completions/turno
echo 'installed'

# As it comes, the configuration asks to be filled in.
code=0
as turno turno agent --config /etc/turno/turno.json 2>/run/empty || code=$?
if [ $code != 2 ] || ! grep -q 'no members' /run/empty; then
  fail "an empty configuration: $code $(cat /run/empty)"
fi
sed -i 's|^  "members": \[\]|  "members": ["127.0.0.1:7001"]|' /etc/turno/turno.json
as turno turno key /var/lib/turno/turno.key >/dev/null
as turno turno agent --config /etc/turno/turno.json --check >/run/check || fail "$(cat /run/check)"
start
first=$(token)
useradd -G turno ann
useradd bob
[ "$(as ann turno lock -w 20 nightly -- id -un)" = ann ] || fail 'a member of the group gets no lock'
if as bob turno lock -w 20 nightly -- true 2>/run/bob; then fail 'another user gets a lock'; fi
grep -q 'this user may not use the agent' /run/bob || fail "$(cat /run/bob)"
echo 'an agent runs, and members of the group get locks'

# shellcheck disable=SC2016
turno lock long -- sh -c 'i=0; until [ -e /run/done ]; do i=$((i + 1)); sleep 0.1; done; echo whole' \
  >/run/long 2>>/run/agent.log &
long=$!
await 'the long command' sh -c 'turno status long | grep -q holding'
key=$(sha256sum </var/lib/turno/turno.key)
dpkg -i /packages/turno_0.1~two_*.deb >/dev/null
grep -q '127.0.0.1:7001' /etc/turno/turno.json || fail 'the configuration was not kept'
# As postinst has systemd do it.
stop
start
second=$(token)
[ "$second" -gt "$first" ] || fail "token $second after $first"
touch /run/done
wait $long || fail "the long command ended with $?"
[ "$(cat /run/long)" = whole ] || fail 'the output of the long command'
[ "$(sha256sum </var/lib/turno/turno.key)" = "$key" ] || fail 'the key has changed'
echo 'upgraded while a command ran, which went on'

stop
dpkg -r turno >/dev/null
[ ! -e /usr/bin/turno ] || fail 'a removal leaves the program'
for path in /var/lib/turno/state /var/lib/turno/turno.key /etc/turno/turno.json; do
  [ -e $path ] || fail "a removal takes $path with it"
done
dpkg -i /packages/turno_0.1~two_*.deb >/dev/null
start
third=$(token)
[ "$third" -gt "$second" ] || fail "token $third after $second"
stop
echo 'removed and installed again: state, key and configuration are the same'

dpkg -P turno >/dev/null
for path in /usr/bin/turno /etc/turno /var/lib/turno /usr/lib/systemd/system/turno.service; do
  [ ! -e $path ] || fail "a purge leaves $path"
done
! getent passwd turno >/dev/null || fail 'a purge leaves the user'
echo 'purged'

tar -C /opt -xf /packages/turno-*.tar.gz
PATH=$(echo /opt/turno-*/bin):$PATH turno --version >/dev/null || fail 'the program of the tarball'
echo 'the tarball runs'
