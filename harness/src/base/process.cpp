#include "base/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace millrace::harness {

std::string describe(const Exit& exit) {
    if (!exit.by_signal) return "exit code " + std::to_string(exit.code);
    const char* name = ::sigabbrev_np(exit.code);
    return name != nullptr ? std::string("killed by SIG") + name : "killed by signal " + std::to_string(exit.code);
}

namespace {

struct Pipe {
    FileDescriptor read_end, write_end;

    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) {
            throw std::runtime_error(std::string("no pipe for a child process: ") + std::strerror(errno));
        }
        read_end = FileDescriptor(ends[0]);
        write_end = FileDescriptor(ends[1]);
    }
};

void make_nonblocking(const FileDescriptor& fd) {
    const int flags = ::fcntl(fd.value(), F_GETFL);
    ::fcntl(fd.value(), F_SETFL, flags | O_NONBLOCK);
}

// Runs between vfork and exec, in the memory of a process with many threads: calls of the system alone.
[[noreturn]] void become(char* const* argv, int in, int out, int err, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);  // the parent died before prctl
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0U, 0);  // libraries open sockets without CLOEXEC
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGXFSZ, SIG_DFL);
    ::execvp(argv[0], argv);
    ::_exit(errno == ENOENT ? 127 : 126);
}

// By vfork: what a long run holds is hundreds of MB, and fork copies the tables of all its pages for each child, which
// was two thirds of the harness's time. When it returns the child has its group, and is another program or has ended.
pid_t spawn(char* const* argv, int in, int out, int err) {
    const pid_t parent = ::getpid();
    const pid_t child = ::vfork();
    if (child == 0) become(argv, in, out, err, parent);
    return child;
}

FileDescriptor open_or_throw(const std::string& path, int flags) {
    FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    if (!fd.open()) throw std::runtime_error("cannot open " + path + ": " + std::strerror(errno));
    return fd;
}

}  // namespace

Process::Process(const Options& options) {
    std::vector<char*> argv;
    for (const auto& argument : options.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    FileDescriptor child_in, child_out, child_err;
    if (options.pipes) {
        Pipe in, out, err;
        child_in = std::move(in.read_end);
        child_out = std::move(out.write_end);
        child_err = std::move(err.write_end);
        input_ = std::move(in.write_end);
        output_ = std::move(out.read_end);
        errors_ = std::move(err.read_end);
        make_nonblocking(input_);
        make_nonblocking(output_);
        make_nonblocking(errors_);
    } else {
        child_in = open_or_throw("/dev/null", O_RDONLY);
        const std::string path = options.output_path.empty() ? "/dev/null" : options.output_path;
        child_out = open_or_throw(path, O_WRONLY | O_CREAT | O_APPEND);
        child_err = FileDescriptor(::fcntl(child_out.value(), F_DUPFD_CLOEXEC, 0));
    }

    pid_ = spawn(argv.data(), child_in.value(), child_out.value(), child_err.value());
    if (pid_ < 0) throw std::runtime_error(std::string("cannot start a process: ") + std::strerror(errno));
}

Process::~Process() {
    kill_now();
}

// What the leader left behind in its group. Adopted, it would stay as a zombie; it is dead in no time.
void Process::reap_group() const {
    ::kill(-pid_, SIGKILL);
    for (int tries = 0; tries < 50; ++tries) {
        const pid_t reaped = ::waitpid(-pid_, nullptr, WNOHANG);
        if (reaped < 0) return;
        if (reaped == 0) std::this_thread::sleep_for(1ms);
    }
}

std::optional<Exit> Process::poll_exit() {
    if (exit_) return exit_;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        exit_ = WIFSIGNALED(status) ? Exit{true, WTERMSIG(status)} : Exit{false, WEXITSTATUS(status)};
        reap_group();
    }
    return exit_;
}

void Process::signal(int number) const {
    if (!exit_) ::kill(-pid_, number);
}

void Process::kill_now() {
    if (exit_) return;
    signal(SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    exit_ = WIFSIGNALED(status) ? Exit{true, WTERMSIG(status)} : Exit{false, WEXITSTATUS(status)};
    reap_group();
}

void Process::stop(Duration grace) {
    signal(SIGTERM);
    const Instant deadline = steady_now() + grace;
    while (!poll_exit() && steady_now() < deadline) std::this_thread::sleep_for(2ms);
    kill_now();
}

namespace {

struct ProcStat {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t group = 0;
    int64_t ticks = 0;
};

std::optional<ProcStat> read_stat(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    const size_t name_end = line.rfind(')');  // the name may hold spaces
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(line.substr(name_end + 1));
    std::string state;
    std::string skipped;
    ProcStat stat;
    rest >> state >> stat.parent >> stat.group;
    for (int field = 6; field <= 13; ++field) rest >> skipped;
    int64_t user = 0;
    int64_t system = 0;
    rest >> user >> system;
    if (!rest) return std::nullopt;
    stat.pid = static_cast<pid_t>(std::stol(pid));
    stat.ticks = user + system;
    return stat;
}

std::vector<ProcStat> processes_with(pid_t ProcStat::*member, pid_t value) {
    std::vector<ProcStat> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto stat = read_stat(name);
        if (stat && (*stat).*member == value) found.push_back(*stat);
    }
    return found;
}

std::vector<ProcStat> members_of(pid_t group) {
    return processes_with(&ProcStat::group, group);
}

}  // namespace

Duration Process::cpu_time() const {
    int64_t ticks = 0;
    for (const auto& member : members_of(pid_)) ticks += member.ticks;
    return Duration(ticks * 1'000'000 / ::sysconf(_SC_CLK_TCK));
}

int64_t Process::resident_kib() const {
    int64_t pages = 0;
    for (const auto& member : members_of(pid_)) {
        std::ifstream file("/proc/" + std::to_string(member.pid) + "/statm");
        int64_t total = 0;
        int64_t resident = 0;
        if (file >> total >> resident) pages += resident;
    }
    return pages * ::sysconf(_SC_PAGESIZE) / 1024;
}

std::vector<int> Process::tcp_ports() const {
    std::set<std::string> inodes;
    for (const auto& member : members_of(pid_)) {
        std::error_code ignored;
        const std::string fds = "/proc/" + std::to_string(member.pid) + "/fd";
        for (const auto& entry : std::filesystem::directory_iterator(fds, ignored)) {
            const std::string link = std::filesystem::read_symlink(entry.path(), ignored);
            if (link.starts_with("socket:[")) inodes.insert(link.substr(8, link.size() - 9));
        }
    }
    std::vector<int> ports;
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream file(table);
        std::string line;
        while (std::getline(file, line)) {
            std::istringstream columns(line);
            std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
            columns >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
            const size_t colon = local.rfind(':');
            if (!inodes.contains(inode) || colon == std::string::npos) continue;
            ports.push_back(static_cast<int>(std::stol(local.substr(colon + 1), nullptr, 16)));
        }
    }
    return ports;
}

void adopt_orphans() {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

// A child that dies leaves its own ones to us, until there are none.
void end_children() {
    const Instant deadline = steady_now() + 5s;  // but for those that the kernel does not let go
    for (pid_t reaped = 0; reaped >= 0 && steady_now() < deadline; reaped = ::waitpid(-1, nullptr, WNOHANG)) {
        if (reaped > 0) continue;
        for (const auto& child : processes_with(&ProcStat::parent, ::getpid())) ::kill(child.pid, SIGKILL);
        std::this_thread::sleep_for(1ms);
    }
}

}  // namespace millrace::harness
