// classify MODEL IMAGE...: print the most probable class of each image, its probability, and the familiarity.
#include <algorithm>
#include <cstdio>
#include <exception>

#include "model.hpp"

int main(int count, char** arguments) try {
  if (count < 3) {
    std::fprintf(stderr, "usage: classify MODEL IMAGE...\n");
    return 2;
  }
  Model model(arguments[1]);
  bool failed = false;
  for (int number = 2; number < count; ++number) {
    try {
      const Outputs outputs = model.run(decode(read_file(arguments[number])));
      const auto best = std::max_element(outputs.probabilities.begin(), outputs.probabilities.end());
      const auto& label = model.classes().at(best - outputs.probabilities.begin());
      std::printf("%s %s %.6f", arguments[number], label.c_str(), *best);
      for (const float familiarity : outputs.familiarity) std::printf(" %.6f", familiarity);
      std::printf("\n");
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", arguments[number], error.what());
      failed = true;
    }
  }
  return failed ? 1 : 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s: %s\n", arguments[1], error.what());
  return 3;
}
