# Shared by the scripts beside it (sourced, bash): finding a PostgreSQL to build against, installing
# what is missing, and a private PostgreSQL installation that leaves the system's untouched.
#
# Nothing here starts or stops a server that it did not create itself.

avq_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '\n== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Prints the pg_config of an installation that has the server, its headers and PGXS; fails
# silently where there is none. $PG_CONFIG decides if set; otherwise the one in PATH, then the
# newest of Debian's.
find_pg_config() {
  local candidate
  local candidates=()
  if [ -n "${PG_CONFIG:-}" ]; then
    candidates=("$PG_CONFIG")
  else
    candidates=("$(command -v pg_config || true)")
    while IFS= read -r candidate; do
      candidates+=("$candidate")
    done < <(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -rV)
  fi
  for candidate in "${candidates[@]}"; do
    [ -n "$candidate" ] || continue
    [ -f "$("$candidate" --pgxs 2>/dev/null)" ] || continue
    [ -x "$("$candidate" --bindir)/postgres" ] || continue
    [ -f "$("$candidate" --includedir-server)/postgres.h" ] || continue
    command -v "$candidate"
    return 0
  done
  return 1
}

has_header() {
  echo "#include <$1>" | "${CXX:-g++}" -std=c++20 -I/usr/include/eigen3 -x c++ -E - >/dev/null 2>&1
}

