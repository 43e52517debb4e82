// Runs a small concurrent program in every way that it can run: each interleaving of its atomic accesses, and for each load
// each value that the C++ memory model lets it see, stale ones included.
//
// Threads are fibers, and one step is one atomic access. A run follows a list of choices (who steps next, which value is
// loaded); the next run changes the last choice that has another way left, until none has. A state that an earlier run
// has been in is not explored again: a thread's state is what it has read so far, and the memory's is the order of its
// writes, so two runs that agree in both go on alike. A relaxed store is part of the step before it: whoever loads may see
// the value from before the store anyway.
//
// Memory. Each word keeps all values that were ever stored, and each thread a *view*: how far into that history it has
// seen. A load may return any value from the view on. A release store carries the storing thread's view, and an acquire
// load that reads it takes the view over. A sequentially consistent load sees no value older than the last sequentially
// consistent store. Plain accesses are checked for data races with vector clocks. Two things that C++ allows are not
// tried: stores to one word that take effect in another order than they were made, and loads that read from the future;
// neither x86 nor the structures here have the first between threads that exchange on the word, and no compiler the second.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "support/fiber_annotations.h"

namespace sluice::testing_support {

enum class Order { kRelaxed, kAcquire, kRelease, kSeqCst };

struct Access {
  enum class Kind { kLoad, kStore, kExchange } kind;
  uint32_t index;
};

/// What exploring a program has shown.
struct Outcome {
  /// What went wrong in the first run in which something did; empty if nothing did in any.
  std::string failure;
  uint64_t runs = 0;
  uint64_t states = 0;
  /// Every way was tried.
  bool exhausted = false;
};

/// One run of a program, and its memory.
class Execution {
 public:
  static constexpr uint32_t kMaxThreads = 6;  // thread 0 prepares and inspects
  static constexpr uint32_t kMaxWords = 96;   // that are touched at all

  using Body = std::function<void()>;

  /// Adds a thread that starts when the program has been set up.
  void thread(Body body) { bodies_.push_back(std::move(body)); }
  /// Thread `victim`, counted from 1 in the order of their making, may end before any of its steps, the first excepted.
  /// `body` is a thread that runs then, and to which all that the victim has done is visible.
  void mayDie(uint32_t victim, Body body) {
    thread(std::move(body));
    threads_[bodies_.size()].mourns = victim;
  }
  /// Called when all threads have ended, with everything visible.
  void atEnd(Body body) { end_ = std::move(body); }
  /// For programs all of whose accesses are sequentially consistent: memory is its newest values, whatever came before,
  /// and threads may forget() what they have read. Larger programs, loops among them, become small enough.
  bool sequential = false;
  /// The thread has nothing in mind from before but `rest`: whatever way brought it here, it goes on alike.
  void forget(uint64_t rest) {
    if (sequential) threads_[current_].hash = mix(current_, rest);
  }
  /// The program has made a note beside the memory; states that differ in their notes are two.
  void note(uint64_t what) { memoryHash_ += mix(0x207e, what); }
  /// Plants a bug: the order that an access gets instead of its own.
  std::function<Order(Access, Order)> weaken;

  /// Gives the run up with this message unless `condition`.
  void check(bool condition, const char* message) {
    if (condition) return;
    if (failure_.empty()) failure_ = message;
    if (current_ != 0) leave();
  }

  /// Sleeps until the word has another value than this, which ends the sleep without reading it.
  void sleepWhile(uint32_t index, uint32_t value) {
    Thread& self = threads_[current_];
    self.sleepsOn = wordAt(index);
    self.sleepsWhile = value;
    self.asleep = true;
    step();
    self.asleep = false;
    self.hash = mix(self.hash, 0x51ee9);
  }

  /// A sequentially consistent load of a word that may be written plainly at the same time: JavaScript has that.
  uint32_t peek(uint32_t index) { return load(index, Order::kSeqCst, true); }

  uint32_t load(uint32_t index, Order order, bool mayRace = false) {
    step();
    order = ordered({Access::Kind::kLoad, index}, order);
    const uint32_t number = wordAt(index);
    Word& word = words_[number];
    Thread& self = threads_[current_];
    raceIf(!mayRace && !seen(word.plainWrites), "a load races with a plain write");
    if (!mayRace) word.atomicReads[current_] = self.clock[current_];
    uint32_t oldest = self.view[number];
    if (order == Order::kSeqCst) oldest = std::max(oldest, word.lastSeqCst);
    const auto newest = static_cast<uint32_t>(word.history.size()) - 1;
    const uint32_t at = newest - choose(newest - oldest + 1);
    see(number, at, order);
    return words_[number].history[at].value;
  }

