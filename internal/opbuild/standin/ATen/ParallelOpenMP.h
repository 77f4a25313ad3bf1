// Stands in for ATen/ParallelOpenMP.h in builds with ThreadSanitizer.
//
// ThreadSanitizer does not see how the threads of OpenMP wait for each other, and so
// reports races in correct code. Here each chunk of at::parallel_for has a std::thread
// of its own, which it does understand. A build that finds this folder before those of
// torch takes this file; nothing else changes. Loops run in threads even where the
// build has no -fopenmp, without which torch's own file leaves them serial.
//
// It is for torch 1.13 to 2.14, whose at::parallel_for and at::parallel_reduce call
// at::internal::invoke_parallel(begin, end, grain_size, f).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#define INTRA_OP_PARALLEL

namespace at {
namespace internal {

// A loop within a loop runs in its thread, as with OpenMP.
inline bool& inside_andiron_loop() {
  static thread_local bool inside = false;
  return inside;
}

template <typename F>
inline void invoke_parallel(
    const int64_t begin,
    const int64_t end,
    const int64_t grain_size,
    const F& f) {
  int64_t threads = at::get_num_threads();
  if (grain_size > 0) {
    threads = std::min(threads, divup(end - begin, grain_size));
  }
  if (threads <= 1 || inside_andiron_loop()) {
    ThreadIdGuard id(0);
    f(begin, end);
    return;
  }
  const int64_t chunk = divup(end - begin, threads);
  std::vector<std::exception_ptr> thrown(threads);
  std::vector<std::thread> started;
  started.reserve(threads);
  for (int64_t t = 0; t < threads && begin + t * chunk < end; ++t) {
    started.emplace_back([&, t] {
      inside_andiron_loop() = true;
      try {
        ThreadIdGuard id(static_cast<int>(t));
        const int64_t from = begin + t * chunk;
        f(from, std::min(end, from + chunk));
      } catch (...) {
        thrown[t] = std::current_exception();
      }
    });
  }
  for (auto& thread : started) {
    thread.join();
  }
  for (auto& e : thrown) {
    if (e) {
      std::rethrow_exception(e);
    }
  }
}

} // namespace internal
} // namespace at
