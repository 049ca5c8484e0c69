// self_test MODEL GOLDEN: classify the golden images beside a model, and compare with what is recorded: pixels within one
// level of 255, probabilities and familiarity within the recorded tolerance.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <limits>
#include <nlohmann/json.hpp>

#include "model.hpp"

namespace {

constexpr double pixel_tolerance = 1;

Bytes from_base64(const std::string& text) {
  static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes bytes;
  unsigned bits = 0;
  int waiting = 0;  // bits that do not make a byte yet
  for (const char character : text) {
    const auto digit = digits.find(character);
    if (digit == std::string::npos) break;  // the padding
    bits = bits << 6 | static_cast<unsigned>(digit);
    if ((waiting += 6) >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (waiting -= 8)));
  }
  return bytes;
}

// The largest difference; infinite if the lists have not the same length, or there is a value that is no number.
template <typename Wanted, typename Found>
double farthest(const Wanted& wanted, const Found& found) {
  if (wanted.size() != found.size()) return std::numeric_limits<double>::infinity();
  double most = 0;
  for (std::size_t place = 0; place < wanted.size(); ++place) {
    const double off = std::abs(double(wanted[place]) - double(found[place]));
    most = std::isnan(off) ? std::numeric_limits<double>::infinity() : std::max(most, off);
  }
  return most;
}

bool holds(const std::string& image, const char* what, double off, double tolerance) {
  if (off > tolerance) std::fprintf(stderr, "%s: %s differ by %g, allowed %g\n", image.c_str(), what, off, tolerance);
  return off <= tolerance;
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 3) {
    std::fprintf(stderr, "usage: self_test MODEL.onnx MODEL.golden.json\n");
    return 2;
  }
  Model model(arguments[1]);
  const auto golden = nlohmann::json::parse(read_file(arguments[2]));
  const double tolerance = golden.at("probability_tolerance");
  bool all = !golden.at("images").empty();
  for (const auto& image : golden.at("images")) {
    const std::string name = image.at("name");
    const Outputs outputs = model.run(decode(from_base64(image.at("content"))));
    const auto probabilities = image.at("probabilities").get<std::vector<double>>();
    std::vector<double> familiarity;
    if (image.contains("familiarity")) familiarity.push_back(image.at("familiarity"));
    all &= holds(name, "pixels", farthest(from_base64(image.at("pixels")), outputs.pixels), pixel_tolerance);
    all &= holds(name, "probabilities", farthest(probabilities, outputs.probabilities), tolerance);
    all &= holds(name, "familiarities", farthest(familiarity, outputs.familiarity), tolerance);
  }
  std::printf("%zu golden images: %s\n", golden.at("images").size(), all ? "passed" : "failed");
  return all ? 0 : 3;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 3;
}
