#include "model.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace {

Ort::Env quiet_environment() {
  // ONNX Runtime reads this when its environment is made (version 1.29 and later). Without it, its official builds write an
  // identifier and a database of events below the user's cache folder, and send the events to their maker.
  setenv("ORT_DISABLE_TELEMETRY", "1", 0);
  return Ort::Env(ORT_LOGGING_LEVEL_ERROR);
}

Ort::SessionOptions one_thread() {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1);  // more threads cost more than they bring for one small image
  return options;
}

template <typename Value>
std::vector<Value> values_of(const Ort::Value& tensor) {
  const Value* first = tensor.GetTensorData<Value>();
  return {first, first + tensor.GetTensorTypeAndShapeInfo().GetElementCount()};
}

}  // namespace

Model::Model(const std::string& path)
    : environment_(quiet_environment()), session_(environment_, path.c_str(), one_thread()) {
  Ort::AllocatorWithDefaultOptions allocator;
  const Ort::ModelMetadata metadata = session_.GetModelMetadata();
  const auto text = [&](const char* key) {
    const auto value = metadata.LookupCustomMetadataMapAllocated(key, allocator);
    return std::string(value ? value.get() : "");
  };
  if (text("galaxy_classify.contract") != "standalone") {
    throw std::runtime_error("no standalone model; write one with: galaxy-classify standalone FILE.onnx");
  }
  classes_ = nlohmann::json::parse(text("galaxy_classify.classes")).get<std::vector<std::string>>();
  const auto outputs = session_.GetOutputNames();
  has_familiarity_ = std::find(outputs.begin(), outputs.end(), "familiarity") != outputs.end();
}

Outputs Model::run(const Image& image) {
  const std::int64_t shape[] = {image.height, image.width, 3};
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  // ONNX Runtime does not change an input.
  auto* pixels = const_cast<std::uint8_t*>(image.pixels.data());
  const auto input = Ort::Value::CreateTensor<std::uint8_t>(memory, pixels, image.pixels.size(), shape, 3);
  const char* const inputs[] = {"image"};
  const char* const outputs[] = {"probabilities", "pixels", "familiarity"};
  const auto found = session_.Run(Ort::RunOptions(), inputs, &input, 1, outputs, has_familiarity_ ? 3 : 2);
  return {values_of<float>(found[0]), has_familiarity_ ? values_of<float>(found[2]) : std::vector<float>(),
          values_of<std::uint8_t>(found[1])};
}