# Prints the Debian packages that are missing for a purpose, `demo` or `test`; nothing if all is
# there. Looks for the things themselves, not for packages: hand-made installations count.
missing_packages() {
  local purpose=$1 version
  command -v make >/dev/null || echo make
  command -v gzip >/dev/null || echo gzip
  command -v "${CXX:-g++}" >/dev/null || echo g++
  if ! find_pg_config >/dev/null; then
    version=$(apt-cache depends postgresql 2>/dev/null |
      sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
    version=${version:-15}
    echo "postgresql-$version"
    echo "postgresql-server-dev-$version"
  fi
  has_header Eigen/Core || echo libeigen3-dev
  has_header hwy/highway.h || echo libhwy-dev
  if [ "$purpose" = test ]; then
    has_header gtest/gtest.h || echo libgtest-dev
    command -v prove >/dev/null || echo perl
    perl -MIPC::Run -e 1 2>/dev/null || echo libipc-run-perl
  fi
}

# Installs what is missing with apt, as root or through sudo. Does not call apt, and needs no
# network, if nothing is missing.
ensure_packages() {
  local purpose=$1 packages as_root=() no_cluster=/etc/postgresql-common/createcluster.d/avq-setup.conf
  packages=$(missing_packages "$purpose" | tr '\n' ' ')
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null ||
    die "missing: $packages(Debian's names); install their equivalents, then run this again"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "missing packages; as root, run: apt-get install $packages"
    as_root=(sudo)
  fi
  say "installing what is missing (a few minutes)"
  local log
  log=$(mktemp /tmp/avq-setup.XXXXXX)
  "${as_root[@]}" apt-get -q update >"$log" 2>&1 || {
    tail -n 5 "$log"
    echo "apt-get update failed; going on with the package lists there are"
  }
  # The name of PostgreSQL's package may have been unknown before the update.
  packages=$(missing_packages "$purpose" | tr '\n' ' ')
  echo "packages: $packages"
  # Debian's PostgreSQL package creates and starts a cluster when installed; nobody asked for one.
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
    echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
  fi
  local result=0
  # shellcheck disable=SC2086
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y install --no-install-recommends $packages >"$log" 2>&1 </dev/null || result=$?
  if [ -e "$no_cluster" ]; then "${as_root[@]}" rm -f "$no_cluster"; fi
  if [ "$result" != 0 ]; then
    tail -n 20 "$log"
    die "apt-get could not install: $packages(see $log)"
  fi
  rm -f "$log"
  packages=$(missing_packages "$purpose" | tr '\n' ' ')
  [ -z "$packages" ] || die "still missing after installation: $packages"
}

# PostgreSQL refuses to run as root: sets as_server to the command prefix that steps down.
choose_server_user() {
  as_server=() # empty for an ordinary user
  server_user=$(id -un)
  if [ "$(id -u)" = 0 ]; then
    server_user=postgres
    id "$server_user" >/dev/null 2>&1 || server_user=nobody
    if command -v setpriv >/dev/null; then
      # Becomes the command, where runuser stays as its parent.
      as_server=(setpriv "--reuid=$server_user" "--regid=$(id -g "$server_user")" --init-groups --)
    elif command -v runuser >/dev/null; then
      as_server=(runuser -u "$server_user" --)
    else
      die "setpriv or runuser (util-linux) is needed, for PostgreSQL does not run as root"
    fi
  fi
}

# Creates the work directory $work, readable by the server's user, and sees to it that every
# server in it is stopped and everything removed at exit, whatever the reason.
make_work_directory() {
  work=$(mktemp -d /tmp/avq.XXXXXX)
  chmod 755 "$work"
  trap remove_work_directory EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

remove_work_directory() {
  local result=$? pid_file pid
  trap - EXIT
  [ -d "${work:-}" ] || exit "$result"
  while IFS= read -r pid_file; do
    pid=$(head -n 1 "$pid_file")
    kill -QUIT "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
  done < <(find "$work" -name postmaster.pid 2>/dev/null)
  if [ -n "${small_disk:-}" ]; then umount "$small_disk" 2>/dev/null || umount -l "$small_disk"; fi
  rm -rf "$work"
  exit "$result"
}

# A private copy of the PostgreSQL installation under a directory, with avq installed into it from a
# source tree. The binaries are copied, for PostgreSQL finds its other directories relative to them;
# libraries and shared files are links to the system's. So neither root nor a change to the system is
# needed. Arguments: pg_config, directory, tree, what else make is to be told.
copy_postgres() {
  local pg_config=$1 root=$2 tree=$3 bindir pkglibdir sharedir entry
  bindir=$("$pg_config" --bindir)
  pkglibdir=$("$pg_config" --pkglibdir)
  sharedir=$("$pg_config" --sharedir)
  mkdir -p "$root$bindir" "$root$pkglibdir" "$root$sharedir/extension"
  cp -p "$bindir"/* "$root$bindir/"
  ln -s "$pkglibdir"/* "$root$pkglibdir/"
  ln -s "$sharedir"/extension/* "$root$sharedir/extension/"
  for entry in "$sharedir"/*; do
    [ "$(basename "$entry")" = extension ] || ln -s "$entry" "$root$sharedir/"
  done
  rm -f "$root$sharedir"/extension/avq* "$root$pkglibdir"/avq*
  [ "$("$root$bindir/pg_config" --sharedir)" = "$root$sharedir" ] ||
    die "this PostgreSQL cannot be relocated ($bindir)"
  make -s -C "$tree" install DESTDIR="$root" PG_CONFIG="$pg_config" "${@:4}" >"$work/install.log" 2>&1 || {
    cat "$work/install.log"
    die "make install failed"
  }
}

# The copy in $work/pg that everything runs in; sets pg_bin and pgxs_dir.
make_private_postgres() {
  local pg_config=$1
  copy_postgres "$pg_config" "$work/pg" "$avq_top"
  pg_bin=$work/pg$("$pg_config" --bindir)
  pgxs_dir=$(cd "$(dirname "$("$pg_config" --pgxs)")/../.." && pwd)
  export PATH=$pg_bin:$PATH
}

# Starts a private server in $work/server, reachable only through its own socket directory.
# Arguments: further settings, one `name=value` each. Sets PGHOST, PGPORT, PGUSER, PGDATABASE.
start_private_server() {
  local setting
  install -d -m 700 -o "$server_user" "$work/server" "$work/socket"
  export PGHOST=$work/socket PGPORT=54329 PGUSER=postgres PGDATABASE=postgres
  export LC_ALL=C
  unset PGSERVICE PGOPTIONS PGPASSFILE PGHOSTADDR
  (cd "$work" && "${as_server[@]}" "$pg_bin/initdb" -D "$work/server/data" -U postgres \
    --auth=trust --locale=C --encoding=UTF8 --no-sync >"$work/initdb.log" 2>&1) || {
    cat "$work/initdb.log"
    die "initdb failed"
  }
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$work/socket'"
    echo "port = $PGPORT"
    for setting in "$@"; do echo "${setting%%=*} = '${setting#*=}'"; done
  } | "${as_server[@]}" tee -a "$work/server/data/postgresql.conf" >/dev/null
  (cd "$work" && "${as_server[@]}" "$pg_bin/pg_ctl" -D "$work/server/data" -w -t 60 \
    -l "$work/server/log" start >/dev/null) || {
    cat "$work/server/log"
    die "the private server did not start"
  }
}

stop_private_server() {
  (cd "$work" && "${as_server[@]}" "$pg_bin/pg_ctl" -D "$work/server/data" -m fast -w stop >/dev/null)
}
