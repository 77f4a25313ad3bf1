// The second set of planted bugs, written when the rules stood. They are bound by
// pybind11, as most extensions are.
#include "checks.h"

#include <c10/util/irange.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace {

struct Box {
  float x1, y1, x2, y2;
};

float overlap(const Box& a, const Box& b) {
  const float w = std::max(0.f, std::min(a.x2, b.x2) - std::max(a.x1, b.x1));
  const float h = std::max(0.f, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
  return w * h;
}

Box box_at(const float* p, int64_t i) { return Box{p[4 * i], p[4 * i + 1], p[4 * i + 2], p[4 * i + 3]}; }

// bug: mismatched-sizes
torch::Tensor suppress_bad(torch::Tensor boxes, torch::Tensor scores, double threshold) {
  CHECK_INPUT(boxes);
  CHECK_INPUT(scores);
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, "boxes must have four columns");
  const auto n = boxes.size(0);
  auto keep = torch::ones({n}, torch::kBool);
  const float* b = boxes.data_ptr<float>();
  const float* s = scores.data_ptr<float>();
  bool* k = keep.data_ptr<bool>();
  for (const auto i : c10::irange(n)) {
    for (const auto j : c10::irange(n)) {
      if (s[j] > s[i] && overlap(box_at(b, i), box_at(b, j)) > threshold) {
        k[i] = false;
      }
    }
  }
  return keep;
}

// twin
torch::Tensor suppress(torch::Tensor boxes, torch::Tensor scores, double threshold) {
  CHECK_INPUT(boxes);
  CHECK_INPUT(scores);
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, "boxes must have four columns");
  TORCH_CHECK(scores.dim() == 1 && scores.size(0) == boxes.size(0), "there is one score for each box");
  const auto n = boxes.size(0);
  auto keep = torch::ones({n}, torch::kBool);
  const float* b = boxes.data_ptr<float>();
  const float* s = scores.data_ptr<float>();
  bool* k = keep.data_ptr<bool>();
  for (const auto i : c10::irange(n)) {
    for (const auto j : c10::irange(n)) {
      if (s[j] > s[i] && overlap(box_at(b, i), box_at(b, j)) > threshold) {
        k[i] = false;
      }
    }
  }
  return keep;
}

// bug: out-of-bounds-read
torch::Tensor triangle_areas_bad(torch::Tensor vertices, torch::Tensor faces) {
  CHECK_INPUT(vertices);
  CHECK_INPUT(faces);
  CHECK_RANK(vertices, 2);
  CHECK_RANK(faces, 2);
  TORCH_CHECK(vertices.size(1) == 3 && faces.size(1) == 3, "vertices and faces must have three columns");
  auto areas = torch::empty({faces.size(0)}, vertices.options());
  auto v = vertices.accessor<float, 2>();
  auto f = faces.accessor<int64_t, 2>();
  auto a = areas.accessor<float, 1>();
  for (int64_t i = 0; i < faces.size(0); ++i) {
    const int64_t i0 = f[i][0];
    const int64_t i1 = f[i][1];
    const int64_t i2 = f[i][2];
    const float ux = v[i1][0] - v[i0][0], uy = v[i1][1] - v[i0][1], uz = v[i1][2] - v[i0][2];
    const float wx = v[i2][0] - v[i0][0], wy = v[i2][1] - v[i0][1], wz = v[i2][2] - v[i0][2];
    const float cx = uy * wz - uz * wy, cy = uz * wx - ux * wz, cz = ux * wy - uy * wx;
    a[i] = std::sqrt(cx * cx + cy * cy + cz * cz) / 2;
  }
  return areas;
}

