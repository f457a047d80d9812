#!/usr/bin/env bash
# Checks the Markdown files: every relative link leads to a file that git knows,
# every anchor to a heading, every page of docs/ is linked from the README, and
# the README has at most 160 lines. Links to other hosts are not followed.
set -euo pipefail
cd "$(dirname "$0")/.."

MAX_README_LINES=160
faults=0
fault() {
  echo "$1" >&2
  faults=$((faults + 1))
}

# The anchors of a page's headings, as code hosts make them: in lower case,
# without punctuation, a hyphen for a space; repeated ones are numbered.
anchors() {
  awk '
    /^ *```/ { fenced = !fenced; next }
    !fenced && /^#+ / {
      sub(/^#+ +/, "")
      gsub(/\[|\]\([^)]*\)/, "")
      anchor = tolower($0)
      gsub(/[^a-z0-9 _-]/, "", anchor)
      gsub(/ /, "-", anchor)
      print anchor (seen[anchor]++ ? "-" (seen[anchor] - 1) : "")
    }' "$1"
}

# The targets of a page's links and pictures, each with its line, without what
# stands in code.
links() {
  awk '
    /^ *```/ { fenced = !fenced; next }
    fenced { next }
    {
      gsub(/`[^`]*`/, "")
      while (match($0, /\]\([^)]*\)/)) {
        print FNR " " substr($0, RSTART + 2, RLENGTH - 3)
        $0 = substr($0, RSTART + RLENGTH)
      }
    }' "$1"
}

known=$(git ls-files --cached --others --exclude-standard)
# Whether git knows this file, or a file in this folder.
is_known() {
  grep -qxF -- "$1" <<<"$known" || grep -qF -- "$1/" <<<"$known"
}

pages=$(grep '\.md$' <<<"$known")
while read -r page; do
  while read -r line link; do
    case $link in
      http://* | https://* | mailto:*) continue ;;
    esac
    path=${link%%#*}
    if [ -z "$path" ]; then
      target=$page
    else
      target=$(realpath -ms --relative-to=. "$(dirname "$page")/$path")
      is_known "$target" || {
        fault "$page:$line: there is no $target"
        continue
      }
    fi
    case $link in
      *.md\#* | \#*)
        anchors "$target" | grep -qxF -- "${link#*#}" ||
          fault "$page:$line: $target has no heading for #${link#*#}"
        ;;
    esac
  done < <(links "$page")
done <<<"$pages"

while read -r page; do
  links README.md | grep -q " $page\(#\|\$\)" || fault "README.md has no link to $page"
done < <(grep '^docs/.*\.md$' <<<"$known")

length=$(wc -l <README.md)
[ "$length" -le $MAX_README_LINES ] ||
  fault "README.md has $length lines; at most $MAX_README_LINES"

[ $faults = 0 ] || exit 1
echo "$(wc -l <<<"$pages") pages: every link leads somewhere; README.md has $length lines"
