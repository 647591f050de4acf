#include "world/world.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace millrace::harness {

World::World(Driver& driver, Setup setup) : driver_(driver), setup_(std::move(setup)), random_(setup_.seed) {
    history_.begin = now();
}

World::~World() {
    remove_users();
}

// --- time

void World::play(Task<> story) {
    const Instant limit = now() + setup_.time_limit;
    story.resume();
    while (!story.done()) {
        driver_.advance(std::min(wake_at_, limit));
        if (now() >= limit) {
            require(false, "time", "the case did not end within " + format_ms(setup_.time_limit));
        }
        // Every wait looks again at what it waits for, so waking too often is harmless.
        std::exchange(sleeper_, nullptr).resume();
    }
    story.result();
}

void World::Wake::await_suspend(std::coroutine_handle<> handle) const {
    world.sleeper_ = handle;
    world.wake_at_ = deadline;
}

Task<> World::until(Instant instant) {
    while (now() < instant) co_await news_or(instant);
}

Task<> World::pause(Duration duration) {
    const Instant end = now() + duration;
    while (now() < end) co_await news_or(end);
}

Task<bool> World::comes_true(const std::function<bool()>& condition, Duration within) {
    const Instant deadline = now() + within;
    while (!condition()) {
        if (now() >= deadline) co_return false;
        co_await news_or(std::min(deadline, now() + 5ms));
    }
    co_return true;
}

// --- the server

Database& World::database() {
    if (!database_) database_ = driver_.connect(setup_.url);
    return *database_;
}

std::vector<Fields> numbered(int first, int count) {
    std::vector<Fields> entries;
    for (int i = first; i < first + count; ++i) entries.push_back({{"n", std::to_string(i)}});
    return entries;
}

std::vector<EntryKey> keys_of(const Batch& batch) {
    std::vector<EntryKey> keys;
    for (const auto& entry : batch.entries) keys.push_back(entry.key);
    return keys;
}

std::vector<EntryKey> World::publish(const std::string& stream, int count) {
    return publish(stream, numbered(static_cast<int>(history_.published.size()), count));
}

std::vector<EntryKey> World::publish(const std::string& stream, const std::vector<Fields>& entries) {
    std::vector<Command> commands{{"MULTI"}};
    for (const auto& fields : entries) {
        Command add{"XADD", stream, "*"};
        for (const auto& [name, value] : fields) {
            add.push_back(name);
            add.push_back(value);
        }
        commands.push_back(std::move(add));
    }
    commands.push_back({"EXEC"});
    const Instant sent = now();
    const auto replies = database().pipeline(commands);
    const Instant confirmed = now();
    const Reply& results = replies.back();
    if (results.kind != Reply::Kind::Array || results.items.size() != entries.size()) {
        throw ServerError("the server refuses to publish: " + excerpt(results.text));
    }
    std::vector<EntryKey> keys;
    for (size_t i = 0; i < entries.size(); ++i) {
        if (results.items[i].is_error()) {
            throw ServerError("the server refuses to publish: " + excerpt(results.items[i].text));
        }
        keys.push_back({stream, results.items[i].text});
        history_.published.push_back({keys.back(), entries[i], sent, confirmed});
    }
    return keys;
}

void World::record_published(const std::string& stream, const std::string& id, const Fields& fields, Instant sent) {
    history_.published.push_back({{stream, id}, fields, sent, now()});
}

std::vector<PendingEntry> World::pending(const std::string& stream, const std::string& group) {
    std::vector<PendingEntry> all;
    std::string from = "-";
    for (;;) {
        const Reply page = command({"XPENDING", stream, group, from, "+", "1000"});
        if (page.is_error()) break;  // no such key or group: nothing is pending
        size_t added = 0;
        for (const auto& item : page.items) {
            // Ranges that leave out their start are 6.2's: here the page overlaps by one.
            if (!all.empty() && all.back().key.id == item.at(0).text) continue;
            all.push_back({{stream, item.at(0).text}, item.at(1).text, item.at(2).integer, item.at(3).integer});
            ++added;
        }
        if (page.items.size() < 1000 || added == 0) break;
        from = all.back().key.id;
    }
    history_.pending_seen.push_back({now(), stream, group, all});
    return all;
}

void World::delete_entry(const EntryKey& key) {
    command({"XDEL", key.stream, key.id});
    history_.faults.push_back({Fault::Kind::Deleted, now(), std::nullopt, "XDEL " + key.id, {key}});
}

OwnServer& World::own_server(const std::vector<std::string>& arguments) {
    if (!setup_.server_executable) unsupported("needs a server that the harness starts itself (--server=local:…)");
    own_servers_.push_back(driver_.start_server(*setup_.server_executable, arguments));
    setup_.url = own_servers_.back()->url();
    setup_.alone = false;
    database_.reset();
    return *own_servers_.back();
}

void World::upgrade(OwnServer& server, const std::string& name) {
    std::optional<std::string> absent;
    const std::optional<std::string> executable = cached_server(name, absent);
    if (!executable) unsupported("no " + name + " here" + (absent ? ": " + *absent : std::string()));
    server.become(*executable);
    database_.reset();
    history_.faults.push_back({Fault::Kind::ServerDown, now(), std::nullopt, "upgrade to " + name, {}});
}

void World::server_down(OwnServer& server) {
    server.kill();
    database_.reset();  // the next command connects anew
    history_.faults.push_back({Fault::Kind::ServerDown, now(), std::nullopt, "SIGKILL server", {}});
}