// twin
torch::Tensor triangle_areas(torch::Tensor vertices, torch::Tensor faces) {
  CHECK_INPUT(vertices);
  CHECK_INPUT(faces);
  CHECK_RANK(vertices, 2);
  CHECK_RANK(faces, 2);
  TORCH_CHECK(vertices.size(1) == 3 && faces.size(1) == 3, "vertices and faces must have three columns");
  TORCH_CHECK(faces.numel() == 0 || (faces.min().item<int64_t>() >= 0 && faces.max().item<int64_t>() < vertices.size(0)), "a face names a vertex that is not there");
  auto areas = torch::empty({faces.size(0)}, vertices.options());
  auto v = vertices.accessor<float, 2>();
  auto f = faces.accessor<int64_t, 2>();
  auto a = areas.accessor<float, 1>();
  for (int64_t i = 0; i < faces.size(0); ++i) {
    const int64_t i0 = f[i][0];
    const int64_t i1 = f[i][1];
    const int64_t i2 = f[i][2];
    const float ux = v[i1][0] - v[i0][0], uy = v[i1][1] - v[i0][1], uz = v[i1][2] - v[i0][2];
    const float wx = v[i2][0] - v[i0][0], wy = v[i2][1] - v[i0][1], wz = v[i2][2] - v[i0][2];
    const float cx = uy * wz - uz * wy, cy = uz * wx - ux * wz, cz = ux * wy - uy * wx;
    a[i] = std::sqrt(cx * cx + cy * cy + cz * cz) / 2;
  }
  return areas;
}

// bug: out-of-bounds-write
torch::Tensor voxel_counts_bad(torch::Tensor points, double size, int64_t resolution) {
  CHECK_INPUT(points);
  CHECK_RANK(points, 2);
  TORCH_CHECK(points.size(1) == 3 && size > 0 && resolution > 0, "three columns, and a grid that is not empty");
  auto cells = (points / size).floor().to(torch::kLong);
  auto counts = torch::zeros({resolution, resolution, resolution}, torch::kInt);
  auto c = cells.accessor<int64_t, 2>();
  auto out = counts.accessor<int, 3>();
  for (int64_t i = 0; i < cells.size(0); i++) {
    out[c[i][0]][c[i][1]][c[i][2]]++;
  }
  return counts;
}

// twin
torch::Tensor voxel_counts(torch::Tensor points, double size, int64_t resolution) {
  CHECK_INPUT(points);
  CHECK_RANK(points, 2);
  TORCH_CHECK(points.size(1) == 3 && size > 0 && resolution > 0, "three columns, and a grid that is not empty");
  auto cells = (points / size).floor().to(torch::kLong);
  auto counts = torch::zeros({resolution, resolution, resolution}, torch::kInt);
  auto c = cells.accessor<int64_t, 2>();
  auto out = counts.accessor<int, 3>();
  for (int64_t i = 0; i < cells.size(0); i++) {
    const int64_t x = c[i][0], y = c[i][1], z = c[i][2];
    if (x < 0 || y < 0 || z < 0 || x >= resolution || y >= resolution || z >= resolution) {
      continue;
    }
    out[x][y][z]++;
  }
  return counts;
}

// bug: out-of-bounds-read
torch::Tensor segment_sum_bad(torch::Tensor values, torch::Tensor offsets) {
  CHECK_INPUT(values);
  CHECK_INPUT(offsets);
  CHECK_RANK(values, 1);
  TORCH_CHECK(offsets.dim() == 1 && offsets.numel() > 0, "offsets must be a vector with elements");
  const int64_t n = offsets.numel() - 1;
  auto out = torch::zeros({n}, values.options());
  const auto* v = values.data_ptr<float>();
  const auto* o = offsets.data_ptr<int64_t>();
  auto* p = out.data_ptr<float>();
  for (int64_t s = 0; s < n; ++s) {
    for (int64_t i = o[s]; i < o[s + 1]; ++i) {
      p[s] += v[i];
    }
  }
  return out;
}

