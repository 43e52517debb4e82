#include "thread_driver.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include "reactor/connection_spread.h"
#include "reactor/shared_credit.h"

namespace sluice {

namespace tt = turn_table;

ThreadDriver* ThreadDriver::create(const Napi::CallbackInfo& info, int& error) {
  auto* driver = new ThreadDriver(info.Env(), info[0].As<Napi::Int32Array>(), info[1].As<Napi::Function>());
  auto applied = info[3].As<Napi::Int32Array>();
  driver->appliedRef_ = Napi::Persistent(applied);
  driver->thread_.control([&](Reactor&) { driver->thread_.setAppliedEpoch(applied.Data()); });
  return driver->open(info[2].As<Napi::String>().Utf8Value().c_str(), error) ? driver : nullptr;
}

/// On failure the driver frees itself when its handle is closed.
bool ThreadDriver::open(const char* name, int& error) {
  uv_loop_t* loop = nullptr;
  error = napi_get_uv_event_loop(env_, &loop) == napi_ok ? 0 : EINVAL;
  if (error == 0) {
    error =
        -uv_async_init(loop, &async_, [](uv_async_t* handle) { static_cast<ThreadDriver*>(handle->data)->onWake(); });
  }
  if (error != 0) {
    delete this;
    return false;
  }
  async_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
  error = thread_.start(name, [](void* self) { uv_async_send(&static_cast<ThreadDriver*>(self)->async_); }, this);
  if (error != 0) {
    closeHandle();
    return false;
  }
  napi_add_async_cleanup_hook(env_, onCleanup, this, &cleanupHook_);
  return true;
}

void ThreadDriver::onCleanup(napi_async_cleanup_hook_handle, void* self) noexcept {
  auto* driver = static_cast<ThreadDriver*>(self);
  driver->thread_.stop();
  driver->closeHandle();
}

void ThreadDriver::closeHandle() noexcept {
  closing_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&async_), [](uv_handle_t* closed) {
    auto* driver = static_cast<ThreadDriver*>(closed->data);
    const napi_async_cleanup_hook_handle hook = driver->cleanupHook_;
    delete driver;
    if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
  });
}

void ThreadDriver::ref() noexcept {
  if (refs_++ == 0) uv_ref(reinterpret_cast<uv_handle_t*>(&async_));
}

void ThreadDriver::unref() noexcept {
  if (--refs_ == 0) uv_unref(reinterpret_cast<uv_handle_t*>(&async_));
}

void ThreadDriver::setOutputGauge(Napi::Uint32Array gauge) {
  Napi::Reference<Napi::Uint32Array> held = Napi::Persistent(gauge);
  uint32_t* words = gauge.Data();
  const auto slots = static_cast<uint32_t>(gauge.ElementLength());
  thread_.control([&](Reactor& reactor) { reactor.setOutputGauge(words, slots); });
  gaugeRef_ = std::move(held);  // the one before may go now
}

std::unique_ptr<Reply> ThreadDriver::beginReply() noexcept {
  std::unique_ptr<Reply> reply = thread_.port()->blank();
  const TurnCall::Output output = turn_.takeOutput();
  if (output.pieces.empty()) return reply;
  reply->pieces.assign(output.pieces.begin(), output.pieces.end());
  reply->bytes.assign(output.bytes, output.bytes + output.pieces.back().end);
  reply->outputEpoch = output.epoch;
  return reply;
}

void ThreadDriver::flush() noexcept {
  std::unique_ptr<Reply> reply = beginReply();
  if (!reply->pieces.empty()) post(std::move(reply));
}

void ThreadDriver::write(uint32_t slot, std::span<const uint8_t> bytes) noexcept {
  flush();
  std::unique_ptr<Reply> reply = thread_.port()->blank();
  reply->pieces.push_back({.slot = static_cast<int32_t>(slot), .start = 0, .end = static_cast<int32_t>(bytes.size())});
  reply->bytes.assign(bytes.begin(), bytes.end());
  reply->outputEpoch = turn_.word(tt::kOutputEpoch);
  post(std::move(reply));
}

void ThreadDriver::release(uint32_t endpoint) noexcept {
  std::unique_ptr<Reply> reply = beginReply();
  reply->released.push_back(endpoint);
  post(std::move(reply));
}

void ThreadDriver::setReading(uint32_t endpoint, bool reading) noexcept {
  std::unique_ptr<Reply> reply = thread_.port()->blank();
  reply->reading.push_back({.endpoint = endpoint, .on = reading});
  post(std::move(reply));
}

void ThreadDriver::end(uint32_t slot) noexcept {
  std::unique_ptr<Reply> reply = beginReply();
  reply->ended.push_back(slot);
  post(std::move(reply));
}

void ThreadDriver::destroy(uint32_t slot) noexcept {
  std::unique_ptr<Reply> reply = beginReply();
  reply->destroyed.push_back(slot);
  post(std::move(reply));
}

