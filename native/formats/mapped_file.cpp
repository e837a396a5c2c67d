#include "formats/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "formats/format_error.hpp"

namespace millrace {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

std::string describe_errno(int error) {
  return std::generic_category().message(error);
}

// Size in bytes of the open file, which must be a regular one with something in it.
std::size_t checked_size(int fd, const std::string& name) {
  struct stat info = {};
  if (::fstat(fd, &info) != 0) fail_file(name, "cannot be examined: " + describe_errno(errno));
  if (S_ISDIR(info.st_mode)) fail_file(name, "is a folder, and a file is needed here");
  if (!S_ISREG(info.st_mode)) fail_file(name, "is not a regular file, so it cannot be mapped into memory");
  if (info.st_size <= 0) fail_file(name, "is empty (0 bytes); download or convert it again");
  return static_cast<std::size_t>(info.st_size);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path, std::string name)
    : name_(name.empty() ? path.string() : std::move(name)) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It changes nothing for a regular file.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) fail_missing(name_, "there is no such file");
    fail_file(name_, "cannot be opened: " + describe_errno(error));
  }
  const std::size_t size = checked_size(file.get(), name_);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    fail_file(name_, "its " + std::to_string(size) +
                         " bytes cannot be mapped into memory: " + describe_errno(errno));
  }
  data_ = static_cast<const std::byte*>(address);
  size_ = size;
}

MappedFile::~MappedFile() {
  unmap();
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : name_(std::move(other.name_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    unmap();
    name_ = std::move(other.name_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void MappedFile::advise(MapAdvice advice) const {
  constexpr int kFlags[] = {MADV_NORMAL, MADV_SEQUENTIAL, MADV_RANDOM, MADV_WILLNEED};
  if (data_ == nullptr) return;
  ::madvise(const_cast<std::byte*>(data_), size_, kFlags[static_cast<std::size_t>(advice)]);
}

void MappedFile::release(std::span<const std::byte> bytes) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t start = (address + page - 1) / page * page,
                       end = (address + bytes.size()) / page * page;
  if (start < end) ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
}

void MappedFile::unmap() noexcept {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace millrace
