// Planted bugs, each with a correct twin behind it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

// bug: int32-overflow
at::Tensor repeat_bad(const at::Tensor& x, int64_t times) {
  TORCH_CHECK(x.dim() == 1 && times >= 0, "repeat takes a vector and a number that is not negative");
  const auto xc = x.contiguous();
  const int n = xc.numel();
  const int total = n * static_cast<int>(times);
  auto out = at::empty({total}, xc.options());
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < times; ++i) {
    for (int64_t j = 0; j < xc.numel(); ++j) {
      op[i * xc.numel() + j] = xp[j];
    }
  }
  return out;
}

// twin
at::Tensor repeat(const at::Tensor& x, int64_t times) {
  TORCH_CHECK(x.dim() == 1 && times >= 0, "repeat takes a vector and a number that is not negative");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  TORCH_CHECK(times <= (int64_t{1} << 40) / std::max<int64_t>(n, 1), "the result is too large");
  const int64_t total = n * times;
  auto out = at::empty({total}, xc.options());
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < times; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      op[i * n + j] = xp[j];
    }
  }
  return out;
}

// bug: int32-overflow
at::Tensor scale_bad(const at::Tensor& x, double by) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int i = 0; i < xc.numel(); i++) {
    op[i] = static_cast<float>(xp[i] * by);
  }
  return out;
}

// twin
at::Tensor scale(const at::Tensor& x, double by) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); i++) {
    op[i] = static_cast<float>(xp[i] * by);
  }
  return out;
}

// bug: missing-autograd
at::Tensor squared_bad(const at::Tensor& x) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    op[i] = xp[i] * xp[i];
  }
  return out;
}

// twin
at::Tensor squared(const at::Tensor& x) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    op[i] = xp[i] * xp[i];
  }
  return out;
}

// bug: nothing-checked
at::Tensor blended_bad(const at::Tensor& a, const at::Tensor& b) {
  auto out = at::empty(a.sizes());
  const float* ap = a.data_ptr<float>();
  const float* bp = b.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    op[i] = (ap[i] + bp[i]) / 2;
  }
  return out;
}

// twin
at::Tensor blended(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.sizes() == b.sizes(), "blended takes tensors of the same sizes");
  TORCH_CHECK(a.is_contiguous() && b.is_contiguous(), "blended takes contiguous tensors");
  auto out = at::empty(a.sizes());
  const float* ap = a.data_ptr<float>();
  const float* bp = b.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    op[i] = (ap[i] + bp[i]) / 2;
  }
  return out;
}

// bug: dtype-confusion
at::Tensor negate_bad(const at::Tensor& x) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = static_cast<const float*>(xc.data_ptr());
  float* op = static_cast<float*>(out.data_ptr());
  for (int64_t i = 0; i < xc.numel(); ++i) {
    op[i] = -xp[i];
  }
  return out;
}

// twin
at::Tensor negate(const at::Tensor& x) {
  TORCH_CHECK(x.scalar_type() == at::kFloat, "negate takes float32");
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = static_cast<const float*>(xc.data_ptr());
  float* op = static_cast<float*>(out.data_ptr());
  for (int64_t i = 0; i < xc.numel(); ++i) {
    op[i] = -xp[i];
  }
  return out;
}

// bug: leak
at::Tensor median_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.numel() > 0, "median takes a vector with elements");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  float* copy = static_cast<float*>(std::malloc(n * sizeof(float)));
  TORCH_CHECK(copy != nullptr, "there is no memory");
  std::copy_n(xc.data_ptr<float>(), n, copy);
  std::sort(copy, copy + n);
  return at::scalar_tensor(copy[n / 2], x.options());
}

// twin
at::Tensor median(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.numel() > 0, "median takes a vector with elements");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  std::vector<float> copy(n);
  std::copy_n(xc.data_ptr<float>(), n, copy.begin());
  std::sort(copy.begin(), copy.end());
  return at::scalar_tensor(copy[n / 2], x.options());
}

// bug: leak-on-throw
at::Tensor normalise_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "normalise takes a vector");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  double* wide = new double[n];
  const float* xp = xc.data_ptr<float>();
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += wide[i] = xp[i];
  }
  TORCH_CHECK(sum != 0, "the sum is 0");
  auto out = at::empty({n}, xc.options());
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    op[i] = static_cast<float>(wide[i] / sum);
  }
  delete[] wide;
  return out;
}

