// Planted bugs, each with a correct twin behind it. "bug" names the class of what is
// wrong with the function below; "twin" is the same operator without it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

#include <cstring>
#include <vector>

namespace {

// bug: out-of-bounds-read
at::Tensor gather_rows_bad(const at::Tensor& x, const at::Tensor& index) {
  TORCH_CHECK(x.dim() == 2 && index.dim() == 1, "gather_rows takes a matrix and a vector");
  const auto xc = x.contiguous();
  const auto ic = index.contiguous();
  const int64_t n = ic.size(0), c = xc.size(1);
  auto out = at::empty({n, c}, xc.options());
  const float* xp = xc.data_ptr<float>();
  const int64_t* ip = ic.data_ptr<int64_t>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < c; ++j) {
      op[i * c + j] = xp[ip[i] * c + j];
    }
  }
  return out;
}

// twin
at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& index) {
  TORCH_CHECK(x.dim() == 2 && index.dim() == 1, "gather_rows takes a matrix and a vector");
  const auto xc = x.contiguous();
  const auto ic = index.contiguous();
  const int64_t n = ic.size(0), c = xc.size(1), rows = xc.size(0);
  auto out = at::empty({n, c}, xc.options());
  const float* xp = xc.data_ptr<float>();
  const int64_t* ip = ic.data_ptr<int64_t>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = ip[i];
    TORCH_CHECK_INDEX(row >= 0 && row < rows, "index ", row, " is out of range");
    for (int64_t j = 0; j < c; ++j) {
      op[i * c + j] = xp[row * c + j];
    }
  }
  return out;
}

// bug: out-of-bounds-write
at::Tensor scatter_ones_bad(const at::Tensor& index, int64_t size) {
  TORCH_CHECK(size >= 0, "size is negative");
  const auto ic = index.contiguous();
  auto out = at::zeros({size});
  auto ia = ic.accessor<int64_t, 1>();
  auto oa = out.accessor<float, 1>();
  for (int64_t i = 0; i < ia.size(0); ++i) {
    const auto k = ia[i];
    TORCH_CHECK_INDEX(k < size, "index ", k, " is too large");
    oa[k] = 1;
  }
  return out;
}

// twin
at::Tensor scatter_ones(const at::Tensor& index, int64_t size) {
  TORCH_CHECK(size >= 0, "size is negative");
  const auto ic = index.contiguous();
  auto out = at::zeros({size});
  auto ia = ic.accessor<int64_t, 1>();
  auto oa = out.accessor<float, 1>();
  for (int64_t i = 0; i < ia.size(0); ++i) {
    const auto k = ia[i];
    TORCH_CHECK_INDEX(0 <= k && k < size, "index ", k, " is out of range");
    oa[k] = 1;
  }
  return out;
}

// bug: scalar-index
int64_t size_along_bad(const at::Tensor& x, int64_t dim) {
  const auto sizes = x.sizes();
  const int64_t* p = sizes.data();
  return p[dim];
}

// twin
int64_t size_along(const at::Tensor& x, int64_t dim) {
  const auto sizes = x.sizes();
  dim = at::maybe_wrap_dim(dim, x.dim(), /*wrap_scalar=*/false);
  const int64_t* p = sizes.data();
  return p[dim];
}

// bug: off-by-one
at::Tensor prefix_sum_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "prefix_sum takes a vector");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  auto out = at::zeros({n + 1}, xc.options());
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  float sum = 0;
  for (int64_t i = 0; i <= n; i++) {
    op[i] = sum;
    sum += xp[i];
  }
  return out;
}

// twin
at::Tensor prefix_sum(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "prefix_sum takes a vector");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  auto out = at::zeros({n + 1}, xc.options());
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  float sum = 0;
  for (int64_t i = 0; i < n; i++) {
    op[i] = sum;
    sum += xp[i];
  }
  op[n] = sum;
  return out;
}

// bug: off-by-one
at::Tensor differences_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "differences takes a contiguous vector");
  const int64_t n = x.numel();
  auto out = at::zeros({n}, x.options());
  const float* xp = x.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    op[i] = xp[i + 1] - xp[i];
  }
  return out;
}

