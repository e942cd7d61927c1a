#!/usr/bin/env bash
# make lint: the rules of CONTRIBUTING.md that a script can check. `--basic` leaves out clang-format
# (whose verdict depends on its version), as `make test` does. Prints each breach as file:line.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

found=$(mktemp)
trap 'rm -f "$found"' EXIT
# Reads breaches from stdin, one a line, and notes them with the rule they break.
breach() { sed "s|\$|  <- $1|" >>"$found"; }

sources() { find "$@" \( -name '*.cpp' -o -name '*.h' \) 2>/dev/null | sort; }

# Prints every project header that a file includes, directly or not, and the file itself.
closure() {
  local todo=("$1") seen=" " file name
  while [ ${#todo[@]} -gt 0 ]; do
    file=${todo[0]}
    todo=("${todo[@]:1}")
    [[ $seen == *" $file "* ]] && continue
    seen+="$file "
    echo "$file"
    while IFS= read -r name; do
      if [ -f "src/$name" ]; then
        todo+=("src/$name")
      elif [ -f "$(dirname "$file")/$name" ]; then
        todo+=("$(dirname "$file")/$name")
      fi
    done < <(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
  done
}

# --- layers: core <- storage <- index; types on core and pg.h only --------------------------------
core_files=$(sources src/core)
if [ -n "$core_files" ]; then
  grep -nE '#include .*(pg|compat|bridge|postgres)\.h"' $core_files |
    breach "core knows no PostgreSQL header"
  grep -nE '\b(ereport|elog|palloc0?|pfree|PG_TRY)\(' $core_files |
    breach "core calls no PostgreSQL function"
fi
grep -nE '#include "(\.\./)?(index|types)/' $(sources src/storage) /dev/null |
  breach "storage knows neither index nor types"
grep -nE '#include "(\.\./)?(index|storage)/' $(sources src/types) /dev/null |
  breach "types know neither index nor storage"

# --- no file sees both the server's headers and Highway or Eigen ----------------------------------
for file in $(find src -name '*.cpp' | sort); do
  files=$(closure "$file")
  if grep -q '^src/pg\.h$' <<<"$files"; then
    grep -nE '#include <(hwy|Eigen)/' $files /dev/null |
      sed "s|^|$file -> |" | breach "a file that sees pg.h sees neither Highway nor Eigen"
  fi
done
grep -nE '#include "postgres\.h"' $(sources src) /dev/null | grep -v '^src/pg\.h:' |
  breach "the server's headers come through pg.h only"
grep -nE 'PG_VERSION_NUM' $(sources src) /dev/null | grep -vE '^src/(pg|compat)\.h:' |
  breach "version conditionals live in compat.h"

# --- what users can reach -------------------------------------------------------------------------
if [ -f avq.so ]; then
  nm -D --defined-only avq.so | awk '{ print $NF }' | sed 's/@.*//' |
    grep -vE '^(avq_.*|pg_finfo_avq_.*|Pg_magic_func|_PG_init|AVQ[_0-9.]*)$' |
    breach "exported by avq.so: only entry points are"
fi

# --- form -----------------------------------------------------------------------------------------
written=$(sources src test bench)
if [ -n "$written" ]; then
  LC_ALL=C.UTF-8 grep -nE '^.{101,}' $written | cut -c1-80 | breach "100 columns"
  grep -nP '\t' $written | cut -c1-80 | breach "no tabs"
  grep -nE ' +$' $written | cut -c1-80 | breach "no trailing blanks"
  grep -nE '\b(TODO|FIXME|XXX)\b' $written | cut -c1-100 | breach "no unfinished business"
fi
# Highway's per-target parts have guards of their own.
for header in $(find src -name '*.h' ! -name '*_inl.h' | sort); do
  [ "$(head -n 1 "$header")" = "#pragma once" ] || echo "$header:1" | breach "#pragma once first"
done

# --- one version everywhere -----------------------------------------------------------------------
version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" avq.control)
grep -q "^EXTVERSION = $version$" Makefile || echo "Makefile:1" | breach "version is $version"
grep -q "\"version\": \"$version\"" META.json || echo "META.json:1" | breach "version is $version"
grep -q "^## $version" CHANGELOG.md || echo "CHANGELOG.md:1" | breach "version is $version"

# --- format ---------------------------------------------------------------------------------------
if [ "${1:-}" != --basic ] && command -v clang-format >/dev/null; then
  clang-format --dry-run $written 2>&1 | grep 'warning:' | cut -d: -f1,2 | sort -u |
    breach "clang-format -i formats it"
fi

cat "$found"
count=$(wc -w <<<"$written")
breaches=$(wc -l <"$found")
if [ "$breaches" != 0 ]; then
  echo "lint: $breaches breaches in $count files"
  exit 1
fi
echo "lint: $count files, no breach"
