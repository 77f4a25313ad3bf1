// The second set of planted bugs, written when the rules stood, registered with the
// dispatcher.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

void check_matrix(const Tensor& x, const char* name) {
  TORCH_CHECK(x.dim() == 2, name, " must be a matrix");
  TORCH_CHECK(x.is_contiguous(), name, " must be contiguous");
}

// bug: scalar-index
double entry_bad(const Tensor& x, int64_t row, int64_t column) {
  check_matrix(x, "x");
  const double* p = x.data_ptr<double>();
  return p[row * x.size(1) + column];
}

// twin
double entry(const Tensor& x, int64_t row, int64_t column) {
  check_matrix(x, "x");
  TORCH_CHECK_INDEX(row >= 0 && row < x.size(0), "row ", row, " is out of range");
  TORCH_CHECK_INDEX(column >= 0 && column < x.size(1), "column ", column, " is out of range");
  const double* p = x.data_ptr<double>();
  return p[row * x.size(1) + column];
}

// bug: scalar-index
Tensor without_dim_bad(const Tensor& x, int64_t dim) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape[dim] = 1;
  return x.new_zeros(shape);
}

// twin
Tensor without_dim(const Tensor& x, int64_t dim) {
  std::vector<int64_t> shape = x.sizes().vec();
  if (dim < 0) {
    dim += x.dim();
  }
  TORCH_CHECK_INDEX(dim >= 0 && dim < x.dim(), "dimension out of range");
  shape[dim] = 1;
  return x.new_zeros(shape);
}

// bug: int32-overflow
Tensor outer_bad(const Tensor& a, const Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "outer takes vectors");
  const Tensor x = a.contiguous(), y = b.contiguous();
  int32_t n = static_cast<int32_t>(x.size(0));
  int32_t m = static_cast<int32_t>(y.size(0));
  Tensor out = at::empty({n, m}, x.options());
  const float* xp = x.data_ptr<float>();
  const float* yp = y.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int32_t i = 0; i < n; ++i) {
    for (int32_t j = 0; j < m; ++j) {
      op[i * m + j] = xp[i] * yp[j];
    }
  }
  return out;
}

// twin
Tensor outer(const Tensor& a, const Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "outer takes vectors");
  const Tensor x = a.contiguous(), y = b.contiguous();
  const auto n = x.size(0), m = y.size(0);
  Tensor out = at::empty({n, m}, x.options());
  const float* xp = x.data_ptr<float>();
  const float* yp = y.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      op[i * m + j] = xp[i] * yp[j];
    }
  }
  return out;
}

// bug: int32-overflow
Tensor pad_lengths_bad(const Tensor& lengths, int64_t width) {
  TORCH_CHECK(lengths.dim() == 1 && width > 0, "pad_lengths takes a vector and a width");
  const int rows = static_cast<int>(lengths.size(0));
  const int columns = static_cast<int>(width);
  const size_t bytes = rows * columns * sizeof(float);
  Tensor out = at::empty({lengths.size(0), width});
  std::memset(out.data_ptr<float>(), 0, bytes);
  return out;
}

// twin
Tensor pad_lengths(const Tensor& lengths, int64_t width) {
  TORCH_CHECK(lengths.dim() == 1 && width > 0, "pad_lengths takes a vector and a width");
  const size_t rows = lengths.size(0);
  const size_t columns = width;
  const size_t bytes = rows * columns * sizeof(float);
  Tensor out = at::empty({lengths.size(0), width});
  std::memset(out.data_ptr<float>(), 0, bytes);
  return out;
}

// bug: dtype-confusion
Tensor popcount_bad(const Tensor& words) {
  const Tensor w = words.contiguous();
  Tensor out = at::zeros(w.sizes(), at::kInt);
  const auto* p = reinterpret_cast<const uint64_t*>(w.data_ptr());
  int* o = out.data_ptr<int>();
  for (int64_t i = 0; i < w.numel(); ++i) {
    o[i] = __builtin_popcountll(p[i]);
  }
  return out;
}

// twin
Tensor popcount(const Tensor& words) {
  const Tensor w = words.contiguous();
  Tensor out = at::zeros(w.sizes(), at::kInt);
  const auto* p = reinterpret_cast<const uint64_t*>(w.data_ptr<int64_t>());
  int* o = out.data_ptr<int>();
  for (int64_t i = 0; i < w.numel(); ++i) {
    o[i] = __builtin_popcountll(p[i]);
  }
  return out;
}

