#include "commands.hpp"

#include <algorithm>
#include <charconv>
#include <span>

namespace millrace::tool {

namespace {

constexpr uint32_t letters_a_page = 1000;
// They are put back one by one: of more, the answer would not come in the time that is waited for one.
constexpr size_t letters_a_redrive = 100;

uint64_t count_of(const Arguments& arguments, uint64_t otherwise) {
    const std::optional<std::string> text = option(arguments, "--count");
    if (!text.has_value()) return otherwise;
    uint64_t count = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), count);
    if (failure != std::errc() || end != text->data() + text->size() || count == 0)
        throw Misuse{"--count=" + *text + " is no whole number from 1 on"};
    return count;
}

EntryId id_of(const std::string& name, const std::string& text) {
    const std::optional<EntryId> id = EntryId::parse(text);
    if (!id.has_value()) throw Misuse{name + "=" + text + " is no entry id such as 1700000000000-0"};
    return *id;
}

/// Prints a batch, or what of it is wanted; acks what was printed, and gives back the rest. Why no more can be printed.
std::optional<Misuse> print_batch(Batch& batch, uint64_t& printed, uint64_t count) {
    std::optional<Misuse> broken;
    std::vector<uint32_t> done;
    try {
        for (uint32_t i = 0; i < batch.size() && printed < count; ++i, ++printed) {
            Session::print(entry_to_json(batch[i]));
            done.push_back(i);
        }
    } catch (const Misuse& failure) {
        broken = failure;
    }
    (void)batch.ack(done);
    if (!batch.settled()) (void)batch.give_back();
    return broken;
}

/// Prints batches until so many entries came, the source ended or a signal came.
int print_batches(Session& session, const SourceOptions& source, uint64_t count) {
    Client& client = session.client();
    stop_by_signals(&client);
    const Result<SourceId> opened = client.open(source);
    if (!opened) throw Misuse{opened.error().message};
    int code = 0;
    std::optional<Misuse> broken;
    for (uint64_t printed = 0; printed < count && !broken;) {
        Result<std::optional<Batch>> next = client.next(seconds(3600), *opened);
        if (!next) {
            code = next.error().code == Code::closed ? 0 : 1;
            break;
        }
        if (next->has_value()) broken = print_batch(**next, printed, count);
    }
    (void)client.close(session.timeout());
    stop_by_signals(nullptr);
    if (broken) throw *std::move(broken);
    return code;
}

}  // namespace

int consume(Session& session, const Arguments& arguments) {
    SourceOptions source;
    source.streams = list_of(arguments, "<stream>");
    source.group = option(arguments, "--group");
    // Which is a tail, that acks nothing; a variable of the shell that is not set says so.
    if (source.group.value_or(session.source().group).empty())
        throw Misuse{"--group= names no group; millrace tail reads without one"};
    source.consumer = option(arguments, "--consumer");
    return print_batches(session, source, count_of(arguments, UINT64_MAX));
}

int tail(Session& session, const Arguments& arguments) {
    SourceOptions source;
    source.streams = list_of(arguments, "<stream>");
    source.group = "";
    source.from = option(arguments, "--from");
    return print_batches(session, source, count_of(arguments, UINT64_MAX));
}

int publish(Session& session, const Arguments& arguments) {
    const std::vector<std::string> words = list_of(arguments, "<field=value>");
    std::vector<Field> fields;
    for (const std::string& word : words) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos) throw Misuse{"'" + word + "' is not field=value"};
        fields.push_back({std::string_view(word).substr(0, equals), std::string_view(word).substr(equals + 1)});
    }
    const PublishEntry entry{fields};
    const std::string stream = list_of(arguments, "<stream>").front();
    const auto results = session.client().publish({stream, {&entry, 1}, {}}, session.timeout());
    if (!results || results->front().error.has_value()) {
        session.complain(results ? *results->front().error : results.error());
        return 1;
    }
    Json line{{"id", results->front().id}};
    if (results->front().maybe_duplicate) line["maybe_duplicate"] = true;
    Session::print(line);
    return 0;
}

namespace {

/// A page of the dead; none when that failed, which was told.
std::optional<DeadListed> page_of(Session& session, const std::string& stream, EntryId after, uint64_t count) {
    DeadQuery query;
    query.stream = stream;
    query.after = after;
    query.count = static_cast<uint32_t>(std::min<uint64_t>(count, letters_a_page));
    const Result<Ticket> ticket = session.client().dead(query);
    if (!ticket) {
        session.complain(ticket.error());
        return std::nullopt;
    }
    std::optional<DeadListed> listed = session.await<DeadListed>(*ticket);
    if (listed.has_value() && listed->error.has_value()) {
        session.complain(*listed->error);
        return std::nullopt;
    }
    return listed;
}

}  // namespace