// twin
at::Tensor differences(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "differences takes a contiguous vector");
  const int64_t n = x.numel();
  auto out = at::zeros({n}, x.options());
  const float* xp = x.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n - 1; ++i) {
    op[i] = xp[i + 1] - xp[i];
  }
  return out;
}

// bug: mismatched-sizes
at::Tensor dot_bad(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "dot takes vectors");
  const auto ac = a.contiguous(), bc = b.contiguous();
  const double* ap = ac.data_ptr<double>();
  const double* bp = bc.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < ac.numel(); ++i) {
    sum += ap[i] * bp[i];
  }
  return at::scalar_tensor(sum, a.options());
}

// twin
at::Tensor dot(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.dim() == 1 && b.dim() == 1, "dot takes vectors");
  TORCH_CHECK(a.numel() == b.numel(), "dot takes vectors of the same length");
  const auto ac = a.contiguous(), bc = b.contiguous();
  const double* ap = ac.data_ptr<double>();
  const double* bp = bc.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < ac.numel(); ++i) {
    sum += ap[i] * bp[i];
  }
  return at::scalar_tensor(sum, a.options());
}

// bug: mismatched-sizes
at::Tensor add_bias_bad(const at::Tensor& x, const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 2 && bias.dim() == 1, "add_bias takes a matrix and a vector");
  const auto xc = x.contiguous();
  const auto bc = bias.contiguous();
  auto out = at::empty_like(xc);
  const float* bp = bc.data_ptr<float>();
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  const int64_t rows = xc.size(0), columns = xc.size(1);
  at::parallel_for(0, rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        op[r * columns + c] = xp[r * columns + c] + bp[c];
      }
    }
  });
  return out;
}

// twin
at::Tensor add_bias(const at::Tensor& x, const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 2 && bias.dim() == 1, "add_bias takes a matrix and a vector");
  TORCH_CHECK(bias.size(0) == x.size(1), "there is one bias for each column");
  const auto xc = x.contiguous();
  const auto bc = bias.contiguous();
  auto out = at::empty_like(xc);
  const float* bp = bc.data_ptr<float>();
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  const int64_t rows = xc.size(0), columns = xc.size(1);
  at::parallel_for(0, rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        op[r * columns + c] = xp[r * columns + c] + bp[c];
      }
    }
  });
  return out;
}

// bug: stack-buffer
at::Tensor offset_of_bad(const at::Tensor& x) {
  int64_t strides[8];
  int64_t sum = 0;
  for (int64_t d = 0; d < x.dim(); ++d) {
    strides[d] = x.stride(d);
  }
  for (int64_t d = 0; d < x.dim(); ++d) {
    sum += strides[d];
  }
  return at::scalar_tensor(sum, at::kLong);
}

// twin
at::Tensor offset_of(const at::Tensor& x) {
  int64_t strides[8];
  TORCH_CHECK(x.dim() <= 8, "offset_of takes at most 8 dimensions");
  int64_t sum = 0;
  for (int64_t d = 0; d < x.dim(); ++d) {
    strides[d] = x.stride(d);
  }
  for (int64_t d = 0; d < x.dim(); ++d) {
    sum += strides[d];
  }
  return at::scalar_tensor(sum, at::kLong);
}

// bug: stack-buffer
at::Tensor reversed_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "reversed takes a contiguous vector");
  float line[256];
  const int64_t n = x.numel();
  std::memcpy(line, x.data_ptr<float>(), n * sizeof(float));
  auto out = at::empty({n}, x.options());
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    op[i] = line[n - 1 - i];
  }
  return out;
}

// twin
at::Tensor reversed(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "reversed takes a contiguous vector");
  const int64_t n = x.numel();
  std::vector<float> line(n);
  std::memcpy(line.data(), x.data_ptr<float>(), n * sizeof(float));
  auto out = at::empty({n}, x.options());
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    op[i] = line[n - 1 - i];
  }
  return out;
}

// bug: empty-tensor
at::Tensor largest_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "largest takes a vector");
  const auto xc = x.contiguous();
  const float* xp = xc.data_ptr<float>();
  float best = xp[0];
  for (int64_t i = 1; i < xc.numel(); ++i) {
    best = xp[i] > best ? xp[i] : best;
  }
  return at::scalar_tensor(best, x.options());
}