  /// A sequentially consistent load of which the thread remembers only what `view` makes of the value.
  template <typename View>
  uint32_t loadAs(uint32_t index, View view) {
    const uint64_t before = threads_[current_].hash;
    const uint32_t value = view(load(index, Order::kSeqCst));
    if (sequential) threads_[current_].hash = mix(mix(before, index), value);
    return value;
  }

  void store(uint32_t index, uint32_t value, Order order) {
    if (order != Order::kRelaxed) step();
    order = ordered({Access::Kind::kStore, index}, order);
    const uint32_t number = wordAt(index);
    const Word& word = words_[number];
    raceIf(!seen(word.plainWrites) || !seen(word.plainReads), "a store races with a plain access");
    append(number, value, order, nullptr, false);
  }

  /// `change` of the newest value; nothing is stored when it answers false.
  template <typename Change>
  uint32_t exchange(uint32_t index, Order order, Change change) {
    step();
    order = ordered({Access::Kind::kExchange, index}, order);
    const uint32_t number = wordAt(index);
    Word& word = words_[number];
    raceIf(!seen(word.plainWrites), "an exchange races with a plain write");
    const auto newest = static_cast<uint32_t>(word.history.size()) - 1;
    see(number, newest, order);
    const uint32_t before = word.history[newest].value;
    uint32_t after = before;
    if (change(after)) {
      raceIf(!seen(word.plainReads), "an exchange races with a plain read");
      const Message read = word.history[newest];
      append(number, after, order, &read, false);
    }
    return before;
  }

  uint32_t read(uint32_t index) {
    const uint32_t number = wordAt(index);
    Word& word = words_[number];
    raceIf(!seen(word.plainWrites) || !seen(word.atomicWrites), "a plain read races with a write");
    word.plainReads[current_] = threads_[current_].clock[current_];
    const auto newest = static_cast<uint32_t>(word.history.size()) - 1;
    see(number, newest, Order::kRelaxed);
    return word.history[newest].value;
  }

  void write(uint32_t index, uint32_t value) {
    const uint32_t number = wordAt(index);
    const Word& word = words_[number];
    raceIf(!seen(word.plainWrites) || !seen(word.atomicWrites), "two writes race");
    raceIf(!seen(word.plainReads) || !seen(word.atomicReads), "a plain write races with a read");
    append(number, value, Order::kRelaxed, nullptr, true);
  }

 private:
  friend Outcome explore(const std::function<void(Execution&)>&, uint64_t);

  using Clock = std::array<uint32_t, kMaxThreads>;

  /// How far into each word's history a thread has seen.
  class View {
   public:
    uint16_t& operator[](uint32_t word) { return seen_[word]; }
    void join(const View& other) {
      for (uint32_t i = 0; i < kMaxWords; i++) seen_[i] = std::max(seen_[i], other.seen_[i]);
    }

   private:
    std::array<uint16_t, kMaxWords> seen_{};
  };

  struct Message {
    uint32_t value = 0;
    uint64_t hash = 0;
    bool carriesView = false;
    View view{};
    Clock clock{};
  };

  struct Word {
    uint32_t index = 0;
    std::vector<Message> history{Message{}};
    uint32_t lastSeqCst = 0;
    uint64_t hash = 0;
    Clock plainReads{};
    Clock plainWrites{};
    Clock atomicReads{};
    Clock atomicWrites{};
  };

  struct Thread {
    ucontext_t context{};
    FiberAnnotation annotation;
    Clock clock{};
    View view;
    uint64_t hash = 0;
    bool started = false;
    bool ended = false;
    bool killed = false;
    bool asleep = false;
    /// The thread after whose death it runs; 0: it runs anyhow.
    uint32_t mourns = 0;
    uint32_t sleepsOn = 0;
    uint32_t sleepsWhile = 0;
  };

  struct Choice {
    uint32_t taken;
    uint32_t count;
  };

  static constexpr size_t kStackBytes = 64 * 1024;
  static constexpr uint32_t kMaxSteps = 2000;

  static uint64_t mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccdULL;
    return hash ^ hash >> 32;
  }

