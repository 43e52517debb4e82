// The reactor: one thread's sockets, multiplexed.
//
// It is driven, not driving: the owner calls poll() when the poller's descriptor is readable, fill() to read what is
// ready into an arena, hands the batches and events on, and calls release() for each batch that is done with. Nothing
// here blocks, calls back, or knows who the consumer is; so the same reactor sits in an event loop or on a thread of
// its own.
//
// What holds at every moment, for every endpoint:
//  - At most EndpointOptions::maxBatches batches are outstanding, and nothing is read while so many are. They are
//    released in the order in which they were handed over.
//  - A connection's kDisconnected is reported after the batch with its last frame was released, once, and its slot is
//    used again only after recycle().
//  - Bytes read and not released are counted (Endpoint::heldBytes) and bounded by the budget, by the size of one frame
//    more where a single frame is larger than the budget.
//  - Events that nobody has taken are bounded too: with kMaxHeldEvents of them no connection is accepted.
//  - Writing never waits for reading.
//
// An endpoint may have a FrameSink: then its frames go there, read into memory of the reactor's own by runSinks(), and
// fill() has nothing to do with it.
#pragma once

#include <cerrno>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "net/endpoint.h"
#include "poller/poller.h"
#include "reactor/arena.h"
#include "reactor/batch_filler.h"
#include "reactor/connection_table.h"
#include "reactor/descriptor_watches.h"
#include "reactor/event.h"
#include "reactor/frame_sink.h"
#include "reactor/lingering.h"
#include "reactor/sink_waker.h"

namespace sluice {

/// A piece of output: bytes [start, end) of a buffer, for the connection in `slot`.
struct OutputPiece {
  int32_t slot;
  int32_t start;
  int32_t end;
};

class Reactor {
 public:
  Reactor() = default;
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Returns 0 or an errno value.
  int open() noexcept { return poller_.open(); }
  int descriptor() const noexcept { return poller_.descriptor(); }

  // Endpoints. Null with `error` set to an errno value when the system refuses.
  Endpoint* listen(const SocketAddress& address, const ListenOptions& listenOptions, Framer framer,
                   const EndpointOptions& options, int& error);
  /// kConnected or kConnectFailed follows.
  Endpoint* connect(const SocketAddress& address, Framer framer, const EndpointOptions& options, int& error);
  /// An endpoint whose connections others accept, and adopt() brings.
  Endpoint* addEndpoint(Framer framer, const EndpointOptions& options);
  /// Takes a connected socket over, as if accepted here; closes it when the endpoint is gone. kConnected follows.
  void adopt(uint32_t endpoint, int fd, const PeerAddress& peer) noexcept;
  Endpoint* endpoint(uint32_t id) noexcept;
  /// Takes in the connections that wait to be accepted, whose peers may have sent already, and then no more; connections
  /// live on.
  void closeListener(Endpoint& endpoint) noexcept;
  /// Destroys every connection and forgets the endpoint. An outstanding batch counts as released.
  void closeEndpoint(Endpoint& endpoint, CloseReason reason) noexcept;
  /// From here on tick() closes each connection that was silent for `quietMs` with nothing in flight: nothing left to read or
  /// to handle, no unfinished frame, no output. `quietMs` 0: silence is not asked for.
  void drain(Endpoint& endpoint, uint32_t quietMs, uint64_t nowMs) noexcept;
  void stopDraining(Endpoint& endpoint) noexcept;