// twin
torch::Tensor segment_sum(torch::Tensor values, torch::Tensor offsets) {
  CHECK_INPUT(values);
  CHECK_INPUT(offsets);
  CHECK_RANK(values, 1);
  TORCH_CHECK(offsets.dim() == 1 && offsets.numel() > 0, "offsets must be a vector with elements");
  TORCH_CHECK(offsets.min().item<int64_t>() >= 0 && offsets.max().item<int64_t>() <= values.numel(), "an offset is out of range");
  const int64_t n = offsets.numel() - 1;
  auto out = torch::zeros({n}, values.options());
  const auto* v = values.data_ptr<float>();
  const auto* o = offsets.data_ptr<int64_t>();
  auto* p = out.data_ptr<float>();
  for (int64_t s = 0; s < n; ++s) {
    for (int64_t i = o[s]; i < o[s + 1]; ++i) {
      p[s] += v[i];
    }
  }
  return out;
}

// bug: off-by-one
torch::Tensor bilinear_row_bad(torch::Tensor row, torch::Tensor at) {
  CHECK_INPUT(row);
  CHECK_INPUT(at);
  TORCH_CHECK(row.dim() == 1 && row.numel() > 1 && at.dim() == 1, "two vectors, the first with two elements or more");
  auto out = torch::empty_like(at);
  auto r = row.accessor<float, 1>();
  auto a = at.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  const int64_t width = row.size(0);
  for (int64_t i = 0; i < at.size(0); ++i) {
    const float x = std::min(std::max(a[i], 0.f), static_cast<float>(width - 1));
    const auto left = static_cast<int64_t>(x);
    const float t = x - static_cast<float>(left);
    o[i] = r[left] * (1 - t) + r[left + 1] * t;
  }
  return out;
}

// twin
torch::Tensor bilinear_row(torch::Tensor row, torch::Tensor at) {
  CHECK_INPUT(row);
  CHECK_INPUT(at);
  TORCH_CHECK(row.dim() == 1 && row.numel() > 1 && at.dim() == 1, "two vectors, the first with two elements or more");
  auto out = torch::empty_like(at);
  auto r = row.accessor<float, 1>();
  auto a = at.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  const int64_t width = row.size(0);
  for (int64_t i = 0; i < at.size(0); ++i) {
    const float x = std::min(std::max(a[i], 0.f), static_cast<float>(width - 1));
    const auto left = std::max<int64_t>(std::min(static_cast<int64_t>(x), width - 2), 0); // not a number is 0
    const float t = x - static_cast<float>(left);
    o[i] = r[left] * (1 - t) + r[left + 1] * t;
  }
  return out;
}

// bug: off-by-one
torch::Tensor erode_bad(torch::Tensor image) {
  CHECK_INPUT(image);
  CHECK_RANK(image, 2);
  auto out = image.clone();
  const auto h = image.size(0), w = image.size(1);
  const uint8_t* src = image.data_ptr<uint8_t>();
  uint8_t* dst = out.data_ptr<uint8_t>();
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 0; x < w; ++x) {
      dst[y * w + x] = std::min({src[y * w + x - 1], src[y * w + x], src[y * w + x + 1]});
    }
  }
  return out;
}

// twin
torch::Tensor erode(torch::Tensor image) {
  CHECK_INPUT(image);
  CHECK_RANK(image, 2);
  auto out = image.clone();
  const auto h = image.size(0), w = image.size(1);
  const uint8_t* src = image.data_ptr<uint8_t>();
  uint8_t* dst = out.data_ptr<uint8_t>();
  for (int64_t y = 0; y < h; ++y) {
    for (int64_t x = 1; x < w - 1; ++x) {
      dst[y * w + x] = std::min({src[y * w + x - 1], src[y * w + x], src[y * w + x + 1]});
    }
  }
  return out;
}

// bug: dangling-temporary
double energy_bad(torch::Tensor signal) {
  CHECK_CPU(signal);
  CHECK_RANK(signal, 1);
  auto* p = signal.to(torch::kDouble).contiguous().data_ptr<double>();
  return std::inner_product(p, p + signal.numel(), p, 0.0);
}

