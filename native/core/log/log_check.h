// Looks at every byte of a log and says what is wrong, and mends what can be mended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "log/file_layer.h"
#include "log/log_store.h"

namespace sluice {

struct LogReport {
  LogFault fault = LogFault::kNone;
  int error = 0;  // an errno value
  std::string file;
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t records = 0;
  uint64_t segments = 0;
  std::vector<LogGap> gaps;
  uint64_t tornBytes = 0;
};

/// Changes nothing, and asks for no lock: beside a writer it sees the log as it was at some moment.
LogReport checkLog(LogDirectory& directory) noexcept;

/// Checks, then cuts what is torn, and writes headers and the manifest again where they are damaged. Records that are lost stay lost. What the
/// report says is what was found.
LogReport repairLog(Ref<LogDirectory> directory, int64_t nowMs, uint64_t random) noexcept;

}  // namespace sluice
