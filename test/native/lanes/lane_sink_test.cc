// A reactor that feeds lanes, step by step in one thread: what a worker finds in them, what becomes of its answers, and what
// happens where there is no room.
#include "lanes/lane_sink.h"

#include <gtest/gtest.h>

#include "support/client.h"
#include "support/driven_reactor.h"
#include "support/lanes.h"

namespace sluice::testing_support {
namespace {

class LaneSinkTest : public testing::Test {
 protected:
  void serve(const LaneShape& shape = {}, const std::function<void(LaneSinkOptions&)>& choose = {}, bool feeds = true) {
    memory_ = std::make_unique<LaneMemory>(shape);
    LaneSinkOptions options = memory_->options();
    if (choose) choose(options);
    sink_ = Ref<LaneSink>::make(options);
    if (!server_) server_ = &driven_.listen(Framer(Lines(true, 1 << 20)));
    ASSERT_EQ(driven_.reactor().addSink(*server_, sink_, feeds), 0);
    worker_ = std::make_unique<LaneWorker>(*memory_);
  }

  Client client() { return Client(server().listener.address()); }
  Endpoint& server() { return *server_; }

  /// The records of the next runnable lane, its turn over.
  std::vector<LaneRecord> runLane(uint32_t max = 1000) {
    std::optional<uint32_t> lane;
    driven_.until([&] { return (lane = worker_->next()).has_value(); });
    if (!lane) return {};
    std::vector<LaneRecord> records = worker_->collect(*lane, max);
    worker_->finish(*lane);
    return records;
  }
  /// Records of all lanes until there are `count`.
  std::vector<LaneRecord> records(size_t count) {
    std::vector<LaneRecord> all;
    while (all.size() < count) {
      const std::vector<LaneRecord> some = runLane();
      if (some.empty()) break;
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  static std::vector<std::string> texts(const std::vector<LaneRecord>& records) {
    std::vector<std::string> all;
    for (const LaneRecord& record : records) {
      if (record.kind == layout::kLaneFrame) all.push_back(record.bytes);
    }
    return all;
  }
  bool receives(Client& client, const std::string& text) {
    return driven_.until([&] {
      client.receive();
      return client.received == text;
    });
  }
  uint64_t stat(const std::atomic<uint64_t>& counter) { return counter.load(); }

  DrivenReactor driven_;
  Endpoint* server_ = nullptr;
  std::unique_ptr<LaneMemory> memory_;
  Ref<LaneSink> sink_;
  std::unique_ptr<LaneWorker> worker_;
};

std::string numbered(int first, int count, size_t length) {
  std::string text;
  for (int i = first; i < first + count; i++) {
    std::string line = std::to_string(i) + ' ';
    line.resize(std::max(length, line.size()), 'x');
    text += line + '\n';
  }
  return text;
}

TEST_F(LaneSinkTest, FramesReachALaneInOrderAndNoBatchIsMade) {
  serve();
  Client one = client();
  one.send("a\nbb\n\nccc\n");
  EXPECT_EQ(texts(records(4)), (std::vector<std::string>{"a", "bb", "", "ccc"}));
  EXPECT_EQ(driven_.frameCount, 0U);
  EXPECT_EQ(stat(sink_->stats().frames), 4U);
  EXPECT_EQ(server().heldBytes(), 0U);
  EXPECT_EQ(server().stats.frames, 4U);
}

TEST_F(LaneSinkTest, ConnectionsAreToldInOrderWithTheirFrames) {
  serve({}, [](LaneSinkOptions& options) { options.tellsConnects = options.tellsDisconnects = true; });
  Client one = client();
  one.send("a\n");
  std::vector<LaneRecord> got = records(2);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].kind, layout::kLaneConnected);
  EXPECT_EQ(got[1].bytes, "a");
  EXPECT_EQ(memory_->generationOf(got[0].index), got[0].generation);
  EXPECT_EQ(memory_->nameWord(got[0].index, layout::kNamePortAndFamily) & 3, layout::kNameIpv4);
  EXPECT_EQ(memory_->nameWord(got[0].index, layout::kNameAddress), htonl(INADDR_LOOPBACK));
  one.shutdownWrite();
  got = records(1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].kind, layout::kLanePeerEnded);
  driven_.settle();
  EXPECT_EQ(driven_.count(EventKind::kDisconnected), 0U) << "the worker has not seen the end yet";
  worker_->answer(layout::kAnswerWrite, got[0], "late\n");
  worker_->answerPeerEnd(got[0], got[0].index % 4);
  EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kPeerEnded);
  one.receive();
  EXPECT_EQ(one.received, "late\n");
  EXPECT_EQ(memory_->generationOf(got[0].index), 0U);
  got = records(1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].kind, layout::kLaneDisconnected);
  uint32_t reason = 0;
  std::memcpy(&reason, got[0].bytes.data(), 4);
  EXPECT_EQ(reason, static_cast<uint32_t>(CloseReason::kPeerEnded));
}

