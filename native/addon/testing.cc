#include "testing.h"

#include <uv.h>

#include <algorithm>
#include <atomic>

#include "queue/byte_ring.h"
#include "queue/slot_queue.h"
#include "queue/wait_set.h"

namespace sluice {

namespace {

/// `new NativeProducer(memory, readers, writers, tag, count)`: sends the numbers below `count`, each with the tag, into the
/// slot queue or byte ring that lies in `memory`, and sleeps while that is full. `done` says whether all are in; then `join()`.
class NativeProducer : public Napi::ObjectWrap<NativeProducer> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeProducer",
        {InstanceAccessor<&NativeProducer::done>("done"), InstanceMethod<&NativeProducer::join>("join")});
  }

  explicit NativeProducer(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<NativeProducer>(info),
        memory_(hold(info[0], memoryRef_)),
        readers_(hold(info[1], readersRef_)),
        writers_(hold(info[2], writersRef_)),
        tag_(info[3].As<Napi::Number>().Uint32Value()),
        count_(info[4].As<Napi::Number>().Uint32Value()) {
    uv_sem_init(&woken_, 0);
    id_ = WakerRegistry::process().add([](void* self) { uv_sem_post(&static_cast<NativeProducer*>(self)->woken_); },
                                       this);
    uv_thread_create(&thread_, [](void* self) { static_cast<NativeProducer*>(self)->run(); }, this);
  }

  Napi::Value done(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), done_); }
  void join(const Napi::CallbackInfo&) {
    uv_thread_join(&thread_);
    uv_sem_destroy(&woken_);
  }

 private:
  static SharedWords hold(Napi::Value view, Napi::Reference<Napi::Int32Array>& reference) {
    reference = Napi::Persistent(view.As<Napi::Int32Array>());
    return SharedWords(reinterpret_cast<uint32_t*>(view.As<Napi::Int32Array>().Data()));
  }

  void run() {
    WaitSet<> readable(readers_, WakerRegistry::process(), id_);
    WaitSet<> writable(writers_, WakerRegistry::process(), id_);
    const bool slots = SlotQueue<>::isOne(memory_);
    bool parked = false;
    for (uint32_t next = 0; next < count_;) {
      const uint32_t sent = slots ? sendSlots(next) : sendRecord(next);
      if (sent == 0) {
        if (parked) uv_sem_wait(&woken_);
        writable.park();
        parked = true;
        continue;
      }
      if (parked && !writable.unpark()) writable.wakeOne();
      parked = false;
      next += sent;
      for (uint32_t i = 0; i < sent && readable.occupied(); i++) readable.wakeOne();
    }
    if (!writable.leave()) writable.wakeOne();
    WakerRegistry::process().remove(id_);
    done_ = true;
  }

  uint32_t sendSlots(uint32_t next) {
    const SlotQueue<> queue(memory_, id_);
    const SlotClaim claim = queue.claimPush(std::min(count_ - next, 1 + next % 5));
    if (!claim) return 0;
    for (uint32_t i = 0; i < claim.count; i++) {
      memory_.write(queue.payload(claim.position + i), tag_ << 24 | (next + i));
      queue.setLength(claim.position + i, 4);
    }
    queue.publish(claim);
    return claim.count;
  }

  uint32_t sendRecord(uint32_t next) {
    const ByteRing<> ring(memory_, id_);
    const RingRecord record = ring.claim(4 * (1 + next % 9));
    if (!record) return 0;
    for (uint32_t i = 0; i < record.bytes / 4; i++) memory_.write(record.firstWord + i, tag_ << 24 | next);
    ring.commit(record);
    return 1;
  }

  Napi::Reference<Napi::Int32Array> memoryRef_;
  Napi::Reference<Napi::Int32Array> readersRef_;
  Napi::Reference<Napi::Int32Array> writersRef_;
  SharedWords memory_;
  SharedWords readers_;
  SharedWords writers_;
  uint32_t tag_;
  uint32_t count_;
  std::atomic<bool> done_{false};
  uint32_t id_ = 0;
  uv_sem_t woken_;
  uv_thread_t thread_;
};

}  // namespace

void defineTesting(Napi::Env env, Napi::Object exports) {
  auto testing = Napi::Object::New(env);
  testing.Set("NativeProducer", NativeProducer::define(env));
  exports.Set("testing", testing);
}

}  // namespace sluice