  // The turn.
  static constexpr uint32_t kMaxBatches = 64;  // of one fill()
  /// Waits for readiness, without touching what take() and all else here touch: on a thread of its own a reactor may
  /// wait while another thread, under a lock that take() needs too, uses it. `timeoutMs` as for poll(2).
  std::span<const PollEvent> wait(int timeoutMs) noexcept { return poller_.harvest(timeoutMs); }
  /// Takes note of what wait() found, and accepts connections.
  void take(std::span<const PollEvent> ready, uint64_t nowMs) noexcept;
  void poll(uint64_t nowMs) noexcept { take(wait(0), nowMs); }
  /// For whoever calls something else than take() or tick(): what time it is.
  void setNow(uint64_t nowMs) noexcept { nowMs_ = nowMs; }
  /// The poller's, for those who end a wait(): Poller::enableWake() and wake().
  int enableWake() noexcept { return poller_.enableWake(); }
  void wake() const noexcept { poller_.wake(); }
  /// Reads into `arena` until it is full or nothing is ready; may look at the poller again, so it is called by the thread
  /// that waits. Returns 0, or the size of the arena that the next frame needs when nothing at all could be delivered for
  /// want of it.
  uint32_t fill(const Arena& arena) noexcept;
  std::span<const Batch> batches() const noexcept { return batches_; }
  /// True when the last fill() stopped because the arena was full.
  bool arenaWasFull() const noexcept { return arenaWasFull_; }
  /// The oldest outstanding batch of the endpoint is done with.
  void release(Endpoint& endpoint) noexcept;
  /// Whether fill() would find something to do although the poller reports nothing.
  bool mayFill() const noexcept { return !work_.empty(); }
  /// Whether take() would accept something although the poller reports nothing.
  bool mayAccept() const noexcept { return !accepting_.empty() && events_.size() < kMaxHeldEvents; }
  /// Whether runSinks() would find something to do although nobody woke the reactor.
  bool mayFeed() const noexcept { return !feeding_.empty(); }
  bool hasWork() const noexcept { return mayFill() || mayFeed() || mayAccept(); }
  void setReading(Endpoint& endpoint, bool reading) noexcept;
  /// Whether one connection is passed over: the consumer has no room for more of its frames. Writing goes on.
  void hold(Connection& connection, bool held) noexcept;
  /// The same by the program's own wish, whatever room the consumer has. A reset is noticed all the same, and so is the
  /// peer's end when nothing unread lies in front of it.
  void pause(Connection& connection, bool paused) noexcept;
  /// Another part of the endpoint's listener holds less than before, or this one the most.
  void creditChanged(Endpoint& endpoint) noexcept;

  // Sinks.
  /// Connections that are open are told to the sink at once. `feeds`: frames go to it as they are read; else only what
  /// put() brings. Returns 0 or an errno value.
  int addSink(Endpoint& endpoint, Ref<FrameSink> sink, bool feeds) noexcept;
  /// It gets no more turns. Its endpoint is gone, or about to be closed.
  void removeSink(const FrameSink& sink) noexcept;
  /// Gives every sink its turn, and reads for those that are fed.
  void runSinks() noexcept;
  /// The owner is about to wait: from here on it is woken for its sinks. False: runSinks() has something to do first.
  bool parkSinks() noexcept;

  std::vector<Event>& events() noexcept { return events_; }
  /// These events have reached whoever knows connections by slot and endpoints by id: what they say has ended is
  /// forgotten, and slots are free again.
  void recycle(std::span<const Event> delivered) noexcept;

  // Descriptors of the program; see DescriptorWatches. kDescriptorReady follows.
  int watchDescriptor(int fd, uint32_t interest) noexcept;
  int stillWatched(int fd, uint32_t interest) noexcept {
    return watches_ ? watches_->stillArmed(fd, interest) : ENOENT;
  }
  void unwatchDescriptor(int fd) noexcept {
    if (watches_) watches_->disarm(fd);
  }

  // Output.
  void write(const OutputPiece* pieces, uint32_t count, const uint8_t* bytes) noexcept;
  void end(Connection& connection) noexcept;
  void destroy(Connection& connection, CloseReason reason = CloseReason::kDestroyed) noexcept;
  /// Reads no more, sends what is written, then closes; see lingering.h.
  void destroySoon(Connection& connection) noexcept;
  /// Asks for kDrained; false when everything is out. A connection that has failed answers true: kDisconnected follows.
  bool watchDrain(Connection& connection) noexcept;
  Connection* connection(uint32_t slot) noexcept { return connections_.at(slot); }
  uint32_t slotCapacity() const noexcept { return connections_.capacity(); }
  /// Where to keep each slot's queued output bytes for others to read; may be null.
  void setOutputGauge(uint32_t* gauge, uint32_t slots) noexcept;

  /// The process is about to exit: sends what is queued, and waits as long as peers take it: not longer than `patienceMs`
  /// for the next step, nor ten times that altogether. Unread input is thrown away, since a socket that is closed with unread input is
  /// reset, and a reset overtakes what was sent. The reactor is not used afterwards.
  void leave(int patienceMs) noexcept;

  // Time. tick() wants to be called at that moment, or soon after.
  uint64_t tickAtMs() const noexcept;
  bool needsTick() const noexcept { return tickAtMs() != TimerWheel::kNever; }
  void tick(uint64_t nowMs) noexcept;

