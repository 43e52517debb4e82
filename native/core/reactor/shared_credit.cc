#include "reactor/shared_credit.h"

#include <algorithm>

#include "reactor/reactor_port.h"

namespace sluice {

uint32_t SharedCredit::join(Ref<ReactorPort> port, uint32_t endpoint) noexcept {
  const std::lock_guard lock(mutex_);
  parts_.push_back({.port = std::move(port), .endpoint = endpoint});
  return static_cast<uint32_t>(parts_.size() - 1);
}

uint64_t SharedCredit::take(uint32_t part, uint64_t held, uint64_t partial, uint64_t wanted) noexcept {
  const std::lock_guard lock(mutex_);
  Part& mine = parts_[part];
  note(mine, held, partial);
  uint64_t granted = std::min(wanted, budget_ - std::min(budget_, held_));
  if (granted == 0 && held_ == partial_) granted = kToProceed;
  mine.waiting = granted == 0;
  mine.held += granted;
  held_ += granted;
  return granted;
}

void SharedCredit::settle(uint32_t part, uint64_t held, uint64_t partial) noexcept {
  const std::lock_guard lock(mutex_);
  note(parts_[part], held, partial);
  if (held_ >= budget_ && held_ != partial_) return;
  for (Part& other : parts_) {
    if (!other.waiting) continue;
    other.waiting = false;
    tell(other);
  }
}

void SharedCredit::settlePartial(uint32_t part, uint64_t partial) noexcept {
  const std::lock_guard lock(mutex_);
  note(parts_[part], parts_[part].held, partial);
}

bool SharedCredit::mustShrink(uint32_t part, uint64_t bound) noexcept {
  const std::lock_guard lock(mutex_);
  if (partial_ <= bound) return false;
  const auto most = std::max_element(parts_.begin(), parts_.end(),
                                     [](const Part& a, const Part& b) { return a.partial < b.partial; });
  if (&*most == &parts_[part]) return true;
  tell(*most);
  return false;
}

void SharedCredit::note(Part& part, uint64_t held, uint64_t partial) noexcept {
  held_ += held - part.held;
  partial_ += partial - part.partial;
  part.held = held;
  part.partial = partial;
}

void SharedCredit::tell(const Part& part) noexcept {
  std::unique_ptr<Reply> reply = part.port->blank();
  reply->credit.push_back(part.endpoint);
  part.port->post(std::move(reply));
}

}  // namespace sluice
