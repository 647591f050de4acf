// Plays one case with one agent on one server and gives the verdict: the case's own findings and the checker's.
#pragma once

#include "run/result.hpp"
#include "world/world.hpp"

namespace millrace::harness {

// Fills verdict, findings, figures, history. Throws nothing but Interrupted.
void play_case(const Case& played, const World::Setup& setup, CaseResult& result);

// Why this case can't be played at all with such an agent or server; empty if it can.
std::string why_not(const Case& played, const Hello& agent, const ServerFacts& server);

// Starts the agent once and hears its hello; throws std::runtime_error with one line.
Hello probe_agent(const std::string& given, const std::string& command, Duration within);

}  // namespace millrace::harness
