// The third set of planted bugs, written when the rules stood a second time.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/TensorUtils.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <tuple>
#include <vector>

namespace third {

// bug: out-of-bounds-read
at::Tensor embedding_mean_bad(const at::Tensor& table, const at::Tensor& tokens) {
  TORCH_CHECK(table.dim() == 2, "the table is a matrix");
  TORCH_CHECK(tokens.scalar_type() == at::kLong, "tokens are int64");
  at::Tensor t = table.contiguous();
  at::Tensor ids = tokens.contiguous().view(-1);
  const int64_t width = t.size(1);
  at::Tensor out = at::zeros({width}, t.options());
  const float* rows = t.data_ptr<float>();
  const int64_t* id = ids.data_ptr<int64_t>();
  float* sum = out.data_ptr<float>();
  for (int64_t i = 0; i < ids.numel(); i++) {
    const float* row = rows + id[i] * width;
    for (int64_t k = 0; k < width; k++) {
      sum[k] += row[k];
    }
  }
  return out.div_(std::max<int64_t>(ids.numel(), 1));
}

// twin
at::Tensor embedding_mean(const at::Tensor& table, const at::Tensor& tokens) {
  TORCH_CHECK(table.dim() == 2, "the table is a matrix");
  TORCH_CHECK(tokens.scalar_type() == at::kLong, "tokens are int64");
  at::Tensor t = table.contiguous();
  at::Tensor ids = tokens.contiguous().view(-1);
  const int64_t width = t.size(1);
  at::Tensor out = at::zeros({width}, t.options());
  const float* rows = t.data_ptr<float>();
  const int64_t* id = ids.data_ptr<int64_t>();
  float* sum = out.data_ptr<float>();
  for (int64_t i = 0; i < ids.numel(); i++) {
    const int64_t token = id[i];
    TORCH_CHECK_INDEX(token >= 0 && token < t.size(0), "token ", token, " is not in the table");
    const float* row = rows + token * width;
    for (int64_t k = 0; k < width; k++) {
      sum[k] += row[k];
    }
  }
  return out.div_(std::max<int64_t>(ids.numel(), 1));
}

// bug: out-of-bounds-write
at::Tensor unpool_bad(const at::Tensor& input, const at::Tensor& where, int64_t length) {
  at::Tensor values = input.contiguous(), places = where.contiguous();
  TORCH_CHECK(values.sizes() == places.sizes(), "there is one place for each value");
  TORCH_CHECK(length > 0, "the length is not positive");
  at::Tensor output = at::zeros({length}, values.options());
  AT_DISPATCH_FLOATING_TYPES(values.scalar_type(), "unpool", [&]() {
    auto v = values.data_ptr<scalar_t>();
    auto p = places.data_ptr<int64_t>();
    auto o = output.data_ptr<scalar_t>();
    for (int64_t i = 0; i < values.numel(); ++i) {
      int64_t target = p[i];
      o[target] = v[i];
    }
  });
  return output;
}

// twin
at::Tensor unpool(const at::Tensor& input, const at::Tensor& where, int64_t length) {
  at::Tensor values = input.contiguous(), places = where.contiguous();
  TORCH_CHECK(values.sizes() == places.sizes(), "there is one place for each value");
  TORCH_CHECK(length > 0, "the length is not positive");
  at::Tensor output = at::zeros({length}, values.options());
  AT_DISPATCH_FLOATING_TYPES(values.scalar_type(), "unpool", [&]() {
    auto v = values.data_ptr<scalar_t>();
    auto p = places.data_ptr<int64_t>();
    auto o = output.data_ptr<scalar_t>();
    for (int64_t i = 0; i < values.numel(); ++i) {
      int64_t target = p[i];
      if (target < 0 || target >= length) {
        TORCH_CHECK_INDEX(false, "place ", target, " is out of range");
      }
      o[target] = v[i];
    }
  });
  return output;
}

// bug: scalar-index
at::Tensor nth_bad(at::TensorList list, int64_t n) {
  std::vector<const float*> pointers;
  for (const auto& t : list) {
    TORCH_CHECK(t.is_contiguous() && t.numel() == 1, "each tensor holds one number");
    pointers.push_back(t.data_ptr<float>());
  }
  return at::scalar_tensor(*pointers[n]);
}

// twin
at::Tensor nth(at::TensorList list, int64_t n) {
  TORCH_CHECK_INDEX(n >= 0 && n < static_cast<int64_t>(list.size()), "there is no such tensor");
  std::vector<const float*> pointers;
  for (const auto& t : list) {
    TORCH_CHECK(t.is_contiguous() && t.numel() == 1, "each tensor holds one number");
    pointers.push_back(t.data_ptr<float>());
  }
  return at::scalar_tensor(*pointers[n]);
}

// bug: off-by-one
at::Tensor max_pool_bad(const at::Tensor& input, int64_t window) {
  TORCH_CHECK(input.dim() == 1 && window > 0 && input.size(0) >= window, "max_pool takes a vector of at least the window");
  const auto x = input.contiguous();
  const int64_t n = x.size(0);
  auto y = at::empty({n - window + 1}, x.options());
  auto in = x.accessor<float, 1>();
  auto out = y.accessor<float, 1>();
  for (int64_t i = 0; i < y.size(0); ++i) {
    float best = in[i];
    for (int64_t k = 0; k <= window; ++k) {
      best = std::max(best, in[i + k]);
    }
    out[i] = best;
  }
  return y;
}

// twin
at::Tensor max_pool(const at::Tensor& input, int64_t window) {
  TORCH_CHECK(input.dim() == 1 && window > 0 && input.size(0) >= window, "max_pool takes a vector of at least the window");
  const auto x = input.contiguous();
  const int64_t n = x.size(0);
  auto y = at::empty({n - window + 1}, x.options());
  auto in = x.accessor<float, 1>();
  auto out = y.accessor<float, 1>();
  for (int64_t i = 0; i < y.size(0); ++i) {
    float best = in[i];
    for (int64_t k = 0; k < window; ++k) {
      best = std::max(best, in[i + k]);
    }
    out[i] = best;
  }
  return y;
}

// bug: off-by-one
at::Tensor reverse_scan_bad(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 1 && input.is_contiguous(), "reverse_scan takes a contiguous vector");
  at::Tensor result = at::zeros_like(input, at::MemoryFormat::Contiguous);
  const double* in = input.data_ptr<double>();
  double* out = result.data_ptr<double>();
  double sum = 0;
  for (int64_t i = input.numel(); i >= 0; i--) {
    sum += in[i];
    out[i] = sum;
  }
  return result;
}

