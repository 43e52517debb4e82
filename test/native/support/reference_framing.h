// A plain parser for each framing, written for clarity: it sees a stream whole, and the framers must agree with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing_support {

/// How a stream ends: in good order, or with its fault.
enum class StreamEnd : uint8_t { kInOrder, kTooLarge, kMalformed, kTruncated };

struct Parsed {
  std::vector<std::string> frames;
  StreamEnd end = StreamEnd::kInOrder;

  bool operator==(const Parsed&) const = default;
};

inline Parsed parseLines(std::string_view bytes, bool trimCR, size_t max) {
  Parsed parsed;
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    std::string_view line = bytes.substr(0, newline);
    if (trimCR && line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > max) {
      parsed.end = StreamEnd::kTooLarge;
      break;
    }
    parsed.frames.emplace_back(line);
    bytes = newline == std::string_view::npos ? std::string_view() : bytes.substr(newline + 1);
  }
  return parsed;
}

inline Parsed parseDelimited(std::string_view bytes, std::string_view delimiter, size_t max) {
  Parsed parsed;
  while (!bytes.empty()) {
    const size_t found = bytes.find(delimiter);
    if (found == std::string_view::npos) {
      // A frame of the largest size may lack the last byte of its delimiter.
      parsed.end = bytes.size() >= max + delimiter.size() ? StreamEnd::kTooLarge : StreamEnd::kTruncated;
      break;
    }
    if (found > max) {
      parsed.end = StreamEnd::kTooLarge;
      break;
    }
    parsed.frames.emplace_back(bytes.substr(0, found));
    bytes.remove_prefix(found + delimiter.size());
  }
  return parsed;
}

inline Parsed parseLengthPrefixed(std::string_view bytes, size_t prefix, bool littleEndian, bool includesLength,
                                  size_t max) {
  Parsed parsed;
  while (!bytes.empty() && parsed.end == StreamEnd::kInOrder) {
    if (bytes.size() < prefix) {
      parsed.end = StreamEnd::kTruncated;
      break;
    }
    uint64_t length = 0;
    for (size_t i = 0; i < prefix; i++) {
      const size_t power = littleEndian ? i : prefix - 1 - i;
      length += static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * power);
    }
    if (includesLength && length < prefix) {
      parsed.end = StreamEnd::kMalformed;
      break;
    }
    if (includesLength) length -= prefix;
    bytes.remove_prefix(prefix);
    if (length > max) {
      parsed.end = StreamEnd::kTooLarge;
    } else if (length > bytes.size()) {
      parsed.end = StreamEnd::kTruncated;
    } else {
      parsed.frames.emplace_back(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
  }
  return parsed;
}

inline Parsed parseVarintPrefixed(std::string_view bytes, size_t max) {
  constexpr size_t kMostBytes = 10;  // of 64 bits, seven a byte
  Parsed parsed;
  while (!bytes.empty() && parsed.end == StreamEnd::kInOrder) {
    size_t size = 0;
    while (size < bytes.size() && size < kMostBytes && (bytes[size] & 0x80) != 0) size++;
    // Of a tenth byte only the lowest bit has a place in 64.
    const bool tenth = size >= kMostBytes - 1 && bytes.size() >= kMostBytes;
    if (tenth && static_cast<uint8_t>(bytes[kMostBytes - 1]) > 1) {
      parsed.end = StreamEnd::kMalformed;
      break;
    }
    if (size == bytes.size()) {
      parsed.end = StreamEnd::kTruncated;
      break;
    }
    uint64_t length = 0;
    for (size_t i = size + 1; i-- > 0;) length = length << 7 | (static_cast<uint8_t>(bytes[i]) & 0x7f);
    bytes.remove_prefix(size + 1);
    if (length > max) {
      parsed.end = StreamEnd::kTooLarge;
    } else if (length > bytes.size()) {
      parsed.end = StreamEnd::kTruncated;
    } else {
      parsed.frames.emplace_back(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
  }
  return parsed;
}

inline Parsed parseFixed(std::string_view bytes, size_t size) {
  Parsed parsed;
  for (; bytes.size() >= size; bytes.remove_prefix(size)) parsed.frames.emplace_back(bytes.substr(0, size));
  if (!bytes.empty()) parsed.end = StreamEnd::kTruncated;
  return parsed;
}

/// Without framing only the concatenation means something.
inline Parsed parseRaw(std::string_view bytes) {
  Parsed parsed;
  if (!bytes.empty()) parsed.frames.emplace_back(bytes);
  return parsed;
}

}  // namespace sluice::testing_support
