#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const uint32_t max = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(Netstring(max)),
                [&](const std::string& stream) { return testing_support::parseNetstrings(stream, max); });
  return 0;
}