// twin
at::Tensor reverse_scan(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 1 && input.is_contiguous(), "reverse_scan takes a contiguous vector");
  at::Tensor result = at::zeros_like(input, at::MemoryFormat::Contiguous);
  const double* in = input.data_ptr<double>();
  double* out = result.data_ptr<double>();
  double sum = 0;
  for (int64_t i = input.numel() - 1; i >= 0; i--) {
    sum += in[i];
    out[i] = sum;
  }
  return result;
}

// bug: int32-overflow
at::Tensor flatten_index_bad(const at::Tensor& grid) {
  TORCH_CHECK(grid.dim() == 3 && grid.is_contiguous(), "grid has three dimensions");
  int depth = grid.size(0), height = grid.size(1), width = grid.size(2);
  int cells = depth * height * width;
  at::Tensor index = at::empty({cells}, at::kLong);
  std::iota(index.data_ptr<int64_t>(), index.data_ptr<int64_t>() + index.numel(), 0);
  return index;
}

// twin
at::Tensor flatten_index(const at::Tensor& grid) {
  TORCH_CHECK(grid.dim() == 3 && grid.is_contiguous(), "grid has three dimensions");
  int64_t depth = grid.size(0), height = grid.size(1), width = grid.size(2);
  int64_t cells = depth * height * width;
  at::Tensor index = at::empty({cells}, at::kLong);
  std::iota(index.data_ptr<int64_t>(), index.data_ptr<int64_t>() + index.numel(), 0);
  return index;
}

// bug: int32-overflow
at::Tensor count_zero_bad(const at::Tensor& input) {
  const auto x = input.contiguous();
  const auto* p = x.data_ptr<float>();
  unsigned int size = static_cast<unsigned int>(x.numel());
  int64_t zeros = 0;
  for (unsigned int i = 0; i < size; ++i) {
    zeros += p[i] == 0 ? 1 : 0;
  }
  return at::scalar_tensor(zeros, at::kLong);
}

// twin
at::Tensor count_zero(const at::Tensor& input) {
  const auto x = input.contiguous();
  const auto* p = x.data_ptr<float>();
  const int64_t size = x.numel();
  int64_t zeros = 0;
  for (int64_t i = 0; i < size; ++i) {
    zeros += p[i] == 0 ? 1 : 0;
  }
  return at::scalar_tensor(zeros, at::kLong);
}

