// Reactors on their own threads, workers that die at any moment, clients that send and read: over rings so small that
// everything is full all the time. What a client gets back is in order, complete but for what a dead worker held, and its
// connection ends. Meant for the sanitizers as much as for its own assertions.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/arena_consumer.h"
#include "support/lanes.h"

namespace sluice::testing_support {
namespace {

uint32_t scale() {
  const char* stress = std::getenv("SLUICE_STRESS");
  return stress != nullptr && std::string(stress) == "full" ? 30 : 1;
}

/// A reactor thread that feeds the lanes, and who takes its events.
class Part {
 public:
  Part(const LaneMemory& memory, uint32_t number, bool feeds = true)
      : consumer_([this](const Delivery& delivery, Reply&) { take(delivery); }) {
    sink_ = Ref<LaneSink>::make(memory.options(number));
    consumer_.thread().control([&](Reactor& reactor) {
      SocketAddress address;
      SocketAddress::fromIp("127.0.0.1", 0, address);
      int error = 0;
      EndpointOptions options;
      options.maxBatches = 2;
      Endpoint* endpoint = reactor.listen(address, {.backlog = 128}, Framer(Lines(true, 64 * 1024)), options, error);
      SLUICE_REQUIRE(endpoint != nullptr);
      SLUICE_REQUIRE(reactor.addSink(*endpoint, sink_, feeds) == 0);
      endpoint_ = endpoint->id;
      port = PeerAddress::from(endpoint->listener.address()).port;
    });
    consumer_.setReading(endpoint_, true);
    thread_ = std::thread([this] {
      while (!isOver_) consumer_.step();
    });
  }
  ~Part() {
    consumer_.thread().control([&](Reactor& reactor) {
      reactor.closeEndpoint(*reactor.endpoint(endpoint_), CloseReason::kListenerClosed);
      reactor.removeSink(*sink_);
    });
    thread_.join();
  }

  void laneLost(uint32_t lane) {
    consumer_.thread().control([&](Reactor&) { sink_->laneLost(lane); });
  }
  const LaneSinkStats& stats() const { return sink_->stats(); }

  uint16_t port = 0;

 private:
  void take(const Delivery& delivery) {
    EXPECT_TRUE(delivery.batches.empty());
    for (const Event& event : delivery.events) isOver_ |= event.kind == EventKind::kEndpointClosed;
  }

