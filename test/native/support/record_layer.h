// A transport for tests, with what makes a real one hard: a handshake in both directions, records that are not where the
// reads are, bytes held in both directions, and an end of its own.
//
// On the wire: first one byte 'H' from each side. Then records: two bytes of length, little-endian, and the bytes, each
// with all bits flipped. A record of length 0 is the orderly end. Any other first byte fails the handshake.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "transport/transport.h"

namespace sluice::testing_support {

/// What a peer sends for `text`.
inline std::string record(std::string_view text) {
  std::string out{static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  for (const char c : text) out += static_cast<char>(~c);
  return out;
}

/// What a peer reads out of `wire`, whole records only; false at the end record.
inline bool openRecords(std::string& wire, std::string& text) {
  while (wire.size() >= 2) {
    const size_t length = static_cast<uint8_t>(wire[0]) | size_t{static_cast<uint8_t>(wire[1])} << 8;
    if (wire.size() < 2 + length) return true;
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++) text += static_cast<char>(~wire[2 + i]);
    wire.erase(0, 2 + length);
  }
  return true;
}

class RecordLayer final : public Transport {
 public:
  static constexpr size_t kMaxRecord = 1000;

  Step handshake(int fd) noexcept override {
    if (!greeted_) {
      out_ += 'H';
      greeted_ = true;
    }
    if (const Step sent = flush(fd); sent.outcome == Io::kFailed) return sent;
    char byte;
    const ssize_t count = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN ? Step{Io::kWait} : Step{Io::kFailed, errno};
    if (count == 1 && byte == 'H') return {Io::kDone};
    words_ = count == 0 ? "ended in the handshake" : "no greeting";
    return {Io::kFailed};
  }

  Received receive(int fd, uint8_t* into, uint32_t length) noexcept override {
    for (;;) {
      if (!text_.empty()) {
        const size_t taken = std::min<size_t>(length, text_.size());
        std::memcpy(into, text_.data(), taken);
        text_.erase(0, taken);
        return {.outcome = Io::kDone, .bytes = static_cast<uint32_t>(taken)};
      }
      if (peerEnded_) return {Io::kEnded};
      char some[512];  // less than a record, and across them
      const ssize_t count = ::recv(fd, some, sizeof some, MSG_DONTWAIT);
      if (count < 0) return errno == EAGAIN ? Received{Io::kWait} : Received{.outcome = Io::kFailed, .error = errno};
      if (count == 0) {
        words_ = "cut without an end";
        return {Io::kFailed};
      }
      in_.append(some, static_cast<size_t>(count));
      if (!openRecords(in_, text_)) peerEnded_ = true;
    }
  }

  Sent send(int fd, const iovec* pieces, int count) noexcept override {
    size_t taken = 0;
    for (int i = 0; i < count; i++) {
      const auto* bytes = static_cast<const char*>(pieces[i].iov_base);
      for (size_t at = 0; at < pieces[i].iov_len;) {
        if (out_.size() > kMaxRecord) flush(fd);
        if (out_.size() > kMaxRecord) return {.outcome = Io::kDone, .bytes = taken};
        const size_t length = std::min(kMaxRecord, pieces[i].iov_len - at);
        out_ += record({bytes + at, length});
        at += length;
        taken += length;
      }
    }
    const Step flushed = flush(fd);
    return {
        .outcome = flushed.outcome == Io::kFailed ? Io::kFailed : Io::kDone, .bytes = taken, .error = flushed.error};
  }

  Step end(int fd) noexcept override {
    if (!ended_) out_ += record("");
    ended_ = true;
    const Step flushed = flush(fd);
    if (flushed.outcome == Io::kDone) ::shutdown(fd, SHUT_WR);
    return flushed;
  }

  size_t pending() const noexcept override { return text_.size() + in_.size(); }
  size_t unsent() const noexcept override { return out_.size(); }
  std::string_view failure() const noexcept override { return words_; }

 private:
  Step flush(int fd) noexcept {
    while (!out_.empty()) {
      const ssize_t sent = ::send(fd, out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN ? Step{Io::kWait} : Step{Io::kFailed, errno};
      out_.erase(0, static_cast<size_t>(sent));
    }
    return {Io::kDone};
  }

  bool greeted_ = false;
  bool ended_ = false;
  bool peerEnded_ = false;
  std::string in_;
  std::string text_;
  std::string out_;
  std::string_view words_;
};

class RecordLayers final : public TransportFactory {
 public:
  std::unique_ptr<Transport> make(bool) noexcept override { return std::make_unique<RecordLayer>(); }
};

}  // namespace sluice::testing_support