// bug: dtype-confusion
at::Tensor pack_bits_bad(const at::Tensor& flags) {
  at::Tensor f = flags.contiguous();
  at::Tensor out = at::zeros({(f.numel() + 7) / 8}, at::kByte);
  auto* bits = static_cast<bool*>(f.data_ptr());
  auto* bytes = out.data_ptr<uint8_t>();
  for (int64_t i = 0; i < f.numel(); ++i) {
    if (bits[i]) {
      bytes[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
    }
  }
  return out;
}

// twin
at::Tensor pack_bits(const at::Tensor& flags) {
  at::Tensor f = flags.to(at::kBool).contiguous();
  at::Tensor out = at::zeros({(f.numel() + 7) / 8}, at::kByte);
  auto* bits = static_cast<bool*>(f.data_ptr());
  auto* bytes = out.data_ptr<uint8_t>();
  for (int64_t i = 0; i < f.numel(); ++i) {
    if (bits[i]) {
      bytes[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
    }
  }
  return out;
}

// bug: leak
at::Tensor shuffle_bad(const at::Tensor& input, int64_t seed) {
  TORCH_CHECK(input.dim() == 1, "shuffle takes a vector");
  const at::Tensor x = input.contiguous();
  const int64_t n = x.numel();
  auto* order = new int64_t[n];
  std::iota(order, order + n, 0);
  uint64_t state = static_cast<uint64_t>(seed);
  for (int64_t i = n; i > 1; --i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::swap(order[i - 1], order[(state >> 33) % static_cast<uint64_t>(i)]);
  }
  at::Tensor out = at::empty({n}, x.options());
  for (int64_t i = 0; i < n; ++i) {
    out.data_ptr<float>()[i] = x.data_ptr<float>()[order[i]];
  }
  return out;
}

// twin
at::Tensor shuffle(const at::Tensor& input, int64_t seed) {
  TORCH_CHECK(input.dim() == 1, "shuffle takes a vector");
  const at::Tensor x = input.contiguous();
  const int64_t n = x.numel();
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  uint64_t state = static_cast<uint64_t>(seed);
  for (int64_t i = n; i > 1; --i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::swap(order[i - 1], order[(state >> 33) % static_cast<uint64_t>(i)]);
  }
  at::Tensor out = at::empty({n}, x.options());
  for (int64_t i = 0; i < n; ++i) {
    out.data_ptr<float>()[i] = x.data_ptr<float>()[order[i]];
  }
  return out;
}

// bug: leak-on-throw
at::Tensor quantile_bad(const at::Tensor& input, double q) {
  const at::Tensor x = input.contiguous();
  const int64_t n = x.numel();
  TORCH_CHECK(n > 0, "an empty tensor has no quantiles");
  float* work = static_cast<float*>(malloc(sizeof(float) * n));
  std::memcpy(work, x.data_ptr<float>(), sizeof(float) * n);
  if (q < 0 || q > 1) {
    AT_ERROR("q is not between 0 and 1");
  }
  std::sort(work, work + n);
  const float result = work[static_cast<int64_t>(q * static_cast<double>(n - 1))];
  free(work);
  return at::scalar_tensor(result, x.options());
}

// twin
at::Tensor quantile(const at::Tensor& input, double q) {
  TORCH_CHECK(q >= 0 && q <= 1, "q is not between 0 and 1");
  const at::Tensor x = input.contiguous();
  const int64_t n = x.numel();
  TORCH_CHECK(n > 0, "an empty tensor has no quantiles");
  std::vector<float> work(x.data_ptr<float>(), x.data_ptr<float>() + n);
  std::sort(work.begin(), work.end());
  const float result = work[static_cast<int64_t>(q * static_cast<double>(n - 1))];
  return at::scalar_tensor(result, x.options());
}

// bug: dangling-temporary
at::Tensor nearest_bad(const at::Tensor& points, const at::Tensor& query) {
  TORCH_CHECK(points.dim() == 2 && query.dim() == 1 && query.size(0) == points.size(1), "points are rows, and the query is one");
  const float* d = (points - query).pow(2).sum(1).data_ptr<float>();
  int64_t best = 0;
  for (int64_t i = 1; i < points.size(0); ++i) {
    if (d[i] < d[best]) {
      best = i;
    }
  }
  return at::scalar_tensor(best, at::kLong);
}

// twin
at::Tensor nearest(const at::Tensor& points, const at::Tensor& query) {
  TORCH_CHECK(points.dim() == 2 && query.dim() == 1 && query.size(0) == points.size(1), "points are rows, and the query is one");
  const at::Tensor distance = (points - query).pow(2).sum(1).contiguous();
  const float* d = distance.data_ptr<float>();
  int64_t best = 0;
  for (int64_t i = 1; i < points.size(0); ++i) {
    if (d[i] < d[best]) {
      best = i;
    }
  }
  return at::scalar_tensor(best, at::kLong);
}

// bug: dangling-temporary
double norm_bad(const at::Tensor& input) {
  const double* p = input.expect_contiguous()->data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < input.numel(); ++i) {
    sum += p[i] * p[i];
  }
  return std::sqrt(sum);
}

// twin
double norm(const at::Tensor& input) {
  const auto x = input.expect_contiguous();
  const double* p = x->data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < input.numel(); ++i) {
    sum += p[i] * p[i];
  }
  return std::sqrt(sum);
}

// bug: contiguity
std::tuple<at::Tensor, at::Tensor> extrema_bad(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 2 && input.size(0) > 0, "extrema takes a matrix with rows");
  const int64_t rows = input.size(0), columns = input.size(1);
  at::Tensor low = at::empty({columns}, input.options()), high = at::empty({columns}, input.options());
  const float* x = input.data_ptr<float>();
  float* lo = low.data_ptr<float>();
  float* hi = high.data_ptr<float>();
  std::copy_n(x, columns, lo);
  std::copy_n(x, columns, hi);
  for (int64_t r = 1; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      lo[c] = std::min(lo[c], x[r * columns + c]);
      hi[c] = std::max(hi[c], x[r * columns + c]);
    }
  }
  return {low, high};
}

