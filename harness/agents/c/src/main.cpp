// millrace-agent-c: the C ABI, millrace.h, as an agent of the harness.
#include <unistd.h>

#include "agent.hpp"
#include "loop.hpp"

int main(int argc, char**) {
    if (argc > 1) return millrace::agent::refuse_arguments("millrace-agent-c");
    millrace::agent::LineWriter out(STDOUT_FILENO);
    millrace::agent::Agent agent(out);
    return millrace::agent::run(agent, out);
}
