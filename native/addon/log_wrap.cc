#include "log_wrap.h"

#include <atomic>
#include <ctime>
#include <mutex>

#include "log/log_check.h"
#include "log/log_memory.h"
#include "log_sink_wrap.h"

namespace sluice {

namespace {

/// The logs that are open in this process, by the number that handles carry.
class OpenLogs {
 public:
  /// Made at the first use and never destroyed, since threads may outlive static objects. A local static would need the C++
  /// library's guards, and with them its exception machinery and a newer glibc.
  static OpenLogs& process() noexcept {
    OpenLogs* logs = theLogs_.load(std::memory_order_acquire);
    if (logs != nullptr) return *logs;
    auto* made = new OpenLogs;
    if (theLogs_.compare_exchange_strong(logs, made, std::memory_order_acq_rel, std::memory_order_acquire))
      return *made;
    delete made;
    return *logs;
  }
  uint32_t add(Ref<Log> log) noexcept {
    const std::lock_guard lock(mutex_);
    logs_[++last_] = std::move(log);
    return last_;
  }
  Ref<Log> find(uint32_t id) noexcept {
    const std::lock_guard lock(mutex_);
    const auto it = logs_.find(id);
    return it == logs_.end() ? Ref<Log>() : it->second;
  }
  void remove(uint32_t id) noexcept {
    Ref<Log> removed;
    const std::lock_guard lock(mutex_);
    const auto it = logs_.find(id);
    if (it == logs_.end()) return;
    removed = std::move(it->second);
    logs_.erase(it);
  }

 private:
  static constinit inline std::atomic<OpenLogs*> theLogs_ = nullptr;
  std::mutex mutex_;
  std::unordered_map<uint32_t, Ref<Log>> logs_;
  uint32_t last_ = 0;
};

double number(const Napi::Object& object, const char* name) { return object.Get(name).ToNumber().DoubleValue(); }

LogOptions optionsFrom(const Napi::Object& config) {
  LogOptions options;
  options.durability = static_cast<LogOptions::Durability>(number(config, "durability"));
  options.everyMs = static_cast<uint32_t>(number(config, "everyMs"));
  options.segmentBytes = static_cast<uint64_t>(number(config, "segmentBytes"));
  const double maxBytes = number(config, "maxBytes");
  if (maxBytes > 0) options.maxBytes = static_cast<uint64_t>(maxBytes);
  options.maxAgeMs = static_cast<uint64_t>(number(config, "maxAgeMs"));
  return options;
}

Napi::Object gapsToArray(Napi::Env env, const std::vector<LogGap>& gaps) {
  auto array = Napi::Array::New(env, gaps.size());
  for (size_t i = 0; i < gaps.size(); i++) {
    auto gap = Napi::Object::New(env);
    gap.Set("offset", static_cast<double>(gaps[i].offset));
    gap.Set("records", static_cast<double>(gaps[i].records));
    gap.Set("bytes", static_cast<double>(gaps[i].bytes));
    gap.Set("reason", gaps[i].reason);
    array.Set(static_cast<uint32_t>(i), gap);
  }
  return array;
}

template <typename Result>
Napi::Object faultToObject(Napi::Env env, const Result& result) {
  auto object = Napi::Object::New(env);
  object.Set("fault", static_cast<double>(result.fault));
  object.Set("errno", static_cast<double>(result.error));
  object.Set("file", result.file);
  object.Set("gaps", gapsToArray(env, result.gaps));
  object.Set("tornBytes", static_cast<double>(result.tornBytes));
  return object;
}

/// Opens on a thread of the pool: recovery reads up to a whole segment.
class Opening : public Napi::AsyncWorker {
 public:
  Opening(LogWrap& wrap, Ref<Log> log, std::string path)
      : Napi::AsyncWorker(wrap.Env(), "sluice.openLog"),
        deferred_(Napi::Promise::Deferred::New(wrap.Env())),
        wrap_(wrap),
        object_(Napi::Persistent(wrap.Value())),
        log_(std::move(log)),
        path_(std::move(path)) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    Ref<LogDirectory> directory;
    const int error = openDirectory(path_, true, directory);
    if (error < 0) {
      result_.fault = LogFault::kSystem;
      result_.error = -error;
      return;
    }
    result_ = log_->open(std::move(directory));
  }
  void OnOK() override {
    if (result_.fault == LogFault::kNone) wrap_.opened();
    deferred_.Resolve(faultToObject(Env(), result_));
  }