 private:
  using TimerWheel = DeadlineWheel<ConnectionTimers, &ConnectionTimers::deadline>;

  static constexpr uint32_t kTickMs = 50;        // between two looks at what has no moment of its own
  static constexpr uint32_t kSlowSpanMs = 2000;  // over which bytes a second are measured
  static constexpr uint32_t kBehindMs = 100;     // see overflow.cc
  static constexpr uint32_t kRelieveEveryMs = 10;
  static constexpr int kRelieveReads = 64;
  static constexpr uint32_t kLingerMs = 1000;  // see Lingering
  static constexpr size_t kBurst = 4;          // so many events at once promise more to come, see lookAgain()
  static constexpr size_t kMaxNoticed = 256;   // with so many the turn looks no further
  static constexpr uint32_t kAcceptsPerTurn = 128;
  static constexpr uint32_t kMaxAcceptsAtClose = 4096;
  static constexpr size_t kMaxHeldEvents = 4096;
  static constexpr uint32_t kSinkArenaBytes = 64 * 1024;
  static constexpr uint32_t kSinkArenaFrames = 4096;
  static constexpr int kFeedsPerTurn = 4;
  static constexpr int kMaxPieces = 64;  // of one sendmsg
  static constexpr uint32_t kMinBackOffMs = 50;
  static constexpr uint32_t kMaxBackOffMs = 1000;

  uint32_t nextEndpointId() noexcept;
  Endpoint* keep(std::unique_ptr<Endpoint> endpoint);
  Connection* open(Endpoint& endpoint, int fd, const PeerAddress& peer) noexcept;
  void reap(Endpoint& endpoint) noexcept;
  void notice(std::span<const PollEvent> ready) noexcept;

  // opening.cc
  void begin(Connection& connection) noexcept;
  void goOnOpening(Connection& connection) noexcept;
  void readProxyHeader(Connection& connection) noexcept;
  void takeAsDirect(Connection& connection) noexcept;
  bool admitsClient(Connection& connection) noexcept;
  void beginTransport(Connection& connection) noexcept;
  void goOnWithHandshake(Connection& connection) noexcept;
  void transportFailed(Connection& connection, int error) noexcept;
  static Event connectedEvent(const Connection& connection) noexcept;
  void announce(Connection& connection) noexcept;

  // timing.cc
  ConnectionTimers& timersOf(Connection& connection) noexcept;
  void dropTimers(Connection& connection) noexcept;
  void armBefore(ConnectionTimers& timers, uint64_t atMs) noexcept;
  void beginTiming(Connection& connection) noexcept;
  static bool isUnread(const Connection& connection) noexcept;
  void noteWaiting(Connection& connection) noexcept;
  void noteRead(Connection& connection, uint64_t bytes, uint32_t frames) noexcept;
  void noteWrite(Connection& connection) noexcept;
  uint32_t frameAllowance(Connection& connection) noexcept;
  static uint64_t nextTokenMs(const Connection& connection) noexcept;
  void holdForRate(Connection& connection) noexcept;
  void look(ConnectionTimers& timers, uint64_t nowMs) noexcept;
  void lookAtDue(uint64_t nowMs) noexcept;

  // overflow.cc
  void noteFull(Endpoint& endpoint) noexcept;
  void noLongerBehind(Endpoint& endpoint) noexcept;
  void relieveThoseBehind(uint64_t nowMs) noexcept;
  void relieve(Endpoint& endpoint) noexcept;

  // accepting.cc
  void acceptRound() noexcept;
  void abandonListener(Endpoint& endpoint) noexcept;
  bool acceptSome(Endpoint& endpoint, uint32_t& budget) noexcept;
  bool admits(Endpoint& endpoint, const PeerAddress& peer) noexcept;
  static bool awaitsProxy(const Endpoint& endpoint, const PeerAddress& peer) noexcept;
  void tellRefusal(Endpoint& endpoint, const PeerAddress& peer, CloseReason reason, int32_t error = 0) noexcept;

  // feeding.cc
  bool sinksNeedTick() const noexcept;
  void feed(Endpoint& endpoint) noexcept;
  Arena sinkArena(uint32_t bytes) noexcept;

