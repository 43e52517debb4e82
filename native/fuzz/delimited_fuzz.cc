#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const uint32_t max = fuzz::frameLimit(input);
  // Of few letters, so that the stream holds beginnings of the delimiter, and delimiters that overlap.
  std::string delimiter(input.ConsumeIntegralInRange<size_t>(1, 64), 'a');
  for (char& letter : delimiter) letter = static_cast<char>(input.ConsumeIntegralInRange('a', 'c'));
  fuzz::compare(input, Framer(Delimited(delimiter, max)),
                [&](const std::string& stream) { return testing_support::parseDelimited(stream, delimiter, max); });
  return 0;
}