 private:
  Napi::Promise::Deferred deferred_;
  LogWrap& wrap_;
  Napi::ObjectReference object_;
  Ref<Log> log_;
  std::string path_;
  LogOpenResult result_;
};

class Checking : public Napi::AsyncWorker {
 public:
  Checking(Napi::Env env, std::string path, bool repairs)
      : Napi::AsyncWorker(env, "sluice.checkLog"),
        deferred_(Napi::Promise::Deferred::New(env)),
        path_(std::move(path)),
        repairs_(repairs) {}
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    Ref<LogDirectory> directory;
    const int error = openDirectory(path_, false, directory);
    if (error < 0) {
      report_.fault = LogFault::kSystem;
      report_.error = -error;
      return;
    }
    const std::time_t now = std::time(nullptr);
    report_ = repairs_ ? repairLog(directory, int64_t{now} * 1000, static_cast<uint64_t>(now) * 0x9e3779b97f4a7c15)
                       : checkLog(*directory);
  }
  void OnOK() override {
    Napi::Object object = faultToObject(Env(), report_);
    object.Set("start", static_cast<double>(report_.start));
    object.Set("end", static_cast<double>(report_.end));
    object.Set("records", static_cast<double>(report_.records));
    object.Set("segments", static_cast<double>(report_.segments));
    deferred_.Resolve(object);
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::string path_;
  bool repairs_;
  LogReport report_;
};

Napi::Value check(const Napi::CallbackInfo& info, bool repairs) {
  auto* checking = new Checking(info.Env(), info[0].As<Napi::String>().Utf8Value(), repairs);
  const Napi::Promise promise = checking->promise();
  checking->Queue();
  return promise;
}
Napi::Value checkLogFunction(const Napi::CallbackInfo& info) { return check(info, false); }
Napi::Value repairLogFunction(const Napi::CallbackInfo& info) { return check(info, true); }

/// `new LogReader(log, from)`.
class LogReaderWrap : public Napi::ObjectWrap<LogReaderWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "LogReader",
                       {InstanceMethod<&LogReaderWrap::read>("read"), InstanceMethod<&LogReaderWrap::close>("close")});
  }
  explicit LogReaderWrap(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<LogReaderWrap>(info),
        log_(LogWrap::Unwrap(info[0].As<Napi::Object>())->log()),
        reader_(log_->segments(), log_->logId(), static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue())) {}

 private:
  /// (arena, records, frames, out)
  void read(const Napi::CallbackInfo& info) {
    auto arena = info[0].As<Napi::Uint8Array>();
    auto records = info[1].As<Napi::Int32Array>();
    auto frames = info[2].As<Napi::Int32Array>();
    auto out = info[3].As<Napi::Float64Array>();
    const LogBatchTable table{
        .arena = arena.Data(),
        .arenaBytes = static_cast<uint32_t>(arena.ByteLength()),
        .records = records.Data(),
        .recordCapacity = static_cast<uint32_t>(records.ElementLength() / LogBatchTable::kRecordWords),
        .frames = frames.Data(),
        .frameCapacity = static_cast<uint32_t>(frames.ElementLength() / LogBatchTable::kFrameWords)};
    const LogBatchInfo batch = reader_.read(table, log_->startOffset(), log_->endOffset());
    const bool trimmed = batch.gap.reason[0] == 't';
    if (batch.gap.records > 0 && !trimmed) log_->noteGap(batch.gap.offset);
    double* values = out.Data();
    values[0] = static_cast<double>(batch.first);
    values[1] = batch.records;
    values[2] = batch.frames;
    values[3] = batch.wanted;
    values[4] = static_cast<double>(batch.gap.offset);
    values[5] = static_cast<double>(batch.gap.records);
    values[6] = static_cast<double>(batch.gap.bytes);
    values[7] = trimmed ? 1 : 0;
    values[8] = batch.error;
    values[9] = static_cast<double>(reader_.next());
  }

  void close(const Napi::CallbackInfo&) { reader_.close(); }

  sluice::Ref<Log> log_;
  LogReader reader_;
};

}  // namespace

Napi::Function LogWrap::define(Napi::Env env) {
  return DefineClass(env, "Log",
                     {
                         InstanceMethod<&LogWrap::open>("open"),
                         InstanceMethod<&LogWrap::start>("start"),
                         InstanceAccessor<&LogWrap::id>("id"),
                         InstanceAccessor<&LogWrap::isOpen>("isOpen"),
                         InstanceMethod<&LogWrap::addProducer>("addProducer"),
                         InstanceMethod<&LogWrap::removeProducer>("removeProducer"),
                         InstanceMethod<&LogWrap::stash>("stash"),
                         InstanceMethod<&LogWrap::findTime>("findTime"),
                         InstanceMethod<&LogWrap::stats>("stats"),
                         InstanceMethod<&LogWrap::release>("release"),
                     });
}

void LogWrap::atExit(void* self) { static_cast<LogWrap*>(self)->release(); }

