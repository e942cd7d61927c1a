#!/usr/bin/env bash
# make test: sets up what is missing, builds, and runs every suite: lint unit fuzz regress isolation tap.
# Arguments choose suites; TAP_FILES chooses scripts, e.g.
#   TAP_FILES=test/t/002_crash.pl scripts/test.sh tap
# The servers are private ones of an own copy of PostgreSQL, stopped and removed at the end. On a
# failure, the outputs worth reading are kept in build/test-logs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(lint unit fuzz regress isolation tap)
wants() { [[ " ${suites[*]} " == *" $1 "* ]]; }

ensure_packages test
pg_config=$(find_pg_config) || die "no PostgreSQL with server headers found"
say "building avq for $("$pg_config" --version)"
make -s -C "$avq_top" -j"$(nproc)" all PG_CONFIG="$pg_config"

choose_server_user
make_work_directory
logs=$avq_top/build/test-logs
rm -rf "$logs"

summary=()
failed=0
# Runs one suite, shows its output, and keeps its closing lines for the summary.
# Arguments: name, pattern of the closing lines, command.
run_suite() {
  local name=$1 closing=$2 log=$work/$1.log begin=$SECONDS verdict=ok
  shift 2
  say "$name"
  if ! "$@" 2>&1 | tee "$log"; then
    verdict=FAILED
    failed=1
  fi
  summary+=("-- $name: $verdict, $((SECONDS - begin)) s"
    "$({ grep -E "$closing" "$log" || tail -n 1 "$log"; } | sed 's/^ */   /')")
}

# The server's user may be unable to read the checkout, and writes its results: it gets a copy.
copy_tree() {
  mkdir "$work/tree"
  tar -C "$avq_top" --exclude=./.git --exclude=./build -cf - . | tar -C "$work/tree" -xf -
  if [ "$(id -u)" = 0 ]; then chown -R "$server_user" "$work/tree"; fi
}

run_regress() {
  "${as_server[@]}" make -s -C "$work/tree" installcheck PG_CONFIG="$pg_config" ISOLATION= || {
    head -n 200 "$work/tree/regression.diffs" 2>/dev/null
    return 1
  }
}

run_isolation() {
  "${as_server[@]}" make -s -C "$work/tree" installcheck PG_CONFIG="$pg_config" REGRESS= || {
    head -n 200 "$work/tree/output_iso/regression.diffs" 2>/dev/null
    return 1
  }
}

# A second copy of PostgreSQL, whose avq stops where it is told (src/stop_point.h).
make_stopping_postgres() {
  stopping=
  # Only one script needs it.
  # shellcheck disable=SC2086,SC2116
  [[ $(cd "$avq_top" && echo ${TAP_FILES:-test/t/020_stop_points.pl}) == *020_stop_points* ]] || return 0
  local tree=$work/stopping-tree
  cp -r "$work/tree" "$tree"
  # shellcheck disable=SC2046
  touch $(grep -rl 'stop_point\.h' "$tree/src" --include='*.cpp' --include='*.h')
  rm -f "$tree/src/module.o" "$tree/src/stop_point.o"
  make -s -C "$tree" -j"$(nproc)" all STOP_POINTS=1 PG_CONFIG="$pg_config"
  copy_postgres "$pg_config" "$work/pg-stopping" "$tree" STOP_POINTS=1
  stopping=$(dirname "$work/pg-stopping$("$pg_config" --bindir)")
}

# An older PostgreSQL to upgrade from, where OLD_PG_CONFIG names one.
make_old_postgres() {
  old_postgres=
  [ -n "${OLD_PG_CONFIG:-}" ] || return 0
  local tree=$work/old-tree
  cp -r "$work/tree" "$tree"
  make -s -C "$tree" clean PG_CONFIG="$OLD_PG_CONFIG"
  make -s -C "$tree" -j"$(nproc)" all PG_CONFIG="$OLD_PG_CONFIG"
  copy_postgres "$OLD_PG_CONFIG" "$work/pg-old" "$tree"
  old_postgres=$(dirname "$work/pg-old$("$OLD_PG_CONFIG" --bindir)")
}

# A file system that is soon full, where we may mount one.
make_small_disk() {
  small_disk=
  [ "$(id -u)" = 0 ] || return 0
  install -d -m 700 "$work/small"
  mount -t tmpfs -o "size=64m,mode=700,uid=$(id -u "$server_user")" tmpfs "$work/small" 2>/dev/null || return 0
  small_disk=$work/small
}

# The environment that PGXS gives to its TAP tests on PostgreSQL 15 to 18, for the private copy.
run_tap() {
  local out=$work/tree/tmp_check
  "${as_server[@]}" mkdir -p "$out/log"
  # Sockets live here, and their paths must be short.
  install -d -m 700 -o "$server_user" "$work/t"
  cd "$work/tree"
  # shellcheck disable=SC2086
  "${as_server[@]}" env -u PGHOST -u PGUSER -u PGDATABASE -u PGPORT \
    TMPDIR="$work/t" TESTDIR="$work/tree" TESTDATADIR="$out" TESTLOGDIR="$out/log" \
    PG_REGRESS="$pgxs_dir/src/test/regress/pg_regress" \
    AVQ_SMALL_DISK="$small_disk" AVQ_OLD_POSTGRES="$old_postgres" AVQ_STOPPING_POSTGRES="$stopping" \
    share_contrib_dir="$("$pg_bin/pg_config" --sharedir)/extension" \
    prove -j "$(nproc)" -I "$pgxs_dir/src/test/perl" -I test/lib --timer --failures \
    ${TAP_FILES:-test/t/*.pl}
}

keep_logs() {
  mkdir -p "$logs"
  cp "$work"/*.log "$logs/" 2>/dev/null || true
  cp -r "$work"/tree/regression.* "$work"/tree/output_iso "$logs/" 2>/dev/null || true
  cp -r "$work"/tree/tmp_check/log "$logs/tap" 2>/dev/null || true
  cp "$work/server/log" "$logs/server.log" 2>/dev/null || true
  echo "outputs kept in build/test-logs"
}

wants lint && run_suite lint '^lint:' "$avq_top/scripts/lint.sh" --basic
wants unit && run_suite unit '^\[( +(PASSED|FAILED)|=+\].* ran)' \
  make -s -C "$avq_top/test/unit" -j"$(nproc)" check
wants fuzz && run_suite fuzz 'no violation' make -s -C "$avq_top/test/fuzz" -j"$(nproc)" check
if wants regress || wants isolation || wants tap; then
  make_private_postgres "$pg_config"
  copy_tree
fi
if wants regress || wants isolation; then
  start_private_server fsync=off max_prepared_transactions=5
  wants regress && run_suite regress 'tests? (passed|failed)' run_regress
  wants isolation && run_suite isolation 'tests? (passed|failed)' run_isolation
  stop_private_server
fi
if wants tap; then
  make -s -C "$work/tree/test/modules/overwrite" all PG_CONFIG="$pg_config"
  make -s -C "$work/tree/test/modules/overwrite" install PG_CONFIG="$pg_config" DESTDIR="$work/pg" >/dev/null
  make_stopping_postgres
  make_small_disk
  make_old_postgres
fi
wants tap && run_suite tap '^(test/t/.*Failed: [1-9]|Files=|Result:)' run_tap

say "summary"
printf '%s\n' "${summary[@]}"
if [ "$failed" != 0 ]; then
  keep_logs
  echo "FAILED"
  exit 1
fi
echo "all passed"
