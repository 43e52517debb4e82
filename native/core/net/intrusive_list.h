// A doubly linked list whose links lie in the elements: joining and leaving cost no allocation and O(1).
#pragma once

namespace sluice {

template <typename T>
struct ListLink {
  T* previous = nullptr;
  T* next = nullptr;
  bool linked = false;
};

template <typename T, ListLink<T> T::* Link>
class IntrusiveList {
 public:
  bool empty() const noexcept { return head_ == nullptr; }
  T* front() const noexcept { return head_; }
  static T* after(const T* element) noexcept { return (element->*Link).next; }
  static bool contains(const T* element) noexcept { return (element->*Link).linked; }

  void pushBack(T* element) noexcept {
    ListLink<T>& link = element->*Link;
    if (link.linked) return;
    link = {.previous = tail_, .next = nullptr, .linked = true};
    (tail_ == nullptr ? head_ : (tail_->*Link).next) = element;
    tail_ = element;
  }

  void pushFront(T* element) noexcept {
    ListLink<T>& link = element->*Link;
    if (link.linked) return;
    link = {.previous = nullptr, .next = head_, .linked = true};
    (head_ == nullptr ? tail_ : (head_->*Link).previous) = element;
    head_ = element;
  }

  void remove(T* element) noexcept {
    ListLink<T>& link = element->*Link;
    if (!link.linked) return;
    (link.previous == nullptr ? head_ : (link.previous->*Link).next) = link.next;
    (link.next == nullptr ? tail_ : (link.next->*Link).previous) = link.previous;
    link = {};
  }

  T* popFront() noexcept {
    T* element = head_;
    if (element != nullptr) remove(element);
    return element;
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace sluice
