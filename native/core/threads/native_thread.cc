#include "threads/native_thread.h"

#include <csignal>
#include <cstdio>

#ifdef __linux__
#include <sys/prctl.h>
#endif

// The addon runs on older systems than the one it is built on. These functions moved into libc itself with glibc 2.34
// and got a new version; the old one is still there, and is the only one that older systems have. (Not for the tests:
// sanitizers interpose on the name without a version.)
#if defined(SLUICE_OLD_GLIBC) && defined(__GLIBC__)
#if defined(__x86_64__)
#define SLUICE_USE_OLD(function) __asm__(".symver " #function "," #function "@GLIBC_2.2.5")
#elif defined(__aarch64__)
#define SLUICE_USE_OLD(function) __asm__(".symver " #function "," #function "@GLIBC_2.17")
#endif
#ifdef SLUICE_USE_OLD
SLUICE_USE_OLD(pthread_create);
SLUICE_USE_OLD(pthread_join);
SLUICE_USE_OLD(pthread_attr_setstacksize);
#endif
#endif

namespace sluice {

namespace {

constexpr size_t kStackBytes = 512 * 1024;

void nameThisThread(const char* name) noexcept {
#ifdef __linux__
  ::prctl(PR_SET_NAME, name);
#else
  ::pthread_setname_np(name);
#endif
}

}  // namespace

int NativeThread::start(const char* name, void (*body)(void*), void* context) noexcept {
  std::snprintf(name_, sizeof name_, "%s", name);
  body_ = body;
  context_ = context;
  pthread_attr_t attributes;
  int error = ::pthread_attr_init(&attributes);
  if (error != 0) return error;
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  // A thread begins with its maker's mask, so there is no moment in which it could take a signal. On Linux and macOS
  // sigprocmask(2) is about the calling thread, as pthread_sigmask(3) is.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  error = ::pthread_create(&thread_, &attributes, enter, this);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  running_ = error == 0;
  return error;
}

void* NativeThread::enter(void* self) noexcept {
  auto* thread = static_cast<NativeThread*>(self);
  nameThisThread(thread->name_);
  thread->body_(thread->context_);
  return nullptr;
}

void NativeThread::join() noexcept {
  if (!running_) return;
  ::pthread_join(thread_, nullptr);
  running_ = false;
}

}  // namespace sluice
