#include "waker_wrap.h"

#include <cerrno>

#include "queue/layout.h"
#include "queue/waker_registry.h"

namespace sluice {

Waker* Waker::create(Napi::Env env, Napi::Function onWake, int& error) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    error = EINVAL;
    return nullptr;
  }
  auto* waker = new Waker(env);
  error = -uv_async_init(loop, &waker->async_, [](uv_async_t* handle) { static_cast<Waker*>(handle->data)->onWake(); });
  if (error != 0) {
    delete waker;
    return nullptr;
  }
  waker->async_.data = waker;
  waker->unref();
  waker->onWake_ = Napi::Persistent(onWake);
  waker->id_ =
      WakerRegistry::process().add([](void* self) { uv_async_send(&static_cast<Waker*>(self)->async_); }, waker);
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle, void* self) { static_cast<Waker*>(self)->close(); }, waker,
      &waker->cleanupHook_);
  if (waker->id_ == 0) error = EAGAIN;  // the handle is closed with the environment
  return error == 0 ? waker : nullptr;
}

void Waker::close() noexcept {
  closing_ = true;
  WakerRegistry::process().remove(id_);
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* closed) {
    auto* waker = static_cast<Waker*>(closed->data);
    const napi_async_cleanup_hook_handle hook = waker->cleanupHook_;
    delete waker;
    napi_remove_async_cleanup_hook(hook);
  });
}

/// As a callback from the event loop: process.nextTick and promise jobs run before it returns.
void Waker::onWake() noexcept {
  if (closing_) return;
  const Napi::HandleScope scope(env_);
  napi_value result;
  const napi_status status =
      napi_make_callback(env_, asyncContext_, env_.Global(), onWake_.Value(), 0, nullptr, &result);
  if (status == napi_ok) return;
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(env_, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env_, &exception) == napi_ok) {
    napi_fatal_exception(env_, exception);
  }
}

Napi::Function WakerWrap::define(Napi::Env env) {
  return DefineClass(env, "Waker",
                     {
                         InstanceAccessor<&WakerWrap::id>("id"),
                         InstanceMethod<&WakerWrap::ref>("ref"),
                         InstanceMethod<&WakerWrap::unref>("unref"),
                     });
}

WakerWrap::WakerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WakerWrap>(info) {
  int error = 0;
  waker_ = Waker::create(info.Env(), info[0].As<Napi::Function>(), error);
  if (waker_ != nullptr) return;
  auto failure = Napi::Error::New(info.Env(), "the event loop refused a waker");
  failure.Set("errno", Napi::Number::New(info.Env(), error));
  failure.ThrowAsJavaScriptException();
}

Napi::Value WakerWrap::id(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), waker_->id()); }
void WakerWrap::ref(const Napi::CallbackInfo&) { waker_->ref(); }
void WakerWrap::unref(const Napi::CallbackInfo&) { waker_->unref(); }

namespace {

// Called for each wake and for each claim that blocks: bare Node-API, without the wrapper's bookkeeping. The id may come
// from an Int32Array, negative.
uint32_t idArgument(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t id = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_int32(env, argument, &id);
  return static_cast<uint32_t>(id);
}

napi_value boolean(napi_env env, bool value) {
  napi_value result;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value wake(napi_env env, napi_callback_info info) {
  return boolean(env, WakerRegistry::process().wake(idArgument(env, info)));
}

napi_value isAlive(napi_env env, napi_callback_info info) {
  return boolean(env, WakerRegistry::process().isAlive(idArgument(env, info)));
}

napi_value wakeAll(napi_env, napi_callback_info) {
  WakerRegistry::process().wakeAll();
  return nullptr;
}

napi_value deaths(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_uint32(env, WakerRegistry::process().deaths(), &result);
  return result;
}

/// (view, alignment): from a typed array, since Node 20 gives no pointer of a SharedArrayBuffer.
Napi::Value misalignment(const Napi::CallbackInfo& info) {
  const auto address = reinterpret_cast<uintptr_t>(info[0].As<Napi::Uint8Array>().Data());
  return Napi::Number::New(info.Env(), address % info[1].As<Napi::Number>().Uint32Value());
}

/// Names this copy of the addon within the process. An odd factor keeps addresses distinct without telling them.
double registryName() {
  constexpr uint64_t kMask = (uint64_t{1} << 52) - 1;
  const auto address = reinterpret_cast<uintptr_t>(&WakerRegistry::process());
  return static_cast<double>((address * uint64_t{0x9e3779b97f4a7c15}) & kMask);
}

void defineBare(Napi::Env env, Napi::Object exports, const char* name, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) != napi_ok)
    return;  // terminating
  exports.Set(name, function);
}

}  // namespace

void defineThreads(Napi::Env env, Napi::Object exports) {
  defineBare(env, exports, "wake", wake);
  defineBare(env, exports, "wakeAll", wakeAll);
  defineBare(env, exports, "isAlive", isAlive);
  defineBare(env, exports, "deaths", deaths);
  exports.Set("misalignment", Napi::Function::New<misalignment>(env, "misalignment"));
  auto shared = Napi::Object::New(env);
  for (const layout::Constant& constant : layout::kAll) {
    shared.Set(constant.name, Napi::Number::New(env, static_cast<int32_t>(constant.value)));
  }
  exports.Set("sharedLayout", shared);
  exports.Set("registry", Napi::Number::New(env, registryName()));
}

}  // namespace sluice
