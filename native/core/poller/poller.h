// Readiness of descriptors: the portability contract, written once.
//
// Every back end has the same methods and the same behaviour:
//  - A descriptor is registered once, for reading and writing together, edge-triggered. Nothing is changed later:
//    pausing a connection is the reactor's bookkeeping, not a system call.
//  - Only armOnce() is different: one event, reading and writing apart, then silence until rearm().
//  - An event says that the descriptor became ready since the last event. It is a hint: only a system call that
//    answers EAGAIN, 0 or an error decides.
//  - `hangup` says that the peer ended its side or that an error is pending. Data may still lie in front of it.
//  - `urgent` says that TCP urgent data (RFC 6093) is in the stream. A read stops in front of it, so a read that brings less
//    than was asked for then proves nothing. When it arrives later, its arrival is an event of its own.
//  - wake() ends a wait from any other thread, one that is under way or the next; several calls may count as one. It makes
//    descriptor() readable too, for an outer loop, and is no event. enableWake() comes first, since not every poller needs it;
//    whoever calls wake() has to know that the poller still lives.
//  - An event carries back the token it was registered with: any number but the highest, which is the poller's own. The token holds a generation, so an event that was
//    queued for a descriptor closed meanwhile can be told from one for its successor.
//
// epoll(7), kqueue(2).
#pragma once

#include "poller/epoll_poller.h"

namespace sluice {

using Poller = EpollPoller;

}  // namespace sluice