// twin
double energy(torch::Tensor signal) {
  CHECK_CPU(signal);
  CHECK_RANK(signal, 1);
  signal = signal.to(torch::kDouble).contiguous();
  auto* p = signal.data_ptr<double>();
  return std::inner_product(p, p + signal.numel(), p, 0.0);
}

// bug: dangling-temporary
torch::Tensor ranks_bad(torch::Tensor scores) {
  CHECK_INPUT(scores);
  CHECK_RANK(scores, 1);
  const int64_t* order = torch::argsort(scores).data_ptr<int64_t>();
  auto out = torch::empty({scores.size(0)}, torch::kLong);
  auto o = out.accessor<int64_t, 1>();
  for (int64_t i = 0; i < scores.size(0); ++i) {
    o[i] = order[i];
  }
  return out;
}

// twin
torch::Tensor ranks(torch::Tensor scores) {
  CHECK_INPUT(scores);
  CHECK_RANK(scores, 1);
  const auto sorted = torch::argsort(scores);
  const int64_t* order = sorted.data_ptr<int64_t>();
  auto out = torch::empty({scores.size(0)}, torch::kLong);
  auto o = out.accessor<int64_t, 1>();
  for (int64_t i = 0; i < scores.size(0); ++i) {
    o[i] = order[i];
  }
  return out;
}

// bug: contiguity
torch::Tensor luminance_bad(torch::Tensor rgb) {
  CHECK_CPU(rgb);
  TORCH_CHECK(rgb.dim() == 3 && rgb.size(0) == 3, "an image has three planes");
  const auto plane = rgb.size(1) * rgb.size(2);
  auto out = torch::empty({rgb.size(1), rgb.size(2)}, rgb.options());
  AT_DISPATCH_FLOATING_TYPES(rgb.scalar_type(), "luminance", [&] {
    const auto* in = rgb.data_ptr<scalar_t>();
    auto* to = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < plane; ++i) {
      to[i] = scalar_t(0.299) * in[i] + scalar_t(0.587) * in[plane + i] + scalar_t(0.114) * in[2 * plane + i];
    }
  });
  return out;
}

// twin
torch::Tensor luminance(torch::Tensor rgb) {
  CHECK_CPU(rgb);
  TORCH_CHECK(rgb.dim() == 3 && rgb.size(0) == 3, "an image has three planes");
  rgb = rgb.contiguous();
  const auto plane = rgb.size(1) * rgb.size(2);
  auto out = torch::empty({rgb.size(1), rgb.size(2)}, rgb.options());
  AT_DISPATCH_FLOATING_TYPES(rgb.scalar_type(), "luminance", [&] {
    const auto* in = rgb.data_ptr<scalar_t>();
    auto* to = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < plane; ++i) {
      to[i] = scalar_t(0.299) * in[i] + scalar_t(0.587) * in[plane + i] + scalar_t(0.114) * in[2 * plane + i];
    }
  });
  return out;
}

template <typename T>
void running_max(const T* in, T* out, int64_t n) {
  T best = std::numeric_limits<T>::lowest();
  for (int64_t i = 0; i < n; ++i) {
    best = std::max(best, in[i]);
    out[i] = best;
  }
}

// bug: contiguity
torch::Tensor cumulative_max_bad(torch::Tensor x) {
  CHECK_CPU(x);
  CHECK_RANK(x, 1);
  auto out = torch::empty({x.size(0)}, x.options());
  AT_DISPATCH_ALL_TYPES(x.scalar_type(), "cumulative_max", [&] { running_max<scalar_t>(x.data_ptr<scalar_t>(), out.data_ptr<scalar_t>(), x.numel()); });
  return out;
}

// twin
torch::Tensor cumulative_max(torch::Tensor x) {
  CHECK_INPUT(x);
  CHECK_RANK(x, 1);
  auto out = torch::empty({x.size(0)}, x.options());
  AT_DISPATCH_ALL_TYPES(x.scalar_type(), "cumulative_max", [&] { running_max<scalar_t>(x.data_ptr<scalar_t>(), out.data_ptr<scalar_t>(), x.numel()); });
  return out;
}

