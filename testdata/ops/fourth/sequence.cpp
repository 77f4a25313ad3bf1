// The fourth set of planted bugs, written by someone who had not seen the rules.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <tuple>
#include <vector>

#define CHECK_CPU(x) TORCH_CHECK((x).device().is_cpu(), #x " must be a CPU tensor")
#define CHECK_CONTIGUOUS(x) TORCH_CHECK((x).is_contiguous(), #x " must be contiguous")
#define CHECK_DIM(x, n) TORCH_CHECK((x).dim() == (n), #x " must have " #n " dimension(s), it has ", (x).dim())
#define CHECK_FLOAT(x) TORCH_CHECK((x).scalar_type() == at::kFloat, #x " must be float32")
#define CHECK_LONG(x) TORCH_CHECK((x).scalar_type() == at::kLong, #x " must be int64")
#define CHECK_INPUT(x) \
  CHECK_CPU(x);        \
  CHECK_CONTIGUOUS(x)

namespace fourth {

namespace {

constexpr int64_t kMaxBins = int64_t(1) << 20;
constexpr int64_t kMaxSide = 65536;

// indptr: a contiguous int64 vector 0 = p[0] <= p[1] <= ... <= p[rows] = entries
void check_indptr(const at::Tensor& indptr, int64_t entries) {
  CHECK_DIM(indptr, 1);
  CHECK_LONG(indptr);
  CHECK_CONTIGUOUS(indptr);
  TORCH_CHECK(indptr.numel() >= 1, "indptr has at least one element");
  const int64_t* p = indptr.data_ptr<int64_t>();
  TORCH_CHECK(p[0] == 0, "indptr starts with 0");
  for (int64_t i = 1; i < indptr.numel(); ++i) {
    TORCH_CHECK(p[i] >= p[i - 1], "indptr does not decrease");
  }
  TORCH_CHECK(p[indptr.numel() - 1] == entries, "indptr ends with the number of entries");
}

void check_range(const at::Tensor& index, int64_t bound) {
  CHECK_LONG(index);
  CHECK_CONTIGUOUS(index);
  const int64_t* p = index.data_ptr<int64_t>();
  for (int64_t i = 0; i < index.numel(); ++i) {
    TORCH_CHECK_INDEX(p[i] >= 0 && p[i] < bound, "index ", p[i], " is not below ", bound);
  }
}

// A strict weak order also with NaN, which comes last.
template <typename T>
bool nan_last(T a, T b) {
  return a < b || (std::isnan(b) && !std::isnan(a));
}

template <typename T>
const T* raw(const at::Tensor& t) {
  return static_cast<const T*>(t.data_ptr());
}

template <typename scalar_t>
void csr_matvec_kernel(const int64_t* indptr, const int64_t* indices, const scalar_t* values,
                       const scalar_t* x, scalar_t* y, int64_t rows) {
  at::parallel_for(0, rows, 256, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      scalar_t acc = 0;
      for (int64_t k = indptr[r]; k < indptr[r + 1]; ++k) {
        acc += values[k] * x[indices[k]];
      }
      y[r] = acc;
    }
  });
}

}  // namespace

// ---------------------------------------------------------------- sparse rows

// bug: out-of-bounds-read
at::Tensor csr_matvec_bad(const at::Tensor& indptr, const at::Tensor& indices, const at::Tensor& values, const at::Tensor& x) {
  CHECK_DIM(indices, 1);
  CHECK_DIM(values, 1);
  CHECK_DIM(x, 1);
  TORCH_CHECK(indices.size(0) == values.size(0), "one column for each value");
  TORCH_CHECK(values.scalar_type() == x.scalar_type(), "values and x have one dtype");
  const at::Tensor ptr = indptr.contiguous(), idx = indices.contiguous();
  const at::Tensor val = values.contiguous(), vec = x.contiguous();
  check_indptr(ptr, val.size(0));
  const int64_t rows = ptr.size(0) - 1;
  at::Tensor y = at::empty({rows}, val.options());
  AT_DISPATCH_FLOATING_TYPES(val.scalar_type(), "csr_matvec", [&] {
    csr_matvec_kernel<scalar_t>(ptr.data_ptr<int64_t>(), idx.data_ptr<int64_t>(), val.data_ptr<scalar_t>(),
                                vec.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), rows);
  });
  return y;
}

// twin
at::Tensor csr_matvec(const at::Tensor& indptr, const at::Tensor& indices, const at::Tensor& values, const at::Tensor& x) {
  CHECK_DIM(indices, 1);
  CHECK_DIM(values, 1);
  CHECK_DIM(x, 1);
  TORCH_CHECK(indices.size(0) == values.size(0), "one column for each value");
  TORCH_CHECK(values.scalar_type() == x.scalar_type(), "values and x have one dtype");
  const at::Tensor ptr = indptr.contiguous(), idx = indices.contiguous();
  const at::Tensor val = values.contiguous(), vec = x.contiguous();
  check_indptr(ptr, val.size(0));
  check_range(idx, vec.size(0));
  const int64_t rows = ptr.size(0) - 1;
  at::Tensor y = at::empty({rows}, val.options());
  AT_DISPATCH_FLOATING_TYPES(val.scalar_type(), "csr_matvec", [&] {
    csr_matvec_kernel<scalar_t>(ptr.data_ptr<int64_t>(), idx.data_ptr<int64_t>(), val.data_ptr<scalar_t>(),
                                vec.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), rows);
  });
  return y;
}

// bug: race
at::Tensor csr_tmatvec_bad(const at::Tensor& indptr, const at::Tensor& indices, const at::Tensor& values, const at::Tensor& x, int64_t cols) {
  CHECK_DIM(indices, 1);
  CHECK_DIM(values, 1);
  CHECK_DIM(x, 1);
  TORCH_CHECK(cols >= 0, "the number of columns is negative");
  TORCH_CHECK(indices.size(0) == values.size(0), "one column for each value");
  const auto ptr = indptr.contiguous(), idx = indices.contiguous(), val = values.contiguous(), vec = x.contiguous();
  check_indptr(ptr, val.size(0));
  check_range(idx, cols);
  TORCH_CHECK(vec.size(0) == ptr.size(0) - 1, "one x for each row");
  auto y = at::zeros({cols}, val.options());
  const int64_t* p = ptr.data_ptr<int64_t>();
  const int64_t* c = idx.data_ptr<int64_t>();
  const double* v = val.data_ptr<double>();
  const double* xs = vec.data_ptr<double>();
  double* ys = y.data_ptr<double>();
  at::parallel_for(0, vec.size(0), 128, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t k = p[r]; k < p[r + 1]; ++k) {
        ys[c[k]] += v[k] * xs[r];
      }
    }
  });
  return y;
}

// twin
at::Tensor csr_tmatvec(const at::Tensor& indptr, const at::Tensor& indices, const at::Tensor& values, const at::Tensor& x, int64_t cols) {
  CHECK_DIM(indices, 1);
  CHECK_DIM(values, 1);
  CHECK_DIM(x, 1);
  TORCH_CHECK(cols >= 0, "the number of columns is negative");
  TORCH_CHECK(indices.size(0) == values.size(0), "one column for each value");
  const auto ptr = indptr.contiguous(), idx = indices.contiguous(), val = values.contiguous(), vec = x.contiguous();
  check_indptr(ptr, val.size(0));
  check_range(idx, cols);
  TORCH_CHECK(vec.size(0) == ptr.size(0) - 1, "one x for each row");
  auto y = at::zeros({cols}, val.options());
  const int64_t* p = ptr.data_ptr<int64_t>();
  const int64_t* c = idx.data_ptr<int64_t>();
  const double* v = val.data_ptr<double>();
  const double* xs = vec.data_ptr<double>();
  double* ys = y.data_ptr<double>();
  // Two rows may share a column: not in parallel.
  for (int64_t r = 0; r < vec.size(0); ++r) {
    for (int64_t k = p[r]; k < p[r + 1]; ++k) {
      ys[c[k]] += v[k] * xs[r];
    }
  }
  return y;
}

// bug: off-by-one
at::Tensor csr_row_lengths_bad(const at::Tensor& indptr) {
  CHECK_DIM(indptr, 1);
  TORCH_CHECK(indptr.size(0) > 0, "indptr is empty");
  const at::Tensor p = indptr.contiguous();
  at::Tensor lengths = at::empty({p.size(0) - 1}, p.options());
  const auto* from = p.data_ptr<int64_t>();
  check_indptr(p, from[p.size(0) - 1]);
  auto* to = lengths.data_ptr<int64_t>();
  for (int64_t r = 0; r < p.size(0); r++) {
    to[r] = from[r + 1] - from[r];
  }
  return lengths;
}

// twin
at::Tensor csr_row_lengths(const at::Tensor& indptr) {
  CHECK_DIM(indptr, 1);
  TORCH_CHECK(indptr.size(0) > 0, "indptr is empty");
  const at::Tensor p = indptr.contiguous();
  at::Tensor lengths = at::empty({p.size(0) - 1}, p.options());
  const auto* from = p.data_ptr<int64_t>();
  check_indptr(p, from[p.size(0) - 1]);
  auto* to = lengths.data_ptr<int64_t>();
  for (int64_t r = 0; r < lengths.size(0); r++) {
    to[r] = from[r + 1] - from[r];
  }
  return lengths;
}

// bug: leak-on-throw
at::Tensor column_counts_bad(const at::Tensor& indices, int64_t cols) {
  CHECK_DIM(indices, 1);
  TORCH_CHECK(cols > 0 && cols <= kMaxBins, "cols is not between 1 and ", kMaxBins);
  const at::Tensor idx = indices.contiguous();
  const int64_t* p = idx.data_ptr<int64_t>();
  at::Tensor out = at::empty({cols}, idx.options());
  int64_t* counts = static_cast<int64_t*>(std::calloc(cols, sizeof(int64_t)));
  TORCH_CHECK(counts != nullptr, "out of memory");
  for (int64_t i = 0; i < idx.numel(); ++i) {
    TORCH_CHECK_INDEX(p[i] >= 0 && p[i] < cols, "column ", p[i], " is out of range");
    counts[p[i]]++;
  }
  std::memcpy(out.data_ptr<int64_t>(), counts, cols * sizeof(int64_t));
  std::free(counts);
  return out;
}

// twin
at::Tensor column_counts(const at::Tensor& indices, int64_t cols) {
  CHECK_DIM(indices, 1);
  TORCH_CHECK(cols > 0 && cols <= kMaxBins, "cols is not between 1 and ", kMaxBins);
  const at::Tensor idx = indices.contiguous();
  const int64_t* p = idx.data_ptr<int64_t>();
  at::Tensor out = at::empty({cols}, idx.options());
  std::vector<int64_t> counts(cols, 0);
  for (int64_t i = 0; i < idx.numel(); ++i) {
    TORCH_CHECK_INDEX(p[i] >= 0 && p[i] < cols, "column ", p[i], " is out of range");
    counts[p[i]]++;
  }
  std::memcpy(out.data_ptr<int64_t>(), counts.data(), cols * sizeof(int64_t));
  return out;
}

// ------------------------------------------------------- bags and segments

// bug: out-of-bounds-read
torch::Tensor bag_sum_bad(torch::Tensor values, torch::Tensor offsets) {
  CHECK_INPUT(values);
  CHECK_INPUT(offsets);
  CHECK_FLOAT(values);
  CHECK_LONG(offsets);
  CHECK_DIM(values, 2);
  CHECK_DIM(offsets, 1);
  const int64_t n = values.size(0), width = values.size(1), bags = offsets.size(0);
  auto out = torch::zeros({bags, width}, values.options());
  const float* v = values.data_ptr<float>();
  const int64_t* start = offsets.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  for (int64_t b = 0; b < bags; b++) {
    const int64_t begin = start[b];
    const int64_t end = b + 1 < bags ? start[b + 1] : n;
    for (int64_t i = begin; i < end; i++) {
      for (int64_t k = 0; k < width; k++) {
        o[b * width + k] += v[i * width + k];
      }
    }
  }
  return out;
}

// twin
torch::Tensor bag_sum(torch::Tensor values, torch::Tensor offsets) {
  CHECK_INPUT(values);
  CHECK_INPUT(offsets);
  CHECK_FLOAT(values);
  CHECK_LONG(offsets);
  CHECK_DIM(values, 2);
  CHECK_DIM(offsets, 1);
  const int64_t n = values.size(0), width = values.size(1), bags = offsets.size(0);
  auto out = torch::zeros({bags, width}, values.options());
  const float* v = values.data_ptr<float>();
  const int64_t* start = offsets.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  for (int64_t b = 0; b < bags; b++) {
    const int64_t begin = start[b];
    const int64_t end = b + 1 < bags ? start[b + 1] : n;
    TORCH_CHECK_INDEX(0 <= begin && begin <= end && end <= n, "bag ", b, " does not lie in the values");
    for (int64_t i = begin; i < end; i++) {
      for (int64_t k = 0; k < width; k++) {
        o[b * width + k] += v[i * width + k];
      }
    }
  }
  return out;
}

