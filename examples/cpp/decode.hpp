// Decode JPEG and PNG into RGB.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

using Bytes = std::vector<std::uint8_t>;

// Height and width in pixels; RGB, row by row.
struct Image {
  std::int64_t height;
  std::int64_t width;
  Bytes pixels;
};

// Throws std::runtime_error if the image is damaged, or of a kind that this example does not read.
Image decode(const Bytes& file);

// Throws std::runtime_error if the file cannot be read.
Bytes read_file(const std::string& path);