// twin
at::Tensor normalise(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "normalise takes a vector");
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  std::unique_ptr<double[]> wide(new double[n]);
  const float* xp = xc.data_ptr<float>();
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += wide[i] = xp[i];
  }
  TORCH_CHECK(sum != 0, "the sum is 0");
  auto out = at::empty({n}, xc.options());
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i) {
    op[i] = static_cast<float>(wide[i] / sum);
  }
  return out;
}

// bug: dangling-temporary
at::Tensor trace_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2 && x.size(0) == x.size(1), "trace takes a square matrix");
  const float* xp = x.contiguous().data_ptr<float>();
  const int64_t n = x.size(0);
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += xp[i * n + i];
  }
  return at::scalar_tensor(sum, x.options());
}

// twin
at::Tensor trace(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2 && x.size(0) == x.size(1), "trace takes a square matrix");
  const auto xc = x.contiguous();
  const float* xp = xc.data_ptr<float>();
  const int64_t n = x.size(0);
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += xp[i * n + i];
  }
  return at::scalar_tensor(sum, x.options());
}

// bug: dangling-temporary
at::Tensor count_true_bad(const at::Tensor& mask) {
  TORCH_CHECK(mask.is_contiguous(), "count_true takes a contiguous tensor");
  const float* mp = mask.to(at::kFloat).data_ptr<float>();
  int64_t count = 0;
  for (int64_t i = 0; i < mask.numel(); ++i) {
    count += mp[i] != 0;
  }
  return at::scalar_tensor(count, at::kLong);
}

// twin
at::Tensor count_true(const at::Tensor& mask) {
  TORCH_CHECK(mask.is_contiguous(), "count_true takes a contiguous tensor");
  const auto m = mask.to(at::kFloat);
  const float* mp = m.data_ptr<float>();
  int64_t count = 0;
  for (int64_t i = 0; i < mask.numel(); ++i) {
    count += mp[i] != 0;
  }
  return at::scalar_tensor(count, at::kLong);
}

// bug: dangling-temporary
at::Tensor grown_bad(at::Tensor& x, int64_t by) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous() && by >= 0, "grown takes a contiguous vector");
  float* xp = x.data_ptr<float>();
  const int64_t n = x.size(0);
  x.resize_({n + by});
  for (int64_t i = n; i < x.size(0); ++i) {
    xp[i] = 0;
  }
  return x;
}

// twin
at::Tensor grown(at::Tensor& x, int64_t by) {
  TORCH_CHECK(x.dim() == 1 && x.is_contiguous() && by >= 0, "grown takes a contiguous vector");
  TORCH_CHECK(by <= int64_t{1} << 40, "the result is too large");
  const int64_t n = x.size(0);
  x.resize_({n + by});
  float* xp = x.data_ptr<float>();
  for (int64_t i = n; i < x.size(0); ++i) {
    xp[i] = 0;
  }
  return x;
}

// bug: contiguity
at::Tensor sum_squares_bad(const at::Tensor& x) {
  const double* xp = x.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    sum += xp[i] * xp[i];
  }
  return at::scalar_tensor(sum, x.options());
}

// twin
at::Tensor sum_squares(const at::Tensor& x) {
  TORCH_CHECK(x.is_contiguous(), "sum_squares takes a contiguous tensor");
  const double* xp = x.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    sum += xp[i] * xp[i];
  }
  return at::scalar_tensor(sum, x.options());
}

// bug: device
at::Tensor absolute_bad(const at::Tensor& x) {
  TORCH_CHECK(x.scalar_type() == at::kFloat, "absolute takes float32");
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    op[i] = xp[i] < 0 ? -xp[i] : xp[i];
  }
  return out;
}

// twin
at::Tensor absolute(const at::Tensor& x) {
  TORCH_CHECK(x.scalar_type() == at::kFloat, "absolute takes float32");
  TORCH_CHECK(x.device().is_cpu(), "absolute takes tensors of the processor");
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    op[i] = xp[i] < 0 ? -xp[i] : xp[i];
  }
  return out;
}

