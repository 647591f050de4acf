// A whole reply as a flat array of nodes and one of bytes, and views of it. Knows nothing of the wire: the decoder
// builds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/buffer.hpp"

namespace millrace::resp {

enum class Type : uint8_t {
    status,
    error,
    integer,
    real,
    boolean,
    text,
    verbatim,
    big_number,
    left_out,  ///< a value past the limits: integer() is its size in bytes, and nothing else is left of it
    nil,
    array,
    map,
    set,
    push,
};

class Tree;

/// A node of a tree, as a view: valid until the tree is cleared. Every method answers for every type; a wrong one
/// gives empty text, 0, false, or a nil view, so that a reader of replies checks what it needs and never crashes on
/// what a server makes up.
class Reply {
  public:
    /// A nil of no tree.
    Reply() = default;

    [[nodiscard]] Type type() const;
    /// Children; a map counts two for each pair, key first. 0 for what has none.
    [[nodiscard]] uint32_t size() const;
    /// Status, error, text, verbatim (without its format), and the digits of a real or a big number.
    [[nodiscard]] std::string_view text() const;
    [[nodiscard]] int64_t integer() const;
    [[nodiscard]] bool boolean() const;
    [[nodiscard]] bool is_nil() const { return type() == Type::nil; }
    [[nodiscard]] bool is_error() const { return type() == Type::error; }
    /// array, map, set or push
    [[nodiscard]] bool is_aggregate() const { return type() >= Type::array; }
    /// The child at `index`, found by walking there; nil past the end.
    [[nodiscard]] Reply operator[](uint32_t index) const;

    class Iterator {
      public:
        Iterator(const Tree* tree, uint32_t node) : tree_(tree), node_(node) {}
        Reply operator*() const { return {tree_, node_}; }
        Iterator& operator++();
        bool operator!=(const Iterator& other) const { return node_ != other.node_; }
        bool operator==(const Iterator& other) const { return node_ == other.node_; }

      private:
        const Tree* tree_;
        uint32_t node_;
    };
    [[nodiscard]] Iterator begin() const;
    [[nodiscard]] Iterator end() const;

  private:
    friend class Tree;
    Reply(const Tree* tree, uint32_t node) : tree_(tree), node_(node) {}

    const Tree* tree_ = nullptr;
    uint32_t node_ = 0;
};

/// Nodes in the order of the wire, each with the index behind its last descendant. Reused from reply to reply. The
/// adding half is the decoder's: what returns bool returns false when memory is refused.
class Tree {
  public:
    /// Nil for an empty tree.
    [[nodiscard]] Reply root() const { return nodes_.empty() ? Reply() : Reply(this, 0); }

    /// Forgets everything, and gives back memory that one unusual reply needed.
    void clear();
    [[nodiscard]] bool add_aggregate(Type type, uint32_t size);
    [[nodiscard]] bool add_integer(int64_t value);
    [[nodiscard]] bool add_boolean(bool value);
    [[nodiscard]] bool add_nil();
    [[nodiscard]] bool add_left_out(uint64_t bytes);
    [[nodiscard]] bool add_text(Type type, std::string_view text);
    /// To be called once all nodes are there; only then may children be walked.
    void finish();
    [[nodiscard]] size_t text_bytes() const { return bytes_.size(); }

  private:
    friend class Reply;
    struct Node {
        Type type = Type::nil;
        uint32_t size = 0;   // children, or bytes of text
        uint32_t end = 0;    // index behind the last descendant
        uint64_t value = 0;  // integer or boolean, or where the text begins
    };
    [[nodiscard]] const Node& node(const Reply& reply) const { return nodes_[reply.node_]; }

    Buffer<Node> nodes_;
    Buffer<char> bytes_;
};

}  // namespace millrace::resp