LogWrap::LogWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LogWrap>(info), env_(info.Env()) {
  if (info[0].IsNumber()) {
    id_ = info[0].As<Napi::Number>().Uint32Value();
    log_ = OpenLogs::process().find(id_);
  } else {
    isOwner_ = true;
    log_ = sluice::Ref<Log>::make(optionsFrom(info[0].As<Napi::Object>()));
  }
  napi_add_env_cleanup_hook(env_, atExit, this);
}

LogWrap::~LogWrap() {
  if (!released_) napi_remove_env_cleanup_hook(env_, atExit, this);
  release();
}

/// (path): a promise of what became of it.
Napi::Value LogWrap::open(const Napi::CallbackInfo& info) {
  auto* opening = new Opening(*this, log_, info[0].As<Napi::String>().Utf8Value());
  const Napi::Promise promise = opening->promise();
  opening->Queue();
  return promise;
}

void LogWrap::opened() noexcept {
  if (!released_) id_ = OpenLogs::process().add(log_);
}

/// (memory): 0 or an errno value.
Napi::Value LogWrap::start(const Napi::CallbackInfo& info) {
  auto memory = info[0].As<Napi::Int32Array>();
  memory_ = Napi::Persistent(memory.As<Napi::Object>());
  return Napi::Number::New(info.Env(), log_->start(reinterpret_cast<uint32_t*>(memory.Data())));
}

Napi::Value LogWrap::id(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), id_); }

Napi::Value LogWrap::isOpen(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), static_cast<bool>(log_) && !released_);
}

/// (answers: Int32Array, capacity)
Napi::Value LogWrap::addProducer(const Napi::CallbackInfo& info) {
  auto answers = info[0].As<Napi::Int32Array>();
  const uint32_t producer =
      log_->addProducer(reinterpret_cast<uint32_t*>(answers.Data()), info[1].As<Napi::Number>().Uint32Value());
  producers_[producer] = Napi::Persistent(answers.As<Napi::Object>());
  return Napi::Number::New(info.Env(), producer);
}

void LogWrap::removeProducer(const Napi::CallbackInfo& info) {
  const uint32_t producer = info[0].As<Napi::Number>().Uint32Value();
  log_->removeProducer(producer);
  producers_.erase(producer);
}

/// (bytes): its number, for a claim.
Napi::Value LogWrap::stash(const Napi::CallbackInfo& info) {
  auto bytes = info[0].As<Napi::Uint8Array>();
  return Napi::Number::New(info.Env(), log_->stash(bytes.Data(), bytes.ByteLength()));
}

/// (ms): an offset.
Napi::Value LogWrap::findTime(const Napi::CallbackInfo& info) {
  const auto timeMs = static_cast<int64_t>(info[0].As<Napi::Number>().DoubleValue());
  const uint64_t found =
      sluice::findTime(log_->segments(), log_->logId(), timeMs, log_->startOffset(), log_->endOffset());
  return Napi::Number::New(info.Env(), static_cast<double>(found));
}

void LogWrap::stats(const Napi::CallbackInfo& info) {
  auto out = info[0].As<Napi::Float64Array>();
  const LogStats& stats = log_->stats();
  size_t i = 0;
  for (const auto* counter :
       {&stats.records, &stats.bytes, &stats.commits, &stats.syncs, &stats.refused, &stats.torn}) {
    out[i++] = static_cast<double>(counter->load(std::memory_order_relaxed));
  }
  out[i++] = static_cast<double>(log_->gaps());
  out[i++] = static_cast<double>(log_->segments().size());
  out[i++] = static_cast<double>(log_->storedBytes());
}

void LogWrap::release(const Napi::CallbackInfo&) {
  if (!released_) napi_remove_env_cleanup_hook(env_, atExit, this);
  release();
}

void LogWrap::release() noexcept {
  if (released_) return;
  released_ = true;
  if (!log_) return;
  for (const auto& [producer, memory] : producers_) log_->removeProducer(producer);
  producers_.clear();
  if (!isOwner_) return;
  if (id_ != 0) OpenLogs::process().remove(id_);
  log_->stop();
}

void defineLog(Napi::Env env, Napi::Object exports) {
  exports.Set("Log", LogWrap::define(env));
  exports.Set("LogReader", LogReaderWrap::define(env));
  exports.Set("LogSink", LogSinkWrap::define(env));
  exports.Set("checkLog", Napi::Function::New<checkLogFunction>(env, "checkLog"));
  exports.Set("repairLog", Napi::Function::New<repairLogFunction>(env, "repairLog"));
  auto layout = Napi::Object::New(env);
  for (const layout::Constant& constant : log_memory::kAll) {
    layout.Set(constant.name, Napi::Number::New(env, static_cast<int32_t>(constant.value)));
  }
  exports.Set("logLayout", layout);
}

}  // namespace sluice