// bug: race
at::Tensor total_bad(const at::Tensor& x) {
  const auto xc = x.contiguous();
  const double* xp = xc.data_ptr<double>();
  double sum = 0;
  at::parallel_for(0, xc.numel(), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sum += xp[i];
    }
  });
  return at::scalar_tensor(sum, x.options());
}

// twin
at::Tensor total(const at::Tensor& x) {
  const auto xc = x.contiguous();
  const double* xp = xc.data_ptr<double>();
  const double sum = at::parallel_reduce(
      0, xc.numel(), 1024, 0.0,
      [&](int64_t begin, int64_t end, double part) {
        for (int64_t i = begin; i < end; ++i) {
          part += xp[i];
        }
        return part;
      },
      [](double a, double b) { return a + b; });
  return at::scalar_tensor(sum, x.options());
}

// bug: race
at::Tensor histogram_bad(const at::Tensor& bins, int64_t size) {
  TORCH_CHECK(size > 0, "size is not positive");
  const auto bc = bins.contiguous();
  const int64_t* bp = bc.data_ptr<int64_t>();
  auto out = at::zeros({size}, bc.options());
  int64_t* op = out.data_ptr<int64_t>();
  at::parallel_for(0, bc.numel(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = bp[i];
      if (b >= 0 && b < size) {
        op[b] += 1;
      }
    }
  });
  return out;
}

// twin
at::Tensor histogram(const at::Tensor& bins, int64_t size) {
  TORCH_CHECK(size > 0, "size is not positive");
  const auto bc = bins.contiguous();
  const int64_t* bp = bc.data_ptr<int64_t>();
  auto out = at::zeros({size}, bc.options());
  int64_t* op = out.data_ptr<int64_t>();
  for (int64_t i = 0; i < bc.numel(); ++i) {
    const int64_t b = bp[i];
    if (b >= 0 && b < size) {
      op[b] += 1;
    }
  }
  return out;
}

// bug: division-by-zero
int64_t rows_of_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2, "rows_of takes a matrix");
  return x.numel() / x.size(1);
}

// twin
int64_t rows_of(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 2, "rows_of takes a matrix");
  TORCH_CHECK(x.size(1) > 0, "the matrix has no columns");
  return x.numel() / x.size(1);
}

// bug: division-by-zero
at::Tensor grouped_bad(const at::Tensor& x, int64_t groups) {
  TORCH_CHECK(x.dim() == 2, "grouped takes a matrix");
  const int64_t each = x.size(1) / groups;
  return x.reshape({x.size(0), groups, each}).clone();
}

// twin
at::Tensor grouped(const at::Tensor& x, int64_t groups) {
  TORCH_CHECK(x.dim() == 2 && groups > 0, "grouped takes a matrix and a positive number");
  const int64_t each = x.size(1) / groups;
  return x.reshape({x.size(0), groups, each}).clone();
}

// bug: uninitialised-output
at::Tensor positive_bad(const at::Tensor& x) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    if (xp[i] > 0) {
      op[i] = xp[i];
    }
  }
  return out;
}

// twin
at::Tensor positive(const at::Tensor& x) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    if (xp[i] > 0) {
      op[i] = xp[i];
    } else {
      op[i] = 0;
    }
  }
  return out;
}

// bug: uninitialised-output
at::Tensor steps_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "steps takes a vector");
  const auto xc = x.contiguous();
  auto out = at::empty({xc.size(0)}, xc.options());
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 1; i < xc.size(0); ++i) {
    op[i] = xp[i] - xp[i - 1];
  }
  return out;
}

// twin
at::Tensor steps(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "steps takes a vector");
  const auto xc = x.contiguous();
  auto out = at::zeros({xc.size(0)}, xc.options());
  const float* xp = xc.data_ptr<float>();
  float* op = out.data_ptr<float>();
  for (int64_t i = 1; i < xc.size(0); ++i) {
    op[i] = xp[i] - xp[i - 1];
  }
  return out;
}

// bug: hidden-mutation
at::Tensor centred_bad(const at::Tensor& x) {
  const auto mean = x.mean();
  x.sub_(mean);
  return x.clone();
}

// twin
at::Tensor centred(const at::Tensor& x) {
  const auto mean = x.mean();
  return x.sub(mean);
}

// bug: hidden-mutation
at::Tensor clipped_bad(const at::Tensor& x, double most) {
  auto xc = x.contiguous();
  float* xp = xc.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    if (xp[i] > most) {
      xp[i] = static_cast<float>(most);
    }
  }
  return xc;
}