  /// The number of a word in words_ and in views.
  uint32_t wordAt(uint32_t index) {
    for (uint32_t i = 0; i < words_.size(); i++)
      if (words_[i].index == index) return i;
    if (words_.size() == kMaxWords) std::abort();
    words_.emplace_back().index = index;
    return static_cast<uint32_t>(words_.size()) - 1;
  }

  Order ordered(Access access, Order order) const { return weaken ? weaken(access, order) : order; }

  /// Whether all these accesses happened before what the current thread does now.
  bool seen(const Clock& accesses) {
    const Clock& clock = threads_[current_].clock;
    for (uint32_t i = 0; i < kMaxThreads; i++)
      if (accesses[i] > clock[i]) return false;
    return true;
  }

  void raceIf(bool race, const char* message) { check(!race, message); }

  void see(uint32_t number, uint32_t at, Order order) {
    Thread& self = threads_[current_];
    const Message& message = words_[number].history[at];
    self.view[number] = std::max(self.view[number], static_cast<uint16_t>(at));
    if (message.carriesView && (order == Order::kAcquire || order == Order::kSeqCst)) {
      self.view.join(message.view);
      for (uint32_t i = 0; i < kMaxThreads; i++) self.clock[i] = std::max(self.clock[i], message.clock[i]);
    }
    self.hash = mix(mix(self.hash, words_[number].index), sequential ? message.value : message.hash);
  }

  void append(uint32_t number, uint32_t value, Order order, const Message* exchanged, bool plain) {
    Thread& self = threads_[current_];
    Word& word = words_[number];
    Message message{.value = value};
    const auto at = static_cast<uint16_t>(word.history.size());
    self.view[number] = at;
    if (order == Order::kRelease || order == Order::kSeqCst) {
      message.carriesView = true;
      message.view = self.view;
      message.clock = self.clock;
    }
    if (exchanged != nullptr && exchanged->carriesView) {  // a release sequence goes on through exchanges
      message.carriesView = true;
      message.view.join(exchanged->view);
      for (uint32_t i = 0; i < kMaxThreads; i++) message.clock[i] = std::max(message.clock[i], exchanged->clock[i]);
    }
    (plain ? word.plainWrites : word.atomicWrites)[current_] = self.clock[current_];
    self.clock[current_]++;  // what the thread does from here on is not what the message carries
    if (order == Order::kSeqCst) word.lastSeqCst = at;
    self.hash = mix(mix(mix(self.hash, word.index), value), static_cast<uint64_t>(order));
    message.hash = self.hash;
    memoryHash_ -= mix(word.index + 1, word.hash);
    word.hash = sequential ? mix(1, value) : mix(word.hash, mix(message.hash, order == Order::kSeqCst ? 1 : 0));
    memoryHash_ += mix(word.index + 1, word.hash);
    word.history.push_back(std::move(message));
  }

  /// The next of `count` ways, as this run's list of choices has it.
  uint32_t choose(uint32_t count) {
    if (count <= 1 || current_ == 0) return 0;
    return decide(count);
  }

  uint32_t decide(uint32_t count) {
    if (depth_ == choices_->size()) choices_->push_back({0, count});
    return (*choices_)[depth_++].taken;
  }

  /// Before each atomic access: somebody else may go on first.
  void step() {
    if (current_ == 0) return;
    Thread& self = threads_[current_];
    const uint32_t next = self.started ? schedule() : 0;  // first, all threads come to their first step
    self.started = true;
    if (next != current_) switchTo(next);
  }

  /// Gives the run up; the fiber is never entered again.
  [[noreturn]] void leave() {
    switchTo(0);
    std::abort();
  }

  void switchTo(uint32_t next) {
    Thread& self = threads_[current_];
    current_ = next;
    self.annotation.leave(threads_[next].annotation);
    swapcontext(&self.context, &threads_[next].context);
    self.annotation.entered();
  }

  /// Who steps next; 0 when the run is over: all have ended, none can go on, or an earlier run went on from here.
  uint32_t schedule() {
    std::array<uint32_t, kMaxThreads> able{};
    uint32_t count = 0;
    bool allEnded = true;
    // The thread that is running comes first: going on with it costs nothing.
    if (current_ != 0 && canStep(threads_[current_])) able[count++] = current_;
    for (uint32_t i = 1; i <= bodies_.size(); i++) {
      allEnded &= threads_[i].ended || (threads_[i].mourns != 0 && !threads_[threads_[i].mourns].killed);
      if (i != current_ && canStep(threads_[i])) able[count++] = i;
    }
    if (allEnded) {
      completed_ = true;
      return 0;
    }
    if (count == 0) failure_ = "every thread that is left sleeps";
    if (++steps_ == kMaxSteps) failure_ = "a thread makes no progress";
    if (!failure_.empty()) return 0;
    if (depth_ >= replayed_ && !visited_->insert(stateHash()).second) return 0;
    // When others go on first does not matter to what the dead has done: so it dies only where it would have gone on.
    const bool mayDie = current_ != 0 && !threads_[current_].ended && mournerOf(current_) != 0;
    const uint32_t ways = count + (mayDie ? 1 : 0);
    const uint32_t way = ways == 1 ? 0 : decide(ways);
    if (way < count) return able[way];
    kill();
    return schedule();
  }

