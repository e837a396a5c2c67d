#include "formats/mapped_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "../harness.hpp"
#include "temp_folder.hpp"

using namespace millrace;
using namespace millrace::test;

TEST("a mapped file shows the file's bytes and keeps their address when it moves") {
  const TempFolder folder;
  MappedFile file(folder.write("a.bin", "hello"));
  CHECK_EQ(file.size(), 5);
  const std::byte* address = file.bytes().data();
  MappedFile moved = std::move(file);
  CHECK(moved.bytes().data() == address);
  CHECK(moved.bytes()[4] == std::byte{'o'});
  MappedFile other(folder.write("b.bin", "other"));
  other = std::move(moved);
  CHECK(other.bytes().data() == address);
  other.advise(MapAdvice::kWillNeed);
  CHECK(other.bytes()[0] == std::byte{'h'});
}

TEST("a file that is not there is an error of its own") {
  const TempFolder folder;
  const std::string message =
      CHECK_THROWS_CODE(MappedFile(folder.path() / "none.gguf"), "ERR_MODEL_FILE_MISSING");
  CHECK_CONTAINS(message, "none.gguf: there is no such file");
  folder.write("file", "x");
  CHECK_THROWS_CODE(MappedFile(folder.path() / "file" / "below"), "ERR_MODEL_FILE_MISSING");
}

TEST("folders, FIFOs, devices and empty files are refused, each with its reason") {
  const TempFolder folder;
  CHECK_CONTAINS(CHECK_THROWS_CODE(MappedFile(folder.path()), "ERR_MODEL_FILE"), "is a folder");
  const std::string fifo = (folder.path() / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_CONTAINS(CHECK_THROWS_CODE(MappedFile(fifo), "ERR_MODEL_FILE"), "not a regular file");
  CHECK_CONTAINS(CHECK_THROWS_CODE(MappedFile("/dev/zero"), "ERR_MODEL_FILE"), "not a regular file");
  CHECK_CONTAINS(CHECK_THROWS_CODE(MappedFile(folder.write("empty", "")), "ERR_MODEL_FILE"), "is empty");
}

TEST("a file without read permission is refused with the system's reason") {
  if (::geteuid() == 0) SKIP("root may read every file");
  const TempFolder folder;
  const auto path = folder.write("secret", "x");
  REQUIRE(::chmod(path.c_str(), 0) == 0);
  CHECK_CONTAINS(CHECK_THROWS_CODE(MappedFile(path), "ERR_MODEL_FILE"), "Permission denied");
}

#if defined(__linux__)
TEST("what is released leaves the process and reads the same afterwards") {
  const TempFolder folder;
  const long page = ::sysconf(_SC_PAGESIZE);
  const std::size_t bytes = 16 << 20;
  const MappedFile file(folder.write("a.bin", std::string(bytes, 'x')));
  const auto file_pages = [] {
    long size = 0, resident = 0, shared = 0;
    std::ifstream("/proc/self/statm") >> size >> resident >> shared;
    return shared;
  };
  const auto sum = [&] {
    long total = 0;
    for (const std::byte byte : file.bytes()) total += std::to_integer<long>(byte);
    return total;
  };
  CHECK_EQ(sum(), static_cast<long>(bytes) * 'x');
  const long before = file_pages();
  file.release(file.bytes().subspan(100, bytes - 200));
  CHECK(before - file_pages() > static_cast<long>(bytes) / page * 9 / 10);
  CHECK_EQ(sum(), static_cast<long>(bytes) * 'x');
  file.release(file.bytes().subspan(5, 10));  // less than a page
  file.release({});
}
#endif
