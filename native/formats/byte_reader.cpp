#include "formats/byte_reader.hpp"

#include "formats/format_error.hpp"

namespace millrace {

void ByteReader::fail_short(std::uint64_t count, std::string_view what) const {
  fail_file(file_, "the file ends inside " + std::string(what) + ": " + std::to_string(count) +
                       " bytes are needed at byte " + std::to_string(position_) + " and " +
                       std::to_string(remaining()) +
                       " are left. It is truncated or damaged; download or convert it again.");
}

}  // namespace millrace