// twin
std::tuple<at::Tensor, at::Tensor> extrema(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 2 && input.size(0) > 0, "extrema takes a matrix with rows");
  const int64_t rows = input.size(0), columns = input.size(1);
  at::Tensor low = at::empty({columns}, input.options()), high = at::empty({columns}, input.options());
  const at::Tensor dense = input.contiguous();
  const float* x = dense.data_ptr<float>();
  float* lo = low.data_ptr<float>();
  float* hi = high.data_ptr<float>();
  std::copy_n(x, columns, lo);
  std::copy_n(x, columns, hi);
  for (int64_t r = 1; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      lo[c] = std::min(lo[c], x[r * columns + c]);
      hi[c] = std::max(hi[c], x[r * columns + c]);
    }
  }
  return {low, high};
}

// bug: contiguity
void fill_diagonal_bad(at::Tensor& matrix, double value) {
  TORCH_CHECK(matrix.dim() == 2, "fill_diagonal takes a matrix");
  double* m = matrix.data_ptr<double>();
  const int64_t n = std::min(matrix.size(0), matrix.size(1));
  for (int64_t i = 0; i < n; ++i) {
    m[i * matrix.size(1) + i] = value;
  }
}

// twin
void fill_diagonal(at::Tensor& matrix, double value) {
  TORCH_CHECK(matrix.dim() == 2, "fill_diagonal takes a matrix");
  double* m = matrix.data_ptr<double>();
  const int64_t n = std::min(matrix.size(0), matrix.size(1));
  for (int64_t i = 0; i < n; ++i) {
    m[i * (matrix.stride(0) + matrix.stride(1))] = value;
  }
}

// bug: device
at::Tensor parity_bad(const at::Tensor& input) {
  TORCH_CHECK(input.is_contiguous(), "parity takes a contiguous tensor");
  const int64_t* p = input.data_ptr<int64_t>();
  int64_t odd = 0;
  for (int64_t i = 0; i < input.numel(); ++i) {
    odd ^= p[i] & 1;
  }
  return at::scalar_tensor(odd, at::kLong);
}

// twin
at::Tensor parity(const at::Tensor& input) {
  TORCH_CHECK(input.is_contiguous(), "parity takes a contiguous tensor");
  at::checkDeviceType("parity", {input}, at::kCPU);
  const int64_t* p = input.data_ptr<int64_t>();
  int64_t odd = 0;
  for (int64_t i = 0; i < input.numel(); ++i) {
    odd ^= p[i] & 1;
  }
  return at::scalar_tensor(odd, at::kLong);
}

// bug: race
at::Tensor argmax_bad(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 1 && input.numel() > 0, "argmax takes a vector with elements");
  const at::Tensor x = input.contiguous();
  const float* p = x.data_ptr<float>();
  int64_t best = 0;
  at::parallel_for(0, x.numel(), 4096, [&best, p](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      if (p[i] > p[best]) {
        best = i;
      }
    }
  });
  return at::scalar_tensor(best, at::kLong);
}

// twin
at::Tensor argmax(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 1 && input.numel() > 0, "argmax takes a vector with elements");
  const at::Tensor x = input.contiguous();
  const float* p = x.data_ptr<float>();
  const int64_t best = at::parallel_reduce(
      0, x.numel(), 4096, int64_t(0),
      [p](int64_t from, int64_t to, int64_t mine) {
        for (int64_t i = from; i < to; ++i) {
          if (p[i] > p[mine]) {
            mine = i;
          }
        }
        return mine;
      },
      [p](int64_t a, int64_t b) { return p[b] > p[a] ? b : a; });
  return at::scalar_tensor(best, at::kLong);
}

// bug: race
at::Tensor degree_bad(const at::Tensor& edges, int64_t nodes) {
  TORCH_CHECK(edges.dim() == 1 && nodes > 0, "degree takes a vector and a number of nodes");
  const at::Tensor e = edges.contiguous();
  at::Tensor out = at::zeros({nodes}, at::kInt);
  const int64_t* from = e.data_ptr<int64_t>();
  int* count = out.data_ptr<int>();
  at::parallel_for(0, e.numel(), 1000, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      TORCH_CHECK_INDEX(from[i] >= 0 && from[i] < nodes, "there is no such node");
      count[from[i]]++;
    }
  });
  return out;
}

// twin
at::Tensor degree(const at::Tensor& edges, int64_t nodes) {
  TORCH_CHECK(edges.dim() == 1 && nodes > 0, "degree takes a vector and a number of nodes");
  const at::Tensor e = edges.contiguous();
  at::Tensor out = at::zeros({nodes}, at::kInt);
  const int64_t* from = e.data_ptr<int64_t>();
  int* count = out.data_ptr<int>();
  for (int64_t i = 0; i < e.numel(); ++i) {
    TORCH_CHECK_INDEX(from[i] >= 0 && from[i] < nodes, "there is no such node");
    count[from[i]]++;
  }
  return out;
}

// bug: empty-tensor
at::Tensor linspan_bad(const at::Tensor& edges) {
  TORCH_CHECK(edges.dim() == 1 && edges.is_contiguous(), "linspan takes a contiguous vector");
  const double* e = edges.data_ptr<double>();
  const double width = e[edges.numel() - 1] - e[0];
  return at::scalar_tensor(width, edges.options());
}