// bug: null-optional
at::Tensor bag_weighted_bad(const at::Tensor& table, const at::Tensor& indices, const at::Tensor& offsets,
                            const c10::optional<at::Tensor>& per_sample_weights) {
  CHECK_DIM(table, 2);
  CHECK_DIM(indices, 1);
  CHECK_DIM(offsets, 1);
  const at::Tensor t = table.contiguous(), ids = indices.contiguous(), off = offsets.contiguous();
  const at::Tensor weights = per_sample_weights->contiguous();
  TORCH_CHECK(weights.dim() == 1 && weights.size(0) == ids.size(0), "one weight for each index");
  check_range(ids, t.size(0));
  const int64_t n = ids.size(0), width = t.size(1), bags = off.size(0);
  at::Tensor out = at::zeros({bags, width}, t.options());
  const float* rows = t.data_ptr<float>();
  const float* w = weights.data_ptr<float>();
  const int64_t* id = ids.data_ptr<int64_t>();
  const int64_t* start = off.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t end = b + 1 < bags ? start[b + 1] : n;
    TORCH_CHECK_INDEX(start[b] >= 0 && start[b] <= end && end <= n, "bag ", b, " is out of range");
    for (int64_t i = start[b]; i < end; ++i) {
      for (int64_t k = 0; k < width; ++k) {
        o[b * width + k] += w[i] * rows[id[i] * width + k];
      }
    }
  }
  return out;
}

// twin
at::Tensor bag_weighted(const at::Tensor& table, const at::Tensor& indices, const at::Tensor& offsets,
                        const c10::optional<at::Tensor>& per_sample_weights) {
  CHECK_DIM(table, 2);
  CHECK_DIM(indices, 1);
  CHECK_DIM(offsets, 1);
  const at::Tensor t = table.contiguous(), ids = indices.contiguous(), off = offsets.contiguous();
  const at::Tensor weights = per_sample_weights.has_value() ? per_sample_weights->contiguous()
                                                            : at::ones({ids.size(0)}, t.options());
  TORCH_CHECK(weights.dim() == 1 && weights.size(0) == ids.size(0), "one weight for each index");
  check_range(ids, t.size(0));
  const int64_t n = ids.size(0), width = t.size(1), bags = off.size(0);
  at::Tensor out = at::zeros({bags, width}, t.options());
  const float* rows = t.data_ptr<float>();
  const float* w = weights.data_ptr<float>();
  const int64_t* id = ids.data_ptr<int64_t>();
  const int64_t* start = off.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t end = b + 1 < bags ? start[b + 1] : n;
    TORCH_CHECK_INDEX(start[b] >= 0 && start[b] <= end && end <= n, "bag ", b, " is out of range");
    for (int64_t i = start[b]; i < end; ++i) {
      for (int64_t k = 0; k < width; ++k) {
        o[b * width + k] += w[i] * rows[id[i] * width + k];
      }
    }
  }
  return out;
}

// bug: null-optional
at::Tensor embedding_lookup_bad(const at::Tensor& table, const at::Tensor& tokens, c10::optional<int64_t> padding_idx) {
  CHECK_DIM(table, 2);
  CHECK_DIM(tokens, 1);
  const at::Tensor t = table.contiguous(), ids = tokens.contiguous();
  check_range(ids, t.size(0));
  const int64_t width = t.size(1);
  at::Tensor out = at::zeros({ids.size(0), width}, t.options());
  const int64_t* id = ids.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(t.scalar_type(), "embedding_lookup", [&]() {
    const scalar_t* rows = t.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < ids.size(0); ++i) {
      if (id[i] == *padding_idx) {
        continue;
      }
      std::copy_n(rows + id[i] * width, width, o + i * width);
    }
  });
  return out;
}

// twin
at::Tensor embedding_lookup(const at::Tensor& table, const at::Tensor& tokens, c10::optional<int64_t> padding_idx) {
  CHECK_DIM(table, 2);
  CHECK_DIM(tokens, 1);
  const at::Tensor t = table.contiguous(), ids = tokens.contiguous();
  check_range(ids, t.size(0));
  const int64_t width = t.size(1);
  at::Tensor out = at::zeros({ids.size(0), width}, t.options());
  const int64_t* id = ids.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(t.scalar_type(), "embedding_lookup", [&]() {
    const scalar_t* rows = t.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < ids.size(0); ++i) {
      if (padding_idx.has_value() && id[i] == *padding_idx) {
        continue;
      }
      std::copy_n(rows + id[i] * width, width, o + i * width);
    }
  });
  return out;
}

// bug: out-of-bounds-write
at::Tensor scatter_max_bad(const at::Tensor& src, const at::Tensor& index, int64_t dim_size) {
  CHECK_DIM(src, 1);
  TORCH_CHECK(src.sizes() == index.sizes(), "src and index have one shape");
  TORCH_CHECK(dim_size >= 0, "dim_size is negative");
  const auto s = src.contiguous(), idx = index.contiguous();
  auto out = at::empty({dim_size}, s.options());
  const int64_t* where = idx.data_ptr<int64_t>();
  AT_DISPATCH_ALL_TYPES(s.scalar_type(), "scatter_max", [&] {
    const auto* v = s.data_ptr<scalar_t>();
    auto* o = out.data_ptr<scalar_t>();
    std::fill_n(o, dim_size, std::numeric_limits<scalar_t>::lowest());
    for (int64_t i = 0; i < s.numel(); ++i) {
      TORCH_CHECK_INDEX(where[i] < dim_size, "index ", where[i], " is not below dim_size");
      o[where[i]] = std::max(o[where[i]], v[i]);
    }
  });
  return out;
}

// twin
at::Tensor scatter_max(const at::Tensor& src, const at::Tensor& index, int64_t dim_size) {
  CHECK_DIM(src, 1);
  TORCH_CHECK(src.sizes() == index.sizes(), "src and index have one shape");
  TORCH_CHECK(dim_size >= 0, "dim_size is negative");
  const auto s = src.contiguous(), idx = index.contiguous();
  auto out = at::empty({dim_size}, s.options());
  const int64_t* where = idx.data_ptr<int64_t>();
  AT_DISPATCH_ALL_TYPES(s.scalar_type(), "scatter_max", [&] {
    const auto* v = s.data_ptr<scalar_t>();
    auto* o = out.data_ptr<scalar_t>();
    std::fill_n(o, dim_size, std::numeric_limits<scalar_t>::lowest());
    for (int64_t i = 0; i < s.numel(); ++i) {
      TORCH_CHECK_INDEX(where[i] >= 0 && where[i] < dim_size, "index ", where[i], " is out of range");
      o[where[i]] = std::max(o[where[i]], v[i]);
    }
  });
  return out;
}

// bug: uninitialised-output
at::Tensor segment_max_bad(const at::Tensor& values, const at::Tensor& indptr) {
  CHECK_DIM(values, 1);
  const at::Tensor v = values.contiguous(), ptr = indptr.contiguous();
  check_indptr(ptr, v.size(0));
  const int64_t segments = ptr.size(0) - 1;
  at::Tensor out = at::empty({segments}, v.options());
  const int64_t* p = ptr.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(v.scalar_type(), "segment_max", [&] {
    const scalar_t* in = v.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    at::parallel_for(0, segments, 512, [&](int64_t first, int64_t last) {
      for (int64_t s = first; s < last; ++s) {
        if (p[s] < p[s + 1]) {
          o[s] = *std::max_element(in + p[s], in + p[s + 1]);
        }
      }
    });
  });
  return out;
}

// twin
at::Tensor segment_max(const at::Tensor& values, const at::Tensor& indptr) {
  CHECK_DIM(values, 1);
  const at::Tensor v = values.contiguous(), ptr = indptr.contiguous();
  check_indptr(ptr, v.size(0));
  const int64_t segments = ptr.size(0) - 1;
  at::Tensor out = at::empty({segments}, v.options());
  const int64_t* p = ptr.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(v.scalar_type(), "segment_max", [&] {
    const scalar_t* in = v.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    at::parallel_for(0, segments, 512, [&](int64_t first, int64_t last) {
      for (int64_t s = first; s < last; ++s) {
        o[s] = p[s] < p[s + 1] ? *std::max_element(in + p[s], in + p[s + 1]) : scalar_t(0);
      }
    });
  });
  return out;
}

// bug: division-by-zero
at::Tensor segment_mean_bad(const at::Tensor& values, const at::Tensor& ids, int64_t segments) {
  CHECK_DIM(values, 1);
  TORCH_CHECK(values.sizes() == ids.sizes(), "one segment for each value");
  TORCH_CHECK(segments >= 0 && segments <= kMaxBins, "segments is out of range");
  const at::Tensor v = values.contiguous(), id = ids.contiguous();
  check_range(id, segments);
  const int* in = v.data_ptr<int>();
  const int64_t* where = id.data_ptr<int64_t>();
  std::vector<int64_t> sum(segments), count(segments);
  for (int64_t i = 0; i < v.numel(); ++i) {
    sum[where[i]] += in[i];
    count[where[i]] += 1;
  }
  at::Tensor out = at::empty({segments}, v.options());
  int* o = out.data_ptr<int>();
  for (int64_t s = 0; s < segments; ++s) {
    o[s] = static_cast<int>(sum[s] / count[s]);
  }
  return out;
}

// twin
at::Tensor segment_mean(const at::Tensor& values, const at::Tensor& ids, int64_t segments) {
  CHECK_DIM(values, 1);
  TORCH_CHECK(values.sizes() == ids.sizes(), "one segment for each value");
  TORCH_CHECK(segments >= 0 && segments <= kMaxBins, "segments is out of range");
  const at::Tensor v = values.contiguous(), id = ids.contiguous();
  check_range(id, segments);
  const int* in = v.data_ptr<int>();
  const int64_t* where = id.data_ptr<int64_t>();
  std::vector<int64_t> sum(segments), count(segments);
  for (int64_t i = 0; i < v.numel(); ++i) {
    sum[where[i]] += in[i];
    count[where[i]] += 1;
  }
  at::Tensor out = at::empty({segments}, v.options());
  int* o = out.data_ptr<int>();
  for (int64_t s = 0; s < segments; ++s) {
    o[s] = count[s] > 0 ? static_cast<int>(sum[s] / count[s]) : 0;
  }
  return out;
}

// bug: empty-tensor
at::Tensor one_hot_auto_bad(const at::Tensor& labels) {
  CHECK_DIM(labels, 1);
  const auto ids = labels.contiguous();
  check_range(ids, kMaxBins);
  const int64_t n = ids.size(0);
  const int64_t* p = ids.data_ptr<int64_t>();
  const int64_t classes = *std::max_element(p, p + n) + 1;
  auto out = at::zeros({n, classes}, ids.options());
  auto o = out.accessor<int64_t, 2>();
  for (int64_t i = 0; i < n; ++i) {
    o[i][p[i]] = 1;
  }
  return out;
}

// twin
at::Tensor one_hot_auto(const at::Tensor& labels) {
  CHECK_DIM(labels, 1);
  const auto ids = labels.contiguous();
  check_range(ids, kMaxBins);
  const int64_t n = ids.size(0);
  const int64_t* p = ids.data_ptr<int64_t>();
  const int64_t classes = n == 0 ? 0 : *std::max_element(p, p + n) + 1;
  auto out = at::zeros({n, classes}, ids.options());
  auto o = out.accessor<int64_t, 2>();
  for (int64_t i = 0; i < n; ++i) {
    o[i][p[i]] = 1;
  }
  return out;
}

// ------------------------------------------------------------- run lengths

// bug: empty-tensor
std::tuple<at::Tensor, at::Tensor> rle_encode_bad(const at::Tensor& input) {
  CHECK_DIM(input, 1);
  const at::Tensor x = input.contiguous();
  const float* p = x.data_ptr<float>();
  std::vector<float> values;
  std::vector<int64_t> counts;
  float current = p[0];
  int64_t run = 1;
  for (int64_t i = 1; i < x.numel(); ++i) {
    if (p[i] == current) {
      ++run;
    } else {
      values.push_back(current);
      counts.push_back(run);
      current = p[i];
      run = 1;
    }
  }
  values.push_back(current);
  counts.push_back(run);
  return {at::tensor(values), at::tensor(counts)};
}