void ThreadDriver::lendArena(uint32_t number, Napi::Uint8Array bytes, Napi::Int32Array frames) {
  lent_.push_back({.number = number, .bytes = Napi::Persistent(bytes), .frames = Napi::Persistent(frames)});
  std::unique_ptr<Reply> reply = thread_.port()->blank();
  reply->arenas.push_back(
      {.number = number,
       .arena = {.bytes = bytes.Data(),
                 .size = static_cast<uint32_t>(bytes.ByteLength()),
                 .frames = frames.Data(),
                 .frameCapacity = static_cast<uint32_t>(frames.ElementLength() / FrameTable::kWordsPerFrame)}});
  post(std::move(reply));
}

uint32_t ThreadDriver::join(EndpointConfig config, ThreadDriver& first, uint32_t firstEndpoint, int& error) {
  SocketAddress address;
  Ref<Admission> admission;
  Ref<SharedCredit> credit;
  first.control([&](Reactor& reactor) {
    Endpoint* endpoint = reactor.endpoint(firstEndpoint);
    if (endpoint == nullptr) return;
    address = endpoint->listener.address();
    admission = endpoint->admission;
    if (!endpoint->credit) {
      endpoint->credit = Ref<SharedCredit>::make(endpoint->options.limits.bufferedBytes);
      endpoint->creditPart = endpoint->credit->join(first.thread_.port(), firstEndpoint);
    }
    credit = endpoint->credit;
  });
  if (!admission) {
    error = EBADF;
    return 0;
  }
  // Sockets of their own only where the program lets others share the port anyway: the system would let anybody of this user
  // join them. Else one socket takes all connections in and deals them out.
  const bool systemSpreads =
      config.listen.reusePort && config.listen.fd < 0 && Listener::systemSpreads(address.family());
  uint32_t id = 0;
  control([&](Reactor& reactor) {
    Endpoint* endpoint = systemSpreads
                             ? reactor.listen(address, config.listen, std::move(config.framer), config.endpoint, error)
                             : reactor.addEndpoint(std::move(config.framer), config.endpoint);
    if (endpoint == nullptr) return;
    id = endpoint->id;
    endpoint->admission = std::move(admission);
    endpoint->creditPart = credit->join(thread_.port(), id);
    endpoint->credit = std::move(credit);
  });
  if (id == 0 || systemSpreads) return id;
  first.control([&](Reactor& reactor) {
    Endpoint* endpoint = reactor.endpoint(firstEndpoint);
    if (!endpoint->spread) endpoint->spread = Ref<ConnectionSpread>::make();
    endpoint->spread->add(thread_.port(), id);
  });
  return id;
}

void ThreadDriver::onWake() noexcept {
  const Napi::HandleScope scope(env_);
  thread_.deliveries().takeAll(taken_);
  for (std::unique_ptr<Delivery>& delivery : taken_) {
    if (!closing_) deliver(std::move(delivery));
  }
  taken_.clear();
  // What came meanwhile waits for the next iteration of the loop, so that timers and other I/O get their share.
  if (!closing_ && !thread_.deliveries().park()) uv_async_send(&async_);
}

/// Events come before the batches of their delivery, in as many calls as they need; the last call has the batches.
void ThreadDriver::deliver(std::unique_ptr<Delivery> delivery) noexcept {
  std::span<const Event> events = delivery->events;
  for (; events.size() > tt::kMaxEvents && !closing_; events = events.subspan(tt::kMaxEvents)) {
    turn_.word(tt::kArena) = 0;
    turn_.word(tt::kWantedBytes) = 0;
    turn_.putEvents(events.first(tt::kMaxEvents));
    turn_.run(0, tt::kMaxEvents);
    flush();
  }
  const std::vector<DeliveredBatch>& batches = delivery->batches;
  for (size_t i = 0; i < batches.size(); i++) {
    turn_.putBatch(i, batches[i].endpoint, batches[i].firstFrame, batches[i].frameCount);
  }
  turn_.putEvents(events);
  turn_.word(tt::kArena) = static_cast<int32_t>(delivery->arena.number);
  turn_.word(tt::kArenaUsable) = 0;
  turn_.word(tt::kArenaWasFull) = delivery->arenaWasFull ? 1 : 0;
  turn_.word(tt::kWantedBytes) = static_cast<int32_t>(delivery->wantedBytes);
  turn_.run(batches.size(), events.size());
  if (closing_) return;

  std::unique_ptr<Reply> reply = beginReply();
  for (size_t i = 0; i < batches.size(); i++) {
    if (turn_.batchWasReleased(i)) reply->released.push_back(batches[i].endpoint);
  }
  if (delivery->arena.number != 0 && turn_.word(tt::kArenaUsable) == 0) {
    std::erase_if(lent_, [&](const Lent& lent) { return lent.number == delivery->arena.number; });
    delivery->arena = {};  // JavaScript's again
  }
  reply->done = std::move(delivery);
  post(std::move(reply));
}

}  // namespace sluice