void World::use(OwnServer& server) {
    setup_.url = server.url();
    database_.reset();
}

void World::failover(OwnServer& from, OwnServer& to) {
    from.kill();
    use(to);
    history_.faults.push_back({Fault::Kind::Failover, now(), std::nullopt, "SIGKILL primary", {}});
}

Proxy& World::proxy() {
    return proxy({setup_.url});
}

Proxy& World::proxy(const std::vector<Url>& upstreams) {
    for (const Url& upstream : upstreams) {
        if (upstream.scheme != Url::Scheme::Tcp) unsupported("its faults need a server by TCP and without TLS");
    }
    proxies_.push_back(driver_.proxy(upstreams, [this](std::string_view what) { record_fault(std::string(what)); }));
    return *proxies_.back();
}

void World::remove(Proxy& proxy) {
    std::erase_if(proxies_, [&](const auto& owned) { return owned.get() == &proxy; });
}

void World::record_fault(const std::string& what) {
    history_.faults.push_back({Fault::Kind::Cut, now(), std::nullopt, what, {}});
}

BadPeer& World::bad_peer(BadPeer::Kind kind) {
    bad_peers_.push_back(driver_.listen(kind));
    return *bad_peers_.back();
}

Url World::acl_user(const std::vector<std::string>& rules) {
    if (!setup_.facts.acl) unsupported("the server has no ACL, or does not let us use it");
    Url url = setup_.url;
    url.username = "millrace-" + random_.hex(12);
    url.password = random_.hex(16);
    Command command{"ACL", "SETUSER", url.username, "on", ">" + url.password};
    command.insert(command.end(), rules.begin(), rules.end());
    const Reply reply = this->command(command);
    if (reply.is_error()) unsupported("we may not make an ACL user: " + excerpt(reply.text));
    acl_users_.push_back(url.username);
    return url;
}

void World::remove_users() {
    for (const auto& user : std::exchange(acl_users_, {})) {
        try {
            database().command({"ACL", "DELUSER", user});
        } catch (const std::exception&) {
            // The server is gone, and its users with it.
        }
    }
}

// --- agents

Start World::consume(const std::string& name, Json config) {
    Start start;
    start.url = setup_.url.text();
    start.streams = {stream(name)};
    start.group = "harness";
    start.consumer = "consumer-" + std::to_string(++consumer_count_);
    start.config = setup_.config;
    start.config.merge_patch(config);
    return start;
}

Start World::consume_pattern(const std::string& pattern, Json config) {
    Start start = consume("", std::move(config));
    start.pattern = start.streams.front() + pattern;
    start.streams.clear();
    return start;
}

Start World::consume_through(const Proxy& proxy, const std::string& name, Json config) {
    Start start = consume(name, std::move(config));
    start.url = proxy.url().text();
    return start;
}

Start World::tail(const std::string& name, const std::string& from, Json config) {
    Start start = consume(name, std::move(config));
    start.group.clear();
    start.consumer.clear();
    start.from = from;
    return start;
}

Agent& World::spawn() {
    const size_t index = agents_.size();
    AgentLife life;
    life.label = "agent " + std::to_string(index + 1);
    life.spawned = now();
    life.concurrent = agent_can("concurrent");
    history_.agents.push_back(life);
    agents_.emplace_back(*this, index, life.label);
    Agent& agent = agents_.back();
    agent.port_ = driver_.spawn(setup_.agent_command, [&agent](std::string_view line) { agent.on_line(line); });
    return agent;
}

int World::cut_connections(Agent& agent) {
    const std::vector<int> ports = agent.port().ports();
    history_.faults.push_back({Fault::Kind::Cut, now(), agent.index(), "CLIENT KILL", {}});
    int killed = 0;
    for (const auto& line : split(command({"CLIENT", "LIST"}).text, "\n")) {
        std::string id;
        int port = 0;
        for (const auto& word : split(line, " ")) {
            if (word.starts_with("id=")) id = word.substr(3);
            if (word.starts_with("addr="))
                port = static_cast<int>(parse_integer(word.substr(word.rfind(':') + 1)).value_or(0));
        }
        if (std::find(ports.begin(), ports.end(), port) == ports.end()) continue;
        if (command({"CLIENT", "KILL", "ID", id}).integer == 1) ++killed;
    }
    return killed;
}

std::string World::agent_errors() const {
    std::string all;
    for (const auto& agent : agents_) {
        const std::string errors = agent.port().errors();
        if (!errors.empty()) all += "[" + history_.agents[agent.index()].label + "]\n" + errors + "\n";
    }
    return all;
}

// --- findings

bool World::expect(bool condition, const std::string& spec, const std::string& otherwise) {
    if (condition) return true;
    // A defect that shows in each of a hundred rounds is one defect.
    const auto same =
        std::count_if(findings_.begin(), findings_.end(), [&](const Finding& f) { return f.spec == spec; });
    if (same < 8) findings_.push_back({Severity::Failed, spec, otherwise});
    return false;
}

void World::require(bool condition, const std::string& spec, const std::string& otherwise) {
    if (!expect(condition, spec, otherwise)) throw CaseOver{};
}

void World::non_strict(const std::string& spec, const std::string& what) {
    findings_.push_back({Severity::NonStrict, spec, what});
}

void World::figure(const std::string& name, double value) {
    figures_[name] = value;
}

void World::figure_max(const std::string& name, double value) {
    figures_[name] = figures_.contains(name) ? std::max(value, figures_[name].get<double>()) : value;
}

}  // namespace millrace::harness