// bug: dtype-confusion
Tensor like_bad(const Tensor& x, const Tensor& y) {
  TORCH_CHECK(x.sizes() == y.sizes(), "like takes tensors of the same sizes");
  const Tensor a = x.contiguous(), b = y.contiguous();
  Tensor out = at::empty(a.sizes(), a.options());
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "like", [&] {
    const scalar_t* ap = a.data_ptr<scalar_t>();
    const scalar_t* bp = (const scalar_t*)b.data_ptr();
    scalar_t* op = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < a.numel(); ++i) {
      op[i] = ap[i] * bp[i];
    }
  });
  return out;
}

// twin
Tensor like(const Tensor& x, const Tensor& y) {
  TORCH_CHECK(x.sizes() == y.sizes(), "like takes tensors of the same sizes");
  TORCH_CHECK(x.dtype() == y.dtype(), "like takes tensors of the same dtype");
  const Tensor a = x.contiguous(), b = y.contiguous();
  Tensor out = at::empty(a.sizes(), a.options());
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "like", [&] {
    const scalar_t* ap = a.data_ptr<scalar_t>();
    const scalar_t* bp = (const scalar_t*)b.data_ptr();
    scalar_t* op = out.data_ptr<scalar_t>();
    for (int64_t i = 0; i < a.numel(); ++i) {
      op[i] = ap[i] * bp[i];
    }
  });
  return out;
}

// bug: leak
Tensor smooth_bad(const Tensor& x, int64_t window) {
  TORCH_CHECK(x.dim() == 1 && window > 0, "smooth takes a vector and a positive window");
  const Tensor xc = x.contiguous();
  const int64_t n = xc.numel();
  Tensor out = at::empty({n}, xc.options());
  double* ring = (double*)calloc(window, sizeof(double));
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += xp[i] - ring[i % window];
    ring[i % window] = xp[i];
    op[i] = static_cast<float>(sum / static_cast<double>(window));
  }
  return out;
}

// twin
Tensor smooth(const Tensor& x, int64_t window) {
  TORCH_CHECK(x.dim() == 1 && window > 0, "smooth takes a vector and a positive window");
  const Tensor xc = x.contiguous();
  const int64_t n = xc.numel();
  Tensor out = at::empty({n}, xc.options());
  std::vector<double> ring(window);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += xp[i] - ring[i % window];
    ring[i % window] = xp[i];
    op[i] = static_cast<float>(sum / static_cast<double>(window));
  }
  return out;
}

// bug: leak-on-throw
Tensor distances_bad(const Tensor& costs) {
  check_matrix(costs, "costs");
  const int64_t n = costs.size(0);
  float* best = new float[n];
  if (costs.size(1) != n) {
    throw std::invalid_argument("costs must be square");
  }
  const float* c = costs.data_ptr<float>();
  Tensor out = at::zeros({n});
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    best[i] = c[i * n + i];
    o[i] = best[i];
  }
  delete[] best;
  return out;
}

// twin
Tensor distances(const Tensor& costs) {
  check_matrix(costs, "costs");
  const int64_t n = costs.size(0);
  if (costs.size(1) != n) {
    throw std::invalid_argument("costs must be square");
  }
  std::vector<float> best(n);
  const float* c = costs.data_ptr<float>();
  Tensor out = at::zeros({n});
  float* o = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    best[i] = c[i * n + i];
    o[i] = best[i];
  }
  return out;
}

// bug: race
std::vector<int64_t> peaks_bad(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "peaks takes a vector");
  const Tensor xc = x.contiguous();
  const float* p = xc.data_ptr<float>();
  std::vector<int64_t> found;
  at::parallel_for(1, xc.numel() - 1, 512, [&](int64_t start, int64_t stop) {
    for (int64_t i = start; i < stop; ++i) {
      if (p[i] > p[i - 1] && p[i] > p[i + 1]) {
        found.push_back(i);
      }
    }
  });
  return found;
}

// twin
std::vector<int64_t> peaks(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "peaks takes a vector");
  const Tensor xc = x.contiguous();
  const float* p = xc.data_ptr<float>();
  std::vector<int64_t> found;
  std::mutex lock;
  at::parallel_for(1, xc.numel() - 1, 512, [&](int64_t start, int64_t stop) {
    std::vector<int64_t> mine;
    for (int64_t i = start; i < stop; ++i) {
      if (p[i] > p[i - 1] && p[i] > p[i + 1]) {
        mine.push_back(i);
      }
    }
    std::lock_guard<std::mutex> guard(lock);
    found.insert(found.end(), mine.begin(), mine.end());
  });
  return found;
}