int dead(Session& session, const Arguments& arguments) {
    const std::string stream = list_of(arguments, "<stream>").front();
    const std::optional<std::string> behind = option(arguments, "--after");
    EntryId after = behind.has_value() ? id_of("--after", *behind) : EntryId{};
    for (uint64_t left = count_of(arguments, UINT64_MAX); left > 0;) {
        const std::optional<DeadListed> page = page_of(session, stream, after, left);
        if (!page.has_value()) return 1;
        for (const DeadLetter& letter : page->letters) Session::print(letter_to_json(letter));
        if (page->letters.size() < std::min<uint64_t>(left, letters_a_page)) return 0;
        left -= page->letters.size();
        after = page->letters.back().dead_id;
    }
    return 0;
}

namespace {

/// What became of these; none where no answer came, which was told.
std::optional<Redriven> put_back(Session& session, const std::string& stream, std::span<const EntryId> ids) {
    const Result<Ticket> ticket = session.client().redrive(stream, ids);
    if (ticket) return session.await<Redriven>(*ticket);
    session.complain(ticket.error());
    return std::nullopt;
}

int print_redriven(const Redriven& redriven) {
    int code = 0;
    for (const RedriveResult& result : redriven.results) {
        Json line{{"dead_id", result.dead_id.text()}};
        if (result.id != EntryId{}) line["id"] = result.id.text();
        if (result.error.has_value()) line["error"] = error_to_json(*result.error);
        if (result.maybe_duplicate) line["maybe_duplicate"] = true;
        if (result.error.has_value()) code = 1;
        Session::print(line);
    }
    return code;
}

}  // namespace

int redrive(Session& session, const Arguments& arguments) {
    const std::string stream = list_of(arguments, "<stream>").front();
    std::vector<EntryId> ids;
    for (const std::string& text : list_of(arguments, "--id")) ids.push_back(id_of("--id", text));
    if (arguments.at("--all").asBool()) {
        for (EntryId after{};;) {
            const std::optional<DeadListed> page = page_of(session, stream, after, letters_a_page);
            if (!page.has_value()) return 1;
            for (const DeadLetter& letter : page->letters) {
                // What somebody else put there says nothing of where it belongs.
                if (letter.stream == stream) ids.push_back(letter.dead_id);
            }
            if (page->letters.size() < letters_a_page) break;
            after = page->letters.back().dead_id;
        }
    }
    int code = 0;
    for (std::span<const EntryId> left(ids); !left.empty();) {
        const std::span<const EntryId> some = left.first(std::min(left.size(), letters_a_redrive));
        const std::optional<Redriven> redriven = put_back(session, stream, some);
        if (!redriven.has_value()) return 1;
        code = std::max(code, print_redriven(*redriven));
        left = left.subspan(some.size());
    }
    return code;
}

/// In the year 5138. Milliseconds, which ids have, are beyond it: a group that was moved there would read nothing more.
constexpr int64_t since_max = 99'999'999'999;

int change_group(Session& session, const Arguments& arguments) {
    GroupChange change;
    change.what = arguments.at("create").asBool() ? GroupChange::What::create
                  : arguments.at("move").asBool() ? GroupChange::What::move
                                                  : GroupChange::What::destroy;
    change.stream = list_of(arguments, "<stream>").front();
    change.group = option(arguments, "<group>").value_or("");
    change.at = option(arguments, "--at").value_or("0");
    if (const std::optional<std::string> since = option(arguments, "--since"); since.has_value()) {
        int64_t time = 0;
        const auto [end, failure] = std::from_chars(since->data(), since->data() + since->size(), time);
        const bool is_time = failure == std::errc() && end == since->data() + since->size();
        if (!is_time || time < 0 || time > since_max) throw Misuse{"--since=" + *since + " is no Unix time in seconds"};
        change.since = WallTime{time * 1'000'000};
    }
    const Result<Ticket> ticket = session.client().change_group(change);
    if (!ticket) throw Misuse{ticket.error().message};
    const std::optional<GroupChanged> changed = session.await<GroupChanged>(*ticket);
    if (!changed.has_value()) return 1;
    if (changed->error.has_value()) session.complain(*changed->error);
    if (changed->error.has_value()) return 1;
    Session::print({{"stream", change.stream}, {"group", change.group}, {"changed", changed->changed}});
    return 0;
}

}  // namespace millrace::tool