// twin
at::Tensor linspan(const at::Tensor& edges) {
  TORCH_CHECK(edges.dim() == 1 && edges.is_contiguous(), "linspan takes a contiguous vector");
  TORCH_CHECK(edges.numel() >= 2, "linspan takes at least two edges");
  const double* e = edges.data_ptr<double>();
  const double width = e[edges.numel() - 1] - e[0];
  return at::scalar_tensor(width, edges.options());
}

// bug: division-by-zero
at::Tensor chunk_ids_bad(const at::Tensor& input, const at::Tensor& chunks) {
  TORCH_CHECK(input.dim() == 1, "chunk_ids takes a vector");
  const int64_t count = chunks.size(0);
  const int64_t each = input.size(0) / count;
  return at::full({input.size(0)}, each, at::kLong);
}

// twin
at::Tensor chunk_ids(const at::Tensor& input, const at::Tensor& chunks) {
  TORCH_CHECK(input.dim() == 1, "chunk_ids takes a vector");
  const int64_t count = std::max<int64_t>(chunks.size(0), 1);
  const int64_t each = input.size(0) / count;
  return at::full({input.size(0)}, each, at::kLong);
}

// bug: division-by-zero
int64_t output_size_bad(const at::Tensor& input, int64_t kernel, int64_t stride) {
  TORCH_CHECK(input.dim() >= 1 && kernel > 0, "output_size takes a tensor and a positive kernel");
  return (input.size(-1) - kernel) / stride + 1;
}

// twin
int64_t output_size(const at::Tensor& input, int64_t kernel, int64_t stride) {
  TORCH_CHECK(input.dim() >= 1 && kernel > 0, "output_size takes a tensor and a positive kernel");
  TORCH_CHECK(stride > 0, "the stride is not positive");
  return (input.size(-1) - kernel) / stride + 1;
}

// bug: uninitialised-output
at::Tensor upper_bad(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 2 && input.is_contiguous(), "upper takes a contiguous matrix");
  const int64_t rows = input.size(0), columns = input.size(1);
  at::Tensor result = at::empty({rows, columns}, input.options());
  const float* in = input.data_ptr<float>();
  float* out = result.data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r; c < columns; ++c) {
      out[r * columns + c] = in[r * columns + c];
    }
  }
  return result;
}

// twin
at::Tensor upper(const at::Tensor& input) {
  TORCH_CHECK(input.dim() == 2 && input.is_contiguous(), "upper takes a contiguous matrix");
  const int64_t rows = input.size(0), columns = input.size(1);
  at::Tensor result = at::zeros({rows, columns}, input.options());
  const float* in = input.data_ptr<float>();
  float* out = result.data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = r; c < columns; ++c) {
      out[r * columns + c] = in[r * columns + c];
    }
  }
  return result;
}

// bug: uninitialised-output
at::Tensor select_valid_bad(const at::Tensor& input, const at::Tensor& valid) {
  TORCH_CHECK(input.sizes() == valid.sizes(), "there is one flag for each value");
  const at::Tensor x = input.contiguous(), v = valid.contiguous();
  at::Tensor result = at::empty(x.sizes(), x.options());
  const float* xp = x.data_ptr<float>();
  const bool* vp = v.data_ptr<bool>();
  float* out = result.data_ptr<float>();
  at::parallel_for(0, x.numel(), 2048, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!vp[i]) {
        continue;
      }
      out[i] = xp[i];
    }
  });
  return result;
}

// twin
at::Tensor select_valid(const at::Tensor& input, const at::Tensor& valid) {
  TORCH_CHECK(input.sizes() == valid.sizes(), "there is one flag for each value");
  const at::Tensor x = input.contiguous(), v = valid.contiguous();
  at::Tensor result = at::empty(x.sizes(), x.options());
  const float* xp = x.data_ptr<float>();
  const bool* vp = v.data_ptr<bool>();
  float* out = result.data_ptr<float>();
  at::parallel_for(0, x.numel(), 2048, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = vp[i] ? xp[i] : 0.f;
    }
  });
  return result;
}

// bug: stack-buffer
at::Tensor bincount16_bad(const at::Tensor& input, int64_t bins) {
  TORCH_CHECK(input.scalar_type() == at::kFloat && bins > 0, "bincount16 takes float32 and a number of bins");
  const at::Tensor x = input.contiguous();
  std::array<int64_t, 16> counts{};
  const float* p = x.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto b = std::min<int64_t>(static_cast<int64_t>(p[i] * static_cast<float>(bins)), bins - 1);
    counts[std::max<int64_t>(b, 0)]++;
  }
  return at::tensor(at::ArrayRef<int64_t>(counts));
}

// twin
at::Tensor bincount16(const at::Tensor& input, int64_t bins) {
  TORCH_CHECK(input.scalar_type() == at::kFloat && bins > 0 && bins <= 16, "bincount16 takes float32 and at most 16 bins");
  const at::Tensor x = input.contiguous();
  std::array<int64_t, 16> counts{};
  const float* p = x.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto b = std::min<int64_t>(static_cast<int64_t>(p[i] * static_cast<float>(bins)), bins - 1);
    counts[std::max<int64_t>(b, 0)]++;
  }
  return at::tensor(at::ArrayRef<int64_t>(counts));
}

