// What JavaScript sees of a log: `new Log(options)` for the thread that opens its files, `new Log(id)` for the others of the process, and
// `new LogReader(log, from)`.
//
// A log runs until its owner, the thread that opened its files, closes it or ends. The ring of claims is the owner's memory and the
// log's thread works in it, so release() joins that thread before the memory can go; it runs in the environment's clean-up hook too.
#pragma once

#include <napi.h>

#include <unordered_map>

#include "log/log.h"

namespace sluice {

class LogWrap : public Napi::ObjectWrap<LogWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit LogWrap(const Napi::CallbackInfo& info);
  ~LogWrap() override;

  /// None: it names a log that is not open any more.
  const sluice::Ref<Log>& log() const noexcept { return log_; }
  void opened() noexcept;

 private:
  Napi::Value open(const Napi::CallbackInfo& info);
  Napi::Value start(const Napi::CallbackInfo& info);
  Napi::Value id(const Napi::CallbackInfo& info);
  Napi::Value isOpen(const Napi::CallbackInfo& info);
  Napi::Value addProducer(const Napi::CallbackInfo& info);
  void removeProducer(const Napi::CallbackInfo& info);
  Napi::Value stash(const Napi::CallbackInfo& info);
  Napi::Value findTime(const Napi::CallbackInfo& info);
  void stats(const Napi::CallbackInfo& info);
  void release(const Napi::CallbackInfo& info);
  void release() noexcept;
  static void atExit(void* self);

  Napi::Env env_;
  sluice::Ref<Log> log_;
  bool isOwner_ = false;
  bool released_ = false;
  uint32_t id_ = 0;
  Napi::ObjectReference memory_;
  std::unordered_map<uint32_t, Napi::ObjectReference> producers_;
};

/// `Log`, `LogReader`, `checkLog`, `repairLog` and `logLayout`.
void defineLog(Napi::Env env, Napi::Object exports);

}  // namespace sluice
