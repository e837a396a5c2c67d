#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace {

// Runs the ranks of a stage at the same time: rank 0 on the caller, the others on threads of their own,
// which sleep between stages. A stage of one rank uses no thread at all.
class RankThreads {
 public:
  explicit RankThreads(int max_ranks);
  ~RankThreads();
  RankThreads(const RankThreads&) = delete;
  RankThreads& operator=(const RankThreads&) = delete;

  // Calls fn(0) ... fn(count - 1), each on its own thread; rethrows the first exception when all are back.
  void run(int count, const std::function<void(int)>& fn);

 private:
  void work(int rank);

  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* fn_ = nullptr;
  int count_ = 0;
  int running_ = 0;
  std::uint64_t round_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

}  // namespace millrace
