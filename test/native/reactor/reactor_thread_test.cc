// A reactor on its own thread against a consumer on another: order, ends after the last frame, control in the middle of
// traffic, and an end at any moment. Meant for ThreadSanitizer as much as for its own assertions.
#include "reactor/reactor_thread.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "reactor/shared_credit.h"
#include "support/arena_consumer.h"

namespace sluice {
namespace {

constexpr uint32_t kMaxLine = 64 * 1024;

int scale() { return std::getenv("SLUICE_STRESS") != nullptr ? 20 : 1; }

EndpointOptions readingAhead() {
  EndpointOptions options;
  options.maxBatches = 2;
  return options;
}

struct Server {
  uint32_t id = 0;
  uint16_t port = 0;
};

Server listenOn(ReactorThread& thread, const EndpointOptions& options, bool reusePort = false) {
  Server server;
  thread.control([&](Reactor& reactor) {
    SocketAddress address;
    SocketAddress::fromIp("127.0.0.1", 0, address);
    int error = 0;
    Endpoint* endpoint = reactor.listen(address, {.backlog = 128, .reusePort = reusePort},
                                        Framer(Lines(true, kMaxLine)), options, error);
    SLUICE_REQUIRE(endpoint != nullptr);
    server = {endpoint->id, PeerAddress::from(endpoint->listener.address()).port};
  });
  return server;
}

/// -1 when nobody listens any more.
int connectTo(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

void sendAll(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t sent = ::send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += static_cast<size_t>(sent);
  }
}

std::string readAll(int fd) {
  std::string text;
  char buffer[16 * 1024];
  for (ssize_t count; (count = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

/// Echoes every line, or only counts them, and looks at the order of what it is told.
class Echo {
 public:
  explicit Echo(bool answers = true) : answers_(answers) {}

  void operator()(const Delivery& delivery, Reply& reply) {
    for (const Event& event : delivery.events) {
      if (event.kind == EventKind::kConnected) {
        EXPECT_TRUE(open_.insert(event.slot).second);
      }
      if (event.kind == EventKind::kDisconnected) {
        EXPECT_EQ(open_.erase(event.slot), 1U);
        ended++;
      }
      if (event.kind == EventKind::kEndpointClosed) closed++;
    }
    const Arena& arena = delivery.arena.arena;
    const FrameTable table(arena.frames, arena.frameCapacity);
    for (const DeliveredBatch& batch : delivery.batches) {
      for (uint32_t i = batch.firstFrame; i < batch.firstFrame + batch.frameCount; i++) {
        const auto slot = static_cast<uint32_t>(table.connection(i));
        EXPECT_EQ(open_.count(slot), 1U) << "a frame outside of its connection's life";
        frames++;
        if (!answers_) continue;
        const auto start = static_cast<int32_t>(reply.bytes.size());
        reply.bytes.insert(reply.bytes.end(), arena.bytes + table.start(i), arena.bytes + table.end(i));
        reply.bytes.push_back('\n');
        reply.pieces.push_back({static_cast<int32_t>(slot), start, static_cast<int32_t>(reply.bytes.size())});
      }
    }
  }

  std::atomic<int> frames = 0;
  int ended = 0;
  int closed = 0;

 private:
  const bool answers_;
  std::set<uint32_t> open_;
};

std::string linesOf(int client, int count) {
  std::string text;
  for (int i = 0; i < count; i++) {
    text += std::to_string(client) + " " + std::to_string(i) + std::string(static_cast<size_t>(i * 7 % 90), 'x');
    if (i % 500 == 499) text += std::string(40'000, 'y');  // more than an arena
    text += '\n';
  }
  return text;
}

/// Clients of one thread each; each sends its lines, ends, and returns what came back.
class Clients {
 public:
  Clients(uint16_t port, int count, int lines) {
    for (int n = 0; n < count; n++) {
      threads_.emplace_back([=, this] {
        const std::string text = linesOf(n, lines);
        const int fd = connectTo(port);
        if (fd < 0) return;
        std::thread sender([&] {
          sendAll(fd, text);
          ::shutdown(fd, SHUT_WR);
        });
        if (readAll(fd) == text) right++;
        sender.join();
        ::close(fd);
      });
    }
  }
  ~Clients() {
    for (std::thread& thread : threads_) thread.join();
  }
  std::atomic<int> right = 0;

 private:
  std::vector<std::thread> threads_;
};

TEST(ReactorThread, EchoesInOrderAndReportsEachEndAfterTheLastFrame) {
  const int clients = 6;
  const int lines = 2000 * scale();
  Echo echo;
  ArenaConsumer consumer([&](const Delivery& delivery, Reply& reply) { echo(delivery, reply); });
  const Server server = listenOn(consumer.thread(), readingAhead());
  consumer.setReading(server.id, true);
  {
    Clients running(server.port, clients, lines);
    int steps = 0;
    while (echo.ended < clients) {
      consumer.step();
      if (steps++ % 16 != 0) continue;
      consumer.thread().control([&](Reactor& reactor) {
        EXPECT_LE(reactor.endpoint(server.id)->openConnections, static_cast<uint32_t>(clients));
      });
    }
    // Their threads read the rest of what was sent to them.
    while (running.right < clients) std::this_thread::yield();
  }
  EXPECT_EQ(echo.frames, clients * lines);
  consumer.thread().control([&](Reactor& reactor) {
    const Endpoint& endpoint = *reactor.endpoint(server.id);
    EXPECT_EQ(endpoint.heldBytes(), 0U);
    EXPECT_EQ(endpoint.stats.accepted, static_cast<uint64_t>(clients));
    reactor.closeEndpoint(*reactor.endpoint(server.id), CloseReason::kListenerClosed);
  });
  while (echo.closed == 0) consumer.step();
}

TEST(ReactorThread, EndsInTheMiddleOfTraffic) {
  for (int round = 0; round < 20 * scale(); round++) {
    Echo echo;
    auto consumer =
        std::make_unique<ArenaConsumer>([&](const Delivery& delivery, Reply& reply) { echo(delivery, reply); });
    const Server server = listenOn(consumer->thread(), readingAhead());
    consumer->setReading(server.id, true);
    const Ref<ReactorPort> port = consumer->thread().port();
    Clients running(server.port, 2, 2000);
    while (echo.frames < round * 50) consumer->step();
    consumer.reset();  // and with it the memory that the thread read into
    std::unique_ptr<Reply> late = port->blank();
    late->released.push_back(server.id);
    port->post(std::move(late));  // to nobody, and harmless
  }
}

TEST(ReactorThread, SharesLimitsAndBudgetWithOthersOnThePort) {
  constexpr uint64_t kBudget = 256 * 1024;
  EndpointOptions options = readingAhead();
  options.limits.connections = 4;
  options.limits.bufferedBytes = kBudget;
  Echo firstCount(false);
  Echo secondCount(false);
  ArenaConsumer first([&](const Delivery& delivery, Reply& reply) { firstCount(delivery, reply); });
  ArenaConsumer second([&](const Delivery& delivery, Reply& reply) { secondCount(delivery, reply); });
  const Server server = listenOn(first.thread(), options, true);
  auto credit = Ref<SharedCredit>::make(kBudget);
  Ref<Admission> admission;
  uint32_t secondId = 0;
  first.thread().control([&](Reactor& reactor) {
    Endpoint* endpoint = reactor.endpoint(server.id);
    admission = endpoint->admission;
    endpoint->credit = credit;
    endpoint->creditPart = credit->join(first.thread().port(), endpoint->id);
  });
  second.thread().control([&](Reactor& reactor) {
    SocketAddress address;
    SocketAddress::fromIp("127.0.0.1", server.port, address);
    int error = 0;
    Endpoint* endpoint = reactor.listen(address, {.reusePort = true}, Framer(Lines(true, kMaxLine)), options, error);
    ASSERT_NE(endpoint, nullptr) << error;
    secondId = endpoint->id;
    endpoint->admission = admission;
    endpoint->credit = credit;
    endpoint->creditPart = credit->join(second.thread().port(), secondId);
  });
  auto held = [&] {
    uint64_t sum = 0;
    first.thread().control([&](Reactor& reactor) { sum += reactor.endpoint(server.id)->heldBytes(); });
    second.thread().control([&](Reactor& reactor) { sum += reactor.endpoint(secondId)->heldBytes(); });
    return sum;
  };
  auto open = [&] {
    uint32_t sum = 0;
    first.thread().control([&](Reactor& reactor) { sum += reactor.endpoint(server.id)->openConnections; });
    second.thread().control([&](Reactor& reactor) { sum += reactor.endpoint(secondId)->openConnections; });
    return sum;
  };
  std::vector<int> fds;
  for (int i = 0; i < 12; i++) fds.push_back(connectTo(server.port));
  while (open() < 4) std::this_thread::yield();
  int refused = 0;
  for (int& fd : fds) {
    char byte;
    if (::recv(fd, &byte, 1, MSG_DONTWAIT) != 0) continue;
    ::close(fd);
    fd = -1;
    refused++;
  }
  EXPECT_LE(refused, 8);
  EXPECT_EQ(open(), 4U);

  // Nobody takes deliveries, so what is read stays held; the senders have far more than the budget.
  first.setReading(server.id, true);
  second.setReading(secondId, true);
  std::vector<std::thread> senders;
  constexpr int kLines = 5000;
  const std::string text = linesOf(1, kLines);
  for (const int fd : fds) {
    if (fd < 0) continue;
    senders.emplace_back([fd, &text] {
      sendAll(fd, text);
      ::shutdown(fd, SHUT_WR);
    });
  }
  for (int i = 0; i < 2000; i++) EXPECT_LE(held(), kBudget);

  // One reactor after the other waits for what the other gives back, and all arrives.
  auto run = [&](ArenaConsumer& mine, ArenaConsumer& other) {
    while (firstCount.frames + secondCount.frames < 4 * kLines) mine.step();
    other.wake();
  };
  std::thread firstLoop([&] { run(first, second); });
  run(second, first);
  firstLoop.join();
  EXPECT_EQ(firstCount.frames + secondCount.frames, 4 * kLines);
  for (std::thread& sender : senders) sender.join();
  for (const int fd : fds) {
    if (fd >= 0) ::close(fd);
  }
}

}  // namespace
}  // namespace sluice