// twin
std::tuple<at::Tensor, at::Tensor> rle_encode(const at::Tensor& input) {
  CHECK_DIM(input, 1);
  const at::Tensor x = input.contiguous();
  const float* p = x.data_ptr<float>();
  if (x.numel() == 0) {
    return {at::empty({0}, x.options()), at::empty({0}, x.options().dtype(at::kLong))};
  }
  std::vector<float> values;
  std::vector<int64_t> counts;
  float current = p[0];
  int64_t run = 1;
  for (int64_t i = 1; i < x.numel(); ++i) {
    if (p[i] == current) {
      ++run;
    } else {
      values.push_back(current);
      counts.push_back(run);
      current = p[i];
      run = 1;
    }
  }
  values.push_back(current);
  counts.push_back(run);
  return {at::tensor(values), at::tensor(counts)};
}

// bug: out-of-bounds-write
torch::Tensor rle_decode_bad(torch::Tensor values, torch::Tensor counts, int64_t length) {
  CHECK_INPUT(values);
  CHECK_INPUT(counts);
  CHECK_FLOAT(values);
  CHECK_LONG(counts);
  TORCH_CHECK(values.dim() == 1 && values.sizes() == counts.sizes(), "one count for each value");
  TORCH_CHECK(length >= 0, "the length is negative");
  auto out = torch::empty({length}, values.options());
  const float* v = values.data_ptr<float>();
  const int64_t* c = counts.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  int64_t pos = 0;
  for (int64_t i = 0; i < values.size(0); i++) {
    TORCH_CHECK(c[i] >= 0, "count ", i, " is negative");
    for (int64_t k = 0; k < c[i]; k++) {
      o[pos++] = v[i];
    }
  }
  TORCH_CHECK(pos == length, "the counts add up to ", pos, ", not to ", length);
  return out;
}

// twin
torch::Tensor rle_decode(torch::Tensor values, torch::Tensor counts, int64_t length) {
  CHECK_INPUT(values);
  CHECK_INPUT(counts);
  CHECK_FLOAT(values);
  CHECK_LONG(counts);
  TORCH_CHECK(values.dim() == 1 && values.sizes() == counts.sizes(), "one count for each value");
  TORCH_CHECK(length >= 0, "the length is negative");
  auto out = torch::empty({length}, values.options());
  const float* v = values.data_ptr<float>();
  const int64_t* c = counts.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  int64_t pos = 0;
  for (int64_t i = 0; i < values.size(0); i++) {
    TORCH_CHECK(c[i] >= 0 && c[i] <= length - pos, "count ", i, " is negative or goes beyond the length");
    for (int64_t k = 0; k < c[i]; k++) {
      o[pos++] = v[i];
    }
  }
  TORCH_CHECK(pos == length, "the counts add up to ", pos, ", not to ", length);
  return out;
}

// bug: int32-overflow
at::Tensor repeat_runs_bad(const at::Tensor& values, const at::Tensor& counts) {
  CHECK_DIM(values, 1);
  TORCH_CHECK(values.sizes() == counts.sizes(), "one count for each value");
  const at::Tensor v = values.contiguous(), c = counts.contiguous();
  const int64_t* times = c.data_ptr<int64_t>();
  int total = 0;
  for (int64_t i = 0; i < c.numel(); ++i) {
    TORCH_CHECK(times[i] >= 0, "count ", i, " is negative");
    total += times[i];
  }
  at::Tensor out = at::empty({total}, v.options());
  AT_DISPATCH_ALL_TYPES(v.scalar_type(), "repeat_runs", [&]() {
    const scalar_t* in = v.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < v.numel(); ++i) {
      o = std::fill_n(o, times[i], in[i]);
    }
  });
  return out;
}

// twin
at::Tensor repeat_runs(const at::Tensor& values, const at::Tensor& counts) {
  CHECK_DIM(values, 1);
  TORCH_CHECK(values.sizes() == counts.sizes(), "one count for each value");
  const at::Tensor v = values.contiguous(), c = counts.contiguous();
  const int64_t* times = c.data_ptr<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < c.numel(); ++i) {
    TORCH_CHECK(times[i] >= 0 && times[i] <= std::numeric_limits<int64_t>::max() - total, "count ", i, " is negative or too large");
    total += times[i];
  }
  at::Tensor out = at::empty({total}, v.options());
  AT_DISPATCH_ALL_TYPES(v.scalar_type(), "repeat_runs", [&]() {
    const scalar_t* in = v.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < v.numel(); ++i) {
      o = std::fill_n(o, times[i], in[i]);
    }
  });
  return out;
}

// bug: dtype-confusion
at::Tensor concat_ragged_bad(at::TensorList parts) {
  TORCH_CHECK(!parts.empty(), "there are no parts");
  int64_t total = 0;
  for (const auto& part : parts) {
    CHECK_DIM(part, 1);
    total += part.size(0);
  }
  at::Tensor out = at::empty({total}, parts[0].options());
  auto* to = static_cast<char*>(out.data_ptr());
  for (const auto& part : parts) {
    const at::Tensor p = part.contiguous();
    const size_t bytes = p.numel() * p.element_size();
    if (bytes > 0) {
      std::memcpy(to, p.data_ptr(), bytes);
      to += bytes;
    }
  }
  return out;
}

// twin
at::Tensor concat_ragged(at::TensorList parts) {
  TORCH_CHECK(!parts.empty(), "there are no parts");
  int64_t total = 0;
  for (const auto& part : parts) {
    CHECK_DIM(part, 1);
    TORCH_CHECK(part.scalar_type() == parts[0].scalar_type(), "the parts have one dtype");
    total += part.size(0);
  }
  at::Tensor out = at::empty({total}, parts[0].options());
  auto* to = static_cast<char*>(out.data_ptr());
  for (const auto& part : parts) {
    const at::Tensor p = part.contiguous();
    const size_t bytes = p.numel() * p.element_size();
    if (bytes > 0) {
      std::memcpy(to, p.data_ptr(), bytes);
      to += bytes;
    }
  }
  return out;
}

// bug: uninitialised-output
at::Tensor pad_sequences_bad(at::TensorList sequences, int64_t length) {
  TORCH_CHECK(!sequences.empty() && length >= 0, "pad_sequences takes sequences and a length");
  const int64_t batch = static_cast<int64_t>(sequences.size());
  at::Tensor out = at::empty({batch, length}, sequences[0].options());
  float* o = out.data_ptr<float>();
  for (int64_t b = 0; b < batch; ++b) {
    CHECK_DIM(sequences[b], 1);
    const at::Tensor s = sequences[b].contiguous();
    const int64_t keep = std::min(s.size(0), length);
    std::copy_n(s.data_ptr<float>(), keep, o + b * length);
  }
  return out;
}

// twin
at::Tensor pad_sequences(at::TensorList sequences, int64_t length) {
  TORCH_CHECK(!sequences.empty() && length >= 0, "pad_sequences takes sequences and a length");
  const int64_t batch = static_cast<int64_t>(sequences.size());
  at::Tensor out = at::zeros({batch, length}, sequences[0].options());
  float* o = out.data_ptr<float>();
  for (int64_t b = 0; b < batch; ++b) {
    CHECK_DIM(sequences[b], 1);
    const at::Tensor s = sequences[b].contiguous();
    const int64_t keep = std::min(s.size(0), length);
    std::copy_n(s.data_ptr<float>(), keep, o + b * length);
  }
  return out;
}

// -------------------------------------------------------------- alignment

// bug: leak
int64_t levenshtein_bad(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "levenshtein takes two vectors");
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  const int64_t* s = left.data_ptr<int64_t>();
  const int64_t* t = right.data_ptr<int64_t>();
  const int64_t n = left.numel(), m = right.numel();
  int64_t* prev = new int64_t[m + 1];
  int64_t* cur = new int64_t[m + 1];
  std::iota(prev, prev + m + 1, 0);
  if (n == 0) {
    return m;
  }
  for (int64_t i = 1; i <= n; ++i) {
    cur[0] = i;
    for (int64_t j = 1; j <= m; ++j) {
      const int64_t change = prev[j - 1] + (s[i - 1] == t[j - 1] ? 0 : 1);
      cur[j] = std::min({change, prev[j] + 1, cur[j - 1] + 1});
    }
    std::swap(prev, cur);
  }
  const int64_t distance = prev[m];
  delete[] prev;
  delete[] cur;
  return distance;
}

// twin
int64_t levenshtein(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "levenshtein takes two vectors");
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  const int64_t* s = left.data_ptr<int64_t>();
  const int64_t* t = right.data_ptr<int64_t>();
  const int64_t n = left.numel(), m = right.numel();
  std::vector<int64_t> prev(m + 1), cur(m + 1);
  std::iota(prev.begin(), prev.end(), 0);
  if (n == 0) {
    return m;
  }
  for (int64_t i = 1; i <= n; ++i) {
    cur[0] = i;
    for (int64_t j = 1; j <= m; ++j) {
      const int64_t change = prev[j - 1] + (s[i - 1] == t[j - 1] ? 0 : 1);
      cur[j] = std::min({change, prev[j] + 1, cur[j - 1] + 1});
    }
    std::swap(prev, cur);
  }
  return prev[m];
}

// bug: stack-buffer
int64_t lcs_length_bad(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "lcs_length takes two vectors");
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  const int64_t* s = left.data_ptr<int64_t>();
  const int64_t* t = right.data_ptr<int64_t>();
  int64_t row[512] = {0};
  for (int64_t i = 0; i < left.numel(); ++i) {
    int64_t diagonal = 0;
    for (int64_t j = 1; j <= right.numel(); ++j) {
      const int64_t above = row[j];
      row[j] = s[i] == t[j - 1] ? diagonal + 1 : std::max(row[j], row[j - 1]);
      diagonal = above;
    }
  }
  return row[right.numel()];
}

// twin
int64_t lcs_length(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "lcs_length takes two vectors");
  const at::Tensor left = a.contiguous(), right = b.contiguous();
  const int64_t* s = left.data_ptr<int64_t>();
  const int64_t* t = right.data_ptr<int64_t>();
  std::vector<int64_t> row(right.numel() + 1, 0);
  for (int64_t i = 0; i < left.numel(); ++i) {
    int64_t diagonal = 0;
    for (int64_t j = 1; j <= right.numel(); ++j) {
      const int64_t above = row[j];
      row[j] = s[i] == t[j - 1] ? diagonal + 1 : std::max(row[j], row[j - 1]);
      diagonal = above;
    }
  }
  return row[right.numel()];
}

// bug: mismatched-sizes
at::Tensor hamming_batch_bad(const at::Tensor& a, const at::Tensor& b, const at::Tensor& lengths) {
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && lengths.dim() == 1, "two batches of sequences and their lengths");
  TORCH_CHECK(a.size(0) == b.size(0) && a.size(0) == lengths.size(0), "the batch sizes differ");
  const auto ac = a.contiguous(), bc = b.contiguous(), lc = lengths.contiguous();
  auto out = at::zeros({ac.size(0)}, lc.options());
  auto as = ac.accessor<int64_t, 2>();
  auto bs = bc.accessor<int64_t, 2>();
  auto ls = lc.accessor<int64_t, 1>();
  auto os = out.accessor<int64_t, 1>();
  for (int64_t i = 0; i < as.size(0); ++i) {
    TORCH_CHECK(ls[i] >= 0 && ls[i] <= as.size(1), "length ", ls[i], " is out of range");
    for (int64_t t = 0; t < ls[i]; ++t) {
      os[i] += as[i][t] != bs[i][t];
    }
  }
  return out;
}

// twin
at::Tensor hamming_batch(const at::Tensor& a, const at::Tensor& b, const at::Tensor& lengths) {
  TORCH_CHECK(a.dim() == 2 && b.dim() == 2 && lengths.dim() == 1, "two batches of sequences and their lengths");
  TORCH_CHECK(a.sizes() == b.sizes() && a.size(0) == lengths.size(0), "the batch sizes or the widths differ");
  const auto ac = a.contiguous(), bc = b.contiguous(), lc = lengths.contiguous();
  auto out = at::zeros({ac.size(0)}, lc.options());
  auto as = ac.accessor<int64_t, 2>();
  auto bs = bc.accessor<int64_t, 2>();
  auto ls = lc.accessor<int64_t, 1>();
  auto os = out.accessor<int64_t, 1>();
  for (int64_t i = 0; i < as.size(0); ++i) {
    TORCH_CHECK(ls[i] >= 0 && ls[i] <= as.size(1), "length ", ls[i], " is out of range");
    for (int64_t t = 0; t < ls[i]; ++t) {
      os[i] += as[i][t] != bs[i][t];
    }
  }
  return out;
}

