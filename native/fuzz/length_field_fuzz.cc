#include "fuzzed_framer.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const int32_t widest = input.ConsumeBool() ? 32 : 1 << 30;
  const auto adjust = input.ConsumeIntegralInRange<int32_t>(-widest, widest);
  const LengthField::Layout layout{.offset = input.ConsumeIntegralInRange<uint32_t>(0, 20),
                                   .bytes = input.ConsumeIntegralInRange<uint8_t>(1, 8),
                                   .littleEndian = input.ConsumeBool(),
                                   .adjust = adjust,
                                   .strip = input.ConsumeIntegralInRange<uint32_t>(0, 30)};
  const uint32_t max = fuzz::frameLimit(input);
  fuzz::compare(input, Framer(LengthField(layout, max)),
                [&](const std::string& stream) { return testing_support::parseLengthField(stream, layout, max); });
  return 0;
}
