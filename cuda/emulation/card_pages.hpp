// Memory of the emulated card. Every array ends before a page that nobody may touch, with no more between
// than its alignment wants, and another such page lies before it; arrays can be made read-only, and shut for
// a while. A kernel that touches what it may not ends with an error that says where. AddressSanitizer and
// ThreadSanitizer have their own ways and get plain memory.
#pragma once
#include <cstdint>

namespace millrace::emulation {

// `bytes` at a multiple of 256, filled with ones.
void* allocate_pages(std::int64_t bytes);
// Ends the process with a message when something was written just beside the array.
void release_pages(void* memory);
// Read-only until it is released.
void seal_pages(void* memory);
// Whether arrays that are not sealed can be used. They can at first.
void open_pages(bool open);

}  // namespace millrace::emulation