TEST_F(LaneSinkTest, ConnectionsThatAreThereAlreadyAreTaken) {
  server_ = &driven_.listen(Framer(Lines(true, 1000)));
  driven_.reactor().setReading(*server_, false);
  Client early = client();
  early.send("early\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
  serve({}, [](LaneSinkOptions& options) { options.tellsConnects = true; });
  driven_.reactor().setReading(*server_, true);
  const std::vector<LaneRecord> got = records(2);
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].kind, layout::kLaneConnected);
  EXPECT_EQ(got[1].bytes, "early");
}

TEST_F(LaneSinkTest, FramesComeBehindTheBatchThatIsStillOut) {
  server_ = &driven_.listen(Framer(Lines(true, 1000)));
  driven_.releaseAtOnce = false;
  Client one = client();
  one.send("in a batch\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 1; }));
  serve();
  one.send("to the lane\n");
  driven_.settle();
  EXPECT_EQ(stat(sink_->stats().frames), 0U);
  driven_.reactor().release(server());
  EXPECT_EQ(texts(records(1)), (std::vector<std::string>{"to the lane"}));
}

TEST_F(LaneSinkTest, AnswersGoOutInOrderAndWakeAReactorThatSleeps) {
  serve();
  Client one = client();
  one.send("a\n");
  const std::vector<LaneRecord> got = records(1);
  ASSERT_EQ(got.size(), 1U);
  WaitSet<> sleeping(SharedWords(memory_->sleeping(0)), WakerRegistry::process(), worker_->id());
  driven_.settle();
  ASSERT_TRUE(driven_.reactor().parkSinks());
  EXPECT_TRUE(sleeping.occupied());
  for (int i = 0; i < 10; i++) worker_->answer(layout::kAnswerWrite, got[0], std::to_string(i) + "\n");
  EXPECT_FALSE(driven_.reactor().parkSinks()) << "answers wait";
  worker_->flush();
  EXPECT_FALSE(sleeping.occupied()) << "one wake, and no second one until it sleeps again";
  pollfd readiness{.fd = driven_.reactor().descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&readiness, 1, 0), 1);
  worker_->answer(layout::kAnswerEnd, got[0]);
  worker_->answer(layout::kAnswerWrite, got[0], "after the end\n");
  EXPECT_TRUE(receives(one, "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"));
  EXPECT_TRUE(driven_.until([&] {
    one.receive();
    return one.ended;
  }));
}

TEST_F(LaneSinkTest, AnswersToAConnectionThatIsGoneReachNobody) {
  serve();
  Client one = client();
  one.send("a\n");
  const std::vector<LaneRecord> got = records(1);
  ASSERT_EQ(got.size(), 1U);
  one.reset();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  Client two = client();
  two.send("b\n");
  const std::vector<LaneRecord> next = records(1);
  ASSERT_EQ(next.size(), 1U);
  ASSERT_EQ(next[0].index, got[0].index);
  ASSERT_NE(next[0].generation, got[0].generation);
  worker_->answer(layout::kAnswerWrite, got[0], "to the first\n");
  worker_->answer(layout::kAnswerDestroy, got[0]);
  worker_->answer(layout::kAnswerWrite, next[0], "to the second\n");
  EXPECT_TRUE(receives(two, "to the second\n"));
}

TEST_F(LaneSinkTest, AFullLanePausesItsConnectionsAloneAndLosesNothing) {
  serve({.lanes = 2, .laneBytes = 256});
  Client first = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
  Client second = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 2; }));
  Client third = client();  // in the first one's lane
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 3; }));
  first.send(numbered(0, 40, 20));
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().paused) == 1; }));
  third.send("behind\n");
  second.send("quiet\n");
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().paused) == 2; }));
  EXPECT_GT(stat(sink_->stats().waiting), 0U);
  EXPECT_EQ(stat(sink_->stats().frames), 41U) << "the third was not read";
  driven_.settle();
  std::vector<std::string> got;
  while (got.size() < 42) {
    const std::vector<std::string> some = texts(runLane(3));
    ASSERT_FALSE(some.empty());
    got.insert(got.end(), some.begin(), some.end());
  }
  std::vector<int> numbers;
  for (const std::string& text : got) {
    if (std::isdigit(text[0]) != 0) numbers.push_back(std::stoi(text));
  }
  ASSERT_EQ(numbers.size(), 40U);
  for (int i = 0; i < 40; i++) EXPECT_EQ(numbers[static_cast<size_t>(i)], i);
  driven_.settle();
  EXPECT_EQ(stat(sink_->stats().paused), 0U);
  EXPECT_EQ(stat(sink_->stats().waiting), 0U);
}

