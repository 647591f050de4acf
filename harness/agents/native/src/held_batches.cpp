#include "held_batches.hpp"

namespace millrace::agent {

Json SettleRequest::answer() const {
    Json entries = Json::array();
    for (const Item& each : items) {
        entries.push_back(Json::array({value_to_json(each.key.first), each.key.second, each.code}));
    }
    return {{"event", "acked"}, {"re", re}, {"entries", std::move(entries)}};
}

void HeldBatches::add(Batch batch, std::vector<EntryKey> keys) {
    batch.release();
    const BatchId id = batch.id();
    for (uint32_t i = 0; i < keys.size(); ++i) places_.insert_or_assign(keys[i], Place{id, i});
    const size_t count = keys.size();
    batches_.emplace(id, Held{std::move(batch), std::move(keys), {}, count});
}

template <class Command, class Done>
void HeldBatches::each_share(SettleRequest& request, Command command, Done done) {
    std::map<BatchId, std::vector<std::pair<uint32_t, size_t>>> shares;
    for (size_t item = 0; item < request.items.size(); ++item) {
        const auto found = places_.find(request.items[item].key);
        if (found == places_.end()) {
            request.items[item].code = name(Code::not_held);
        } else {
            shares[found->second.batch].emplace_back(found->second.index, item);
        }
    }
    for (const auto& [id, share] : shares) {
        Held& held = batches_.at(id);
        std::vector<uint32_t> indices;
        for (const auto& [index, item] : share) indices.push_back(index);
        const bool whole = command(held, indices).ok();
        for (const auto& [index, item] : share) {
            const Status status = whole ? Status() : command(held, {index});
            if (status) {
                done(held, index, item);
            } else {
                request.items[item].code = name(status.error().code);
            }
        }
    }
}

std::shared_ptr<SettleRequest> HeldBatches::ack(Json re, const std::vector<EntryKey>& keys) {
    auto request = std::make_shared<SettleRequest>();
    request->re = std::move(re);
    for (const EntryKey& key : keys) request->items.push_back({key, {}});
    each_share(
        *request, [](Held& held, const std::vector<uint32_t>& indices) { return held.batch.ack(indices); },
        [&request](Held& held, uint32_t index, size_t item) {
            held.waiters[index] = {request, item};
            ++request->open;
        });
    return request;
}

template <class Command>
std::shared_ptr<SettleRequest> HeldBatches::settle_at_once(Json re, const std::vector<EntryKey>& keys,
                                                           Command command) {
    auto request = std::make_shared<SettleRequest>();
    request->re = std::move(re);
    for (const EntryKey& key : keys) request->items.push_back({key, {}});
    std::vector<Place> settled;
    each_share(*request, command, [&](Held& held, uint32_t index, size_t item) {
        request->items[item].code = name(Code::ok);
        settled.push_back({held.batch.id(), index});
    });
    for (const Place& place : settled) forget(place.batch, place.index);
    return request;
}

std::shared_ptr<SettleRequest> HeldBatches::nack(Json re, const std::vector<EntryKey>& keys,
                                                 std::optional<Duration> delay) {
    return settle_at_once(std::move(re), keys, [delay](Held& held, const std::vector<uint32_t>& indices) {
        return held.batch.nack(indices, delay);
    });
}

std::shared_ptr<SettleRequest> HeldBatches::give_back(Json re, const std::vector<EntryKey>& keys) {
    return settle_at_once(std::move(re), keys, [](Held& held, const std::vector<uint32_t>& indices) {
        return held.batch.give_back(indices);
    });
}

std::shared_ptr<SettleRequest> HeldBatches::reject(Json re, const std::vector<EntryKey>& keys, std::string_view error) {
    return settle_at_once(std::move(re), keys, [error](Held& held, const std::vector<uint32_t>& indices) {
        return held.batch.reject(indices, error);
    });
}

std::vector<std::shared_ptr<SettleRequest>> HeldBatches::on_acked(const Acked& acked) {
    std::vector<std::shared_ptr<SettleRequest>> complete;
    const auto found = batches_.find(acked.batch);
    if (found == batches_.end()) return complete;
    std::map<uint32_t, Waiter>& waiters = found->second.waiters;
    for (const uint32_t index : acked.indices) {
        const auto waiter = waiters.find(index);
        if (waiter == waiters.end()) continue;
        SettleRequest& request = *waiter->second.request;
        request.items[waiter->second.item].code = name(Code::ok);
        if (--request.open == 0) complete.push_back(waiter->second.request);
        waiters.erase(waiter);
    }
    for (const uint32_t index : acked.indices) forget(acked.batch, index);
    return complete;
}

void HeldBatches::forget(BatchId batch, uint32_t index) {
    const auto found = batches_.find(batch);
    if (found == batches_.end()) return;
    // The same entry may have come again since, in a batch of its own.
    const auto place = places_.find(found->second.keys[index]);
    if (place != places_.end() && place->second.batch == batch) places_.erase(place);
    if (--found->second.unsettled == 0) batches_.erase(found);
}

}  // namespace millrace::agent
