#include "resp/tree.hpp"

namespace millrace::resp {
namespace {

// What a tree keeps between replies: enough for INFO and for a page of XPENDING; the one reply of megabytes is not
// paid for ever.
constexpr size_t nodes_kept = 4096;
constexpr size_t bytes_kept = 64 * 1024;

}  // namespace

Type Reply::type() const {
    return tree_ == nullptr ? Type::nil : tree_->node(*this).type;
}

uint32_t Reply::size() const {
    return is_aggregate() ? tree_->node(*this).size : 0;
}

std::string_view Reply::text() const {
    switch (type()) {
        case Type::status:
        case Type::error:
        case Type::real:
        case Type::text:
        case Type::verbatim:
        case Type::big_number: {
            const Tree::Node& node = tree_->node(*this);
            return {tree_->bytes_.data() + node.value, node.size};
        }
        default:
            return {};
    }
}

int64_t Reply::integer() const {
    const bool is_number = type() == Type::integer || type() == Type::left_out;
    return is_number ? static_cast<int64_t>(tree_->node(*this).value) : 0;
}

bool Reply::boolean() const {
    return type() == Type::boolean && tree_->node(*this).value != 0;
}

Reply Reply::operator[](uint32_t index) const {
    if (index >= size()) return {};
    Iterator child = begin();
    while (index-- > 0) ++child;
    return *child;
}

Reply::Iterator Reply::begin() const {
    if (!is_aggregate()) return {nullptr, 0};
    return {tree_, node_ + 1};
}

Reply::Iterator Reply::end() const {
    if (!is_aggregate()) return {nullptr, 0};
    return {tree_, tree_->node(*this).end};
}

Reply::Iterator& Reply::Iterator::operator++() {
    node_ = tree_->nodes_[node_].end;
    return *this;
}

void Tree::clear() {
    nodes_.clear();
    bytes_.clear();
    nodes_.shrink_above(nodes_kept);
    bytes_.shrink_above(bytes_kept);
}

bool Tree::add_aggregate(Type type, uint32_t size) {
    return nodes_.push({type, size, 0, 0});
}

bool Tree::add_integer(int64_t value) {
    return nodes_.push({Type::integer, 0, 0, static_cast<uint64_t>(value)});
}

bool Tree::add_boolean(bool value) {
    return nodes_.push({Type::boolean, 0, 0, value ? uint64_t{1} : 0});
}

bool Tree::add_nil() {
    return nodes_.push({});
}

bool Tree::add_left_out(uint64_t bytes) {
    return nodes_.push({Type::left_out, 0, 0, bytes});
}

bool Tree::add_text(Type type, std::string_view text) {
    const size_t start = bytes_.size();
    if (!bytes_.append(text.data(), text.size())) return false;
    return nodes_.push({type, static_cast<uint32_t>(text.size()), 0, start});
}

// Backwards, so that the ends of all children are known when their parent's turn comes: each node is stepped over
// once.
void Tree::finish() {
    for (size_t i = nodes_.size(); i-- > 0;) {
        Node& node = nodes_[i];
        uint32_t end = static_cast<uint32_t>(i) + 1;
        if (node.type >= Type::array) {
            for (uint32_t child = 0; child < node.size; ++child) end = nodes_[end].end;
        }
        node.end = end;
    }
}

}  // namespace millrace::resp
