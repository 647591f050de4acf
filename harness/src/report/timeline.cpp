// The history of one case as a picture: lanes for agents, publishing, reading, handing over and settling, faults across
// all. Colours are the page's variables, so that it follows light and dark. Marks that fall on one pixel are one taller
// mark.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include "base/text.hpp"
#include "report/markup.hpp"
#include "report/reports.hpp"

namespace millrace::harness {

namespace {

constexpr double left = 92;
constexpr double right = 908;
constexpr double lane_height = 30;
constexpr double top = 22;

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    std::string out = text;
    if (out.ends_with(".0")) out.resize(out.size() - 2);
    return out;
}

std::string span_text(double ms) {
    if (ms >= 1000) return number(ms / 1000) + " s";
    return number(ms) + " ms";
}

class Picture {
  public:
    explicit Picture(const History& history) : history_(history) {
        span_ms_ = std::max(1.0, to_ms(history.end - history.begin));
    }

    std::string draw() {
        draw_agents();
        draw_published();
        draw_read();
        draw_batches();
        draw_settled("ack", Settlement::Kind::Ack);
        draw_settled("nack", Settlement::Kind::Nack);
        const double height = top + lane_height * static_cast<double>(lanes_) + 22;
        std::string out =
            "<svg class=\"timeline\" viewBox=\"0 0 920 " + number(height) + "\" role=\"img\" aria-label=\"timeline\">";
        out += axis(height - 20);
        out += body_;
        out += faults(height - 20);
        return out + "</svg>";
    }

  private:
    [[nodiscard]] double x(Instant at) const {
        const double share = to_ms(at - history_.begin) / span_ms_;
        return left + std::clamp(share, 0.0, 1.0) * (right - left);
    }

    double lane(const std::string& name) {
        const double y = top + lane_height * static_cast<double>(lanes_++);
        body_ +=
            "<text class=\"lane\" x=\"" + number(left - 10) + "\" y=\"" + number(y + 19) + "\">" + name + "</text>";
        body_ +=
            "<path class=\"rule\" d=\"M" + number(left) + " " + number(y + lane_height) + "H" + number(right) + "\"/>";
        return y;
    }

    // Marks by pixel; the more fall on one, the taller it is.
    void marks(double y, const char* css, const std::vector<Instant>& moments) {
        std::map<int, int> by_pixel;
        for (const Instant at : moments) ++by_pixel[static_cast<int>(std::lround(x(at)))];
        int most = 1;
        for (const auto& [pixel, n] : by_pixel) most = std::max(most, n);
        std::string path;
        for (const auto& [pixel, n] : by_pixel) {
            const double height = 8 + 14 * std::log2(1 + n) / std::log2(1 + most);
            path += "M" + std::to_string(pixel) + " " + number(y + lane_height - 2) + "v" + number(-height);
        }
        if (!path.empty()) body_ += std::string("<path class=\"mark ") + css + "\" d=\"" + path + "\"/>";
    }

    void draw_agents() {
        if (history_.agents.empty()) return;
        // Lives that follow each other share a line; those at the same time get thinner ones below each other.
        const double y = lane("agent");
        std::vector<Instant> rows;
        std::vector<size_t> row_of;
        for (const auto& life : history_.agents) {
            size_t row = 0;
            while (row < rows.size() && rows[row] > life.spawned) ++row;
            if (row == rows.size()) rows.emplace_back();
            rows[row] = life.ended.value_or(history_.end);
            row_of.push_back(row);
        }
        const double height = std::max(2.0, (lane_height - 12) / static_cast<double>(rows.size()));
        for (size_t i = 0; i < history_.agents.size(); ++i) {
            const auto& life = history_.agents[i];
            const double from = x(life.spawned);
            const double to = std::max(from + 1.5, x(life.ended.value_or(history_.end)) - 1);
            const double at = y + 7 + height * static_cast<double>(row_of[i]);
            body_ += "<rect class=\"life\" x=\"" + number(from) + "\" y=\"" + number(at) + "\" width=\"" +
                     number(to - from) + "\" height=\"" + number(height - 1.5) + "\" rx=\"2\"><title>" +
                     html(life.label + " " + life.consumer) + "</title></rect>";
            if (life.ready) {
                body_ += "<path class=\"ready\" d=\"M" + number(x(*life.ready)) + " " + number(at) + "v" +
                         number(height - 1.5) + "\"/>";
            }
        }
    }

