// The waker of one JavaScript thread: a uv_async handle in its event loop, known to the process by an id.
//
// It leaves the registry in the environment's clean-up hook, which runs on the thread itself after its last JavaScript,
// also when a worker is terminated: a wake that comes later finds nobody (one that reached a dead environment would
// abort Node 20 and 22). The handle is freed in its close callback.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>

namespace sluice {

class Waker {
 public:
  /// Null, with `error` an errno value, when the loop refuses a handle or the process has too many threads.
  static Waker* create(Napi::Env env, Napi::Function onWake, int& error);

  uint32_t id() const noexcept { return id_; }
  void ref() noexcept { uv_ref(reinterpret_cast<uv_handle_t*>(&async_)); }
  void unref() noexcept { uv_unref(reinterpret_cast<uv_handle_t*>(&async_)); }

 private:
  explicit Waker(Napi::Env env) : env_(env) {}
  ~Waker() = default;

  void onWake() noexcept;
  void close() noexcept;

  Napi::Env env_;
  Napi::AsyncContext asyncContext_{env_, "sluice.waker"};
  Napi::FunctionReference onWake_;
  uv_async_t async_;
  uint32_t id_ = 0;
  bool closing_ = false;
  napi_async_cleanup_hook_handle cleanupHook_ = nullptr;
};

/// What JavaScript sees: `new Waker(onWake)`.
class WakerWrap : public Napi::ObjectWrap<WakerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit WakerWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value id(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);

  Waker* waker_ = nullptr;  // frees itself after the environment's clean-up
};

/// `wake`, `wakeAll`, `isAlive`, `deaths`, `misalignment`, `sharedLayout`, `registry`.
void defineThreads(Napi::Env env, Napi::Object exports);

}  // namespace sluice