// bug: race
Tensor column_sums_bad(const Tensor& x) {
  check_matrix(x, "x");
  const int64_t rows = x.size(0), columns = x.size(1);
  Tensor out = at::zeros({columns}, x.options());
  const float* xp = x.data_ptr<float>();
  float* op = out.data_ptr<float>();
  at::parallel_for(0, rows, 16, [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        op[c] += xp[r * columns + c];
      }
    }
  });
  return out;
}

// twin
Tensor column_sums(const Tensor& x) {
  check_matrix(x, "x");
  const int64_t rows = x.size(0), columns = x.size(1);
  Tensor out = at::zeros({columns}, x.options());
  const float* xp = x.data_ptr<float>();
  float* op = out.data_ptr<float>();
  at::parallel_for(0, columns, 16, [=](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t r = 0; r < rows; ++r) {
        op[c] += xp[r * columns + c];
      }
    }
  });
  return out;
}

// bug: empty-tensor
Tensor start_at_zero_bad(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "start_at_zero takes a vector");
  const Tensor xc = x.contiguous();
  Tensor out = at::empty({xc.size(0)}, xc.options());
  auto a = xc.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  const float first = a[0];
  for (int64_t i = 0; i < a.size(0); ++i) {
    o[i] = a[i] - first;
  }
  return out;
}

// twin
Tensor start_at_zero(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "start_at_zero takes a vector");
  const Tensor xc = x.contiguous();
  Tensor out = at::empty({xc.size(0)}, xc.options());
  if (xc.numel() == 0) {
    return out;
  }
  auto a = xc.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  const float first = a[0];
  for (int64_t i = 0; i < a.size(0); ++i) {
    o[i] = a[i] - first;
  }
  return out;
}

// bug: empty-tensor
double peak_bad(const Tensor& x) {
  const Tensor xc = x.contiguous();
  const double* p = xc.data_ptr<double>();
  return *std::max_element(p, p + xc.numel());
}

// twin
double peak(const Tensor& x) {
  TORCH_CHECK(x.numel() != 0, "an empty tensor has no peak");
  const Tensor xc = x.contiguous();
  const double* p = xc.data_ptr<double>();
  return *std::max_element(p, p + xc.numel());
}

// bug: division-by-zero
Tensor fold_bad(const Tensor& x, int64_t period) {
  TORCH_CHECK(x.dim() == 1, "fold takes a vector");
  const Tensor xc = x.contiguous();
  TORCH_CHECK(xc.numel() % period == 0, "the length is no multiple of the period");
  return xc.view({-1, period}).sum(0);
}

// twin
Tensor fold(const Tensor& x, int64_t period) {
  TORCH_CHECK(x.dim() == 1, "fold takes a vector");
  const Tensor xc = x.contiguous();
  TORCH_CHECK(period > 0 && xc.numel() % period == 0, "the length is no multiple of the period");
  return xc.view({-1, period}).sum(0);
}

// bug: division-by-zero
int64_t stride_for_bad(const Tensor& x, const Tensor& like) {
  TORCH_CHECK(x.dim() > 0 && like.dim() > 0, "stride_for takes tensors with dimensions");
  const auto have = x.size(-1), want = like.size(-1);
  return (have + want - 1) / want;
}

// twin
int64_t stride_for(const Tensor& x, const Tensor& like) {
  TORCH_CHECK(x.dim() > 0 && like.dim() > 0, "stride_for takes tensors with dimensions");
  const auto have = x.size(-1), want = like.size(-1);
  if (want == 0) {
    return 0;
  }
  return (have + want - 1) / want;
}

// bug: uninitialised-output
Tensor first_match_bad(const Tensor& rows, double value) {
  check_matrix(rows, "rows");
  const int64_t n = rows.size(0), m = rows.size(1);
  Tensor out = at::empty({n}, at::kLong);
  const double* p = rows.data_ptr<double>();
  int64_t* o = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      if (p[i * m + j] == value) {
        o[i] = j;
        break;
      }
    }
  }
  return out;
}

