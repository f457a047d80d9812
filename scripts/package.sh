#!/usr/bin/env bash
# Makes the packages of turno: a Debian package and a tarball.
#
#   scripts/package.sh [--deb | --tarball] [--binary FILE] [--version VERSION] [--out FOLDER]
#
# They have the program, man pages, completions, a systemd unit and a configuration to fill in.
# The program of the Debian package is linked with the system's C library, so that names are
# looked up as everywhere on that system; that of the tarball is static, where the Rust target
# for musl can be had, and runs on any Linux. --binary takes a program that was built already
# for both. The packages go to target/package.
#
# cargo-deb would need two hundred crates and minutes of a build machine to call what every
# Debian machine has: dpkg-deb.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit "$1"; }

kinds=(deb tarball) binary='' version='' out=target/package
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage 0 ;;
    --deb | --tarball) kinds=("${1#--}") ;;
    --binary) binary=$(realpath "$2"); shift ;;
    --version) version=$2; shift ;;
    --out) out=$2; shift ;;
    *) usage 2 >&2 ;;
  esac
  shift
done
[ -n "$version" ] || version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
mkdir -p "$out"
out=$(realpath "$out")
target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
machine=$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Builds the program for a target, or for this system; prints where it is.
build() {
  cargo build --locked --release --bin turno ${1:+--target "$1"} >&2
  echo "$target/${1:+$1/}release/turno"
}

has_musl() {
  local musl=$machine-unknown-linux-musl
  rustup target list --installed 2>/dev/null | grep -qx "$musl" || rustup target add "$musl" >&2
}

# The latest version of glibc that a program asks for; nothing if it is static.
glibc() { grep -aoE 'GLIBC_2\.[0-9.]+' "$1" | sort -Vu | tail -n 1 | sed 's/GLIBC_//'; }

# What both packages have, below a folder: program, folder, prefix.
install_files() {
  local program=$1 root=$2 prefix=$3 page
  install -D -m 755 "$program" "$root$prefix/bin/turno"
  strip "$root$prefix/bin/turno" 2>/dev/null || true
  local turno=$root$prefix/bin/turno share=$root$prefix/share
  "$turno" man --dir "$share/man/man1"
  for page in "$share"/man/man1/*.1; do gzip -9n "$page"; done
  install -d "$share"/bash-completion/completions "$share"/zsh/vendor-completions \
    "$share"/fish/vendor_completions.d
  "$turno" completions bash >"$share/bash-completion/completions/turno"
  "$turno" completions zsh >"$share/zsh/vendor-completions/_turno"
  "$turno" completions fish >"$share/fish/vendor_completions.d/turno.fish"
  install -D -m 644 LICENSE "$share/doc/turno/copyright"
  install -m 644 README.md CHANGELOG.md docs/operating.md docs/failover.md docs/socket.md \
    docs/guarantees.md "$share/doc/turno/"
  gzip -9n "$share/doc/turno/CHANGELOG.md"
  cp -R examples/agent "$share/doc/turno/examples"
}

deb() {
  local program=${binary:-$(build '')} root=$work/deb libc
  local architecture
  architecture=$(dpkg --print-architecture)
  install_files "$program" "$root" /usr
  install -d "$root/usr/lib/systemd/system" "$root/etc/turno" "$root/DEBIAN"
  sed -f scripts/package/turno.service.sed examples/agent/turno.service \
    >"$root/usr/lib/systemd/system/turno.service"
  "$root/usr/bin/turno" agent --print-config --key /var/lib/turno/turno.key \
    --state /var/lib/turno/state --socket-group turno >"$root/etc/turno/turno.json"
  echo /etc/turno/turno.json >"$root/DEBIAN/conffiles"
  install -m 755 scripts/package/{postinst,prerm,postrm} "$root/DEBIAN/"
  libc=$(glibc "$program")
  cat >"$root/DEBIAN/control" <<EOF
Package: turno
Version: $version
Architecture: $architecture
Maintainer: the developers of turno <turno@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: passwd${libc:+, libc6 (>= $libc)}
Section: admin
Priority: optional
Description: distributed mutual-exclusion lock that needs no server
 Every machine of a group runs one agent, and the agents agree among themselves
 by the algorithm of Ricart and Agrawala, over UDP. turno lock runs a command on
 one machine at a time, with a fencing token that rises with every entry.
EOF
  chmod -R u=rwX,go=rX "$root"
  local file=$out/turno_${version}_$architecture.deb
  dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$root" "$file" >/dev/null
  report "$file" "$program"
}

tarball() {
  local program=$binary name=turno-$version-$machine-linux
  if [ -z "$program" ]; then
    if has_musl; then program=$(build "$machine-unknown-linux-musl"); else program=$(build ''); fi
  fi
  install_files "$program" "$work/$name" ''
  tar -C "$work" --owner=0 --group=0 -czf "$out/$name.tar.gz" "$name"
  report "$out/$name.tar.gz" "$program"
}

# The package, its size, and on which systems its program runs.
report() {
  local libc
  libc=$(glibc "$2")
  echo "$1: $(du -k "$1" | cut -f1) KiB, ${libc:+glibc $libc or later}${libc:-static}" |
    sed 's/later[0-9.]*$/later/'
}

for kind in "${kinds[@]}"; do "$kind"; done
