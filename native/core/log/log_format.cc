#include "log/log_format.h"

#include <cstdio>

namespace sluice::log_format {

namespace {
constexpr size_t kDigits = 20;
constexpr const char* kEnding = ".log";
}  // namespace

std::string segmentName(uint64_t base, const char* ending) {
  char name[40];
  std::snprintf(name, sizeof name, "%020llu%s", static_cast<unsigned long long>(base), ending);
  return name;
}

bool parseSegmentName(const std::string& name, uint64_t& base) noexcept {
  if (name.size() != kDigits + 4 || name.compare(kDigits, 4, kEnding) != 0) return false;
  base = 0;
  for (size_t i = 0; i < kDigits; i++) {
    if (name[i] < '0' || name[i] > '9') return false;
    const auto digit = static_cast<uint64_t>(name[i] - '0');
    if (base > (UINT64_MAX - digit) / 10) return false;
    base = base * 10 + digit;
  }
  return true;
}

}  // namespace sluice::log_format