  // reading.cc
  Read fillFrom(Endpoint& endpoint, uint64_t budget) noexcept;
  Read readEndpoint(Endpoint& endpoint) noexcept;
  void follow(Connection& connection, const Read& read) noexcept;
  bool lookAgain(const Endpoint& endpoint) noexcept;
  void enqueue(Endpoint& endpoint) noexcept;
  void markReadable(Connection& connection) noexcept;
  static void passOver(Connection& connection) noexcept;
  void resume(Connection& connection) noexcept;
  void noticeEndUnread(Connection& connection) noexcept;
  void noticeReset(Connection& connection) noexcept;
  static int pendingError(const Connection& connection) noexcept;
  void boundPartials(Endpoint& endpoint) noexcept;
  bool takeCredit(Endpoint& endpoint, uint64_t& budget) noexcept;
  void settleCredit(Endpoint& endpoint) noexcept;

  // closing.cc
  void blame(Connection& connection, CloseReason reason, int32_t error) noexcept;
  void fault(Connection& connection, CloseReason reason, int32_t error = 0) noexcept;
  void inputEnded(Connection& connection, CloseReason reason, int32_t error) noexcept;
  void refuseInput(Connection& connection, CloseReason reason) noexcept;
  void endGently(Connection& connection) noexcept;
  bool sendsEndFirst(Connection& connection) noexcept;
  void settle(Endpoint& endpoint) noexcept;
  void settleSoon(Connection& connection) noexcept;
  void settleLater(Connection& connection) noexcept;
  static bool awaitsEnd(const Connection& connection) noexcept;
  void closeDescriptor(Connection& connection) noexcept;
  void closeNow(Connection& connection) noexcept;
  void report(Connection& connection) noexcept;
  void dropPartial(Connection& connection) noexcept;

  // draining.cc
  void sweepDue(uint64_t nowMs) noexcept;
  void sweep(Endpoint& endpoint) noexcept;
  static bool isInFlight(const Connection& connection) noexcept;

  // writing.cc
  void sendPieces(Connection& connection, const OutputPiece* pieces, const uint8_t* bytes, int32_t first) noexcept;
  OutputQueue& outputQueue(Connection& connection) noexcept;
  bool queueOutput(Connection& connection, const uint8_t* data, size_t length) noexcept;
  void flushOutput(Connection& connection) noexcept;
  void outputIsOut(Connection& connection) noexcept;
  void writeFailed(Connection& connection, int error) noexcept;
  void awaitUnsent(Connection& connection) noexcept;
  void dropOutput(Connection& connection) noexcept;
  void noteOutput(Connection& connection) noexcept;
  void finishConnect(Connection& connection) noexcept;

  Poller poller_;
  ConnectionTable connections_;
  std::unordered_map<uint32_t, std::unique_ptr<Endpoint>> endpoints_;
  uint32_t lastEndpointId_ = 0;
  std::unique_ptr<DescriptorWatches> watches_;  // from the first on
  uint64_t nowMs_ = 0;

  std::deque<Endpoint*> work_;        // endpoints with something to read and a consumer for it
  std::deque<Endpoint*> feeding_;     // those whose consumer is a sink
  std::vector<Endpoint*> accepting_;  // endpoints whose backlog may hold connections
  uint32_t backedOff_ = 0;            // endpoints that accept again at a later tick
  StallList withOutput_;              // connections with output left over
  std::vector<Endpoint*> behind_;     // endpoints with an overflow policy whose consumers may be behind
  TimerWheel timers_;
  uint64_t lastTickMs_ = 0;
  Lingering lingering_;
  std::vector<Endpoint*> draining_;

  // Of the turn.
  BatchFiller filler_;
  size_t found_ = 0;             // events that the last look at the poller brought
  size_t noticed_ = 0;           // by all looks of the turn
  Endpoint* filling_ = nullptr;  // whose batch is being filled
  bool arenaWasFull_ = false;
  std::vector<Batch> batches_;
  std::vector<Event> events_;

  std::vector<int32_t> nextPiece_;  // scratch of write()
  std::vector<Connection*> writing_;

  std::vector<Ref<FrameSink>> sinks_;
  std::unique_ptr<SinkWaker> sinkWaker_;  // with the first sink
  std::unique_ptr<uint8_t[]> sinkBytes_;
  std::unique_ptr<int32_t[]> sinkFrames_;
  uint32_t sinkArenaBytes_ = 0;

  uint32_t* outputGauge_ = nullptr;
  uint32_t gaugeSlots_ = 0;
};

}  // namespace sluice