// bug: stack-buffer
at::Tensor permute_by_bad(const at::Tensor& input, at::IntArrayRef order) {
  TORCH_CHECK(static_cast<int64_t>(order.size()) == input.dim(), "there is one place for each dimension");
  int64_t shape[5];
  for (int64_t d = 0; d < input.dim(); ++d) {
    shape[d] = input.size(order[d]);
  }
  return input.new_zeros(at::IntArrayRef(shape, input.dim()));
}

// twin
at::Tensor permute_by(const at::Tensor& input, at::IntArrayRef order) {
  TORCH_CHECK(static_cast<int64_t>(order.size()) == input.dim(), "there is one place for each dimension");
  c10::SmallVector<int64_t, 5> shape(input.dim());
  for (int64_t d = 0; d < input.dim(); ++d) {
    shape[d] = input.size(order[d]);
  }
  return input.new_zeros(shape);
}

// bug: hidden-mutation
at::Tensor whitened_bad(const at::Tensor& input) {
  auto x = input.contiguous();
  const auto mean = x.mean(), deviation = x.std();
  x.sub_(mean).div_(deviation);
  return x.clone();
}

// twin
at::Tensor whitened(const at::Tensor& input) {
  auto x = input.clone(at::MemoryFormat::Contiguous);
  const auto mean = x.mean(), deviation = x.std();
  x.sub_(mean).div_(deviation);
  return x;
}

// bug: hidden-mutation
at::Tensor consumed_bad(const at::Tensor& input) {
  TORCH_CHECK(input.is_contiguous(), "consumed takes a contiguous tensor");
  double* p = input.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < input.numel(); ++i) {
    sum += p[i];
    p[i] = 0;
  }
  return at::scalar_tensor(sum, input.options());
}

// twin
at::Tensor consumed(const at::Tensor& input) {
  TORCH_CHECK(input.is_contiguous(), "consumed takes a contiguous tensor");
  const double* p = input.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < input.numel(); ++i) {
    sum += p[i];
  }
  return at::scalar_tensor(sum, input.options());
}

// bug: null-optional
at::Tensor affine_bad(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias) {
  at::Tensor y = input.matmul(weight.t());
  const at::Tensor& b = *bias;
  return b.defined() ? y + b : y;
}

// twin
at::Tensor affine(const at::Tensor& input, const at::Tensor& weight, const c10::optional<at::Tensor>& bias) {
  at::Tensor y = input.matmul(weight.t());
  if (bias) {
    const at::Tensor& b = *bias;
    return y + b;
  }
  return y;
}

// bug: mismatched-sizes
at::Tensor weighted_mean_bad(const at::Tensor& values, const at::Tensor& weights) {
  TORCH_CHECK(values.dim() == 2 && weights.dim() == 1, "a matrix of values and a vector of weights");
  const auto v = values.contiguous(), w = weights.contiguous();
  auto va = v.accessor<float, 2>();
  auto wa = w.accessor<float, 1>();
  auto out = at::zeros({v.size(1)}, v.options());
  auto oa = out.accessor<float, 1>();
  for (int64_t r = 0; r < va.size(0); ++r) {
    for (int64_t c = 0; c < va.size(1); ++c) {
      oa[c] += wa[r] * va[r][c];
    }
  }
  return out;
}

// twin
at::Tensor weighted_mean(const at::Tensor& values, const at::Tensor& weights) {
  TORCH_CHECK(values.dim() == 2 && weights.dim() == 1, "a matrix of values and a vector of weights");
  TORCH_CHECK(weights.size(0) == values.size(0), "there is one weight for each row");
  const auto v = values.contiguous(), w = weights.contiguous();
  auto va = v.accessor<float, 2>();
  auto wa = w.accessor<float, 1>();
  auto out = at::zeros({v.size(1)}, v.options());
  auto oa = out.accessor<float, 1>();
  for (int64_t r = 0; r < va.size(0); ++r) {
    for (int64_t c = 0; c < va.size(1); ++c) {
      oa[c] += wa[r] * va[r][c];
    }
  }
  return out;
}

// bug: mismatched-sizes
at::Tensor first_n_bad(const at::Tensor& input, int64_t n) {
  TORCH_CHECK(input.dim() == 1 && input.is_contiguous() && n >= 0, "first_n takes a contiguous vector");
  at::Tensor out = at::empty({n}, input.options());
  const float* from = input.data_ptr<float>();
  float* to = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    to[i] = from[i];
  }
  return out;
}

// twin
at::Tensor first_n(const at::Tensor& input, int64_t n) {
  TORCH_CHECK(input.dim() == 1 && input.is_contiguous() && n >= 0, "first_n takes a contiguous vector");
  TORCH_CHECK(n <= input.numel(), "there are fewer elements");
  at::Tensor out = at::empty({n}, input.options());
  const float* from = input.data_ptr<float>();
  float* to = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    to[i] = from[i];
  }
  return out;
}

struct MulAddBad : torch::autograd::Function<MulAddBad> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::Tensor a, at::Tensor b, at::Tensor c) {
    ctx->save_for_backward({a, b});
    at::AutoDispatchBelowADInplaceOrView guard;
    return a * b + c;
  }

  // bug: wrong-gradient
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grad) {
    auto saved = ctx->get_saved_variables();
    return {grad[0] * saved[1], grad[0] * saved[0]};
  }
};