// bug: int32-overflow
at::Tensor hamming_matrix_bad(const at::Tensor& codes) {
  TORCH_CHECK(codes.dim() == 2, "codes is a matrix of bytes");
  const at::Tensor c = codes.contiguous();
  const int n = c.size(0);
  const int width = c.size(1);
  at::Tensor out = at::empty({n, n}, c.options().dtype(at::kLong));
  const uint8_t* bytes = c.data_ptr<uint8_t>();
  int64_t* o = out.data_ptr<int64_t>();
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      int64_t different = 0;
      for (int k = 0; k < width; ++k) {
        different += bytes[i * width + k] != bytes[j * width + k];
      }
      o[i * n + j] = different;
    }
  }
  return out;
}

// twin
at::Tensor hamming_matrix(const at::Tensor& codes) {
  TORCH_CHECK(codes.dim() == 2, "codes is a matrix of bytes");
  const at::Tensor c = codes.contiguous();
  const int64_t n = c.size(0);
  const int64_t width = c.size(1);
  at::Tensor out = at::empty({n, n}, c.options().dtype(at::kLong));
  const uint8_t* bytes = c.data_ptr<uint8_t>();
  int64_t* o = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      int64_t different = 0;
      for (int64_t k = 0; k < width; ++k) {
        different += bytes[i * width + k] != bytes[j * width + k];
      }
      o[i * n + j] = different;
    }
  }
  return out;
}

// ------------------------------------------------------------------ signals

// bug: contiguity
torch::Tensor fir_filter_bad(torch::Tensor signal, torch::Tensor taps) {
  CHECK_CPU(signal);
  CHECK_INPUT(taps);
  CHECK_FLOAT(signal);
  CHECK_FLOAT(taps);
  CHECK_DIM(signal, 1);
  CHECK_DIM(taps, 1);
  const int64_t n = signal.size(0), order = taps.size(0);
  auto out = torch::empty({n}, signal.options());
  const float* x = signal.data_ptr<float>();
  const float* h = taps.data_ptr<float>();
  float* y = out.data_ptr<float>();
  for (int64_t i = 0; i < n; i++) {
    float acc = 0.f;
    for (int64_t k = 0; k < order && k <= i; k++) {
      acc += h[k] * x[i - k];
    }
    y[i] = acc;
  }
  return out;
}

// twin
torch::Tensor fir_filter(torch::Tensor signal, torch::Tensor taps) {
  CHECK_INPUT(signal);
  CHECK_INPUT(taps);
  CHECK_FLOAT(signal);
  CHECK_FLOAT(taps);
  CHECK_DIM(signal, 1);
  CHECK_DIM(taps, 1);
  const int64_t n = signal.size(0), order = taps.size(0);
  auto out = torch::empty({n}, signal.options());
  const float* x = signal.data_ptr<float>();
  const float* h = taps.data_ptr<float>();
  float* y = out.data_ptr<float>();
  for (int64_t i = 0; i < n; i++) {
    float acc = 0.f;
    for (int64_t k = 0; k < order && k <= i; k++) {
      acc += h[k] * x[i - k];
    }
    y[i] = acc;
  }
  return out;
}

// bug: stack-buffer
at::Tensor sosfilt_bad(const at::Tensor& sos, const at::Tensor& signal) {
  TORCH_CHECK(sos.dim() == 2 && sos.size(1) == 6, "sos has six coefficients for each section");
  CHECK_DIM(signal, 1);
  const at::Tensor coefficients = sos.contiguous(), x = signal.contiguous();
  const int64_t sections = coefficients.size(0);
  at::Tensor y = at::empty({x.size(0)}, x.options());
  const double* c = coefficients.data_ptr<double>();
  const double* in = x.data_ptr<double>();
  double* out = y.data_ptr<double>();
  double z[8][2] = {};
  for (int64_t i = 0; i < x.size(0); ++i) {
    double v = in[i];
    for (int64_t s = 0; s < sections; ++s) {
      const double* b = c + s * 6;
      const double* a = b + 3;
      const double w = b[0] * v + z[s][0];
      z[s][0] = b[1] * v - a[1] * w + z[s][1];
      z[s][1] = b[2] * v - a[2] * w;
      v = w;
    }
    out[i] = v;
  }
  return y;
}

// twin
at::Tensor sosfilt(const at::Tensor& sos, const at::Tensor& signal) {
  TORCH_CHECK(sos.dim() == 2 && sos.size(1) == 6, "sos has six coefficients for each section");
  CHECK_DIM(signal, 1);
  const at::Tensor coefficients = sos.contiguous(), x = signal.contiguous();
  const int64_t sections = coefficients.size(0);
  at::Tensor y = at::empty({x.size(0)}, x.options());
  const double* c = coefficients.data_ptr<double>();
  const double* in = x.data_ptr<double>();
  double* out = y.data_ptr<double>();
  std::vector<std::array<double, 2>> z(sections);
  for (int64_t i = 0; i < x.size(0); ++i) {
    double v = in[i];
    for (int64_t s = 0; s < sections; ++s) {
      const double* b = c + s * 6;
      const double* a = b + 3;
      const double w = b[0] * v + z[s][0];
      z[s][0] = b[1] * v - a[1] * w + z[s][1];
      z[s][1] = b[2] * v - a[2] * w;
      v = w;
    }
    out[i] = v;
  }
  return y;
}

struct Taps {
  float* data;
  int64_t size;
};

static Taps* make_hann(int64_t size) {
  auto* taps = new Taps{new float[size], size};
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double w = std::sin(M_PI * static_cast<double>(i + 1) / static_cast<double>(size + 1));
    taps->data[i] = static_cast<float>(w * w);
    sum += w * w;
  }
  for (int64_t i = 0; i < size; ++i) {
    taps->data[i] = static_cast<float>(taps->data[i] / sum);
  }
  return taps;
}

static void free_taps(Taps* taps) {
  delete[] taps->data;
  delete taps;
}

// bug: leak
at::Tensor hann_smooth_bad(const at::Tensor& input, int64_t width) {
  CHECK_DIM(input, 1);
  TORCH_CHECK(width > 0 && width <= input.size(0), "the window is not between 1 and the length");
  const at::Tensor x = input.contiguous();
  const float* in = x.data_ptr<float>();
  at::Tensor y = at::zeros({x.size(0) - width + 1}, x.options());
  float* out = y.data_ptr<float>();
  Taps* taps = make_hann(width);
  for (int64_t i = 0; i < y.size(0); ++i) {
    for (int64_t k = 0; k < taps->size; ++k) {
      out[i] += taps->data[k] * in[i + k];
    }
  }
  return y;
}

// twin
at::Tensor hann_smooth(const at::Tensor& input, int64_t width) {
  CHECK_DIM(input, 1);
  TORCH_CHECK(width > 0 && width <= input.size(0), "the window is not between 1 and the length");
  const at::Tensor x = input.contiguous();
  const float* in = x.data_ptr<float>();
  at::Tensor y = at::zeros({x.size(0) - width + 1}, x.options());
  float* out = y.data_ptr<float>();
  std::unique_ptr<Taps, void (*)(Taps*)> taps(make_hann(width), free_taps);
  for (int64_t i = 0; i < y.size(0); ++i) {
    for (int64_t k = 0; k < taps->size; ++k) {
      out[i] += taps->data[k] * in[i + k];
    }
  }
  return y;
}

// bug: null-optional
at::Tensor window_frames_bad(const at::Tensor& signal, int64_t width, int64_t hop,
                             const c10::optional<at::Tensor>& window, bool normalized) {
  CHECK_DIM(signal, 1);
  TORCH_CHECK(width > 0 && width <= signal.size(0) && hop > 0, "width or hop is out of range");
  const at::Tensor x = signal.contiguous();
  at::Tensor w = at::ones({width}, x.options());
  if (window.has_value()) {
    TORCH_CHECK(window->dim() == 1 && window->size(0) == width, "the window has the width of a frame");
    w = window->contiguous();
  }
  double scale = 1;
  if (normalized) {
    scale = 1 / std::sqrt(std::max(window->pow(2).sum().item<double>(), 1e-12));
  }
  const int64_t frames = (x.size(0) - width) / hop + 1;
  at::Tensor out = at::empty({frames, width}, x.options());
  const float* in = x.data_ptr<float>();
  const float* wp = w.data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t k = 0; k < width; ++k) {
      o[f * width + k] = static_cast<float>(in[f * hop + k] * wp[k] * scale);
    }
  }
  return out;
}

// twin
at::Tensor window_frames(const at::Tensor& signal, int64_t width, int64_t hop,
                         const c10::optional<at::Tensor>& window, bool normalized) {
  CHECK_DIM(signal, 1);
  TORCH_CHECK(width > 0 && width <= signal.size(0) && hop > 0, "width or hop is out of range");
  const at::Tensor x = signal.contiguous();
  at::Tensor w = at::ones({width}, x.options());
  if (window.has_value()) {
    TORCH_CHECK(window->dim() == 1 && window->size(0) == width, "the window has the width of a frame");
    w = window->contiguous();
  }
  double scale = 1;
  if (normalized) {
    scale = 1 / std::sqrt(std::max(w.pow(2).sum().item<double>(), 1e-12));
  }
  const int64_t frames = (x.size(0) - width) / hop + 1;
  at::Tensor out = at::empty({frames, width}, x.options());
  const float* in = x.data_ptr<float>();
  const float* wp = w.data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t k = 0; k < width; ++k) {
      o[f * width + k] = static_cast<float>(in[f * hop + k] * wp[k] * scale);
    }
  }
  return out;
}

// bug: mismatched-sizes
at::Tensor overlap_add_bad(const at::Tensor& frames, const at::Tensor& window, int64_t hop) {
  CHECK_DIM(frames, 2);
  CHECK_DIM(window, 1);
  const int64_t count = frames.size(0), width = frames.size(1);
  TORCH_CHECK(hop > 0 && hop <= width, "hop is not between 1 and the width of a frame");
  auto out = at::zeros({count == 0 ? 0 : (count - 1) * hop + width}, frames.options());
  auto f = frames.accessor<float, 2>();
  auto w = window.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < width; ++k) {
      o[i * hop + k] += f[i][k] * w[k];
    }
  }
  return out;
}

// twin
at::Tensor overlap_add(const at::Tensor& frames, const at::Tensor& window, int64_t hop) {
  CHECK_DIM(frames, 2);
  CHECK_DIM(window, 1);
  const int64_t count = frames.size(0), width = frames.size(1);
  TORCH_CHECK(window.size(0) == width, "the window has the width of a frame");
  TORCH_CHECK(hop > 0 && hop <= width, "hop is not between 1 and the width of a frame");
  auto out = at::zeros({count == 0 ? 0 : (count - 1) * hop + width}, frames.options());
  auto f = frames.accessor<float, 2>();
  auto w = window.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < width; ++k) {
      o[i * hop + k] += f[i][k] * w[k];
    }
  }
  return out;
}

// bug: mismatched-sizes
std::tuple<at::Tensor, at::Tensor> polar_to_rect_bad(const at::Tensor& magnitude, const at::Tensor& phase) {
  const at::Tensor m = magnitude.contiguous();
  const at::Tensor p = phase.contiguous();
  at::Tensor re = at::empty(m.sizes(), m.options());
  at::Tensor im = at::empty(m.sizes(), m.options());
  const float* mp = m.data_ptr<float>();
  const float* pp = p.data_ptr<float>();
  float* rp = re.data_ptr<float>();
  float* ip = im.data_ptr<float>();
  at::parallel_for(0, m.numel(), 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      rp[i] = mp[i] * std::cos(pp[i]);
      ip[i] = mp[i] * std::sin(pp[i]);
    }
  });
  return std::make_tuple(re, im);
}

// twin
std::tuple<at::Tensor, at::Tensor> polar_to_rect(const at::Tensor& magnitude, const at::Tensor& phase) {
  TORCH_CHECK(magnitude.sizes() == phase.sizes(), "magnitude and phase have one shape");
  const at::Tensor m = magnitude.contiguous();
  const at::Tensor p = phase.contiguous();
  at::Tensor re = at::empty(m.sizes(), m.options());
  at::Tensor im = at::empty(m.sizes(), m.options());
  const float* mp = m.data_ptr<float>();
  const float* pp = p.data_ptr<float>();
  float* rp = re.data_ptr<float>();
  float* ip = im.data_ptr<float>();
  at::parallel_for(0, m.numel(), 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      rp[i] = mp[i] * std::cos(pp[i]);
      ip[i] = mp[i] * std::sin(pp[i]);
    }
  });
  return std::make_tuple(re, im);
}

