#include "decode.hpp"

#include <png.h>
#include <turbojpeg.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace {

// By default libjpeg-turbo decodes with the method and the upsampling that Pillow has, so that the pixels are the same.
Image decode_jpeg(const Bytes& file) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  const auto fail = [&] { throw std::runtime_error(std::string("damaged image: ") + tjGetErrorStr2(decoder.get())); };
  const auto size = static_cast<unsigned long>(file.size());
  int width, height, sampling, colours;
  if (tjDecompressHeader3(decoder.get(), file.data(), size, &width, &height, &sampling, &colours) != 0) fail();
  if (colours == TJCS_CMYK || colours == TJCS_YCCK) throw std::runtime_error("not supported here: CMYK");
  Image image{height, width, Bytes(std::size_t(3) * width * height)};
  // Without the flag, the part that is missing of a file cut short would be grey.
  if (tjDecompress2(decoder.get(), file.data(), size, image.pixels.data(), width, 0, height, TJPF_RGB,
                    TJFLAG_STOPONWARNING) != 0) {
    fail();
  }
  return image;
}

Image decode_png(const Bytes& file) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> guard(&png, png_image_free);
  const auto fail = [&] { throw std::runtime_error(std::string("damaged image: ") + png.message); };
  if (!png_image_begin_read_from_memory(&png, file.data(), file.size())) fail();
  if (png.format & (PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_LINEAR)) {
    throw std::runtime_error("not supported here: PNG with transparency or 16 bits");
  }
  png.format = PNG_FORMAT_RGB;
  Image image{png.height, png.width, Bytes(PNG_IMAGE_SIZE(png))};
  if (!png_image_finish_read(&png, nullptr, image.pixels.data(), 0, nullptr)) fail();
  return image;
}

}  // namespace

Image decode(const Bytes& file) {
  if (file.size() > 2 && file[0] == 0xFF && file[1] == 0xD8) return decode_jpeg(file);
  if (file.size() > 8 && png_sig_cmp(file.data(), 0, 8) == 0) return decode_png(file);
  throw std::runtime_error("not a JPEG or PNG");
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes content{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw std::runtime_error("cannot be read");
  return content;
}