  uint32_t mournerOf(uint32_t thread) const {
    for (uint32_t i = 1; i <= bodies_.size(); i++)
      if (threads_[i].mourns == thread) return i;
    return 0;
  }

  void kill() {
    Thread& dead = threads_[current_];
    Thread& mourner = threads_[mournerOf(current_)];
    dead.ended = true;
    dead.killed = true;
    mourner.view.join(dead.view);
    for (uint32_t i = 0; i < kMaxThreads; i++) mourner.clock[i] = std::max(mourner.clock[i], dead.clock[i]);
    mourner.hash = mix(mourner.hash, dead.hash);
  }

  bool canStep(const Thread& thread) {
    if (thread.mourns != 0 && !threads_[thread.mourns].killed) return false;
    return !thread.ended && !(thread.asleep && words_[thread.sleepsOn].history.back().value == thread.sleepsWhile);
  }

  uint64_t stateHash() const {
    uint64_t hash = memoryHash_;
    for (size_t i = 1; i <= bodies_.size(); i++) hash = mix(hash, mix(threads_[i].hash, threads_[i].ended ? 1 : 0));
    return hash;
  }

  static void fiber(uint32_t high, uint32_t low) {
    auto* run = reinterpret_cast<Execution*>(static_cast<uintptr_t>(high) << 32 | low);
    const uint32_t number = run->current_;
    Thread& self = run->threads_[number];
    self.annotation.entered();
    run->bodies_[number - 1]();
    self.ended = true;
    run->step();
  }

  void run(const std::function<void(Execution&)>& program) {
    program(*this);
    const auto self = reinterpret_cast<uintptr_t>(this);
    for (uint32_t i = 1; i <= bodies_.size(); i++) {
      Thread& thread = threads_[i];
      thread.clock = threads_[0].clock;
      thread.clock[i] = 1;
      thread.view = threads_[0].view;
      thread.hash = mix(0, i);
      void* stack = stackOf(i);
      thread.annotation.create(stack, kStackBytes);
      getcontext(&thread.context);
      thread.context.uc_stack.ss_sp = stack;
      thread.context.uc_stack.ss_size = kStackBytes;
      thread.context.uc_link = nullptr;
      makecontext(&thread.context, reinterpret_cast<void (*)()>(&fiber), 2, static_cast<uint32_t>(self >> 32),
                  static_cast<uint32_t>(self));
      switchTo(i);
    }
    if (const uint32_t first = schedule(); first != 0) switchTo(first);
    if (!completed_ || !failure_.empty() || !end_) return;
    for (uint32_t i = 1; i <= bodies_.size(); i++) {
      threads_[0].view.join(threads_[i].view);
      for (uint32_t j = 0; j < kMaxThreads; j++)
        threads_[0].clock[j] = std::max(threads_[0].clock[j], threads_[i].clock[j]);
    }
    end_();
  }

  static void* stackOf(uint32_t thread) {
    static const auto stacks = std::make_unique<std::array<std::array<char, kStackBytes>, kMaxThreads>>();
    return (*stacks)[thread].data();
  }

  std::vector<Word> words_;
  std::array<Thread, kMaxThreads> threads_;
  std::vector<Body> bodies_;
  Body end_;
  uint32_t current_ = 0;
  uint64_t memoryHash_ = 0;
  std::vector<Choice>* choices_ = nullptr;
  size_t depth_ = 0;
  size_t replayed_ = 0;
  std::unordered_set<uint64_t>* visited_ = nullptr;
  uint32_t steps_ = 0;
  bool completed_ = false;
  std::string failure_;
};