// bug: dtype-confusion
torch::Tensor zero_crossings_bad(torch::Tensor signal) {
  CHECK_INPUT(signal);
  CHECK_DIM(signal, 1);
  const float* x = raw<float>(signal);
  int64_t crossings = 0;
  for (int64_t i = 1; i < signal.size(0); i++) {
    crossings += (x[i - 1] < 0) != (x[i] < 0);
  }
  return torch::scalar_tensor(crossings, torch::kLong);
}

// twin
torch::Tensor zero_crossings(torch::Tensor signal) {
  CHECK_INPUT(signal);
  CHECK_FLOAT(signal);
  CHECK_DIM(signal, 1);
  const float* x = raw<float>(signal);
  int64_t crossings = 0;
  for (int64_t i = 1; i < signal.size(0); i++) {
    crossings += (x[i - 1] < 0) != (x[i] < 0);
  }
  return torch::scalar_tensor(crossings, torch::kLong);
}

// bug: dtype-confusion
at::Tensor crossfade_bad(const at::Tensor& from, const at::Tensor& to) {
  CHECK_DIM(from, 1);
  TORCH_CHECK(from.sizes() == to.sizes(), "the signals differ in length");
  const at::Tensor a = from.contiguous(), b = to.contiguous();
  const int64_t n = a.numel();
  at::Tensor out = at::empty({n}, a.options());
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "crossfade", [&] {
    auto* pa = reinterpret_cast<scalar_t*>(a.data_ptr());
    auto* pb = reinterpret_cast<scalar_t*>(b.data_ptr());
    auto* po = reinterpret_cast<scalar_t*>(out.data_ptr());
    for (int64_t i = 0; i < n; ++i) {
      const scalar_t t = static_cast<scalar_t>(i) / static_cast<scalar_t>(n);
      po[i] = (1 - t) * pa[i] + t * pb[i];
    }
  });
  return out;
}

// twin
at::Tensor crossfade(const at::Tensor& from, const at::Tensor& to) {
  CHECK_DIM(from, 1);
  TORCH_CHECK(from.sizes() == to.sizes(), "the signals differ in length");
  TORCH_CHECK(from.scalar_type() == to.scalar_type(), "the signals differ in dtype");
  const at::Tensor a = from.contiguous(), b = to.contiguous();
  const int64_t n = a.numel();
  at::Tensor out = at::empty({n}, a.options());
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "crossfade", [&] {
    auto* pa = reinterpret_cast<scalar_t*>(a.data_ptr());
    auto* pb = reinterpret_cast<scalar_t*>(b.data_ptr());
    auto* po = reinterpret_cast<scalar_t*>(out.data_ptr());
    for (int64_t i = 0; i < n; ++i) {
      const scalar_t t = static_cast<scalar_t>(i) / static_cast<scalar_t>(n);
      po[i] = (1 - t) * pa[i] + t * pb[i];
    }
  });
  return out;
}

// bug: device
torch::Tensor autocorrelation_bad(torch::Tensor signal, int64_t lags) {
  CHECK_CONTIGUOUS(signal);
  CHECK_FLOAT(signal);
  CHECK_DIM(signal, 1);
  TORCH_CHECK(lags >= 0 && lags <= signal.size(0), "lags is not between 0 and the length");
  auto out = torch::zeros({lags}, signal.options());
  const float* x = signal.data_ptr<float>();
  float* r = out.data_ptr<float>();
  for (int64_t lag = 0; lag < lags; lag++) {
    for (int64_t i = lag; i < signal.size(0); i++) {
      r[lag] += x[i] * x[i - lag];
    }
  }
  return out;
}

// twin
torch::Tensor autocorrelation(torch::Tensor signal, int64_t lags) {
  CHECK_INPUT(signal);
  CHECK_FLOAT(signal);
  CHECK_DIM(signal, 1);
  TORCH_CHECK(lags >= 0 && lags <= signal.size(0), "lags is not between 0 and the length");
  auto out = torch::zeros({lags}, signal.options());
  const float* x = signal.data_ptr<float>();
  float* r = out.data_ptr<float>();
  for (int64_t lag = 0; lag < lags; lag++) {
    for (int64_t i = lag; i < signal.size(0); i++) {
      r[lag] += x[i] * x[i - lag];
    }
  }
  return out;
}

// bug: device
torch::Tensor apply_gain_bad(const torch::Tensor& channels, const torch::Tensor& gain) {
  CHECK_CPU(channels);
  TORCH_CHECK(channels.dim() == 2 && gain.dim() == 1 && gain.size(0) == channels.size(0), "one gain for each channel");
  const auto x = channels.contiguous(), g = gain.contiguous();
  auto out = torch::empty({x.size(0), x.size(1)}, x.options());
  const double* in = x.data_ptr<double>();
  const double* factor = g.data_ptr<double>();
  double* o = out.data_ptr<double>();
  for (int64_t c = 0; c < x.size(0); c++) {
    for (int64_t i = 0; i < x.size(1); i++) {
      *o++ = *in++ * factor[c];
    }
  }
  return out;
}

// twin
torch::Tensor apply_gain(const torch::Tensor& channels, const torch::Tensor& gain) {
  CHECK_CPU(channels);
  CHECK_CPU(gain);
  TORCH_CHECK(channels.dim() == 2 && gain.dim() == 1 && gain.size(0) == channels.size(0), "one gain for each channel");
  const auto x = channels.contiguous(), g = gain.contiguous();
  auto out = torch::empty({x.size(0), x.size(1)}, x.options());
  const double* in = x.data_ptr<double>();
  const double* factor = g.data_ptr<double>();
  double* o = out.data_ptr<double>();
  for (int64_t c = 0; c < x.size(0); c++) {
    for (int64_t i = 0; i < x.size(1); i++) {
      *o++ = *in++ * factor[c];
    }
  }
  return out;
}

// bug: division-by-zero
at::Tensor decimate_bad(const at::Tensor& signal, int64_t factor) {
  CHECK_DIM(signal, 1);
  const at::Tensor x = signal.contiguous();
  const int64_t n = x.size(0);
  const int64_t kept = n == 0 ? 0 : (n - 1) / factor + 1;
  at::Tensor out = at::empty({kept}, x.options());
  const float* in = x.data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < kept; ++i) {
    o[i] = in[i * factor];
  }
  return out;
}

// twin
at::Tensor decimate(const at::Tensor& signal, int64_t factor) {
  CHECK_DIM(signal, 1);
  TORCH_CHECK(factor > 0, "the factor is not positive");
  const at::Tensor x = signal.contiguous();
  const int64_t n = x.size(0);
  const int64_t kept = n == 0 ? 0 : (n - 1) / factor + 1;
  at::Tensor out = at::empty({kept}, x.options());
  const float* in = x.data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < kept; ++i) {
    o[i] = in[i * factor];
  }
  return out;
}

// bug: hidden-mutation
at::Tensor preemphasis_bad(const at::Tensor& signal, double coefficient) {
  CHECK_DIM(signal, 1);
  TORCH_CHECK(signal.is_floating_point(), "preemphasis takes floating point samples");
  at::Tensor y = signal.to(at::kFloat).contiguous();
  const float c = static_cast<float>(coefficient);
  float* p = y.data_ptr<float>();
  for (int64_t i = y.numel() - 1; i > 0; --i) {
    p[i] -= c * p[i - 1];
  }
  return y;
}

// twin
at::Tensor preemphasis(const at::Tensor& signal, double coefficient) {
  CHECK_DIM(signal, 1);
  TORCH_CHECK(signal.is_floating_point(), "preemphasis takes floating point samples");
  at::Tensor y = signal.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  const float c = static_cast<float>(coefficient);
  float* p = y.data_ptr<float>();
  for (int64_t i = y.numel() - 1; i > 0; --i) {
    p[i] -= c * p[i - 1];
  }
  return y;
}

// bug: off-by-one
at::Tensor local_maxima_bad(const at::Tensor& signal) {
  CHECK_DIM(signal, 1);
  const auto x = signal.contiguous();
  const int64_t n = x.size(0);
  auto mask = at::zeros({n}, x.options().dtype(at::kBool));
  const float* p = x.data_ptr<float>();
  bool* m = mask.data_ptr<bool>();
  for (int64_t i = 1; i < n; ++i) {
    m[i] = p[i] > p[i - 1] && p[i] >= p[i + 1];
  }
  return mask;
}

// twin
at::Tensor local_maxima(const at::Tensor& signal) {
  CHECK_DIM(signal, 1);
  const auto x = signal.contiguous();
  const int64_t n = x.size(0);
  auto mask = at::zeros({n}, x.options().dtype(at::kBool));
  const float* p = x.data_ptr<float>();
  bool* m = mask.data_ptr<bool>();
  for (int64_t i = 1; i < n - 1; ++i) {
    m[i] = p[i] > p[i - 1] && p[i] >= p[i + 1];
  }
  return mask;
}

// bug: scalar-index
at::Tensor channel_energy_bad(const at::Tensor& channels, int64_t channel) {
  CHECK_DIM(channels, 2);
  const at::Tensor x = channels.contiguous();
  const int64_t samples = x.size(1);
  const float* row = x.data_ptr<float>() + channel * samples;
  double energy = 0;
  for (int64_t i = 0; i < samples; ++i) {
    energy += static_cast<double>(row[i]) * row[i];
  }
  return at::scalar_tensor(energy, x.options());
}

// twin
at::Tensor channel_energy(const at::Tensor& channels, int64_t channel) {
  CHECK_DIM(channels, 2);
  TORCH_CHECK_INDEX(channel >= 0 && channel < channels.size(0), "there is no channel ", channel);
  const at::Tensor x = channels.contiguous();
  const int64_t samples = x.size(1);
  const float* row = x.data_ptr<float>() + channel * samples;
  double energy = 0;
  for (int64_t i = 0; i < samples; ++i) {
    energy += static_cast<double>(row[i]) * row[i];
  }
  return at::scalar_tensor(energy, x.options());
}

// bug: scalar-index
at::Tensor lagged_difference_bad(const at::Tensor& signal, int64_t lag) {
  CHECK_DIM(signal, 1);
  const int64_t n = signal.size(0);
  TORCH_CHECK(lag <= n, "the lag is larger than the signal");
  const auto x = signal.contiguous();
  auto out = at::empty({n - lag}, x.options());
  const double* in = x.data_ptr<double>();
  double* o = out.data_ptr<double>();
  for (int64_t i = 0; i < n - lag; ++i) {
    o[i] = in[i + lag] - in[i];
  }
  return out;
}

// twin
at::Tensor lagged_difference(const at::Tensor& signal, int64_t lag) {
  CHECK_DIM(signal, 1);
  const int64_t n = signal.size(0);
  TORCH_CHECK(lag >= 0 && lag <= n, "the lag is negative or larger than the signal");
  const auto x = signal.contiguous();
  auto out = at::empty({n - lag}, x.options());
  const double* in = x.data_ptr<double>();
  double* o = out.data_ptr<double>();
  for (int64_t i = 0; i < n - lag; ++i) {
    o[i] = in[i + lag] - in[i];
  }
  return out;
}

// bug: dangling-temporary
at::Tensor apply_window_bad(const at::Tensor& frame, const at::Tensor& window) {
  CHECK_DIM(frame, 1);
  TORCH_CHECK(window.sizes() == frame.sizes(), "the window has the length of the frame");
  const at::Tensor x = frame.contiguous();
  const float* in = x.data_ptr<float>();
  const float* w = window.to(at::kFloat).contiguous().data_ptr<float>();
  at::Tensor out = at::empty(x.sizes(), x.options());
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    o[i] = in[i] * w[i];
  }
  return out;
}

// twin
at::Tensor apply_window(const at::Tensor& frame, const at::Tensor& window) {
  CHECK_DIM(frame, 1);
  TORCH_CHECK(window.sizes() == frame.sizes(), "the window has the length of the frame");
  const at::Tensor x = frame.contiguous();
  const float* in = x.data_ptr<float>();
  const at::Tensor win = window.to(at::kFloat).contiguous();
  const float* w = win.data_ptr<float>();
  at::Tensor out = at::empty(x.sizes(), x.options());
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    o[i] = in[i] * w[i];
  }
  return out;
}

// bug: nothing-checked
torch::Tensor haar_step_bad(torch::Tensor signal) {
  int64_t half = signal.size(0) / 2;
  auto out = torch::empty({2 * half}, torch::kFloat32);
  float* x = signal.data_ptr<float>();
  float* y = out.data_ptr<float>();
  for (int64_t i = 0; i < half; i++) {
    y[i] = (x[2 * i] + x[2 * i + 1]) * 0.70710678f;
    y[half + i] = (x[2 * i] - x[2 * i + 1]) * 0.70710678f;
  }
  return out;
}

