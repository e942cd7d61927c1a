EXTENSION = avq avq_pgvector
EXTVERSION = 0.1.0
MODULE_big = avq

SRCS := $(sort $(wildcard src/*.cpp src/core/*.cpp src/types/*.cpp src/storage/*.cpp src/index/*.cpp))
OBJS = $(SRCS:.cpp=.o)
INSTALL_SQL = $(wildcard src/install/*.sql)
DATA_built = avq--$(EXTVERSION).sql avq_pgvector--$(EXTVERSION).sql
EXTRA_CLEAN = $(SRCS:.cpp=.d) build

# `make installcheck`, against the running server that the environment names.
REGRESS = $(sort $(notdir $(basename $(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=avq
ISOLATION = $(sort $(notdir $(basename $(wildcard test/isolation/specs/*.spec))))
ISOLATION_OPTS = --load-extension=avq --inputdir=test/isolation

OPTFLAGS ?=
STOP_POINTS ?=# 1: a library for the tests, see src/stop_point.h
override with_llvm = no
PG_CPPFLAGS = -Isrc -isystem /usr/include/eigen3 -MMD -MP $(if $(STOP_POINTS),-DAVQ_STOP_POINTS)
# -Wno-psabi: vector types are passed between our own functions only.
PG_CXXFLAGS = -std=c++20 -O3 $(OPTFLAGS) -fno-math-errno -ffp-contract=off -Wno-psabi \
	-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-register
# Without SSE2, i386 computes with 80 bits or 32 as registers have it: no two places agree on a distance.
ifneq ($(filter i386-% i486-% i586-% i686-%,$(shell $(CXX) -dumpmachine)),)
PG_CXXFLAGS += -msse2 -mfpmath=sse
endif
SHLIB_LINK = -lhwy -lhwy_contrib -lstdc++ -lm -Wl,--version-script=src/avq.map

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
all install uninstall installcheck clean:
	@echo "No PGXS found by $(PG_CONFIG): install PostgreSQL's server headers, or set PG_CONFIG."; exit 1
endif

-include $(SRCS:.cpp=.d)

# Some parts are there once for each of the types that they are about.
avq--$(EXTVERSION).sql: $(INSTALL_SQL) Makefile
	cd src/install && { \
	  of() { for type in $$2; do sed "s/@T@/$$type/g" $$1; done; }; \
	  cat head.sql; of type.sql "vector halfvec sparsevec"; of dense.sql "vector halfvec"; \
	  cat dense_both.sql sparsevec.sql bit.sql index.sql stats.sql; of index_classes.sql "vector halfvec"; \
	} > $(CURDIR)/$@

avq_pgvector--$(EXTVERSION).sql: src/install/pgvector/avq_pgvector.sql
	cp $< $@

# These set up what they need (apt on Debian and its kin) and use private servers.
.PHONY: demo psql test test-all unit lint format tidy bench dist
demo:
	@scripts/demo.sh

# A server to play in: the demo's tables and indexes, and a prompt.
psql:
	@scripts/demo.sh psql

# One suite only: make test SUITES=tap TAP_FILES=test/t/002_crash.pl
test:
	@scripts/test.sh $(SUITES)

# The matrix of compilers, servers and machines, fuzzing and the long runs: NAMES chooses.
test-all:
	@scripts/test_all.sh $(NAMES)

unit:
	@$(MAKE) -C test/unit check

lint:
	@scripts/lint.sh

format:
	clang-format -i $(shell find src test bench -name '*.cpp' -o -name '*.h')

tidy:
	clang-tidy $(SRCS) -- -std=c++20 -Isrc -isystem /usr/include/eigen3 \
	  -isystem $(shell $(PG_CONFIG) --includedir-server)

bench:
	@echo "python3 bench/run.py --data DIR, see bench/README.md"

dist:
	git archive --format zip --prefix=avq-$(EXTVERSION)/ -o avq-$(EXTVERSION).zip HEAD
