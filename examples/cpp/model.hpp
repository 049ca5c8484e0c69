// Run a standalone model of galaxy-classify.
#pragma once

#include <onnxruntime_cxx_api.h>

#include <string>
#include <vector>

#include "decode.hpp"

// What the model gives for an image.
struct Outputs {
  std::vector<float> probabilities;
  std::vector<float> familiarity;  // one value, or none if the model has no such output
  Bytes pixels;                    // what the network saw, after crop and resize
};

class Model {
 public:
  // Throws std::runtime_error or Ort::Exception if the file is no standalone model.
  explicit Model(const std::string& path);

  const std::vector<std::string>& classes() const { return classes_; }

  // Throws Ort::Exception, as for an image below 16 pixels.
  Outputs run(const Image& image);

 private:
  Ort::Env environment_;
  Ort::Session session_;
  std::vector<std::string> classes_;
  bool has_familiarity_ = false;
};
