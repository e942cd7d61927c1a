#pragma once
// Places where the tests make a backend die, fail or wait (test/t/020_stop_points.pl). They exist
// only in a library built with `make STOP_POINTS=1`; of any other nothing is left of them.
//
// SET avq.stop_point = 'NAME' or 'NAME:N': at the N-th time (from 1) that this process comes to the
// place, avq.stop_action is done: `kill` ends the process by SIGKILL, after which the server
// recovers from its WAL; `error` raises an error; `wait` waits to be cancelled or killed.
#ifdef AVQ_STOP_POINTS
namespace avq {
void register_stop_points();
void stop_point(const char* name);
}  // namespace avq
#define AVQ_STOP_POINT(name) ::avq::stop_point(name)
#else
#define AVQ_STOP_POINT(name) static_cast<void>(0)
#endif
