// What a framing is configured with, by name: the core can't read JavaScript's objects, and the addon knows no framing.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

class FramingOptions {
 public:
  /// 0, false or nothing where there is no such option.
  virtual double number(const char* name) const = 0;
  virtual bool flag(const char* name) const = 0;
  virtual std::string bytes(const char* name) const = 0;

  uint32_t word(const char* name) const {
    const double value = number(name);
    return value > 0 ? static_cast<uint32_t>(value < UINT32_MAX ? value : UINT32_MAX) : 0;
  }

 protected:
  ~FramingOptions() = default;
};

}  // namespace sluice