// twin
torch::Tensor haar_step(torch::Tensor signal) {
  CHECK_INPUT(signal);
  CHECK_FLOAT(signal);
  CHECK_DIM(signal, 1);
  TORCH_CHECK(signal.size(0) % 2 == 0, "the length is odd");
  int64_t half = signal.size(0) / 2;
  auto out = torch::empty({2 * half}, torch::kFloat32);
  float* x = signal.data_ptr<float>();
  float* y = out.data_ptr<float>();
  for (int64_t i = 0; i < half; i++) {
    y[i] = (x[2 * i] + x[2 * i + 1]) * 0.70710678f;
    y[half + i] = (x[2 * i] - x[2 * i + 1]) * 0.70710678f;
  }
  return out;
}

// bug: nothing-checked
torch::Tensor mix_down_bad(torch::Tensor tracks, torch::Tensor gains) {
  const auto count = tracks.size(0);
  const auto samples = tracks.size(1);
  auto out = torch::zeros({samples}, tracks.options());
  AT_DISPATCH_FLOATING_TYPES(tracks.scalar_type(), "mix_down", [&] {
    const scalar_t* t = tracks.data_ptr<scalar_t>();
    const scalar_t* g = gains.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    for (int64_t k = 0; k < count; k++) {
      for (int64_t i = 0; i < samples; i++) {
        o[i] += g[k] * t[k * samples + i];
      }
    }
  });
  return out;
}

// twin
torch::Tensor mix_down(torch::Tensor tracks, torch::Tensor gains) {
  CHECK_INPUT(tracks);
  CHECK_INPUT(gains);
  CHECK_DIM(tracks, 2);
  CHECK_DIM(gains, 1);
  TORCH_CHECK(gains.size(0) == tracks.size(0), "one gain for each track");
  TORCH_CHECK(gains.scalar_type() == tracks.scalar_type(), "gains and tracks have one dtype");
  const auto count = tracks.size(0);
  const auto samples = tracks.size(1);
  auto out = torch::zeros({samples}, tracks.options());
  AT_DISPATCH_FLOATING_TYPES(tracks.scalar_type(), "mix_down", [&] {
    const scalar_t* t = tracks.data_ptr<scalar_t>();
    const scalar_t* g = gains.data_ptr<scalar_t>();
    scalar_t* o = out.data_ptr<scalar_t>();
    for (int64_t k = 0; k < count; k++) {
      for (int64_t i = 0; i < samples; i++) {
        o[i] += g[k] * t[k * samples + i];
      }
    }
  });
  return out;
}

// ------------------------------------------------- statistics and histograms

// bug: off-by-one
at::Tensor histogram_bad(const at::Tensor& input, int64_t bins, double low, double high) {
  TORCH_CHECK(bins > 0 && bins <= kMaxBins, "bins is not between 1 and ", kMaxBins);
  TORCH_CHECK(low < high && std::isfinite(high - low), "low is not below high");
  const at::Tensor x = input.contiguous();
  at::Tensor counts = at::zeros({bins}, x.options().dtype(at::kLong));
  int64_t* c = counts.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "histogram", [&] {
    const scalar_t* p = x.data_ptr<scalar_t>();
    for (int64_t i = 0; i < x.numel(); ++i) {
      const double v = static_cast<double>(p[i]);
      if (v >= low && v <= high) {
        const int64_t bin = static_cast<int64_t>((v - low) / (high - low) * static_cast<double>(bins));
        c[bin]++;
      }
    }
  });
  return counts;
}

// twin
at::Tensor histogram(const at::Tensor& input, int64_t bins, double low, double high) {
  TORCH_CHECK(bins > 0 && bins <= kMaxBins, "bins is not between 1 and ", kMaxBins);
  TORCH_CHECK(low < high && std::isfinite(high - low), "low is not below high");
  const at::Tensor x = input.contiguous();
  at::Tensor counts = at::zeros({bins}, x.options().dtype(at::kLong));
  int64_t* c = counts.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "histogram", [&] {
    const scalar_t* p = x.data_ptr<scalar_t>();
    for (int64_t i = 0; i < x.numel(); ++i) {
      const double v = static_cast<double>(p[i]);
      if (v >= low && v <= high) {
        const int64_t bin = static_cast<int64_t>((v - low) / (high - low) * static_cast<double>(bins));
        c[std::min(bin, bins - 1)]++;
      }
    }
  });
  return counts;
}

// bug: hidden-mutation
at::Tensor lower_median_bad(const at::Tensor& input) {
  TORCH_CHECK(input.numel() > 0, "an empty tensor has no median");
  const at::Tensor x = input.contiguous();
  float* p = x.data_ptr<float>();
  float* middle = p + (x.numel() - 1) / 2;
  std::nth_element(p, middle, p + x.numel(), nan_last<float>);
  return at::scalar_tensor(*middle, x.options());
}

// twin
at::Tensor lower_median(const at::Tensor& input) {
  TORCH_CHECK(input.numel() > 0, "an empty tensor has no median");
  const at::Tensor x = input.clone(at::MemoryFormat::Contiguous);
  float* p = x.data_ptr<float>();
  float* middle = p + (x.numel() - 1) / 2;
  std::nth_element(p, middle, p + x.numel(), nan_last<float>);
  return at::scalar_tensor(*middle, x.options());
}

// bug: leak-on-throw
at::Tensor ranks_bad(const at::Tensor& input) {
  CHECK_DIM(input, 1);
  const at::Tensor x = input.contiguous();
  const int64_t n = x.numel();
  at::Tensor out = at::empty({n}, x.options().dtype(at::kLong));
  int64_t* order = new int64_t[n];
  std::iota(order, order + n, 0);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "ranks", [&] {
    const scalar_t* p = x.data_ptr<scalar_t>();
    std::sort(order, order + n, [p](int64_t a, int64_t b) {
      return nan_last(p[a], p[b]) || (!nan_last(p[b], p[a]) && a < b);
    });
  });
  int64_t* rank = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    rank[order[i]] = i;
  }
  delete[] order;
  return out;
}

// twin
at::Tensor ranks(const at::Tensor& input) {
  CHECK_DIM(input, 1);
  const at::Tensor x = input.contiguous();
  const int64_t n = x.numel();
  at::Tensor out = at::empty({n}, x.options().dtype(at::kLong));
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "ranks", [&] {
    const scalar_t* p = x.data_ptr<scalar_t>();
    std::sort(order.begin(), order.end(), [p](int64_t a, int64_t b) {
      return nan_last(p[a], p[b]) || (!nan_last(p[b], p[a]) && a < b);
    });
  });
  int64_t* rank = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    rank[order[i]] = i;
  }
  return out;
}

// bug: race
at::Tensor trimmed_mean_bad(const at::Tensor& input) {
  CHECK_DIM(input, 2);
  TORCH_CHECK(input.size(1) >= 3, "each row has at least three values");
  const at::Tensor x = input.contiguous();
  const int64_t rows = x.size(0), width = x.size(1);
  at::Tensor out = at::empty({rows}, x.options());
  const float* in = x.data_ptr<float>();
  float* o = out.data_ptr<float>();
  std::vector<float> sorted(width);
  at::parallel_for(0, rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      std::copy_n(in + r * width, width, sorted.begin());
      std::sort(sorted.begin(), sorted.end(), nan_last<float>);
      o[r] = std::accumulate(sorted.begin() + 1, sorted.end() - 1, 0.f) / static_cast<float>(width - 2);
    }
  });
  return out;
}

// twin
at::Tensor trimmed_mean(const at::Tensor& input) {
  CHECK_DIM(input, 2);
  TORCH_CHECK(input.size(1) >= 3, "each row has at least three values");
  const at::Tensor x = input.contiguous();
  const int64_t rows = x.size(0), width = x.size(1);
  at::Tensor out = at::empty({rows}, x.options());
  const float* in = x.data_ptr<float>();
  float* o = out.data_ptr<float>();
  at::parallel_for(0, rows, 64, [&](int64_t begin, int64_t end) {
    std::vector<float> sorted(width);
    for (int64_t r = begin; r < end; ++r) {
      std::copy_n(in + r * width, width, sorted.begin());
      std::sort(sorted.begin(), sorted.end(), nan_last<float>);
      o[r] = std::accumulate(sorted.begin() + 1, sorted.end() - 1, 0.f) / static_cast<float>(width - 2);
    }
  });
  return out;
}

// bug: contiguity
void normalize_rows_bad(at::Tensor& matrix) {
  CHECK_DIM(matrix, 2);
  const at::Tensor m = matrix.contiguous();
  const int64_t rows = m.size(0), width = m.size(1);
  double* p = m.data_ptr<double>();
  for (int64_t r = 0; r < rows; ++r) {
    double* row = p + r * width;
    const double norm = std::sqrt(std::inner_product(row, row + width, row, 0.0));
    if (norm > 0) {
      std::for_each(row, row + width, [norm](double& v) { v /= norm; });
    }
  }
}

// twin
void normalize_rows(at::Tensor& matrix) {
  CHECK_DIM(matrix, 2);
  const at::Tensor m = matrix.contiguous();
  const int64_t rows = m.size(0), width = m.size(1);
  double* p = m.data_ptr<double>();
  for (int64_t r = 0; r < rows; ++r) {
    double* row = p + r * width;
    const double norm = std::sqrt(std::inner_product(row, row + width, row, 0.0));
    if (norm > 0) {
      std::for_each(row, row + width, [norm](double& v) { v /= norm; });
    }
  }
  if (!matrix.is_contiguous()) {
    matrix.copy_(m);
  }
}

// bug: dangling-temporary
at::Tensor count_above_mean_bad(const at::Tensor& input) {
  TORCH_CHECK(input.dim() > 0, "a tensor without dimensions has no last one");
  const at::Tensor x = input.contiguous();
  const int64_t width = x.size(-1);
  at::Tensor out = at::zeros(x.sizes().slice(0, x.dim() - 1), x.options().dtype(at::kLong));
  const float* in = x.data_ptr<float>();
  const float* mean = x.mean(-1).data_ptr<float>();
  int64_t* o = out.data_ptr<int64_t>();
  for (int64_t r = 0; r < out.numel(); ++r) {
    for (int64_t k = 0; k < width; ++k) {
      o[r] += in[r * width + k] > mean[r];
    }
  }
  return out;
}

// twin
at::Tensor count_above_mean(const at::Tensor& input) {
  TORCH_CHECK(input.dim() > 0, "a tensor without dimensions has no last one");
  const at::Tensor x = input.contiguous();
  const int64_t width = x.size(-1);
  at::Tensor out = at::zeros(x.sizes().slice(0, x.dim() - 1), x.options().dtype(at::kLong));
  const float* in = x.data_ptr<float>();
  const at::Tensor means = x.mean(-1).contiguous();
  const float* mean = means.data_ptr<float>();
  int64_t* o = out.data_ptr<int64_t>();
  for (int64_t r = 0; r < out.numel(); ++r) {
    for (int64_t k = 0; k < width; ++k) {
      o[r] += in[r * width + k] > mean[r];
    }
  }
  return out;
}

// ------------------------------------------------------------------- images

// bug: out-of-bounds-read
at::Tensor sample_bilinear_bad(const at::Tensor& image, const at::Tensor& points) {
  CHECK_DIM(image, 2);
  TORCH_CHECK(points.dim() == 2 && points.size(1) == 2, "points are rows of x and y");
  TORCH_CHECK(image.numel() > 0, "the image is empty");
  const at::Tensor img = image.contiguous(), pts = points.contiguous();
  const int64_t width = img.size(1), n = pts.size(0);
  at::Tensor out = at::empty({n}, img.options());
  const float* pixel = img.data_ptr<float>();
  const float* xy = pts.data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    const float x = xy[2 * i], y = xy[2 * i + 1];
    const int64_t x0 = static_cast<int64_t>(x), y0 = static_cast<int64_t>(y);
    const int64_t x1 = x0 + 1, y1 = y0 + 1;
    const float fx = x - static_cast<float>(x0), fy = y - static_cast<float>(y0);
    const float top = (1 - fx) * pixel[y0 * width + x0] + fx * pixel[y0 * width + x1];
    const float bottom = (1 - fx) * pixel[y1 * width + x0] + fx * pixel[y1 * width + x1];
    o[i] = (1 - fy) * top + fy * bottom;
  }
  return out;
}

