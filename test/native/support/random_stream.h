// The framings to try at random, and random streams for them: half are noise that looks like the framing's own syntax,
// half are frames as a good client would write them, some of those with a byte changed or the end cut off.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "framing/framer.h"
#include "support/reference_framing.h"

namespace sluice::testing_support {

inline constexpr uint32_t kRandomFrameLimit = 100;

struct FramingUnderTest {
  std::string name;
  Framer framer;
  std::string alphabet;  // of the framing's syntax
  std::function<std::string(std::string_view payload)> encode;
  std::function<Parsed(std::string_view stream)> reference;
};

inline void PrintTo(const FramingUnderTest& framing, std::ostream* out) { *out << framing.name; }

/// A third of the bytes are from `alphabet`, the rest any.
inline std::string randomNoise(std::mt19937& random, std::string_view alphabet, size_t length) {
  std::string bytes(length, '\0');
  for (char& byte : bytes) {
    byte = random() % 3 == 0 ? alphabet[random() % alphabet.size()] : static_cast<char>(random());
  }
  return bytes;
}

inline std::string randomStream(std::mt19937& random, const FramingUnderTest& framing) {
  const size_t length = random() % (random() % 4 == 0 ? 2000 : 200);
  if (random() % 2 == 0) return randomNoise(random, framing.alphabet, length);
  std::string stream;
  while (stream.size() < length) {
    stream += framing.encode(randomNoise(random, framing.alphabet, random() % (kRandomFrameLimit + 1)));
  }
  if (!stream.empty() && random() % 4 == 0) stream[random() % stream.size()] = static_cast<char>(random());
  if (!stream.empty() && random() % 4 == 0) stream.resize(stream.size() - random() % stream.size());
  return stream;
}

/// Cuts `stream`, sometimes into very small pieces.
inline std::vector<std::string_view> randomPieces(std::mt19937& random, std::string_view stream) {
  std::vector<std::string_view> pieces;
  while (!stream.empty()) {
    pieces.push_back(stream.substr(0, 1 + random() % (random() % 3 == 0 ? 8 : 400)));
    stream.remove_prefix(pieces.back().size());
  }
  return pieces;
}

inline std::string lengthPrefix(size_t length, size_t bytes, bool littleEndian) {
  std::string prefix;
  for (size_t i = 0; i < bytes; i++) {
    prefix += static_cast<char>(length >> (8 * (littleEndian ? i : bytes - 1 - i)));
  }
  return prefix;
}

/// Every framing whose frames don't depend on how the stream arrives.
inline std::vector<FramingUnderTest> framingsUnderTest() {
  using namespace std::string_literals;
  using Bytes = std::string_view;
  constexpr uint32_t kMax = kRandomFrameLimit;
  std::vector<FramingUnderTest> framings;
  for (const bool trimCR : {true, false}) {
    framings.push_back({trimCR ? "Lines" : "LinesWithReturns", Framer(Lines(trimCR, kMax)), "\n\r\n",
                        [](Bytes payload) { return std::string(payload) + "\r\n"; },
                        [=](Bytes bytes) { return parseLines(bytes, trimCR, kMax); }});
  }
  for (const std::string delimiter : {"|", "aa", "aab"}) {
    framings.push_back({"DelimitedBy" + std::to_string(delimiter.size()), Framer(Delimited(delimiter, kMax)), delimiter,
                        [=](Bytes payload) { return std::string(payload) + delimiter; },
                        [=](Bytes bytes) { return parseDelimited(bytes, delimiter, kMax); }});
  }
  for (const uint8_t prefix : {1, 2, 4}) {
    for (const bool littleEndian : {false, true}) {
      for (const bool includesLength : {false, true}) {
        framings.push_back(
            {"Length" + std::to_string(prefix) + (littleEndian ? "Little" : "Big") +
                 (includesLength ? "Inclusive" : ""),
             Framer(LengthPrefixed(prefix, littleEndian, includesLength, kMax)), "\0\1\5\20"s,
             [=](Bytes payload) {
               return lengthPrefix(payload.size() + (includesLength ? prefix : 0), prefix, littleEndian) +
                      std::string(payload);
             },
             [=](Bytes bytes) { return parseLengthPrefixed(bytes, prefix, littleEndian, includesLength, kMax); }});
      }
    }
  }
  static_assert(kMax < 0x80);  // one byte of a varint holds it
  framings.push_back({"Varint", Framer(VarintPrefixed(kMax)), "\0\1\5\20\x80"s,
                      [](Bytes payload) { return static_cast<char>(payload.size()) + std::string(payload); },
                      [](Bytes bytes) { return parseVarintPrefixed(bytes, kMax); }});
  const auto field = [&](const std::string& name, const LengthField::Layout& layout) {
    framings.push_back({"LengthField" + name, Framer(LengthField(layout, kMax)), "\0\1\5\20"s,
                        [=](Bytes payload) {
                          // What lies behind the length is `adjust` bytes longer than it says.
                          std::string body(payload.substr(0, payload.size() / 2));
                          if (layout.adjust > 0) body += std::string(static_cast<size_t>(layout.adjust), 'r');
                          const int64_t length = static_cast<int64_t>(body.size()) - layout.adjust;
                          return std::string(layout.offset, 'h') +
                                 lengthPrefix(static_cast<size_t>(length), layout.bytes, layout.littleEndian) + body;
                        },
                        [=](Bytes bytes) { return parseLengthField(bytes, layout, kMax); }});
  };
  field("Modbus", {.offset = 4, .bytes = 2, .littleEndian = false, .adjust = 0, .strip = 0});
  field("Whole", {.offset = 0, .bytes = 2, .littleEndian = true, .adjust = -2, .strip = 2});
  field("Ahead", {.offset = 1, .bytes = 1, .littleEndian = false, .adjust = 3, .strip = 4});
  field("Wide", {.offset = 0, .bytes = 8, .littleEndian = true, .adjust = -1, .strip = 0});
  for (const bool orLines : {true, false}) {
    framings.push_back({orLines ? "OctetCountedOrLines" : "OctetCounted", Framer(OctetCounted(orLines, kMax)),
                        "0123 \n\r<",
                        [=](Bytes payload) {
                          const std::string text = payload.empty() ? "x" : std::string(payload);
                          if (orLines && text.size() % 2 == 0) return "<" + text.substr(1) + "\n";
                          return std::to_string(text.size()) + " " + text;
                        },
                        [=](Bytes bytes) { return parseOctetCounted(bytes, orLines, kMax); }});
  }
  framings.push_back({"Netstring", Framer(Netstring(kMax)), "0123:,",
                      [](Bytes payload) { return std::to_string(payload.size()) + ":" + std::string(payload) + ","; },
                      [](Bytes bytes) { return parseNetstrings(bytes, kMax); }});
  framings.push_back({"Mqtt", Framer(MqttPackets(kMax)), "\x10\0\1\5\x30\x80"s,
                      [](Bytes payload) {
                        const Bytes rest = payload.substr(0, kMax - 2);
                        return "\x30" + std::string(1, static_cast<char>(rest.size())) + std::string(rest);
                      },
                      [](Bytes bytes) { return parseMqttPackets(bytes, kMax); }});
  for (const std::vector<std::string>& delimiters :
       std::vector<std::vector<std::string>>{{"\r", "\n", "\0"s}, {"ab", "b", "bab"}, {"aa", "aab"}}) {
    framings.push_back({"AnyOf" + std::to_string(delimiters.size()) + (delimiters.front() == "ab" ? "Overlapping" : ""),
                        Framer(AnyOf(delimiters, kMax)), "\r\n\0abab"s,
                        [=](Bytes payload) { return std::string(payload) + delimiters.front(); },
                        [=](Bytes bytes) { return parseAnyOf(bytes, delimiters, kMax); }});
  }
  framings.push_back({"Fixed", Framer(Fixed(7)), "x", [](Bytes) { return "seven b"s; },
                      [](Bytes bytes) { return parseFixed(bytes, 7); }});
  return framings;
}

}  // namespace sluice::testing_support