// bug: device
torch::Tensor flip_rows_bad(torch::Tensor x) {
  CHECK_CONTIGUOUS(x);
  CHECK_RANK(x, 2);
  auto out = torch::empty({x.size(0), x.size(1)}, x.options().device(torch::kCPU));
  const auto rows = x.size(0), columns = x.size(1);
  const float* from = x.data_ptr<float>();
  float* to = out.data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(from + (rows - 1 - r) * columns, columns, to + r * columns);
  }
  return out;
}

// twin
torch::Tensor flip_rows(torch::Tensor x) {
  CHECK_INPUT(x);
  CHECK_RANK(x, 2);
  auto out = torch::empty({x.size(0), x.size(1)}, x.options().device(torch::kCPU));
  const auto rows = x.size(0), columns = x.size(1);
  const float* from = x.data_ptr<float>();
  float* to = out.data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(from + (rows - 1 - r) * columns, columns, to + r * columns);
  }
  return out;
}

// bug: nothing-checked
torch::Tensor mix_bad(torch::Tensor a, torch::Tensor b, torch::Tensor weight) {
  auto out = torch::empty_like(a);
  auto* o = out.data_ptr<float>();
  auto* pa = a.data_ptr<float>();
  auto* pb = b.data_ptr<float>();
  auto w = weight.data_ptr<float>()[0];
  for (int64_t i = 0; i < a.numel(); i++) {
    o[i] = w * pa[i] + (1 - w) * pb[i];
  }
  return out;
}

// twin
torch::Tensor mix(torch::Tensor a, torch::Tensor b, torch::Tensor weight) {
  CHECK_INPUT(a);
  CHECK_INPUT(b);
  CHECK_INPUT(weight);
  TORCH_CHECK(a.sizes() == b.sizes() && weight.numel() == 1, "two tensors of the same sizes and a number");
  auto out = torch::empty_like(a);
  auto* o = out.data_ptr<float>();
  auto* pa = a.data_ptr<float>();
  auto* pb = b.data_ptr<float>();
  auto w = weight.data_ptr<float>()[0];
  for (int64_t i = 0; i < a.numel(); i++) {
    o[i] = w * pa[i] + (1 - w) * pb[i];
  }
  return out;
}

}  // namespace

PYBIND11_MODULE(geometry, m) {
  m.def("suppress_bad", &suppress_bad);
  m.def("suppress", &suppress, "keeps the boxes that no better one covers");
  m.def("triangle_areas_bad", &triangle_areas_bad);
  m.def("triangle_areas", &triangle_areas);
  m.def("voxel_counts_bad", &voxel_counts_bad, py::arg("points"), py::arg("size"), py::arg("resolution"));
  m.def("voxel_counts", &voxel_counts, py::arg("points"), py::arg("size"), py::arg("resolution"));
  m.def("segment_sum_bad", &segment_sum_bad);
  m.def("segment_sum", &segment_sum);
  m.def("bilinear_row_bad", &bilinear_row_bad);
  m.def("bilinear_row", &bilinear_row);
  m.def("erode_bad", &erode_bad);
  m.def("erode", &erode);
  m.def("energy_bad", &energy_bad);
  m.def("energy", &energy);
  m.def("ranks_bad", &ranks_bad);
  m.def("ranks", &ranks);
  m.def("luminance_bad", &luminance_bad);
  m.def("luminance", &luminance);
  m.def("cumulative_max_bad", &cumulative_max_bad);
  m.def("cumulative_max", &cumulative_max);
  m.def("flip_rows_bad", &flip_rows_bad);
  m.def("flip_rows", &flip_rows);
  m.def("mix_bad", &mix_bad);
  m.def("mix", &mix);
}