// twin
at::Tensor sample_bilinear(const at::Tensor& image, const at::Tensor& points) {
  CHECK_DIM(image, 2);
  TORCH_CHECK(points.dim() == 2 && points.size(1) == 2, "points are rows of x and y");
  TORCH_CHECK(image.numel() > 0, "the image is empty");
  const at::Tensor img = image.contiguous(), pts = points.contiguous();
  const int64_t height = img.size(0), width = img.size(1), n = pts.size(0);
  at::Tensor out = at::empty({n}, img.options());
  const float* pixel = img.data_ptr<float>();
  const float* xy = pts.data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    // fmax and fmin also turn NaN into a place in the image.
    const float x = std::fmin(std::fmax(xy[2 * i], 0.f), static_cast<float>(width - 1));
    const float y = std::fmin(std::fmax(xy[2 * i + 1], 0.f), static_cast<float>(height - 1));
    const int64_t x0 = std::min(static_cast<int64_t>(x), width - 1), y0 = std::min(static_cast<int64_t>(y), height - 1);
    const int64_t x1 = std::min(x0 + 1, width - 1), y1 = std::min(y0 + 1, height - 1);
    const float fx = x - static_cast<float>(x0), fy = y - static_cast<float>(y0);
    const float top = (1 - fx) * pixel[y0 * width + x0] + fx * pixel[y0 * width + x1];
    const float bottom = (1 - fx) * pixel[y1 * width + x0] + fx * pixel[y1 * width + x1];
    o[i] = (1 - fy) * top + fy * bottom;
  }
  return out;
}

// bug: int32-overflow
at::Tensor resize_nearest_bad(const at::Tensor& image, int64_t out_height, int64_t out_width) {
  TORCH_CHECK(image.dim() == 3 && image.size(1) > 0 && image.size(2) > 0, "an image has channels, rows and columns");
  TORCH_CHECK(out_height > 0 && out_height <= kMaxSide && out_width > 0 && out_width <= kMaxSide, "the new size is out of range");
  const at::Tensor x = image.contiguous();
  int channels = x.size(0), height = x.size(1), width = x.size(2);
  int oh = out_height, ow = out_width;
  at::Tensor y = at::empty({channels, oh, ow}, x.options());
  AT_DISPATCH_ALL_TYPES(x.scalar_type(), "resize_nearest", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    for (int c = 0; c < channels; ++c) {
      for (int i = 0; i < oh; ++i) {
        for (int j = 0; j < ow; ++j) {
          out[(c * oh + i) * ow + j] = in[(c * height + i * height / oh) * width + j * width / ow];
        }
      }
    }
  });
  return y;
}

// twin
at::Tensor resize_nearest(const at::Tensor& image, int64_t out_height, int64_t out_width) {
  TORCH_CHECK(image.dim() == 3 && image.size(1) > 0 && image.size(2) > 0, "an image has channels, rows and columns");
  TORCH_CHECK(out_height > 0 && out_height <= kMaxSide && out_width > 0 && out_width <= kMaxSide, "the new size is out of range");
  const at::Tensor x = image.contiguous();
  int64_t channels = x.size(0), height = x.size(1), width = x.size(2);
  int64_t oh = out_height, ow = out_width;
  at::Tensor y = at::empty({channels, oh, ow}, x.options());
  AT_DISPATCH_ALL_TYPES(x.scalar_type(), "resize_nearest", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < oh; ++i) {
        for (int64_t j = 0; j < ow; ++j) {
          out[(c * oh + i) * ow + j] = in[(c * height + i * height / oh) * width + j * width / ow];
        }
      }
    }
  });
  return y;
}

// bug: contiguity
at::Tensor gamma_correct_bad(const at::Tensor& image, double gamma) {
  TORCH_CHECK(gamma > 0, "gamma is not positive");
  const at::Tensor x = image.contiguous();
  at::Tensor y = at::empty_like(image);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "gamma_correct", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    at::parallel_for(0, x.numel(), 2048, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = std::pow(std::max(in[i], scalar_t(0)), static_cast<scalar_t>(gamma));
      }
    });
  });
  return y;
}

// twin
at::Tensor gamma_correct(const at::Tensor& image, double gamma) {
  TORCH_CHECK(gamma > 0, "gamma is not positive");
  const at::Tensor x = image.contiguous();
  at::Tensor y = at::empty_like(x, at::MemoryFormat::Contiguous);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "gamma_correct", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    at::parallel_for(0, x.numel(), 2048, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = std::pow(std::max(in[i], scalar_t(0)), static_cast<scalar_t>(gamma));
      }
    });
  });
  return y;
}

// ---------------------------------------------------------------- gradients

static void check_pair(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.is_floating_point(), "the tensors are not floating point");
  TORCH_CHECK(a.sizes() == b.sizes(), "the tensors differ in shape");
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), "the tensors differ in dtype");
  TORCH_CHECK(a.device() == b.device(), "the tensors are on different devices");
}

struct WeightedEnergyBad : torch::autograd::Function<WeightedEnergyBad> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w) {
    ctx->save_for_backward({x, w});
    at::AutoDispatchBelowADInplaceOrView guard;
    return (x * x * w).sum();
  }

  // bug: wrong-gradient
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &w = saved[1];
    return {grads[0] * x * w, grads[0] * x * x};
  }
};

struct WeightedEnergy : torch::autograd::Function<WeightedEnergy> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w) {
    ctx->save_for_backward({x, w});
    at::AutoDispatchBelowADInplaceOrView guard;
    return (x * x * w).sum();
  }

  // twin
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &w = saved[1];
    return {2 * grads[0] * x * w, grads[0] * x * x};
  }
};

at::Tensor weighted_energy_bad(const at::Tensor& x, const at::Tensor& w) {
  check_pair(x, w);
  return WeightedEnergyBad::apply(x, w);
}

at::Tensor weighted_energy(const at::Tensor& x, const at::Tensor& w) {
  check_pair(x, w);
  return WeightedEnergy::apply(x, w);
}

class EnvelopeFunctionBad : public torch::autograd::Function<EnvelopeFunctionBad> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, torch::Tensor signal, torch::Tensor envelope, double gain) {
    at::AutoDispatchBelowADInplaceOrView guard;
    ctx->saved_data["gain"] = gain;
    ctx->save_for_backward({signal, envelope});
    return {signal * envelope.exp() * gain};
  }

  // bug: wrong-gradient
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grad_outs) {
    auto saved = ctx->get_saved_variables();
    auto envelope = saved[1];
    auto gain = ctx->saved_data["gain"].toDouble();
    auto grad_signal = grad_outs[0] * envelope.exp() * gain;
    return {grad_signal, torch::Tensor(), torch::Tensor()};
  }
};

class EnvelopeFunction : public torch::autograd::Function<EnvelopeFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, torch::Tensor signal, torch::Tensor envelope, double gain) {
    at::AutoDispatchBelowADInplaceOrView guard;
    ctx->saved_data["gain"] = gain;
    ctx->save_for_backward({signal, envelope});
    return {signal * envelope.exp() * gain};
  }

  // twin
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grad_outs) {
    auto saved = ctx->get_saved_variables();
    auto signal = saved[0], envelope = saved[1];
    auto gain = ctx->saved_data["gain"].toDouble();
    auto grad_signal = grad_outs[0] * envelope.exp() * gain;
    return {grad_signal, grad_signal * signal, torch::Tensor()};
  }
};

torch::Tensor apply_envelope_bad(torch::Tensor signal, torch::Tensor envelope, double gain) {
  check_pair(signal, envelope);
  return EnvelopeFunctionBad::apply(signal, envelope, gain)[0];
}

torch::Tensor apply_envelope(torch::Tensor signal, torch::Tensor envelope, double gain) {
  check_pair(signal, envelope);
  return EnvelopeFunction::apply(signal, envelope, gain)[0];
}

// bug: missing-autograd
at::Tensor mu_law_bad(const at::Tensor& signal, double mu) {
  TORCH_CHECK(mu > 0, "mu is not positive");
  const at::Tensor x = signal.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "mu_law", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    const scalar_t m = static_cast<scalar_t>(mu);
    for (int64_t i = 0; i < x.numel(); ++i) {
      out[i] = std::copysign(std::log1p(m * std::abs(in[i])) / std::log1p(m), in[i]);
    }
  });
  return y;
}

// twin
at::Tensor mu_law(const at::Tensor& signal, double mu) {
  TORCH_CHECK(mu > 0, "mu is not positive");
  const at::Tensor x = signal.contiguous();
  at::Tensor y = at::empty(x.sizes(), x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "mu_law", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    const scalar_t m = static_cast<scalar_t>(mu);
    for (int64_t i = 0; i < x.numel(); ++i) {
      out[i] = std::copysign(std::log1p(m * std::abs(in[i])) / std::log1p(m), in[i]);
    }
  });
  return y;
}

static torch::Tensor leaky_kernel(const torch::Tensor& x, double alpha) {
  auto y = torch::empty({x.size(0)}, x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "leaky_integrate", [&] {
    const scalar_t* in = x.data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    scalar_t state = 0;
    for (int64_t i = 0; i < x.size(0); i++) {
      state = static_cast<scalar_t>(alpha) * state + in[i];
      out[i] = state;
    }
  });
  return y;
}

struct LeakyIntegrate : torch::autograd::Function<LeakyIntegrate> {
  static torch::Tensor forward(torch::autograd::AutogradContext* ctx, torch::Tensor x, double alpha) {
    at::AutoDispatchBelowADInplaceOrView guard;
    ctx->saved_data["alpha"] = alpha;
    return leaky_kernel(x, alpha);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    // The transpose of the filter is the filter run backwards.
    const double alpha = ctx->saved_data["alpha"].toDouble();
    return {LeakyIntegrate::apply(grads[0].flip(0).contiguous(), alpha).flip(0), torch::Tensor()};
  }
};

// bug: missing-autograd
torch::Tensor leaky_integrate_bad(torch::Tensor signal, double alpha) {
  CHECK_INPUT(signal);
  CHECK_DIM(signal, 1);
  return leaky_kernel(signal, alpha);
}

// twin
torch::Tensor leaky_integrate(torch::Tensor signal, double alpha) {
  CHECK_INPUT(signal);
  CHECK_DIM(signal, 1);
  return LeakyIntegrate::apply(signal, alpha);
}

}  // namespace fourth