// twin
at::Tensor largest(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "largest takes a vector");
  TORCH_CHECK(x.numel() > 0, "an empty vector has no largest element");
  const auto xc = x.contiguous();
  const float* xp = xc.data_ptr<float>();
  float best = xp[0];
  for (int64_t i = 1; i < xc.numel(); ++i) {
    best = xp[i] > best ? xp[i] : best;
  }
  return at::scalar_tensor(best, x.options());
}

// bug: empty-tensor
double last_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "last takes a contiguous vector");
  const double* xp = x.data_ptr<double>();
  const int64_t n = x.size(0);
  return xp[n - 1];
}

// twin
double last(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous(), "last takes a contiguous vector");
  const int64_t n = x.size(0);
  TORCH_CHECK(n > 0, "an empty vector has no last element");
  const double* xp = x.data_ptr<double>();
  return xp[n - 1];
}

}  // namespace

TORCH_LIBRARY(first_index, m) {
  m.def("gather_rows_bad(Tensor x, Tensor index) -> Tensor");
  m.def("gather_rows(Tensor x, Tensor index) -> Tensor");
  m.def("scatter_ones_bad(Tensor index, int size) -> Tensor");
  m.def("scatter_ones(Tensor index, int size) -> Tensor");
  m.def("size_along_bad(Tensor x, int dim) -> int");
  m.def("size_along(Tensor x, int dim) -> int");
  m.def("prefix_sum_bad(Tensor x) -> Tensor");
  m.def("prefix_sum(Tensor x) -> Tensor");
  m.def("differences_bad(Tensor x) -> Tensor");
  m.def("differences(Tensor x) -> Tensor");
  m.def("dot_bad(Tensor a, Tensor b) -> Tensor");
  m.def("dot(Tensor a, Tensor b) -> Tensor");
  m.def("add_bias_bad(Tensor x, Tensor bias) -> Tensor");
  m.def("add_bias(Tensor x, Tensor bias) -> Tensor");
  m.def("offset_of_bad(Tensor x) -> Tensor");
  m.def("offset_of(Tensor x) -> Tensor");
  m.def("reversed_bad(Tensor x) -> Tensor");
  m.def("reversed(Tensor x) -> Tensor");
  m.def("largest_bad(Tensor x) -> Tensor");
  m.def("largest(Tensor x) -> Tensor");
  m.def("last_bad(Tensor x) -> float");
  m.def("last(Tensor x) -> float");
}

TORCH_LIBRARY_IMPL(first_index, CPU, m) {
  m.impl("gather_rows_bad", gather_rows_bad);
  m.impl("gather_rows", gather_rows);
  m.impl("scatter_ones_bad", scatter_ones_bad);
  m.impl("scatter_ones", scatter_ones);
  m.impl("size_along_bad", size_along_bad);
  m.impl("size_along", size_along);
  m.impl("prefix_sum_bad", prefix_sum_bad);
  m.impl("prefix_sum", prefix_sum);
  m.impl("differences_bad", differences_bad);
  m.impl("differences", differences);
  m.impl("dot_bad", dot_bad);
  m.impl("dot", dot);
  m.impl("add_bias_bad", add_bias_bad);
  m.impl("add_bias", add_bias);
  m.impl("offset_of_bad", offset_of_bad);
  m.impl("offset_of", offset_of);
  m.impl("reversed_bad", reversed_bad);
  m.impl("reversed", reversed);
  m.impl("largest_bad", largest_bad);
  m.impl("largest", largest);
  m.impl("last_bad", last_bad);
  m.impl("last", last);
}

TORCH_LIBRARY_IMPL(first_index, Autograd, m) {
  for (const char* name : {
           "gather_rows_bad", "gather_rows", "scatter_ones_bad", "scatter_ones", "size_along_bad",
           "size_along", "prefix_sum_bad", "prefix_sum", "differences_bad", "differences",
           "dot_bad", "dot", "add_bias_bad", "add_bias", "offset_of_bad", "offset_of",
           "reversed_bad", "reversed", "largest_bad", "largest", "last_bad", "last",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
