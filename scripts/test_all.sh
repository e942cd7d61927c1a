#!/usr/bin/env bash
# make test-all: the checks that are too long, or need too much, for every day. By name, or all:
#   clang       the library by clang, warnings are errors; likewise by gcc
#   sanitizers  unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
#   fuzz        every fuzzer for FUZZ_SECONDS (60)
#   long        the TAP tests of stop points, damage, values, memory and mixed load, ten times as long
#   sqlsmith    QUERIES (20,000) random statements
#   noble       make test on PostgreSQL 16, in Ubuntu's noble
#   trixie      make test on PostgreSQL 17; sid: on 18; i386: 32 bits, on Debian's bookworm
#   upgrade     pg_upgrade from PostgreSQL 15 to 17, in the system of trixie
#   deb         the Debian package built, checked by lintian, installed and tested, in the system of trixie
#   arm64       unit tests of core, cross-compiled, under qemu
# The other systems are installed by debootstrap below AVQ_MATRIX (/var/tmp/avq-matrix) and kept;
# they, and the packages that are missing, need root.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$avq_top" || exit 1

matrix=${AVQ_MATRIX:-/var/tmp/avq-matrix}
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(clang sanitizers fuzz sqlsmith long noble trixie deb upgrade sid i386 arm64)
logs=$avq_top/build/test-all
mkdir -p "$logs"

need() {
  local missing=() package
  for package in "$@"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || apt-get -q -y install --no-install-recommends "${missing[@]}" >/dev/null
}

# A copy of what git knows, as it is in the working tree.
copy_sources() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$1"
}

check_clang() {
  need clang
  local tree warnings='-Werror -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-unknown-warning-option -Wno-ignored-attributes'
  tree=$(mktemp -d)
  copy_sources "$tree"
  make -s -C "$tree" -j"$(nproc)" all CXX=clang++ OPTFLAGS="$warnings" &&
    make -s -C "$tree" clean && make -s -C "$tree" -j"$(nproc)" all OPTFLAGS="$warnings"
  local result=$?
  rm -rf "$tree"
  return $result
}

check_sanitizers() { make -s unit SANITIZE=address,undefined; }

check_fuzz() {
  need clang
  make -s -C test/fuzz fuzz
}

check_long() {
  AVQ_ROUNDS=${AVQ_ROUNDS:-10} AVQ_CLIENTS=16 AVQ_SECONDS=${AVQ_SECONDS:-600} \
    TAP_FILES="test/t/005_concurrency.pl test/t/020_stop_points.pl test/t/021_page_fuzz.pl test/t/024_memory.pl test/t/027_values.pl" \
    make -s test SUITES=tap
}

check_sqlsmith() {
  need sqlsmith
  scripts/sqlsmith.sh
}

# Debian's PostgreSQL makes a cluster when it is installed, unless it is told not to.
no_cluster='mkdir -p /etc/postgresql-common/createcluster.d &&
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/avq.conf'

# make test inside another Debian. Arguments: directory name, release, architecture.
test_in() {
  local root=$matrix/$1 result
  if [ ! -e "$root/.installed" ]; then
    need debootstrap
    mkdir -p "$matrix"
    local components=main script=()
    if [ "$2" = noble ]; then # debootstrap may be older than the release: the script of its forebears
      need ubuntu-keyring
      components=main,universe
      script=("$(sed -n 's/^[ \t]*default_mirror //p' /usr/share/debootstrap/scripts/gutsy | grep archive)" gutsy)
    fi
    debootstrap --variant=minbase --arch="$3" --components=$components \
        --include=make,git,ca-certificates,procps,locales "$2" "$root" "${script[@]}" && touch "$root/.installed" || return 1
  fi
  mkdir -p "$root/proc" "$root/dev" "$root/root"
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  mountpoint -q "$root/dev" || { mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"; }
  rm -rf "$root/root/avq"
  copy_sources "$root/root/avq"
  chroot "$root" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c "cd /root/avq && ${4:-make test}"
  result=$?
  umount -l "$root/dev" "$root/proc"
  return $result
}
check_noble() { test_in noble noble amd64; }
check_trixie() { # with pgvector, for test/t/030_pgvector.pl
  test_in trixie trixie amd64 "$no_cluster"' &&
    apt-get -q update && apt-get -q -y install --no-install-recommends postgresql-17-pgvector && make test'
}
check_upgrade() {
  test_in trixie trixie amd64 "$no_cluster"' &&
    sed "s/trixie/bookworm/g" /etc/apt/sources.list >/etc/apt/sources.list.d/bookworm.list &&
    printf "Package: *\nPin: release n=bookworm\nPin-Priority: 100\n" >/etc/apt/preferences.d/bookworm &&
    apt-get -q update &&
    apt-get -q -y install --no-install-recommends postgresql-15 postgresql-server-dev-15 \
      postgresql-17 postgresql-server-dev-17 g++ libeigen3-dev libhwy-dev libipc-run-perl libgtest-dev &&
    PG_CONFIG=/usr/lib/postgresql/17/bin/pg_config OLD_PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config \
      TAP_FILES=test/t/026_upgrade.pl make test SUITES=tap'
}
check_deb() {
  test_in trixie trixie amd64 "$no_cluster"' &&
    apt-get -q update && apt-get -q -y install --no-install-recommends build-essential debhelper fakeroot lintian \
      postgresql-all postgresql-server-dev-all g++ libeigen3-dev libhwy-dev &&
    rm -rf /var/tmp/avq-deb && mkdir /var/tmp/avq-deb && cp -r . /var/tmp/avq-deb/avq && # where postgres may read
    cd /var/tmp/avq-deb/avq && pg_buildext updatecontrol &&
    dpkg-buildpackage -us -uc -b && # runs the regression tests with the package
    lintian --allow-root --fail-on error,warning ../avq_*.changes &&
    apt-get -q -y install --reinstall ../postgresql-17-avq_*.deb && dpkg -L postgresql-17-avq &&
    pg_virtualenv -v 17 psql -c "CREATE EXTENSION avq" -c "SELECT extversion FROM pg_extension" &&
    apt-get -q -y remove postgresql-17-avq'
}
check_sid() { test_in sid sid amd64; }
check_i386() { test_in i386 bookworm i386; }

check_arm64() {
  dpkg --add-architecture arm64 && apt-get -q update >/dev/null
  need g++-aarch64-linux-gnu qemu-user libhwy-dev:arm64 libgtest-dev:arm64
  local tree shard result=0 jobs=()
  tree=$(mktemp -d)
  copy_sources "$tree"
  make -s -C "$tree/test/unit" -j"$(nproc)" CXX=aarch64-linux-gnu-g++ ../../build/unit_tests || result=1
  for ((shard = 0; shard < $(nproc) && result == 0; shard++)); do
    GTEST_TOTAL_SHARDS=$(nproc) GTEST_SHARD_INDEX=$shard qemu-aarch64 "$tree/build/unit_tests" \
      --gtest_brief=1 --gtest_print_time=1 &
    jobs+=($!)
  done
  for shard in "${jobs[@]}"; do wait "$shard" || result=1; done
  rm -rf "$tree"
  return $result
}

failed=0
summary=()
for name in "${names[@]}"; do
  say "$name"
  begin=$SECONDS
  if "check_$name" >"$logs/$name.log" 2>&1; then verdict=ok; else verdict=FAILED failed=1; fi
  tail -n 8 "$logs/$name.log"
  summary+=("$name: $verdict, $((SECONDS - begin)) s")
done
say "summary (outputs: build/test-all)"
printf '%s\n' "${summary[@]}"
exit $failed
