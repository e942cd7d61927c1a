#include "stop_point.h"

#ifdef AVQ_STOP_POINTS
#include "pg.h"

extern "C" {
#include <signal.h>
#include <unistd.h>

#include "utils/guc.h"
}

namespace avq {

namespace {

enum Action { kKill, kError, kWait };
const config_enum_entry kActions[] = {
    {"kill", kKill, false}, {"error", kError, false}, {"wait", kWait, false}, {nullptr, 0, false}};

char* wanted;
int action = kKill;
long left;  // times that the place is to be passed before

void count_again(const char* value, void*) {
  const char* colon = strchr(value, ':');
  left = colon == nullptr ? 1 : strtol(colon + 1, nullptr, 10);
}

}  // namespace

void register_stop_points() {
  DefineCustomStringVariable("avq.stop_point", "Place where this process stops", nullptr, &wanted,
                             "", PGC_SUSET, 0, nullptr, count_again, nullptr);
  DefineCustomEnumVariable("avq.stop_action", "What it does there", nullptr, &action, kKill,
                           kActions, PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

void stop_point(const char* name) {
  const size_t length = strlen(name);
  if (wanted == nullptr || strncmp(wanted, name, length) != 0) return;
  if (wanted[length] != '\0' && wanted[length] != ':') return;
  if (left <= 0 || --left != 0) return;
  if (action == kKill) {
    kill(getpid(), SIGKILL);
  } else if (action == kError) {
    elog(ERROR, "stopped at \"%s\"", wanted);
  }
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    pg_usleep(1000);
  }
}

}  // namespace avq
#endif
