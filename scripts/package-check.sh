#!/usr/bin/env bash
# Installs the packages of turno on a clean system, uses them, upgrades and removes them:
#
#   scripts/package-check.sh [BINARY]
#
# The system is a folder with Debian's essential packages, which mmdebstrap makes; everything
# runs there in namespaces of its own. BINARY is a turno that was built already, by default
# that of the tests. It needs root, and installs what is missing with apt-get; where there is
# no root or no apt-get it says so and checks nothing. TURNO_CLEAN_SYSTEM names the tar file of
# a system that was made before.
set -euo pipefail
cd "$(dirname "$0")/.."

SUITE=bookworm

skip() { echo "the packages are NOT checked: $*"; exit 0; }

[ "$(id -u)" = 0 ] || skip 'this needs root'
command -v apt-get >/dev/null || skip 'this needs apt-get'
unshare --mount --net --pid --fork true 2>/dev/null || skip 'this may not make namespaces'
missing=()
for pair in mmdebstrap:mmdebstrap systemd-analyze:systemd ip:iproute2 strip:binutils; do
  command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    "${missing[@]}"; } >/dev/null
fi

binary=${1-}
if [ -z "$binary" ]; then
  cargo build --locked --bin turno
  target=$(cargo metadata --no-deps --format-version 1 |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
  binary=$target/debug/turno
fi
folder=$(mktemp -d)
trap 'rm -rf --one-file-system "$folder"' EXIT

# Two builds: the second is the first with a byte more, so that they can be told apart.
cp "$binary" "$folder/one"
strip "$folder/one"
cp "$folder/one" "$folder/two"
echo >>"$folder/two"
COMPRESSION=none scripts/package.sh --deb --binary "$folder/one" --version 0.1~one --out "$folder"
COMPRESSION=none scripts/package.sh --deb --binary "$folder/two" --version 0.1~two --out "$folder"
scripts/package.sh --tarball --binary "$folder/one" --version 0.1~one --out "$folder"

root=$folder/root
if [ -n "${TURNO_CLEAN_SYSTEM-}" ]; then
  mkdir "$root"
  tar -C "$root" -xf "$TURNO_CLEAN_SYSTEM"
else
  mmdebstrap --quiet --variant=essential --include=passwd --skip=check/qemu \
    --aptopt='Acquire::Languages "none"' "$SUITE" "$root" || skip 'no clean system could be made'
fi
mkdir "$root/packages"
mv "$folder"/*.deb "$folder"/*.tar.gz "$root/packages/"
install -m 755 scripts/package/inside.sh "$root/packages/"

cat >"$folder/enter" <<EOF
ip link set lo up
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
  bash /packages/inside.sh
EOF
timeout 120 unshare --mount --net --pid --fork --kill-child bash -e "$folder/enter"

# The unit needs its program, which the last step has removed.
dpkg-deb -x "$root"/packages/turno_0.1~one_*.deb "$folder/unit"
mkdir -p "$root/usr/lib/systemd/system"
cp "$folder/unit/usr/bin/turno" "$root/usr/bin/"
cp "$folder/unit/usr/lib/systemd/system/turno.service" "$root/usr/lib/systemd/system/"
cp -R /usr/lib/systemd/system/*.target "$root/usr/lib/systemd/system/"
systemd-analyze verify --root="$root" turno.service
echo 'the unit is right: systemd-analyze verify'
