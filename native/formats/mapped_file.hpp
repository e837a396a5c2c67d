// A read-only memory mapping of one regular file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace millrace {

enum class MapAdvice : std::uint8_t { kNormal, kSequential, kRandom, kWillNeed };

// Owns the mapping; the addresses of the bytes stay the same when the object moves. The file must not be
// truncated while it is mapped: the kernel answers a read past the new end with SIGBUS.
class MappedFile {
 public:
  // Throws ERR_MODEL_FILE_MISSING when there is no such file, ERR_MODEL_FILE when it is not a regular file,
  // is empty, or cannot be opened or mapped. `name` is the name in errors; by default the path.
  explicit MappedFile(const std::filesystem::path& path, std::string name = "");
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const std::string& name() const { return name_; }

  // A hint for the page cache; nothing depends on it.
  void advise(MapAdvice advice) const;
  // These bytes will hardly be read again: the process need not hold their pages. Reading them is still
  // right.
  void release(std::span<const std::byte> bytes) const;

 private:
  void unmap() noexcept;

  std::string name_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace millrace