TEST_F(LaneSinkTest, AnEndThatFoundTheArenaFullIsNotForgottenWhileTheLaneIsFull) {
  serve({.lanes = 1, .laneBytes = 256});
  Client busy = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
  Client ending = client();
  const std::string tail(20'000, 't');  // no newline: a frame only when its end has come
  ending.send(tail);
  ASSERT_TRUE(driven_.until([&] { return server().partialBytes == tail.size(); }));
  busy.send(numbered(0, 600, 100));
  ending.shutdownWrite();
  std::vector<LaneRecord> got;
  while (got.size() < 602) {
    const std::vector<LaneRecord> some = runLane(3);
    ASSERT_FALSE(some.empty()) << "after " << got.size();
    got.insert(got.end(), some.begin(), some.end());
  }
  EXPECT_EQ(texts(got).back(), tail);
  EXPECT_EQ(got.back().kind, layout::kLanePeerEnded);
}

TEST_F(LaneSinkTest, WhoReleasesAFullLaneWakesAReactorThatSleeps) {
  serve({.lanes = 1, .laneBytes = 256});
  Client one = client();
  one.send(numbered(0, 40, 20));
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().waiting) > 0; }));
  driven_.settle();
  ASSERT_TRUE(driven_.reactor().parkSinks());
  const std::optional<uint32_t> lane = worker_->next();
  ASSERT_TRUE(lane.has_value());
  pollfd readiness{.fd = driven_.reactor().descriptor(), .events = POLLIN, .revents = 0};
  driven_.reactor().poll(1);
  ASSERT_EQ(::poll(&readiness, 1, 0), 0);
  worker_->collect(*lane, 2);
  EXPECT_EQ(::poll(&readiness, 1, 0), 1);
  const uint64_t waited = stat(sink_->stats().waiting);
  driven_.turn(0);
  EXPECT_LT(stat(sink_->stats().waiting), waited);
}

TEST_F(LaneSinkTest, DropsTheNewestWhereThatIsChosen) {
  serve({.lanes = 1, .laneBytes = 256}, [](LaneSinkOptions& options) { options.overflow = LaneOverflow::kDropNewest; });
  Client one = client();
  one.send(numbered(0, 100, 20));
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().dropped) + stat(sink_->stats().frames) == 100; }));
  const size_t kept = stat(sink_->stats().frames);
  EXPECT_GT(kept, 0U);
  EXPECT_LT(kept, 100U);
  const std::vector<std::string> got = texts(records(kept));
  for (size_t i = 0; i < kept; i++) EXPECT_EQ(std::stoul(got[i]), i);
  EXPECT_EQ(stat(sink_->stats().paused), 0U);
}

TEST_F(LaneSinkTest, ClosesTheConnectionWhereThatIsChosen) {
  serve({.lanes = 1, .laneBytes = 256}, [](LaneSinkOptions& options) {
    options.overflow = LaneOverflow::kDisconnect;
    options.tellsDisconnects = true;
  });
  Client one = client();
  one.send(numbered(0, 100, 20));
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kLaneFull);
  const size_t kept = stat(sink_->stats().frames);
  EXPECT_EQ(kept + stat(sink_->stats().dropped), 100U);
  const std::vector<LaneRecord> got = records(kept + 1);
  ASSERT_EQ(got.size(), kept + 1);
  EXPECT_EQ(got.back().kind, layout::kLaneDisconnected) << "it waited for room";
}

