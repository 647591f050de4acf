// What commands of a client and of a machine take, from the caller's structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "border.hpp"
#include "millrace/machine.hpp"

namespace millrace::c {

/// The entries of a publish as the core takes them: views of the caller's bytes, for the length of the call.
class PublishViews {
  public:
    /// What is wrong with the publish.
    [[nodiscard]] std::optional<Error> take(const mr_publish* publish);
    [[nodiscard]] const Publish& publish() const { return publish_; }

  private:
    std::vector<Field> fields_;
    std::vector<PublishEntry> entries_;
    Publish publish_{};
};

[[nodiscard]] Result<GroupChange> take_change(const mr_group_change* change);
[[nodiscard]] std::vector<EntryId> take_ids(const mr_id* ids, size_t count);
/// Below 0: none.
[[nodiscard]] std::optional<Duration> take_delay(int64_t delay_us);

/// Fills the caller's struct.
mr_status give_health(mr_error* error, mr_health* to, const Health& health);

}  // namespace millrace::c
