// The connections of a reactor by slot. Records never move; a freed slot is used again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/connection.h"

namespace sluice {

class ConnectionTable {
 public:
  Connection& allocate() {
    if (free_.empty()) grow();
    const uint32_t slot = free_.back();
    free_.pop_back();
    Connection& connection = *at(slot);
    if (++connection.generation == 0) connection.generation = 1;  // 0 is never a connection's
    return connection;
  }

  /// Forgets everything but the slot and its generation.
  void release(Connection& connection) {
    const uint32_t slot = connection.slot;
    const uint32_t generation = connection.generation;
    std::destroy_at(&connection);
    std::construct_at(&connection);
    connection.slot = slot;
    connection.generation = generation;
    free_.push_back(slot);
  }

  /// The record at `slot`, or null when there never was one.
  Connection* at(uint32_t slot) noexcept {
    return slot / kChunk < chunks_.size() ? &chunks_[slot / kChunk][slot % kChunk] : nullptr;
  }

  uint32_t capacity() const noexcept { return static_cast<uint32_t>(chunks_.size()) * kChunk; }

 private:
  static constexpr uint32_t kChunk = 64;

  void grow() {
    const uint32_t base = capacity();
    chunks_.push_back(std::make_unique<Connection[]>(kChunk));
    for (uint32_t i = kChunk; i-- > 0;) {
      chunks_.back()[i].slot = base + i;
      free_.push_back(base + i);
    }
  }

  std::vector<std::unique_ptr<Connection[]>> chunks_;
  std::vector<uint32_t> free_;
};

}  // namespace sluice