// twin
Tensor first_match(const Tensor& rows, double value) {
  check_matrix(rows, "rows");
  const int64_t n = rows.size(0), m = rows.size(1);
  Tensor out = at::full({n}, -1, at::kLong);
  const double* p = rows.data_ptr<double>();
  int64_t* o = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < m; ++j) {
      if (p[i * m + j] == value) {
        o[i] = j;
        break;
      }
    }
  }
  return out;
}

// bug: uninitialised-output
Tensor shifted_bad(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "shifted takes a vector");
  const Tensor xc = x.contiguous();
  const int64_t n = xc.size(0);
  Tensor out = xc.new_empty({n});
  auto a = xc.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  for (int64_t i = 0; i < n - 1; ++i) {
    o[i] = a[i + 1];
  }
  return out;
}

// twin
Tensor shifted(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "shifted takes a vector");
  const Tensor xc = x.contiguous();
  const int64_t n = xc.size(0);
  Tensor out = xc.new_zeros({n});
  auto a = xc.accessor<float, 1>();
  auto o = out.accessor<float, 1>();
  for (int64_t i = 0; i < n - 1; ++i) {
    o[i] = a[i + 1];
  }
  return out;
}

constexpr int kMostDims = 6;

// bug: stack-buffer
Tensor coordinates_bad(const Tensor& x, int64_t flat) {
  TORCH_CHECK(flat >= 0 && flat < x.numel(), "the place is out of range");
  int64_t at_dim[kMostDims];
  for (int64_t d = x.dim() - 1; d >= 0; --d) {
    at_dim[d] = flat % x.size(d);
    flat /= x.size(d);
  }
  return at::tensor(at::ArrayRef<int64_t>(at_dim, x.dim()));
}

// twin
Tensor coordinates(const Tensor& x, int64_t flat) {
  TORCH_CHECK(flat >= 0 && flat < x.numel(), "the place is out of range");
  TORCH_CHECK(x.dim() <= kMostDims, "there are too many dimensions");
  int64_t at_dim[kMostDims];
  for (int64_t d = x.dim() - 1; d >= 0; --d) {
    at_dim[d] = flat % x.size(d);
    flat /= x.size(d);
  }
  return at::tensor(at::ArrayRef<int64_t>(at_dim, x.dim()));
}

// bug: hidden-mutation
Tensor sorted_bad(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "sorted takes a contiguous vector");
  float* p = x.data_ptr<float>();
  std::sort(p, p + x.numel());
  return x.clone();
}

// twin
Tensor sorted(const Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "sorted takes a contiguous vector");
  Tensor out = x.clone();
  float* p = out.data_ptr<float>();
  std::sort(p, p + out.numel());
  return out;
}

// bug: hidden-mutation
Tensor masked_bad(const Tensor& x, const Tensor& mask) {
  Tensor rows = x.detach().view({x.size(0), -1});
  rows.masked_fill_(mask.logical_not(), 0);
  return rows.sum(1);
}

// twin
Tensor masked(const Tensor& x, const Tensor& mask) {
  Tensor rows = x.detach().view({x.size(0), -1});
  rows = rows.masked_fill(mask.logical_not(), 0);
  return rows.sum(1);
}

// bug: null-optional
Tensor weighted_bad(const Tensor& x, const c10::optional<Tensor>& weight, c10::optional<double> scale) {
  const double by = *scale;
  Tensor out = x * by;
  return weight.has_value() ? out * weight.value() : out;
}

// twin
Tensor weighted(const Tensor& x, const c10::optional<Tensor>& weight, c10::optional<double> scale) {
  const double by = scale.value_or(1.0);
  Tensor out = x * by;
  return weight.has_value() ? out * weight.value() : out;
}

// bug: mismatched-sizes
Tensor lerp_bad(const Tensor& a, const Tensor& b, const Tensor& t) {
  TORCH_CHECK(a.sizes() == b.sizes(), "lerp takes tensors of the same sizes");
  const Tensor ac = a.contiguous(), bc = b.contiguous(), tc = t.contiguous();
  Tensor out = at::empty(ac.sizes(), ac.options());
  const float *ap = ac.data_ptr<float>(), *bp = bc.data_ptr<float>(), *tp = tc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0, n = ac.numel(); i < n; ++i) {
    op[i] = ap[i] + tp[i] * (bp[i] - ap[i]);
  }
  return out;
}