TEST_F(LaneSinkTest, LongFramesLieBesideTheRingUntilTheirRecordIsReleased) {
  serve({.lanes = 2, .laneBytes = 512, .sideBytes = 10'000});
  Client one = client();
  std::vector<std::string> sent;
  std::string stream;
  for (size_t length : {0, 1, 100, 200, 500, 9000, 3, 9984, 5000, 4000, 7000, 20}) {
    sent.emplace_back(length, static_cast<char>('a' + sent.size()));
    stream += sent.back() + '\n';
  }
  one.send(stream);
  EXPECT_EQ(texts(records(sent.size())), sent);
  driven_.settle();
  EXPECT_EQ(stat(sink_->stats().waiting), 0U);
}

TEST_F(LaneSinkTest, SideMemoryThatAnotherLaneGivesBackWakesWhoWaitsForIt) {
  serve({.lanes = 2, .laneBytes = 512, .sideBytes = 8192});
  Client first = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
  Client second = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 2; }));
  first.send(std::string(8000, 'a') + '\n');
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().frames) == 1; }));
  second.send(std::string(8000, 'b') + '\n');
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().waiting) == 1; }));
  driven_.settle();
  ASSERT_TRUE(driven_.reactor().parkSinks());
  driven_.reactor().poll(1);
  EXPECT_EQ(worker_->collect(worker_->next().value(), 1)[0].bytes, std::string(8000, 'a'));
  pollfd readiness{.fd = driven_.reactor().descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&readiness, 1, 0), 1);
  EXPECT_EQ(texts(runLane()), (std::vector<std::string>{std::string(8000, 'b')}));
}

TEST_F(LaneSinkTest, LanesThatTheProgramChoseAllComeToThePeersEnd) {
  serve({}, {}, false);
  driven_.releaseAtOnce = true;
  Client one = client();
  std::vector<int32_t> words;
  std::string bytes;
  driven_.onFrame = [&](uint32_t slot, std::string_view frame) {
    words.insert(words.end(), {static_cast<int32_t>(slot), static_cast<int32_t>(bytes.size()),
                               static_cast<int32_t>(bytes.size() + frame.size())});
    bytes += frame;
  };
  one.send("a\nb\nc\n");
  ASSERT_TRUE(driven_.until([&] { return driven_.frameCount == 3; }));
  const int32_t lanes[] = {3, 1, 3};
  sink_->take({reinterpret_cast<uint8_t*>(bytes.data()), static_cast<uint32_t>(bytes.size()), words.data(), 3}, 0, 3,
              lanes);
  one.shutdownWrite();
  driven_.settle();
  const std::vector<LaneRecord> got = records(5);
  ASSERT_EQ(got.size(), 5U);
  EXPECT_EQ(texts(got).size(), 3U);
  LaneRecord end = got.back();
  EXPECT_EQ(end.kind, layout::kLanePeerEnded);
  worker_->answerPeerEnd(end, 3);
  worker_->answerPeerEnd(end, 3);
  driven_.settle();
  EXPECT_EQ(driven_.count(EventKind::kDisconnected), 0U) << "lane 1 has not come to the end";
  worker_->answerPeerEnd(end, 1);
  EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
}

TEST_F(LaneSinkTest, AnEndThatWentDownWithAWorkerIsToldAgain) {
  serve();
  Client one = client();
  one.send("a\n");
  one.shutdownWrite();
  std::vector<LaneRecord> got = records(2);
  ASSERT_EQ(got.size(), 2U);
  const uint32_t lane = got[0].index % 4;
  sink_->laneLost((lane + 1) % 4);
  EXPECT_FALSE(worker_->next().has_value()) << "that lane has no such connection";
  sink_->laneLost(lane);
  got = records(1);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].kind, layout::kLanePeerEnded);
  worker_->answerPeerEnd(got[0], lane);
  EXPECT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  sink_->laneLost(lane);
  EXPECT_FALSE(worker_->next().has_value()) << "it was answered";
}

TEST_F(LaneSinkTest, ConnectionsBeyondTheNamesAreClosed) {
  serve({.names = 1});
  Client one = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kConnected) == 1; }));
  Client two = client();
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kDisconnected) == 1; }));
  EXPECT_EQ(driven_.last(EventKind::kDisconnected).reason, CloseReason::kLaneFull);
  one.send("still here\n");
  EXPECT_EQ(texts(records(1)), (std::vector<std::string>{"still here"}));
}

TEST_F(LaneSinkTest, WhatWaitsWhenTheEndpointIsClosedGoesToItsLaneStill) {
  serve({.lanes = 1, .laneBytes = 256}, [](LaneSinkOptions& options) { options.tellsDisconnects = true; });
  Client one = client();
  one.send(numbered(0, 40, 20));
  ASSERT_TRUE(driven_.until([&] { return stat(sink_->stats().waiting) > 0; }));
  driven_.reactor().closeEndpoint(server(), CloseReason::kListenerClosed);
  ASSERT_TRUE(driven_.until([&] { return driven_.count(EventKind::kEndpointClosed) == 1; }));
  const std::vector<LaneRecord> got = records(41);
  ASSERT_EQ(got.size(), 41U);
  EXPECT_EQ(got.back().kind, layout::kLaneDisconnected);
  driven_.reactor().removeSink(*sink_);
  driven_.turn(0);
}

}  // namespace
}  // namespace sluice::testing_support