    void draw_published() {
        std::vector<Instant> moments;
        for (const auto& entry : history_.published) moments.push_back(entry.confirmed);
        marks(lane("publish"), "publish", moments);
    }

    // When the server says it gave an entry out: the look at XPENDING, less its idle time.
    void draw_read() {
        std::vector<Instant> moments;
        std::set<std::pair<EntryKey, int64_t>> known;
        for (const auto& seen : history_.pending_seen) {
            for (const auto& entry : seen.entries) {
                if (!known.emplace(entry.key, entry.deliveries).second) continue;
                moments.push_back(seen.at - std::chrono::milliseconds(entry.idle_ms));
            }
        }
        if (!moments.empty()) marks(lane("read"), "read", moments);
    }

    void draw_batches() {
        const double y = lane("deliver");
        std::set<std::pair<int, std::string>> drawn;
        for (const auto& batch : history_.batches) {
            const double at = x(batch.received);
            // A thousand batches are as many pixels at the most.
            if (!drawn.emplace(static_cast<int>(at * 2), batch.reason).second) continue;
            const char* css = batch.reason == "size" ? "size" : batch.reason == "flush" ? "flush" : "recovery";
            const auto size = static_cast<double>(batch.entries.size());
            const auto most = static_cast<double>(std::max<int64_t>(1, history_.agents[batch.agent].batch_size));
            const double height = 8 + 16 * std::min(1.0, size / most);
            body_ += std::string("<rect class=\"") + css + "\" x=\"" + number(at - 1.5) + "\" y=\"" +
                     number(y + lane_height - 2 - height) + "\" width=\"3\" height=\"" + number(height) +
                     "\" rx=\"1\"><title>" + std::to_string(batch.entries.size()) + " by " + html(batch.reason) + ", " +
                     span_text(to_ms(batch.received - history_.begin)) + "</title></rect>";
        }
    }

    void draw_settled(const char* name, Settlement::Kind kind) {
        std::vector<Instant> moments;
        for (const auto& row : history_.settlements) {
            if (row.kind == kind) moments.push_back(row.answered.value_or(row.asked));
        }
        if (!moments.empty()) marks(lane(name), name, moments);
    }

    [[nodiscard]] std::string axis(double y) const {
        double step = 1;
        for (double candidate = 1; span_ms_ / step > 9; candidate *= 10) {
            for (const double factor : {1.0, 2.0, 5.0}) {
                step = candidate * factor;
                if (span_ms_ / step <= 9) break;
            }
        }
        std::string out;
        for (double at = 0; at <= span_ms_; at += step) {
            const double px = left + at / span_ms_ * (right - left);
            out += "<path class=\"grid\" d=\"M" + number(px) + " " + number(top) + "V" + number(y) + "\"/>";
            if (px < right - 20) {
                out += "<text class=\"tick\" x=\"" + number(px) + "\" y=\"" + number(y + 14) + "\">" + span_text(at) +
                       "</text>";
            }
        }
        return out;
    }

    [[nodiscard]] std::string faults(double y) const {
        std::string out;
        double label_end = 0;
        for (const auto& fault : history_.faults) {
            const double at = x(fault.at);
            out += "<path class=\"fault\" d=\"M" + number(at) + " " + number(top - 4) + "V" + number(y) + "\"><title>" +
                   html(fault.what) + ", " + span_text(to_ms(fault.at - history_.begin)) + "</title></path>";
            const double width = 6.2 * static_cast<double>(fault.what.size());
            const double from = std::min(at, right - width);
            if (from < label_end + 6) continue;
            out += "<text class=\"fault-name\" x=\"" + number(from) + "\" y=\"" + number(top - 9) + "\">" +
                   html(fault.what) + "</text>";
            label_end = from + width;
        }
        return out;
    }

    const History& history_;
    double span_ms_ = 1;
    size_t lanes_ = 0;
    std::string body_;
};

}  // namespace

std::string timeline_svg(const CaseResult& result) {
    if (result.history.agents.empty()) return {};
    return Picture(result.history).draw();
}

}  // namespace millrace::harness