struct MulAdd : torch::autograd::Function<MulAdd> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::Tensor a, at::Tensor b, at::Tensor c) {
    ctx->save_for_backward({a, b});
    at::AutoDispatchBelowADInplaceOrView guard;
    return a * b + c;
  }

  // twin
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grad) {
    auto saved = ctx->get_saved_variables();
    return {grad[0] * saved[1], grad[0] * saved[0], grad[0]};
  }
};

at::Tensor mul_add_bad(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) { return MulAddBad::apply(a, b, c); }
at::Tensor mul_add(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) { return MulAdd::apply(a, b, c); }

// bug: missing-autograd
at::Tensor soft_sign_bad(const at::Tensor& input) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  const float* in = x.data_ptr<float>();
  std::transform(in, in + x.numel(), y.data_ptr<float>(), [](float v) { return v / (1 + std::abs(v)); });
  return y;
}

// twin
at::Tensor soft_sign(const at::Tensor& input) {
  const at::Tensor x = input.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  const float* in = x.data_ptr<float>();
  std::transform(in, in + x.numel(), y.data_ptr<float>(), [](float v) { return v / (1 + std::abs(v)); });
  return y;
}

}  // namespace third

TORCH_LIBRARY(third, m) {
  using namespace third;
  m.def("embedding_mean_bad(Tensor table, Tensor tokens) -> Tensor");
  m.def("embedding_mean(Tensor table, Tensor tokens) -> Tensor");
  m.def("unpool_bad(Tensor input, Tensor where, int length) -> Tensor");
  m.def("unpool(Tensor input, Tensor where, int length) -> Tensor");
  m.def("nth_bad(Tensor[] list, int n) -> Tensor");
  m.def("nth(Tensor[] list, int n) -> Tensor");
  m.def("max_pool_bad(Tensor input, int window) -> Tensor");
  m.def("max_pool(Tensor input, int window) -> Tensor");
  m.def("reverse_scan_bad(Tensor input) -> Tensor");
  m.def("reverse_scan(Tensor input) -> Tensor");
  m.def("flatten_index_bad(Tensor grid) -> Tensor");
  m.def("flatten_index(Tensor grid) -> Tensor");
  m.def("count_zero_bad(Tensor input) -> Tensor");
  m.def("count_zero(Tensor input) -> Tensor");
  m.def("pack_bits_bad(Tensor flags) -> Tensor");
  m.def("pack_bits(Tensor flags) -> Tensor");
  m.def("shuffle_bad(Tensor input, int seed) -> Tensor");
  m.def("shuffle(Tensor input, int seed) -> Tensor");
  m.def("quantile_bad(Tensor input, float q) -> Tensor");
  m.def("quantile(Tensor input, float q) -> Tensor");
  m.def("nearest_bad(Tensor points, Tensor query) -> Tensor");
  m.def("nearest(Tensor points, Tensor query) -> Tensor");
  m.def("norm_bad(Tensor input) -> float");
  m.def("norm(Tensor input) -> float");
  m.def("extrema_bad(Tensor input) -> (Tensor, Tensor)");
  m.def("extrema(Tensor input) -> (Tensor, Tensor)");
  m.def("fill_diagonal_bad(Tensor(a!) matrix, float value) -> ()");
  m.def("fill_diagonal(Tensor(a!) matrix, float value) -> ()");
  m.def("parity_bad(Tensor input) -> Tensor", parity_bad);
  m.def("parity(Tensor input) -> Tensor", parity);
  m.def("argmax_bad(Tensor input) -> Tensor");
  m.def("argmax(Tensor input) -> Tensor");
  m.def("degree_bad(Tensor edges, int nodes) -> Tensor");
  m.def("degree(Tensor edges, int nodes) -> Tensor");
  m.def("linspan_bad(Tensor edges) -> Tensor");
  m.def("linspan(Tensor edges) -> Tensor");
  m.def("chunk_ids_bad(Tensor input, Tensor chunks) -> Tensor");
  m.def("chunk_ids(Tensor input, Tensor chunks) -> Tensor");
  m.def("output_size_bad(Tensor input, int kernel, int stride) -> int");
  m.def("output_size(Tensor input, int kernel, int stride) -> int");
  m.def("upper_bad(Tensor input) -> Tensor");
  m.def("upper(Tensor input) -> Tensor");
  m.def("select_valid_bad(Tensor input, Tensor valid) -> Tensor");
  m.def("select_valid(Tensor input, Tensor valid) -> Tensor");
  m.def("bincount16_bad(Tensor input, int bins) -> Tensor");
  m.def("bincount16(Tensor input, int bins) -> Tensor");
  m.def("permute_by_bad(Tensor input, int[] order) -> Tensor");
  m.def("permute_by(Tensor input, int[] order) -> Tensor");
  m.def("whitened_bad(Tensor input) -> Tensor");
  m.def("whitened(Tensor input) -> Tensor");
  m.def("consumed_bad(Tensor input) -> Tensor");
  m.def("consumed(Tensor input) -> Tensor");
  m.def("affine_bad(Tensor input, Tensor weight, Tensor? bias) -> Tensor");
  m.def("affine(Tensor input, Tensor weight, Tensor? bias) -> Tensor");
  m.def("weighted_mean_bad(Tensor values, Tensor weights) -> Tensor");
  m.def("weighted_mean(Tensor values, Tensor weights) -> Tensor");
  m.def("first_n_bad(Tensor input, int n) -> Tensor");
  m.def("first_n(Tensor input, int n) -> Tensor");
  m.def("mul_add_bad(Tensor a, Tensor b, Tensor c) -> Tensor", mul_add_bad);
  m.def("mul_add(Tensor a, Tensor b, Tensor c) -> Tensor", mul_add);
  m.def("soft_sign_bad(Tensor input) -> Tensor");
  m.def("soft_sign(Tensor input) -> Tensor");
}

