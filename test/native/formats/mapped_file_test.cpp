#include "formats/mapped_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

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
