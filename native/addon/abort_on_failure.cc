// What the standard library calls when it would throw, and how memory is had: end the process with a message.
//
// The addon is compiled without exceptions, so a throw from libstdc++ could only end in std::terminate. Defining these
// here says so, and keeps the exception machinery of a statically linked libstdc++ and libgcc out of the binary: that
// machinery, built on a newer system, asks for a newer glibc than Node itself does (2.28). Where running out of memory
// can be survived, on the buffers that peers fill, the core uses malloc and checks.
#include <cstddef>  // defines __GLIBCXX__ where it applies

#if defined(__linux__) && defined(__GLIBCXX__)

#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

[[noreturn]] void fail(const char* what) noexcept {
  std::fprintf(stderr, "sluice: %s\n", what);
  std::abort();
}

void* allocate(std::size_t size) noexcept {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) fail("out of memory");
  return memory;
}

void* allocateAligned(std::size_t size, std::align_val_t alignment) noexcept {
  void* memory = nullptr;
  if (::posix_memalign(&memory, static_cast<std::size_t>(alignment), size == 0 ? 1 : size) != 0) fail("out of memory");
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void* operator new(std::size_t size, std::align_val_t alignment) { return allocateAligned(size, alignment); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return allocateAligned(size, alignment); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace std {

void __throw_bad_alloc() { fail("out of memory"); }
void __throw_bad_array_new_length() { fail("array too long"); }
void __throw_bad_function_call() { fail("empty function called"); }
void __throw_length_error(const char* what) { fail(what); }
void __throw_logic_error(const char* what) { fail(what); }
void __throw_out_of_range(const char* what) { fail(what); }
void __throw_system_error(int) { fail("a lock failed"); }
void __throw_out_of_range_fmt(const char* what, ...) { fail(what); }

}  // namespace std

#endif
