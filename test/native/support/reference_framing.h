// A plain parser for each framing, written for clarity: it sees a stream whole, and the framers must agree with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framing/length_field.h"

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

/// Wide enough for a length of eight bytes and what is added to it.
__extension__ typedef __int128 Wide;

/// `layout` is LengthField::Layout's; the sum is done in wide numbers.
inline Parsed parseLengthField(std::string_view bytes, const LengthField::Layout& layout, size_t max) {
  Parsed parsed;
  const size_t head = layout.offset + layout.bytes;
  while (!bytes.empty() && parsed.end == StreamEnd::kInOrder) {
    if (bytes.size() < head) {
      parsed.end = StreamEnd::kTruncated;
      break;
    }
    Wide total = layout.adjust;
    total += static_cast<int64_t>(head);
    for (size_t i = 0; i < layout.bytes; i++) {
      const size_t power = layout.littleEndian ? i : layout.bytes - 1 - i;
      total += static_cast<Wide>(static_cast<uint8_t>(bytes[layout.offset + i])) << (8 * power);
    }
    if (total < static_cast<Wide>(head) || total < layout.strip) {
      parsed.end = StreamEnd::kMalformed;
    } else if (total > static_cast<Wide>(max)) {
      parsed.end = StreamEnd::kTooLarge;
    } else if (total > static_cast<Wide>(bytes.size())) {
      parsed.end = StreamEnd::kTruncated;
    } else {
      parsed.frames.emplace_back(bytes.substr(layout.strip, static_cast<size_t>(total) - layout.strip));
      bytes.remove_prefix(static_cast<size_t>(total));
    }
  }
  return parsed;
}

/// The decimal number that `bytes` begin with: how it ends, and how many digits it has.
struct Decimal {
  size_t digits = 0;
  size_t value = 0;
  bool tooLarge = false;
};
inline Decimal parseDecimal(std::string_view bytes, size_t max) {
  Decimal number;
  for (const char c : bytes) {
    if (c < '0' || c > '9') break;
    number.digits++;
    number.value = number.value * 10 + static_cast<size_t>(c - '0');
    if (number.value > max) {
      number.tooLarge = true;
      break;
    }
  }
  return number;
}

inline Parsed parseOctetCounted(std::string_view bytes, bool orLines, size_t max) {
  Parsed parsed;
  while (!bytes.empty()) {
    const char first = bytes.front();
    if (first >= '1' && first <= '9') {
      const auto [digits, length, tooLarge] = parseDecimal(bytes, max);
      if (tooLarge) {
        parsed.end = StreamEnd::kTooLarge;
        break;
      }
      if (digits == bytes.size()) {
        parsed.end = StreamEnd::kTruncated;
        break;
      }
      if (bytes[digits] != ' ') {
        parsed.end = StreamEnd::kMalformed;
        break;
      }
      if (bytes.size() - digits - 1 < length) {
        parsed.end = StreamEnd::kTruncated;
        break;
      }
      parsed.frames.emplace_back(bytes.substr(digits + 1, length));
      bytes.remove_prefix(digits + 1 + length);
    } else if (first == '0' || !orLines) {
      parsed.end = StreamEnd::kMalformed;
      break;
    } else {
      const size_t newline = bytes.find('\n');
      const Parsed line = parseLines(bytes.substr(0, newline), true, max);
      if (line.end != StreamEnd::kInOrder) {
        parsed.end = line.end;
        break;
      }
      parsed.frames.push_back(line.frames.empty() ? std::string() : line.frames.front());
      bytes = newline == std::string_view::npos ? std::string_view() : bytes.substr(newline + 1);
    }
  }
  return parsed;
}

inline Parsed parseNetstrings(std::string_view bytes, size_t max) {
  Parsed parsed;
  while (!bytes.empty() && parsed.end == StreamEnd::kInOrder) {
    const auto [digits, length, tooLarge] = bytes.front() == '0' ? Decimal{1, 0, false} : parseDecimal(bytes, max);
    if (tooLarge) {
      parsed.end = StreamEnd::kTooLarge;
    } else if (digits == bytes.size()) {
      parsed.end = StreamEnd::kTruncated;
    } else if (digits == 0 || bytes[digits] != ':') {
      parsed.end = StreamEnd::kMalformed;
    } else if (bytes.size() <= digits + 1 + length) {
      parsed.end = StreamEnd::kTruncated;
    } else if (bytes[digits + 1 + length] != ',') {
      parsed.end = StreamEnd::kMalformed;
    } else {
      parsed.frames.emplace_back(bytes.substr(digits + 1, length));
      bytes.remove_prefix(digits + 1 + length + 1);
    }
  }
  return parsed;
}

inline Parsed parseMqttPackets(std::string_view bytes, size_t max) {
  Parsed parsed;
  while (!bytes.empty() && parsed.end == StreamEnd::kInOrder) {
    if (static_cast<uint8_t>(bytes.front()) < 0x10) {
      parsed.end = StreamEnd::kMalformed;
      break;
    }
    size_t more = 1;  // the last byte of the length
    while (more < bytes.size() && more <= 4 && (bytes[more] & 0x80) != 0) more++;
    if (more == 5) {
      parsed.end = StreamEnd::kMalformed;
      break;
    }
    if (more == bytes.size()) {
      parsed.end = StreamEnd::kTruncated;
      break;
    }
    size_t size = 0;
    for (size_t i = more; i >= 1; i--) size = size * 128 + (static_cast<uint8_t>(bytes[i]) & 0x7f);
    size += 1 + more;
    if (size > max) {
      parsed.end = StreamEnd::kTooLarge;
    } else if (size > bytes.size()) {
      parsed.end = StreamEnd::kTruncated;
    } else {
      parsed.frames.emplace_back(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
  }
  return parsed;
}

/// Grows the frame byte by byte, until a delimiter stands at its end.
inline Parsed parseAnyOf(std::string_view bytes, const std::vector<std::string>& delimiters, size_t max) {
  Parsed parsed;
  size_t longest = 0;
  for (const std::string& delimiter : delimiters) longest = std::max(longest, delimiter.size());
  std::string_view frame = bytes.substr(0, 0);
  for (; !bytes.empty(); bytes.remove_prefix(1)) {
    frame = std::string_view(frame.empty() ? bytes.data() : frame.data(), frame.size() + 1);
    size_t ending = 0;
    for (const std::string& delimiter : delimiters) {
      if (frame.ends_with(delimiter)) ending = std::max(ending, delimiter.size());
    }
    if (ending == 0) continue;
    frame.remove_suffix(ending);
    if (frame.size() > max) {
      parsed.end = StreamEnd::kTooLarge;
      return parsed;
    }
    if (!frame.empty()) parsed.frames.emplace_back(frame);
    frame = {};
  }
  // A frame of the largest size may lack the last byte of its delimiter.
  if (!frame.empty()) parsed.end = frame.size() >= max + longest ? StreamEnd::kTooLarge : StreamEnd::kTruncated;
  return parsed;
}

/// Without framing only the concatenation means something.
inline Parsed parseRaw(std::string_view bytes) {
  Parsed parsed;
  if (!bytes.empty()) parsed.frames.emplace_back(bytes);
  return parsed;
}

}  // namespace sluice::testing_support
