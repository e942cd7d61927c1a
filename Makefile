EXTENSION = avq
EXTVERSION = 0.1.0
MODULE_big = avq

SRCS := $(sort $(wildcard src/*.cpp src/core/*.cpp src/types/*.cpp src/storage/*.cpp src/index/*.cpp))
OBJS = $(SRCS:.cpp=.o)
INSTALL_SQL = src/install/types.sql src/install/index.sql
DATA_built = avq--$(EXTVERSION).sql
EXTRA_CLEAN = $(SRCS:.cpp=.d) build avq--$(EXTVERSION).sql

REGRESS = $(sort $(notdir $(basename $(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=avq

OPTFLAGS ?=
override with_llvm = no
PG_CPPFLAGS = -Isrc -isystem /usr/include/eigen3 -MMD -MP
PG_CXXFLAGS = -std=c++20 -O3 $(OPTFLAGS) -fvisibility=hidden -fno-math-errno -ffp-contract=off \
	-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -Wno-register
SHLIB_LINK = -lhwy -lstdc++ -lm -Wl,--version-script=src/avq.map

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

-include $(SRCS:.cpp=.d)

avq--$(EXTVERSION).sql: $(INSTALL_SQL)
	cat $^ > $@