// twin
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& t) {
  TORCH_CHECK(a.sizes() == b.sizes() && a.sizes() == t.sizes(), "lerp takes tensors of the same sizes");
  const Tensor ac = a.contiguous(), bc = b.contiguous(), tc = t.contiguous();
  Tensor out = at::empty(ac.sizes(), ac.options());
  const float *ap = ac.data_ptr<float>(), *bp = bc.data_ptr<float>(), *tp = tc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0, n = ac.numel(); i < n; ++i) {
    op[i] = ap[i] + tp[i] * (bp[i] - ap[i]);
  }
  return out;
}

class ClampBad : public torch::autograd::Function<ClampBad> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, double lo, double hi) {
    ctx->save_for_backward({x});
    ctx->saved_data["lo"] = lo;
    ctx->saved_data["hi"] = hi;
    at::AutoDispatchBelowADInplaceOrView guard;
    return x.clamp(lo, hi);
  }

  // bug: wrong-gradient
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {grads[0], Tensor(), Tensor()};
  }
};

class Clamp : public torch::autograd::Function<Clamp> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, double lo, double hi) {
    ctx->save_for_backward({x});
    ctx->saved_data["lo"] = lo;
    ctx->saved_data["hi"] = hi;
    at::AutoDispatchBelowADInplaceOrView guard;
    return x.clamp(lo, hi);
  }

  // twin
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const Tensor x = ctx->get_saved_variables()[0];
    const Tensor inside = x.ge(ctx->saved_data["lo"].toDouble()).logical_and(x.le(ctx->saved_data["hi"].toDouble()));
    return {grads[0] * inside, Tensor(), Tensor()};
  }
};

Tensor clamp_bad(const Tensor& x, double lo, double hi) { return ClampBad::apply(x, lo, hi); }
Tensor clamp(const Tensor& x, double lo, double hi) { return Clamp::apply(x, lo, hi); }

}  // namespace

TORCH_LIBRARY(second, m) {
  m.def("entry_bad(Tensor x, int row, int column) -> float");
  m.def("entry(Tensor x, int row, int column) -> float");
  m.def("without_dim_bad(Tensor x, int dim) -> Tensor");
  m.def("without_dim(Tensor x, int dim) -> Tensor");
  m.def("outer_bad(Tensor a, Tensor b) -> Tensor");
  m.def("outer(Tensor a, Tensor b) -> Tensor");
  m.def("pad_lengths_bad(Tensor lengths, int width) -> Tensor");
  m.def("pad_lengths(Tensor lengths, int width) -> Tensor");
  m.def("popcount_bad(Tensor words) -> Tensor");
  m.def("popcount(Tensor words) -> Tensor");
  m.def("like_bad(Tensor x, Tensor y) -> Tensor");
  m.def("like(Tensor x, Tensor y) -> Tensor");
  m.def("smooth_bad(Tensor x, int window) -> Tensor");
  m.def("smooth(Tensor x, int window) -> Tensor");
  m.def("distances_bad(Tensor costs) -> Tensor");
  m.def("distances(Tensor costs) -> Tensor");
  m.def("peaks_bad(Tensor x) -> int[]");
  m.def("peaks(Tensor x) -> int[]");
  m.def("column_sums_bad(Tensor x) -> Tensor");
  m.def("column_sums(Tensor x) -> Tensor");
  m.def("start_at_zero_bad(Tensor x) -> Tensor");
  m.def("start_at_zero(Tensor x) -> Tensor");
  m.def("peak_bad(Tensor x) -> float");
  m.def("peak(Tensor x) -> float");
  m.def("fold_bad(Tensor x, int period) -> Tensor");
  m.def("fold(Tensor x, int period) -> Tensor");
  m.def("stride_for_bad(Tensor x, Tensor like) -> int");
  m.def("stride_for(Tensor x, Tensor like) -> int");
  m.def("first_match_bad(Tensor rows, float value) -> Tensor");
  m.def("first_match(Tensor rows, float value) -> Tensor");
  m.def("shifted_bad(Tensor x) -> Tensor");
  m.def("shifted(Tensor x) -> Tensor");
  m.def("coordinates_bad(Tensor x, int flat) -> Tensor");
  m.def("coordinates(Tensor x, int flat) -> Tensor");
  m.def("sorted_bad(Tensor x) -> Tensor");
  m.def("sorted(Tensor x) -> Tensor");
  m.def("masked_bad(Tensor x, Tensor mask) -> Tensor");
  m.def("masked(Tensor x, Tensor mask) -> Tensor");
  m.def("weighted_bad(Tensor x, Tensor? weight, float? scale) -> Tensor");
  m.def("weighted(Tensor x, Tensor? weight, float? scale) -> Tensor");
  m.def("lerp_bad(Tensor a, Tensor b, Tensor t) -> Tensor");
  m.def("lerp(Tensor a, Tensor b, Tensor t) -> Tensor");
  m.def("clamp_bad(Tensor x, float lo, float hi) -> Tensor", clamp_bad);
  m.def("clamp(Tensor x, float lo, float hi) -> Tensor", clamp);
}