/// Runs `program`, which sets up memory and threads, in every way, until one fails. `maxStates` bounds the work.
inline Outcome explore(const std::function<void(Execution&)>& program, uint64_t maxStates = 20'000'000) {
  Outcome outcome;
  std::vector<Execution::Choice> choices;
  std::unordered_set<uint64_t> visited;
  for (;;) {
    outcome.runs++;
    Execution run;
    run.choices_ = &choices;
    run.replayed_ = choices.size();
    run.visited_ = &visited;
    run.threads_[0].annotation.adoptMain();
    run.run(program);
    outcome.states = visited.size();
    outcome.failure = run.failure_;
    if (!run.failure_.empty() || visited.size() > maxStates) return outcome;
    choices.resize(run.depth_);
    while (!choices.empty() && choices.back().taken + 1 == choices.back().count) choices.pop_back();
    if (choices.empty()) break;
    choices.back().taken++;
  }
  outcome.exhausted = true;
  return outcome;
}

/// The model's words, for the structures of native/core/queue.
class ModelWords {
 public:
  ModelWords(Execution& run, uint32_t base) : run_(&run), base_(base) {}

  uint32_t load(uint32_t index) const { return run_->load(base_ + index, Order::kSeqCst); }
  void store(uint32_t index, uint32_t value) const { run_->store(base_ + index, value, Order::kSeqCst); }
  bool compareExchange(uint32_t index, uint32_t expected, uint32_t desired) const {
    bool swapped = false;
    run_->exchange(base_ + index, Order::kSeqCst, [&](uint32_t& value) {
      swapped = value == expected;
      if (swapped) value = desired;
      return swapped;
    });
    return swapped;
  }
  uint32_t exchange(uint32_t index, uint32_t value) const {
    return run_->exchange(base_ + index, Order::kSeqCst, [=](uint32_t& word) { return word = value, true; });
  }
  uint32_t fetchAdd(uint32_t index, uint32_t value) const {
    return run_->exchange(base_ + index, Order::kSeqCst, [=](uint32_t& word) { return word += value, true; });
  }
  uint32_t fetchOr(uint32_t index, uint32_t bits) const {
    return run_->exchange(base_ + index, Order::kSeqCst, [=](uint32_t& word) { return word |= bits, true; });
  }
  uint32_t fetchAnd(uint32_t index, uint32_t bits) const {
    return run_->exchange(base_ + index, Order::kSeqCst, [=](uint32_t& word) { return word &= bits, true; });
  }
  uint32_t peek(uint32_t index) const { return run_->peek(base_ + index); }
  template <typename View>
  uint32_t loadAs(uint32_t index, View view) const {
    return run_->loadAs(base_ + index, view);
  }
  uint32_t loadRelaxed(uint32_t index) const { return run_->load(base_ + index, Order::kRelaxed); }
  void storeRelaxed(uint32_t index, uint32_t value) const { run_->store(base_ + index, value, Order::kRelaxed); }
  uint32_t read(uint32_t index) const { return run_->read(base_ + index); }
  void write(uint32_t index, uint32_t value) const { run_->write(base_ + index, value); }
  void clear(uint32_t from, uint32_t to) const {
    for (uint32_t i = from; i < to; i++) run_->write(base_ + i, 0);
  }

  uint32_t base() const { return base_; }
  Execution& execution() const { return *run_; }

 private:
  Execution* run_;
  uint32_t base_;
};

/// The model's threads as a WakerRegistry has them: each has a mailbox, and may be dead. Ids are 1 to 5.
class ModelWakers {
 public:
  static constexpr uint32_t kBase = 1U << 20;

  explicit ModelWakers(Execution& run) : words_(run, kBase) {
    for (uint32_t id = 1; id < Execution::kMaxThreads; id++) words_.write(kAlive + id, 1);
  }

  bool isAlive(uint32_t id) const { return id != 0 && words_.load(kAlive + id) != 0; }
  bool wake(uint32_t id) const {
    if (!isAlive(id)) return false;
    words_.store(id, 1);
    return true;
  }
  void wakeAll() const {
    for (uint32_t id = 1; id < Execution::kMaxThreads; id++) wake(id);
  }
  /// What remove() is to the registry.
  void die(uint32_t id) const {
    words_.store(kAlive + id, 0);
    wakeAll();
  }
  /// Thread `id` sleeps until it is woken.
  void sleep(uint32_t id) const {
    words_.execution().sleepWhile(kBase + id, 0);
    words_.exchange(id, 0);
  }

 private:
  static constexpr uint32_t kAlive = 16;
  ModelWords words_;
};

}  // namespace sluice::testing_support