TORCH_LIBRARY_IMPL(third, CPU, m) {
  using namespace third;
  m.impl("embedding_mean_bad", &embedding_mean_bad);
  m.impl("embedding_mean", &embedding_mean);
  m.impl("unpool_bad", &unpool_bad);
  m.impl("unpool", &unpool);
  m.impl("nth_bad", &nth_bad);
  m.impl("nth", &nth);
  m.impl("max_pool_bad", &max_pool_bad);
  m.impl("max_pool", &max_pool);
  m.impl("reverse_scan_bad", &reverse_scan_bad);
  m.impl("reverse_scan", &reverse_scan);
  m.impl("flatten_index_bad", &flatten_index_bad);
  m.impl("flatten_index", &flatten_index);
  m.impl("count_zero_bad", &count_zero_bad);
  m.impl("count_zero", &count_zero);
  m.impl("pack_bits_bad", &pack_bits_bad);
  m.impl("pack_bits", &pack_bits);
  m.impl("shuffle_bad", &shuffle_bad);
  m.impl("shuffle", &shuffle);
  m.impl("quantile_bad", &quantile_bad);
  m.impl("quantile", &quantile);
  m.impl("nearest_bad", &nearest_bad);
  m.impl("nearest", &nearest);
  m.impl("norm_bad", &norm_bad);
  m.impl("norm", &norm);
  m.impl("extrema_bad", &extrema_bad);
  m.impl("extrema", &extrema);
  m.impl("fill_diagonal_bad", &fill_diagonal_bad);
  m.impl("fill_diagonal", &fill_diagonal);
  m.impl("argmax_bad", &argmax_bad);
  m.impl("argmax", &argmax);
  m.impl("degree_bad", &degree_bad);
  m.impl("degree", &degree);
  m.impl("linspan_bad", &linspan_bad);
  m.impl("linspan", &linspan);
  m.impl("chunk_ids_bad", &chunk_ids_bad);
  m.impl("chunk_ids", &chunk_ids);
  m.impl("output_size_bad", &output_size_bad);
  m.impl("output_size", &output_size);
  m.impl("upper_bad", &upper_bad);
  m.impl("upper", &upper);
  m.impl("select_valid_bad", &select_valid_bad);
  m.impl("select_valid", &select_valid);
  m.impl("bincount16_bad", &bincount16_bad);
  m.impl("bincount16", &bincount16);
  m.impl("permute_by_bad", &permute_by_bad);
  m.impl("permute_by", &permute_by);
  m.impl("whitened_bad", &whitened_bad);
  m.impl("whitened", &whitened);
  m.impl("consumed_bad", &consumed_bad);
  m.impl("consumed", &consumed);
  m.impl("affine_bad", &affine_bad);
  m.impl("affine", &affine);
  m.impl("weighted_mean_bad", &weighted_mean_bad);
  m.impl("weighted_mean", &weighted_mean);
  m.impl("first_n_bad", &first_n_bad);
  m.impl("first_n", &first_n);
  m.impl("soft_sign_bad", &soft_sign_bad);
  m.impl("soft_sign", &soft_sign);
}

TORCH_LIBRARY_IMPL(third, Autograd, m) {
  for (const char* name : {
           "embedding_mean_bad", "embedding_mean", "unpool_bad", "unpool", "nth_bad", "nth",
           "max_pool_bad", "max_pool", "reverse_scan_bad", "reverse_scan", "flatten_index_bad",
           "flatten_index", "count_zero_bad", "count_zero", "pack_bits_bad", "pack_bits",
           "shuffle_bad", "shuffle", "quantile_bad", "quantile", "nearest_bad", "nearest",
           "norm_bad", "norm", "extrema_bad", "extrema", "fill_diagonal_bad", "fill_diagonal",
           "argmax_bad", "argmax", "degree_bad", "degree", "linspan_bad", "linspan",
           "chunk_ids_bad", "chunk_ids", "output_size_bad", "output_size", "upper_bad", "upper",
           "select_valid_bad", "select_valid", "bincount16_bad", "bincount16", "permute_by_bad",
           "permute_by", "whitened_bad", "whitened", "consumed_bad", "consumed", "affine_bad",
           "affine", "weighted_mean_bad", "weighted_mean", "first_n_bad", "first_n", "soft_sign",
           "parity", "parity_bad",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