// twin
at::Tensor clipped(const at::Tensor& x, double most) {
  auto xc = x.clone(at::MemoryFormat::Contiguous);
  float* xp = xc.data_ptr<float>();
  for (int64_t i = 0; i < xc.numel(); ++i) {
    if (xp[i] > most) {
      xp[i] = static_cast<float>(most);
    }
  }
  return xc;
}

// bug: null-optional
at::Tensor shifted_bad(const at::Tensor& x, const c10::optional<at::Tensor>& by) {
  return x + by->sum();
}

// twin
at::Tensor shifted(const at::Tensor& x, const c10::optional<at::Tensor>& by) {
  if (!by.has_value()) {
    return x.clone();
  }
  return x + by->sum();
}

// cubed gives x * x * x and its gradient.
struct CubeBad : public torch::autograd::Function<CubeBad> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x) {
    ctx->save_for_backward({x});
    at::AutoDispatchBelowADInplaceOrView guard;
    return x * x * x;
  }

  // bug: wrong-gradient
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grads) {
    const auto x = ctx->get_saved_variables()[0];
    return {grads[0] * 2 * x * x};
  }
};

struct Cube : public torch::autograd::Function<Cube> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x) {
    ctx->save_for_backward({x});
    at::AutoDispatchBelowADInplaceOrView guard;
    return x * x * x;
  }

  // twin
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grads) {
    const auto x = ctx->get_saved_variables()[0];
    return {grads[0] * 3 * x * x};
  }
};

struct AxpyBad : public torch::autograd::Function<AxpyBad> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& y, double a) {
    ctx->saved_data["a"] = a;
    at::AutoDispatchBelowADInplaceOrView guard;
    return x * a + y;
  }

  // bug: wrong-gradient
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grads) {
    const double a = ctx->saved_data["a"].toDouble();
    return {grads[0] * a, grads[0]};
  }
};

struct Axpy : public torch::autograd::Function<Axpy> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& y, double a) {
    ctx->saved_data["a"] = a;
    at::AutoDispatchBelowADInplaceOrView guard;
    return x * a + y;
  }

  // twin
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list grads) {
    const double a = ctx->saved_data["a"].toDouble();
    return {grads[0] * a, grads[0], at::Tensor()};
  }
};

at::Tensor cube_bad(const at::Tensor& x) { return CubeBad::apply(x); }
at::Tensor cube(const at::Tensor& x) { return Cube::apply(x); }
at::Tensor axpy_bad(const at::Tensor& x, const at::Tensor& y, double a) { return AxpyBad::apply(x, y, a); }
at::Tensor axpy(const at::Tensor& x, const at::Tensor& y, double a) { return Axpy::apply(x, y, a); }

}  // namespace