  Ref<LaneSink> sink_;
  uint32_t endpoint_ = 0;
  bool isOver_ = false;
  ArenaConsumer consumer_;
  std::thread thread_;
};

std::string lineOf(uint32_t client, uint32_t number) {
  const uint32_t length = number % 61 == 60 ? 3000 + client : 8 + (number * 7 + client) % 90;
  std::string line = std::to_string(client) + ' ' + std::to_string(number) + ' ';
  while (line.size() < length) line += static_cast<char>('a' + (number + line.size()) % 26);
  return line + '\n';
}

/// Sends its lines and its end, and reads until the server ends too. Returns how many came back.
uint32_t talk(uint16_t port, uint32_t client, uint32_t lines) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  SLUICE_REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  std::thread sender([&] {
    std::mt19937 random(client);
    std::string text;
    for (uint32_t i = 0; i < lines; i++) {
      text += lineOf(client, i);
      if (random() % 16 != 0 && i + 1 < lines) continue;
      for (size_t at = 0; at < text.size();) {
        const ssize_t sent = ::send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
        SLUICE_REQUIRE(sent > 0);
        at += static_cast<size_t>(sent);
      }
      text.clear();
    }
    ::shutdown(fd, SHUT_WR);
  });
  uint32_t came = 0;
  int64_t last = -1;
  std::string rest;
  char buffer[8192];
  for (ssize_t count; (count = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
    rest.append(buffer, static_cast<size_t>(count));
    size_t from = 0;
    for (size_t end; (end = rest.find('\n', from)) != std::string::npos; from = end + 1) {
      const std::string line = rest.substr(from, end + 1 - from);
      const int64_t number = std::atoll(line.c_str() + line.find(' '));
      EXPECT_GT(number, last);
      EXPECT_EQ(line, lineOf(client, static_cast<uint32_t>(number)));
      last = number;
      came++;
    }
    rest.erase(0, from);
  }
  EXPECT_TRUE(rest.empty());
  sender.join();
  ::close(fd);
  return came;
}

struct Life {
  const LaneMemory& memory;
  std::vector<std::unique_ptr<Part>>& parts;
  std::atomic<bool> over{false};
  std::atomic<uint64_t> lost{0};
};

/// Echoes lanes. Now and then it dies, with a lane in its hands or with what it took out of it; the next one lives on in
/// the same thread and first does what the thread that made the pool does then.
void work(Life& life, uint32_t seed, uint32_t deathEvery) {
  std::mt19937 random(seed);
  auto worker = std::make_unique<LaneWorker>(life.memory);
  while (!life.over) {
    std::optional<uint32_t> lane = worker->next();
    if (!lane) {
      worker->flush();
      worker->park();
      lane = worker->next();
      if (!lane) {
        if (!life.over) worker->sleep();
        continue;
      }
      worker->unpark();
    }
    const bool dies = deathEvery != 0 && random() % deathEvery == 0;
    std::vector<LaneRecord> records;
    if (!dies || random() % 4 != 0) records = worker->collect(*lane, 1 + random() % 12);
    if (dies) {
      for (const LaneRecord& record : records) life.lost += record.kind == layout::kLaneFrame ? 1 : 0;
      const uint32_t dead = worker->id();
      worker->die();
      worker = std::make_unique<LaneWorker>(life.memory);
      for (const std::unique_ptr<Part>& part : life.parts) part->laneLost(*lane);
      const SharedWords words(life.memory.lane(*lane));
      ASSERT_TRUE(words.compareExchange(layout::kRingLane, dead, layout::kLaneRunnable));
      worker->requeue(*lane);
      continue;
    }
    for (const LaneRecord& record : records) {
      if (record.kind == layout::kLaneFrame) worker->answer(layout::kAnswerWrite, record, record.bytes + '\n');
      if (record.kind == layout::kLanePeerEnded) worker->answerPeerEnd(record, *lane);
    }
    worker->finish(*lane);
    if (random() % 4 == 0) worker->flush();
  }
}

void run(uint32_t reactors, uint32_t deathEvery) {
  constexpr uint32_t kClients = 6;
  constexpr uint32_t kWorkers = 3;
  const uint32_t lines = 2000 * scale();
  const LaneMemory memory(
      {.lanes = 4, .laneBytes = 1024, .answerBytes = 8192, .sideBytes = 8192, .reactors = reactors});
  std::vector<std::unique_ptr<Part>> parts;
  for (uint32_t r = 0; r < reactors; r++) parts.push_back(std::make_unique<Part>(memory, r));
  Life life{.memory = memory, .parts = parts};
  std::vector<std::thread> workers;
  for (uint32_t w = 0; w < kWorkers; w++) workers.emplace_back([&, w] { work(life, w + 1, deathEvery); });
  std::atomic<uint64_t> came{0};
  std::vector<std::thread> clients;
  for (uint32_t c = 0; c < kClients; c++) {
    clients.emplace_back([&, c] { came += talk(parts[c % reactors]->port, c, lines); });
  }
  for (std::thread& client : clients) client.join();
  life.over = true;
  WakerRegistry::process().wakeAll();
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(came + life.lost, uint64_t{kClients} * lines);
  EXPECT_EQ(life.lost == 0, deathEvery == 0);
  uint64_t frames = 0;
  for (const std::unique_ptr<Part>& part : parts) {
    frames += part->stats().frames;
    EXPECT_EQ(part->stats().waiting, 0U);
    EXPECT_EQ(part->stats().paused, 0U);
    EXPECT_EQ(part->stats().dropped, 0U);
  }
  EXPECT_EQ(frames, uint64_t{kClients} * lines);
}

TEST(LaneSinkThreads, OneReactor) { run(1, 0); }
TEST(LaneSinkThreads, TwoReactorsFeedTheSameLanes) { run(2, 0); }
TEST(LaneSinkThreads, OneReactorWhileWorkersDie) { run(1, 20); }
TEST(LaneSinkThreads, TwoReactorsWhileWorkersDie) { run(2, 20); }

}  // namespace
}  // namespace sluice::testing_support
