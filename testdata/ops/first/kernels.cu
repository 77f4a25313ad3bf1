// Planted bugs in CUDA, each with a correct twin behind it. They need nvcc, so they
// are read and not built here.
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

namespace {

// bug: kernel-bound
__global__ void double_kernel_bad(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  out[i] = 2 * x[i];
}

// twin
__global__ void double_kernel(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = 2 * x[i];
  }
}

// bug: int32-overflow
__global__ void halve_kernel_bad(const float* x, float* out, int64_t n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[i] / 2;
  }
}

// twin
__global__ void halve_kernel(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[i] / 2;
  }
}

// bug: device-guard
at::Tensor doubled_bad(const at::Tensor& x) {
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  double_kernel<<<(n + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor doubled(const at::Tensor& x) {
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  double_kernel<<<(n + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// bug: launch
at::Tensor halved_bad(const at::Tensor& x) {
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  halve_kernel<<<(n + 255) / 256, 256>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  return out;
}

// twin
at::Tensor halved(const at::Tensor& x) {
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  halve_kernel<<<(n + 255) / 256, 256, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

}  // namespace

TORCH_LIBRARY(first_kernels, m) {
  m.def("doubled_bad(Tensor x) -> Tensor");
  m.def("doubled(Tensor x) -> Tensor");
  m.def("halved_bad(Tensor x) -> Tensor");
  m.def("halved(Tensor x) -> Tensor");
}

TORCH_LIBRARY_IMPL(first_kernels, CUDA, m) {
  m.impl("doubled_bad", doubled_bad);
  m.impl("doubled", doubled);
  m.impl("halved_bad", halved_bad);
  m.impl("halved", halved);
}

TORCH_LIBRARY_IMPL(first_kernels, Autograd, m) {
  for (const char* name : {
           "doubled_bad", "doubled", "halved_bad", "halved",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
