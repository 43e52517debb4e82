// The table of framings. A new one is a file beside this, and its two lines here.
//
// A framing has `kKind`, the name by which JavaScript asks for it, `from()`, which makes one of its options, `scan()` and
// `finish()` (framing/framer.h). What may stay between two reads of a connection is said there.
#pragma once

#include <variant>

#include "framing/any_of.h"
#include "framing/delimited.h"
#include "framing/fixed.h"
#include "framing/length_field.h"
#include "framing/length_prefixed.h"
#include "framing/lines.h"
#include "framing/mqtt_packets.h"
#include "framing/netstring.h"
#include "framing/octet_counted.h"
#include "framing/raw.h"
#include "framing/varint_prefixed.h"

namespace sluice {

using FramingKinds = std::variant<  //
    Lines,                          //
    Delimited,                      //
    AnyOf,                          //
    LengthPrefixed,                 //
    LengthField,                    //
    VarintPrefixed,                 //
    OctetCounted,                   //
    Netstring,                      //
    MqttPackets,                    //
    Fixed,                          //
    Raw                             //
    >;

}  // namespace sluice
