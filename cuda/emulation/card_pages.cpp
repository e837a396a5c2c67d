#include "emulation/card_pages.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>
#include <string>

#include "emulation/fiber.hpp"
#include "emulation/stack_notes.hpp"

#if defined(MILLRACE_ADDRESS_SANITIZER) || defined(MILLRACE_THREAD_SANITIZER)
#define MILLRACE_PLAIN_MEMORY
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace millrace::emulation {
namespace {

constexpr int kPoison = 0xFF;

}  // namespace

#if defined(MILLRACE_PLAIN_MEMORY)

void* allocate_pages(std::int64_t bytes) {
  // No byte longer than asked: AddressSanitizer sees what is used beyond.
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, static_cast<std::size_t>(bytes)) != 0) throw std::bad_alloc();
  std::memset(memory, kPoison, static_cast<std::size_t>(bytes));
  return memory;
}

void release_pages(void* memory) {
  std::free(memory);
}

void seal_pages(void*) {}
void open_pages(bool) {}

#else

namespace {

constexpr std::size_t kAlignment = 256;  // as a card has it

// From low to high: a page that is shut, the pages that have the array at their end, a page that is shut.
struct Pages {
  std::byte *low, *first, *last, *high;  // [first, last) is open
  std::byte* array;
  std::size_t bytes;
  bool is_sealed;
};

struct AllPages {
  std::map<const std::byte*, Pages> by_end;  // `high`
  bool is_open = true;
};

// Never destroyed: an array may outlive everything else.
AllPages& all_pages() {
  static auto& instance = *new AllPages;
  return instance;
}

void protect(std::byte* from, const std::byte* to, int how) {
  if (mprotect(from, static_cast<std::size_t>(to - from), how) != 0)
    throw std::runtime_error("the system does not protect pages");
}

const Pages* pages_of(const void* address) {
  const auto* at = static_cast<const std::byte*>(address);
  const auto found = all_pages().by_end.upper_bound(at);
  return found == all_pages().by_end.end() || at < found->second.low ? nullptr : &found->second;
}

std::string complaint(const Pages& pages, const std::byte* at) {
  const std::string size = std::to_string(pages.bytes);
  if (at >= pages.last)
    return std::to_string(at - (pages.array + pages.bytes)) + " bytes behind an array of " + size;
  if (at < pages.first) return std::to_string(pages.array - at) + " bytes before an array of " + size;
  const std::string place = "byte " + std::to_string(at - pages.array) + " of an array of " + size;
  if (pages.is_sealed) return place + ", which is sealed";
  return place + ", before it has waited for the kernel before it";
}

struct sigaction previous_of_segv, previous_of_bus;

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& previous = signal == SIGSEGV ? previous_of_segv : previous_of_bus;
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    // The same again, without us.
    sigaction(signal, &previous, nullptr);
  }
}

// In the middle of a kernel's access: nothing of the library is interrupted, so that all may be used. The
// thread's stack is given up.
void handle_fault(int signal, siginfo_t* info, void* context) {
  const Pages* pages = Fiber::is_inside() ? pages_of(info->si_addr) : nullptr;
  if (pages == nullptr) return pass_on(signal, info, context);
  Fiber::give_up(std::make_exception_ptr(std::logic_error(
      "a kernel touches " + complaint(*pages, static_cast<const std::byte*>(info->si_addr)))));
}

void watch_faults() {
  static const bool is_watching = [] {
    struct sigaction action {};
    action.sa_sigaction = handle_fault;
    // Not shut out while it runs: it does not come back.
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &previous_of_segv);
    sigaction(SIGBUS, &action, &previous_of_bus);
    return true;
  }();
  (void)is_watching;
}

bool is_poison(const std::byte* from, const std::byte* to) {
  for (; from < to; ++from) {
    if (*from != std::byte{kPoison}) return false;
  }
  return true;
}

}  // namespace

void* allocate_pages(std::int64_t bytes) {
  watch_faults();
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto size = static_cast<std::size_t>(bytes);
  const std::size_t open = (size + page - 1) / page * page;
  void* memory = mmap(nullptr, open + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  Pages pages{};
  pages.low = static_cast<std::byte*>(memory);
  pages.first = pages.low + page;
  pages.last = pages.first + open;
  pages.high = pages.last + page;
  pages.array = pages.last - (size + kAlignment - 1) / kAlignment * kAlignment;
  pages.bytes = size;
  std::memset(pages.first, kPoison, open);
  protect(pages.low, pages.first, PROT_NONE);
  protect(pages.last, pages.high, PROT_NONE);
  all_pages().by_end.emplace(pages.high, pages);
  return pages.array;
}

void release_pages(void* memory) {
  const Pages pages = *pages_of(memory);
  if (!is_poison(pages.first, pages.array) || !is_poison(pages.array + pages.bytes, pages.last)) {
    std::fprintf(stderr, "something was written beside an array of %zu bytes of the card\n", pages.bytes);
    std::abort();
  }
  all_pages().by_end.erase(pages.high);
  munmap(pages.low, static_cast<std::size_t>(pages.high - pages.low));
}

void seal_pages(void* memory) {
  Pages& pages = all_pages().by_end.at(pages_of(memory)->high);
  pages.is_sealed = true;
  protect(pages.first, pages.last, PROT_READ);
}

void open_pages(bool open) {
  AllPages& all = all_pages();
  if (open == all.is_open) return;
  all.is_open = open;
  for (const auto& [end, pages] : all.by_end) {
    if (!pages.is_sealed) protect(pages.first, pages.last, open ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
}

#endif

}  // namespace millrace::emulation
