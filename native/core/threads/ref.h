// Counted references to objects that several threads share.
//
// Not std::shared_ptr: the part of libstdc++ that it needs brings the exception machinery along, which the addon keeps out
// of its binary (native/addon/abort_on_failure.cc).
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <utility>

namespace sluice {

class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;

 private:
  template <typename T>
  friend class Ref;

  void acquire() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  /// What each holder did comes before the destruction: every release is in one chain, and the last one acquires it.
  void release() noexcept {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  std::atomic<uint32_t> count_{0};
};

/// A reference, or none. T may be incomplete where it is only held.
template <typename T>
class Ref {
 public:
  Ref() noexcept = default;
  Ref(const Ref& from) noexcept : object_(from.object_) {
    if (object_ != nullptr) object_->acquire();
  }
  Ref(Ref&& from) noexcept : object_(std::exchange(from.object_, nullptr)) {}
  /// As one to a base of it.
  template <std::derived_from<T> Derived>
  Ref(const Ref<Derived>& from) noexcept : object_(from.object_) {
    if (object_ != nullptr) object_->acquire();
  }
  Ref& operator=(Ref from) noexcept {
    std::swap(object_, from.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  template <typename... Arguments>
  static Ref make(Arguments&&... arguments) {
    Ref made;
    made.object_ = new T(std::forward<Arguments>(arguments)...);
    made.object_->acquire();
    return made;
  }

  T* operator->() const noexcept { return static_cast<T*>(object_); }
  T& operator*() const noexcept { return *static_cast<T*>(object_); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  template <typename>
  friend class Ref;

  RefCounted* object_ = nullptr;
};

}  // namespace sluice