TORCH_LIBRARY_IMPL(second, CPU, m) {
  m.impl("entry_bad", TORCH_FN(entry_bad));
  m.impl("entry", TORCH_FN(entry));
  m.impl("without_dim_bad", TORCH_FN(without_dim_bad));
  m.impl("without_dim", TORCH_FN(without_dim));
  m.impl("outer_bad", TORCH_FN(outer_bad));
  m.impl("outer", TORCH_FN(outer));
  m.impl("pad_lengths_bad", TORCH_FN(pad_lengths_bad));
  m.impl("pad_lengths", TORCH_FN(pad_lengths));
  m.impl("popcount_bad", TORCH_FN(popcount_bad));
  m.impl("popcount", TORCH_FN(popcount));
  m.impl("like_bad", TORCH_FN(like_bad));
  m.impl("like", TORCH_FN(like));
  m.impl("smooth_bad", TORCH_FN(smooth_bad));
  m.impl("smooth", TORCH_FN(smooth));
  m.impl("distances_bad", TORCH_FN(distances_bad));
  m.impl("distances", TORCH_FN(distances));
  m.impl("peaks_bad", TORCH_FN(peaks_bad));
  m.impl("peaks", TORCH_FN(peaks));
  m.impl("column_sums_bad", TORCH_FN(column_sums_bad));
  m.impl("column_sums", TORCH_FN(column_sums));
  m.impl("start_at_zero_bad", TORCH_FN(start_at_zero_bad));
  m.impl("start_at_zero", TORCH_FN(start_at_zero));
  m.impl("peak_bad", TORCH_FN(peak_bad));
  m.impl("peak", TORCH_FN(peak));
  m.impl("fold_bad", TORCH_FN(fold_bad));
  m.impl("fold", TORCH_FN(fold));
  m.impl("stride_for_bad", TORCH_FN(stride_for_bad));
  m.impl("stride_for", TORCH_FN(stride_for));
  m.impl("first_match_bad", TORCH_FN(first_match_bad));
  m.impl("first_match", TORCH_FN(first_match));
  m.impl("shifted_bad", TORCH_FN(shifted_bad));
  m.impl("shifted", TORCH_FN(shifted));
  m.impl("coordinates_bad", TORCH_FN(coordinates_bad));
  m.impl("coordinates", TORCH_FN(coordinates));
  m.impl("sorted_bad", TORCH_FN(sorted_bad));
  m.impl("sorted", TORCH_FN(sorted));
  m.impl("masked_bad", TORCH_FN(masked_bad));
  m.impl("masked", TORCH_FN(masked));
  m.impl("weighted_bad", TORCH_FN(weighted_bad));
  m.impl("weighted", TORCH_FN(weighted));
  m.impl("lerp_bad", TORCH_FN(lerp_bad));
  m.impl("lerp", TORCH_FN(lerp));
}

TORCH_LIBRARY_IMPL(second, Autograd, m) {
  for (const char* name : {
           "entry_bad", "entry", "without_dim_bad", "without_dim", "outer_bad", "outer",
           "pad_lengths_bad", "pad_lengths", "popcount_bad", "popcount", "like_bad", "like",
           "smooth_bad", "smooth", "distances_bad", "distances", "peaks_bad", "peaks",
           "column_sums_bad", "column_sums", "start_at_zero_bad", "start_at_zero", "peak_bad",
           "peak", "fold_bad", "fold", "stride_for_bad", "stride_for", "first_match_bad",
           "first_match", "shifted_bad", "shifted", "coordinates_bad", "coordinates", "sorted_bad",
           "sorted", "masked_bad", "masked", "weighted_bad", "weighted", "lerp_bad", "lerp",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