TORCH_LIBRARY(first_memory, m) {
  m.def("repeat_bad(Tensor x, int times) -> Tensor");
  m.def("repeat(Tensor x, int times) -> Tensor");
  m.def("scale_bad(Tensor x, float by) -> Tensor");
  m.def("scale(Tensor x, float by) -> Tensor");
  m.def("squared_bad(Tensor x) -> Tensor");
  m.def("squared(Tensor x) -> Tensor");
  m.def("blended_bad(Tensor a, Tensor b) -> Tensor");
  m.def("blended(Tensor a, Tensor b) -> Tensor");
  m.def("negate_bad(Tensor x) -> Tensor");
  m.def("negate(Tensor x) -> Tensor");
  m.def("median_bad(Tensor x) -> Tensor");
  m.def("median(Tensor x) -> Tensor");
  m.def("normalise_bad(Tensor x) -> Tensor");
  m.def("normalise(Tensor x) -> Tensor");
  m.def("trace_bad(Tensor x) -> Tensor");
  m.def("trace(Tensor x) -> Tensor");
  m.def("count_true_bad(Tensor mask) -> Tensor");
  m.def("count_true(Tensor mask) -> Tensor");
  m.def("grown_bad(Tensor(a!) x, int by) -> Tensor(a!)");
  m.def("grown(Tensor(a!) x, int by) -> Tensor(a!)");
  m.def("sum_squares_bad(Tensor x) -> Tensor");
  m.def("sum_squares(Tensor x) -> Tensor");
  m.def("absolute_bad(Tensor x) -> Tensor", absolute_bad);
  m.def("absolute(Tensor x) -> Tensor");
  m.def("total_bad(Tensor x) -> Tensor");
  m.def("total(Tensor x) -> Tensor");
  m.def("histogram_bad(Tensor bins, int size) -> Tensor");
  m.def("histogram(Tensor bins, int size) -> Tensor");
  m.def("rows_of_bad(Tensor x) -> int");
  m.def("rows_of(Tensor x) -> int");
  m.def("grouped_bad(Tensor x, int groups) -> Tensor");
  m.def("grouped(Tensor x, int groups) -> Tensor");
  m.def("positive_bad(Tensor x) -> Tensor");
  m.def("positive(Tensor x) -> Tensor");
  m.def("steps_bad(Tensor x) -> Tensor");
  m.def("steps(Tensor x) -> Tensor");
  m.def("centred_bad(Tensor x) -> Tensor");
  m.def("centred(Tensor x) -> Tensor");
  m.def("clipped_bad(Tensor x, float most) -> Tensor");
  m.def("clipped(Tensor x, float most) -> Tensor");
  m.def("shifted_bad(Tensor x, Tensor? by) -> Tensor");
  m.def("shifted(Tensor x, Tensor? by) -> Tensor");
  m.def("cube_bad(Tensor x) -> Tensor", cube_bad);
  m.def("cube(Tensor x) -> Tensor", cube);
  m.def("axpy_bad(Tensor x, Tensor y, float a) -> Tensor", axpy_bad);
  m.def("axpy(Tensor x, Tensor y, float a) -> Tensor", axpy);
}

TORCH_LIBRARY_IMPL(first_memory, CPU, m) {
  m.impl("repeat_bad", repeat_bad);
  m.impl("repeat", repeat);
  m.impl("scale_bad", scale_bad);
  m.impl("scale", scale);
  m.impl("squared_bad", squared_bad);
  m.impl("squared", squared);
  m.impl("blended_bad", blended_bad);
  m.impl("blended", blended);
  m.impl("negate_bad", negate_bad);
  m.impl("negate", negate);
  m.impl("median_bad", median_bad);
  m.impl("median", median);
  m.impl("normalise_bad", normalise_bad);
  m.impl("normalise", normalise);
  m.impl("trace_bad", trace_bad);
  m.impl("trace", trace);
  m.impl("count_true_bad", count_true_bad);
  m.impl("count_true", count_true);
  m.impl("grown_bad", grown_bad);
  m.impl("grown", grown);
  m.impl("sum_squares_bad", sum_squares_bad);
  m.impl("sum_squares", sum_squares);
  m.impl("absolute", absolute);
  m.impl("total_bad", total_bad);
  m.impl("total", total);
  m.impl("histogram_bad", histogram_bad);
  m.impl("histogram", histogram);
  m.impl("rows_of_bad", rows_of_bad);
  m.impl("rows_of", rows_of);
  m.impl("grouped_bad", grouped_bad);
  m.impl("grouped", grouped);
  m.impl("positive_bad", positive_bad);
  m.impl("positive", positive);
  m.impl("steps_bad", steps_bad);
  m.impl("steps", steps);
  m.impl("centred_bad", centred_bad);
  m.impl("centred", centred);
  m.impl("clipped_bad", clipped_bad);
  m.impl("clipped", clipped);
  m.impl("shifted_bad", shifted_bad);
  m.impl("shifted", shifted);
}

TORCH_LIBRARY_IMPL(first_memory, Autograd, m) {
  for (const char* name : {
           "repeat_bad", "repeat", "scale_bad", "squared", "blended_bad", "blended", "scale", "negate_bad", "negate", "median_bad", "median",
           "normalise_bad", "normalise", "trace_bad", "trace", "count_true_bad", "count_true",
           "grown_bad", "grown", "sum_squares_bad", "sum_squares", "absolute_bad", "absolute",
           "total_bad", "total", "histogram_bad", "histogram", "rows_of_bad", "rows_of",
           "grouped_bad", "grouped", "positive_bad", "positive", "steps_bad", "steps",
           "centred_bad", "centred", "clipped_bad", "clipped", "shifted_bad", "shifted",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