TORCH_LIBRARY(fourth, m) {
  using namespace fourth;
  m.def("csr_matvec_bad(Tensor indptr, Tensor indices, Tensor values, Tensor x) -> Tensor");
  m.def("csr_matvec(Tensor indptr, Tensor indices, Tensor values, Tensor x) -> Tensor");
  m.def("csr_tmatvec_bad(Tensor indptr, Tensor indices, Tensor values, Tensor x, int cols) -> Tensor");
  m.def("csr_tmatvec(Tensor indptr, Tensor indices, Tensor values, Tensor x, int cols) -> Tensor");
  m.def("csr_row_lengths_bad(Tensor indptr) -> Tensor");
  m.def("csr_row_lengths(Tensor indptr) -> Tensor");
  m.def("column_counts_bad(Tensor indices, int cols) -> Tensor");
  m.def("column_counts(Tensor indices, int cols) -> Tensor");
  m.def("bag_weighted_bad(Tensor table, Tensor indices, Tensor offsets, Tensor? per_sample_weights=None) -> Tensor");
  m.def("bag_weighted(Tensor table, Tensor indices, Tensor offsets, Tensor? per_sample_weights=None) -> Tensor");
  m.def("embedding_lookup_bad(Tensor table, Tensor tokens, int? padding_idx=None) -> Tensor");
  m.def("embedding_lookup(Tensor table, Tensor tokens, int? padding_idx=None) -> Tensor");
  m.def("scatter_max_bad(Tensor src, Tensor index, int dim_size) -> Tensor");
  m.def("scatter_max(Tensor src, Tensor index, int dim_size) -> Tensor");
  m.def("segment_max_bad(Tensor values, Tensor indptr) -> Tensor");
  m.def("segment_max(Tensor values, Tensor indptr) -> Tensor");
  m.def("segment_mean_bad(Tensor values, Tensor ids, int segments) -> Tensor");
  m.def("segment_mean(Tensor values, Tensor ids, int segments) -> Tensor");
  m.def("one_hot_auto_bad(Tensor labels) -> Tensor");
  m.def("one_hot_auto(Tensor labels) -> Tensor");
  m.def("rle_encode_bad(Tensor input) -> (Tensor, Tensor)");
  m.def("rle_encode(Tensor input) -> (Tensor, Tensor)");
  m.def("repeat_runs_bad(Tensor values, Tensor counts) -> Tensor");
  m.def("repeat_runs(Tensor values, Tensor counts) -> Tensor");
  m.def("concat_ragged_bad(Tensor[] parts) -> Tensor");
  m.def("concat_ragged(Tensor[] parts) -> Tensor");
  m.def("pad_sequences_bad(Tensor[] sequences, int length) -> Tensor");
  m.def("pad_sequences(Tensor[] sequences, int length) -> Tensor");
  m.def("levenshtein_bad(Tensor a, Tensor b) -> int");
  m.def("levenshtein(Tensor a, Tensor b) -> int");
  m.def("lcs_length_bad(Tensor a, Tensor b) -> int");
  m.def("lcs_length(Tensor a, Tensor b) -> int");
  m.def("hamming_batch_bad(Tensor a, Tensor b, Tensor lengths) -> Tensor");
  m.def("hamming_batch(Tensor a, Tensor b, Tensor lengths) -> Tensor");
  m.def("hamming_matrix_bad(Tensor codes) -> Tensor");
  m.def("hamming_matrix(Tensor codes) -> Tensor");
  m.def("sosfilt_bad(Tensor sos, Tensor signal) -> Tensor");
  m.def("sosfilt(Tensor sos, Tensor signal) -> Tensor");
  m.def("hann_smooth_bad(Tensor input, int width) -> Tensor");
  m.def("hann_smooth(Tensor input, int width) -> Tensor");
  m.def("window_frames_bad(Tensor signal, int width, int hop, Tensor? window=None, bool normalized=False) -> Tensor");
  m.def("window_frames(Tensor signal, int width, int hop, Tensor? window=None, bool normalized=False) -> Tensor");
  m.def("overlap_add_bad(Tensor frames, Tensor window, int hop) -> Tensor");
  m.def("overlap_add(Tensor frames, Tensor window, int hop) -> Tensor");
  m.def("polar_to_rect_bad(Tensor magnitude, Tensor phase) -> (Tensor, Tensor)");
  m.def("polar_to_rect(Tensor magnitude, Tensor phase) -> (Tensor, Tensor)");
  m.def("crossfade_bad(Tensor from, Tensor to) -> Tensor");
  m.def("crossfade(Tensor from, Tensor to) -> Tensor");
  m.def("decimate_bad(Tensor signal, int factor) -> Tensor");
  m.def("decimate(Tensor signal, int factor) -> Tensor");
  m.def("preemphasis_bad(Tensor signal, float coefficient) -> Tensor");
  m.def("preemphasis(Tensor signal, float coefficient) -> Tensor");
  m.def("local_maxima_bad(Tensor signal) -> Tensor");
  m.def("local_maxima(Tensor signal) -> Tensor");
  m.def("channel_energy_bad(Tensor channels, int channel) -> Tensor");
  m.def("channel_energy(Tensor channels, int channel) -> Tensor");
  m.def("lagged_difference_bad(Tensor signal, int lag) -> Tensor");
  m.def("lagged_difference(Tensor signal, int lag) -> Tensor");
  m.def("apply_window_bad(Tensor frame, Tensor window) -> Tensor");
  m.def("apply_window(Tensor frame, Tensor window) -> Tensor");
  m.def("histogram_bad(Tensor input, int bins, float low, float high) -> Tensor");
  m.def("histogram(Tensor input, int bins, float low, float high) -> Tensor");
  m.def("lower_median_bad(Tensor input) -> Tensor");
  m.def("lower_median(Tensor input) -> Tensor");
  m.def("ranks_bad(Tensor input) -> Tensor");
  m.def("ranks(Tensor input) -> Tensor");
  m.def("trimmed_mean_bad(Tensor input) -> Tensor");
  m.def("trimmed_mean(Tensor input) -> Tensor");
  m.def("normalize_rows_bad(Tensor(a!) matrix) -> ()");
  m.def("normalize_rows(Tensor(a!) matrix) -> ()");
  m.def("count_above_mean_bad(Tensor input) -> Tensor");
  m.def("count_above_mean(Tensor input) -> Tensor");
  m.def("sample_bilinear_bad(Tensor image, Tensor points) -> Tensor");
  m.def("sample_bilinear(Tensor image, Tensor points) -> Tensor");
  m.def("resize_nearest_bad(Tensor image, int out_height, int out_width) -> Tensor");
  m.def("resize_nearest(Tensor image, int out_height, int out_width) -> Tensor");
  m.def("gamma_correct_bad(Tensor image, float gamma) -> Tensor");
  m.def("gamma_correct(Tensor image, float gamma) -> Tensor");
  m.def("mu_law_bad(Tensor signal, float mu) -> Tensor");
  m.def("mu_law(Tensor signal, float mu) -> Tensor");
  m.def("bag_sum_bad", &bag_sum_bad);
  m.def("bag_sum", &bag_sum);
  m.def("rle_decode_bad", &rle_decode_bad);
  m.def("rle_decode", &rle_decode);
  m.def("fir_filter_bad", &fir_filter_bad);
  m.def("fir_filter", &fir_filter);
  m.def("zero_crossings_bad", &zero_crossings_bad);
  m.def("zero_crossings", &zero_crossings);
  m.def("autocorrelation_bad", &autocorrelation_bad);
  m.def("autocorrelation", &autocorrelation);
  m.def("apply_gain_bad", &apply_gain_bad);
  m.def("apply_gain", &apply_gain);
  m.def("haar_step_bad", &haar_step_bad);
  m.def("haar_step", &haar_step);
  m.def("mix_down_bad", &mix_down_bad);
  m.def("mix_down", &mix_down);
  m.def("weighted_energy_bad(Tensor x, Tensor w) -> Tensor", &weighted_energy_bad);
  m.def("weighted_energy(Tensor x, Tensor w) -> Tensor", &weighted_energy);
  m.def("apply_envelope_bad(Tensor signal, Tensor envelope, float gain) -> Tensor", &apply_envelope_bad);
  m.def("apply_envelope(Tensor signal, Tensor envelope, float gain) -> Tensor", &apply_envelope);
  m.def("leaky_integrate_bad(Tensor signal, float alpha) -> Tensor", &leaky_integrate_bad);
  m.def("leaky_integrate(Tensor signal, float alpha) -> Tensor", &leaky_integrate);
}

TORCH_LIBRARY_IMPL(fourth, CPU, m) {
  using namespace fourth;
  m.impl("csr_matvec_bad", &csr_matvec_bad);
  m.impl("csr_matvec", &csr_matvec);
  m.impl("csr_tmatvec_bad", &csr_tmatvec_bad);
  m.impl("csr_tmatvec", &csr_tmatvec);
  m.impl("csr_row_lengths_bad", &csr_row_lengths_bad);
  m.impl("csr_row_lengths", &csr_row_lengths);
  m.impl("column_counts_bad", &column_counts_bad);
  m.impl("column_counts", &column_counts);
  m.impl("bag_weighted_bad", &bag_weighted_bad);
  m.impl("bag_weighted", &bag_weighted);
  m.impl("embedding_lookup_bad", &embedding_lookup_bad);
  m.impl("embedding_lookup", &embedding_lookup);
  m.impl("scatter_max_bad", &scatter_max_bad);
  m.impl("scatter_max", &scatter_max);
  m.impl("segment_max_bad", &segment_max_bad);
  m.impl("segment_max", &segment_max);
  m.impl("segment_mean_bad", &segment_mean_bad);
  m.impl("segment_mean", &segment_mean);
  m.impl("one_hot_auto_bad", &one_hot_auto_bad);
  m.impl("one_hot_auto", &one_hot_auto);
  m.impl("rle_encode_bad", &rle_encode_bad);
  m.impl("rle_encode", &rle_encode);
  m.impl("repeat_runs_bad", &repeat_runs_bad);
  m.impl("repeat_runs", &repeat_runs);
  m.impl("concat_ragged_bad", &concat_ragged_bad);
  m.impl("concat_ragged", &concat_ragged);
  m.impl("pad_sequences_bad", &pad_sequences_bad);
  m.impl("pad_sequences", &pad_sequences);
  m.impl("levenshtein_bad", &levenshtein_bad);
  m.impl("levenshtein", &levenshtein);
  m.impl("lcs_length_bad", &lcs_length_bad);
  m.impl("lcs_length", &lcs_length);
  m.impl("hamming_batch_bad", &hamming_batch_bad);
  m.impl("hamming_batch", &hamming_batch);
  m.impl("hamming_matrix_bad", &hamming_matrix_bad);
  m.impl("hamming_matrix", &hamming_matrix);
  m.impl("sosfilt_bad", &sosfilt_bad);
  m.impl("sosfilt", &sosfilt);
  m.impl("hann_smooth_bad", &hann_smooth_bad);
  m.impl("hann_smooth", &hann_smooth);
  m.impl("window_frames_bad", &window_frames_bad);
  m.impl("window_frames", &window_frames);
  m.impl("overlap_add_bad", &overlap_add_bad);
  m.impl("overlap_add", &overlap_add);
  m.impl("polar_to_rect_bad", &polar_to_rect_bad);
  m.impl("polar_to_rect", &polar_to_rect);
  m.impl("crossfade_bad", &crossfade_bad);
  m.impl("crossfade", &crossfade);
  m.impl("decimate_bad", &decimate_bad);
  m.impl("decimate", &decimate);
  m.impl("preemphasis_bad", &preemphasis_bad);
  m.impl("preemphasis", &preemphasis);
  m.impl("local_maxima_bad", &local_maxima_bad);
  m.impl("local_maxima", &local_maxima);
  m.impl("channel_energy_bad", &channel_energy_bad);
  m.impl("channel_energy", &channel_energy);
  m.impl("lagged_difference_bad", &lagged_difference_bad);
  m.impl("lagged_difference", &lagged_difference);
  m.impl("apply_window_bad", &apply_window_bad);
  m.impl("apply_window", &apply_window);
  m.impl("histogram_bad", &histogram_bad);
  m.impl("histogram", &histogram);
  m.impl("lower_median_bad", &lower_median_bad);
  m.impl("lower_median", &lower_median);
  m.impl("ranks_bad", &ranks_bad);
  m.impl("ranks", &ranks);
  m.impl("trimmed_mean_bad", &trimmed_mean_bad);
  m.impl("trimmed_mean", &trimmed_mean);
  m.impl("normalize_rows_bad", &normalize_rows_bad);
  m.impl("normalize_rows", &normalize_rows);
  m.impl("count_above_mean_bad", &count_above_mean_bad);
  m.impl("count_above_mean", &count_above_mean);
  m.impl("sample_bilinear_bad", &sample_bilinear_bad);
  m.impl("sample_bilinear", &sample_bilinear);
  m.impl("resize_nearest_bad", &resize_nearest_bad);
  m.impl("resize_nearest", &resize_nearest);
  m.impl("gamma_correct_bad", &gamma_correct_bad);
  m.impl("gamma_correct", &gamma_correct);
  m.impl("mu_law_bad", &mu_law_bad);
  m.impl("mu_law", &mu_law);
}

TORCH_LIBRARY_IMPL(fourth, Autograd, m) {
  for (const char* name : {
           "csr_matvec_bad", "csr_matvec", "csr_tmatvec_bad", "csr_tmatvec", "csr_row_lengths_bad",
           "csr_row_lengths", "column_counts_bad", "column_counts", "bag_weighted_bad",
           "bag_weighted", "embedding_lookup_bad", "embedding_lookup", "scatter_max_bad",
           "scatter_max", "segment_max_bad", "segment_max", "segment_mean_bad", "segment_mean",
           "one_hot_auto_bad", "one_hot_auto", "rle_encode_bad", "rle_encode", "repeat_runs_bad",
           "repeat_runs", "concat_ragged_bad", "concat_ragged", "pad_sequences_bad",
           "pad_sequences", "levenshtein_bad", "levenshtein", "lcs_length_bad", "lcs_length",
           "hamming_batch_bad", "hamming_batch", "hamming_matrix_bad", "hamming_matrix",
           "sosfilt_bad", "sosfilt", "hann_smooth_bad", "hann_smooth", "window_frames_bad",
           "window_frames", "overlap_add_bad", "overlap_add", "polar_to_rect_bad", "polar_to_rect",
           "crossfade_bad", "crossfade", "decimate_bad", "decimate", "preemphasis_bad",
           "preemphasis", "local_maxima_bad", "local_maxima", "channel_energy_bad",
           "channel_energy", "lagged_difference_bad", "lagged_difference", "apply_window_bad",
           "apply_window", "histogram_bad", "histogram", "lower_median_bad", "lower_median",
           "ranks_bad", "ranks", "trimmed_mean_bad", "trimmed_mean", "normalize_rows_bad",
           "normalize_rows", "count_above_mean_bad", "count_above_mean", "sample_bilinear_bad",
           "sample_bilinear", "resize_nearest_bad", "resize_nearest", "gamma_correct_bad",
           "gamma_correct", "mu_law", "bag_sum_bad", "bag_sum", "rle_decode_bad", "rle_decode",
           "fir_filter_bad", "fir_filter", "zero_crossings_bad", "zero_crossings",
           "autocorrelation_bad", "autocorrelation", "apply_gain_bad", "apply_gain",
           "haar_step_bad", "haar_step", "mix_down_bad", "mix_down",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
