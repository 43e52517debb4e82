// A doubly linked ring whose links lie in the elements: joining and leaving cost no allocation and O(1).
//
// The list itself is a link of the ring, so an element is linked exactly when its pointers are set, and two words an
// element are enough.
#pragma once

namespace sluice {

template <typename T>
struct ListLink {
  ListLink* previous = nullptr;
  ListLink* next = nullptr;

  bool linked() const noexcept { return next != nullptr; }
  void insertAfter(ListLink* at) noexcept {
    previous = at;
    next = at->next;
    at->next->previous = this;
    at->next = this;
  }
  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = nullptr;
  }
};

/// `Link` is the member of T that this list links by.
template <typename T, ListLink<T> T::* Link>
class IntrusiveList {
 public:
  IntrusiveList() noexcept { ring_.previous = ring_.next = &ring_; }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const noexcept { return ring_.next == &ring_; }
  T* front() const noexcept { return elementAt(ring_.next); }
  T* after(const T* element) const noexcept { return elementAt((element->*Link).next); }
  static bool contains(const T* element) noexcept { return (element->*Link).linked(); }

  /// Linking an element that is linked does nothing.
  void pushBack(T* element) noexcept {
    if (!contains(element)) (element->*Link).insertAfter(ring_.previous);
  }
  void pushFront(T* element) noexcept {
    if (!contains(element)) (element->*Link).insertAfter(&ring_);
  }
  void remove(T* element) noexcept {
    if (contains(element)) (element->*Link).unlink();
  }
  T* popFront() noexcept {
    T* element = front();
    if (element != nullptr) remove(element);
    return element;
  }

 private:
  /// The element that holds `link`; null for the list's own, the end.
  T* elementAt(const ListLink<T>* link) const noexcept {
    if (link == &ring_) return nullptr;
    // The distance from the element's beginning to its link, as offsetof would give it for a member pointer.
    alignas(T) static unsigned char probe[sizeof(T)];
    const auto* asElement = reinterpret_cast<const T*>(probe);
    const auto distance = reinterpret_cast<const unsigned char*>(&(asElement->*Link)) - probe;
    return reinterpret_cast<T*>(const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(link)) - distance);
  }

  ListLink<T> ring_;
};

}  // namespace sluice
