#include "cpu/thread_pool.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "harness.hpp"

namespace {

using namespace millrace;
using namespace millrace::test;

double cpu_seconds_of_process() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

TEST("every task of a run is done exactly once, by workers that exist") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const std::int64_t tasks : {0, 1, 2, 3, 15, 16, 17, 1000}) {
      std::vector<int> done(static_cast<std::size_t>(tasks));  // plain: each element has one writer
      std::atomic<bool> workers_exist = true;
      pool.run(tasks, [&](std::int64_t task, int worker) {
        ++done[static_cast<std::size_t>(task)];
        if (worker < 0 || worker >= threads) workers_exist = false;
      });
      CHECK(workers_exist);
      CHECK(std::all_of(done.begin(), done.end(), [](int count) { return count == 1; }));
    }
  }
}

TEST("a run sees what the caller wrote before it, and the caller what the run wrote") {
  ThreadPool pool(4);
  std::vector<std::int64_t> values(64);
  for (std::int64_t round = 1; round <= 3000; ++round) {
    for (auto& value : values) value = round;
    pool.run(64, [&](std::int64_t task, int) { values[static_cast<std::size_t>(task)] *= task; });
    bool right = true;
    for (std::int64_t i = 0; i < 64; ++i) right = right && values[static_cast<std::size_t>(i)] == round * i;
    if (!right) CHECK(right);
  }
  CHECK_EQ(values[63], 3000 * 63);
}

TEST("two calls with the same worker never overlap") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> inside(3);
  std::atomic<bool> overlapped = false;
  for (int round = 0; round < 50; ++round) {
    pool.run(100, [&](std::int64_t, int worker) {
      auto& here = inside[static_cast<std::size_t>(worker)];
      if (here.fetch_add(1) != 0) overlapped = true;
      here.fetch_sub(1);
    });
  }
  CHECK(!overlapped);
}

TEST("runs from several threads take turns and are all done") {
  ThreadPool pool(3);
  std::vector<std::int64_t> sums(4);
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < sums.size(); ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 200; ++round) {
        std::vector<std::int64_t> parts(50);
        pool.run(50, [&](std::int64_t task, int) { parts[static_cast<std::size_t>(task)] = task; });
        for (const std::int64_t part : parts) sums[caller] += part;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const std::int64_t sum : sums) CHECK_EQ(sum, 200 * 50 * 49 / 2);
}

TEST("a task that takes long does not keep other workers from the rest") {
  ThreadPool pool(2);
  std::atomic<int> others = 0;
  std::atomic<bool> first_waited_for_all = false;
  // Task 0 goes on only when all others but those of its own piece are done.
  pool.run(320, [&](std::int64_t task, int) {
    if (task != 0) {
      ++others;
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (others < 300 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    first_waited_for_all = others >= 300;
  });
  CHECK(first_waited_for_all);
  CHECK_EQ(others.load(), 319);
}

TEST("a limit keeps the other workers out, and can be lifted again") {
  ThreadPool pool(4);
  for (const int limit : {1, 2, 4, 3, 1, 4}) {
    pool.set_limit(limit);
    CHECK_EQ(pool.limit(), limit);
    std::atomic<int> highest = 0, done = 0;
    pool.run(200, [&](std::int64_t, int worker) {
      int seen = highest;
      while (worker > seen && !highest.compare_exchange_weak(seen, worker)) {
      }
      ++done;
    });
    CHECK(highest < limit);
    CHECK_EQ(done.load(), 200);
  }
  pool.set_limit(99);
  CHECK_EQ(pool.limit(), 4);
}

TEST("an exception in a task reaches the caller once, and the pool goes on") {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    for (const std::int64_t tasks : {1, 200}) {
      int caught = 0;
      try {
        pool.run(tasks, [&](std::int64_t task, int) {
          if (task % 50 == 0) throw std::runtime_error("out of luck");
        });
      } catch (const std::runtime_error&) {
        ++caught;
      }
      CHECK_EQ(caught, 1);
      std::atomic<int> done = 0;
      pool.run(tasks, [&](std::int64_t, int) { ++done; });
      CHECK_EQ(done.load(), static_cast<int>(tasks));
    }
  }
}

TEST("an idle pool uses no processor time") {
  ThreadPool pool(4);
  pool.run(100, [](std::int64_t, int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // past the spin
  const double before = cpu_seconds_of_process();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // Four spinning threads would take up to 1.2 s; on one busy core still tens of milliseconds.
  CHECK(cpu_seconds_of_process() - before < 0.02);
}

TEST("a pool can be destroyed at once, idle, limited and after work") {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(4);
    if (i % 3 == 1) pool.set_limit(1);
    if (i % 3 == 2) pool.run(10, [](std::int64_t, int) {});
  }
  CHECK(true);
}

TEST("a worker begins with its own part of the tasks, the same one call after call") {
  ThreadPool pool(2);
  int kept = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<int> worker_of(64);
    // Tasks that wait for each other: both threads take part.
    std::atomic<int> begun = 0;
    pool.run(2, [&](std::int64_t task, int worker) {
      worker_of[static_cast<std::size_t>(task)] = worker;
      ++begun;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
      while (begun < 2 && std::chrono::steady_clock::now() < deadline) {
      }
    });
    if (worker_of[0] == 0 && worker_of[1] == 1) ++kept;
  }
  CHECK(kept > 100);
}

TEST("pinned threads compute, each on its processor") {
  const int cpu = current_cpu();
  if (cpu < 0) SKIP("this system does not say where a thread runs");
  std::thread([&] {  // the caller is pinned as well
    ThreadPool pool(3, {cpu});
    std::atomic<int> done = 0, elsewhere = 0;
    for (int round = 0; round < 20; ++round) {
      pool.run(100, [&](std::int64_t, int) {
        ++done;
        if (current_cpu() != cpu) ++elsewhere;
      });
    }
    CHECK_EQ(done.load(), 2000);
    CHECK_EQ(elsewhere.load(), 0);
  })
      .join();
}

TEST("a pool refuses a number of threads that makes no sense") {
  CHECK_THROWS_CODE(ThreadPool(0), "ERR_INVALID_PARAMETER");
  CHECK_THROWS_CODE(ThreadPool(1025), "ERR_INVALID_PARAMETER");
}
