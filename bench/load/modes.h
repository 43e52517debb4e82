// The modes of the load generator, one file each. All print one line of JSON on standard output and return
// the exit status of the process.
#pragma once

#include "options.h"

namespace load {

// Streams: every connection sends its share in writes of `write_bytes`, as fast as the server takes them.
int run_stream(const Options& options);

// Packets: one frame a write, one frame a segment, round robin over the connections.
int run_packets(const Options& options);

// Ordered: every connection sends numbered lines, as fast as the server takes them, and checks that the answers are the
// numbers in their order.
int run_ordered(const Options& options);

// Churn: `frames` connections that send one line each, read the answer and close, `connections` of them at a time.
int run_churn(const Options& options);

// Idle: opens all connections, prints how many, and holds them until standard input ends.
int run_idle(const Options& options);

// Probe: one connection asks PING (RESP) about a thousand times a second until standard input ends, and
// reports the round trips' percentiles.
int run_probe(const Options& options);

// The same with one of W10's lines.
int run_probe_line(const Options& options);

// The CPU time that process `pid` has used, all its threads, ended ones too, in nanoseconds.
int print_cpu_time(int pid);

}  // namespace load
