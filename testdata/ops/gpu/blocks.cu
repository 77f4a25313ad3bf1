// Planted bugs in what the threads of a block share, each with a correct twin behind it.
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

namespace {

constexpr int64_t kThreads = 64;
constexpr int64_t kRadius = 4;

int64_t blocks(int64_t n) { return (n + kThreads - 1) / kThreads; }

void check_vector(const at::Tensor& x, const char* name) {
  TORCH_CHECK(x.is_cuda() && x.scalar_type() == at::kFloat && x.dim() == 1, name, " takes a vector of float32 on a GPU");
}

// The sum of the neighbours within a radius. A thread loads one element, and those at
// the ends of the block the margins.
__global__ void window_kernel(const float* x, float* out, int64_t n, int64_t radius) {
  __shared__ float tile[kThreads + 2 * kRadius];
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t at = threadIdx.x + radius;
  tile[at] = i < n ? x[i] : 0;
  if (threadIdx.x < radius) {
    const int64_t left = i - radius, right = i + blockDim.x;
    tile[threadIdx.x] = left >= 0 && left < n ? x[left] : 0;
    tile[at + blockDim.x] = right < n ? x[right] : 0;
  }
  __syncthreads();
  if (i < n) {
    float sum = 0;
    for (int64_t d = -radius; d <= radius; ++d) {
      sum += tile[at + d];
    }
    out[i] = sum;
  }
}

// bug: shared-bound
at::Tensor windowed_bad(const at::Tensor& x, int64_t radius) {
  check_vector(x, "windowed");
  TORCH_CHECK(radius >= 0 && radius <= kThreads, "windowed takes a small radius");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  window_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n, radius);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor windowed(const at::Tensor& x, int64_t radius) {
  check_vector(x, "windowed");
  TORCH_CHECK(radius >= 0 && radius <= kRadius, "windowed takes a small radius");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  window_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n, radius);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// The elements of each block the other way round.
__global__ void reverse_kernel_bad(const float* x, float* out, int64_t n) {
  __shared__ float tile[kThreads];
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = i < n ? x[i] : 0;
  if (i < n) {
    out[i] = tile[blockDim.x - 1 - threadIdx.x];
  }
}

__global__ void reverse_kernel(const float* x, float* out, int64_t n) {
  __shared__ float tile[kThreads];
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = i < n ? x[i] : 0;
  __syncthreads();
  if (i < n) {
    out[i] = tile[blockDim.x - 1 - threadIdx.x];
  }
}

// bug: shared-race
at::Tensor turned_bad(const at::Tensor& x) {
  check_vector(x, "turned");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  reverse_kernel_bad<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor turned(const at::Tensor& x) {
  check_vector(x, "turned");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  reverse_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// The sum of each block, by halves.
__global__ void total_kernel_bad(const float* x, float* out, int64_t n) {
  __shared__ float tile[kThreads];
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = 0;
  __syncthreads();
  if (i < n) {
    tile[threadIdx.x] = x[i];
    __syncthreads();
  }
  for (unsigned int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      tile[threadIdx.x] += tile[threadIdx.x + half];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    out[blockIdx.x] = tile[0];
  }
}

__global__ void total_kernel(const float* x, float* out, int64_t n) {
  __shared__ float tile[kThreads];
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = i < n ? x[i] : 0;
  __syncthreads();
  for (unsigned int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) {
      tile[threadIdx.x] += tile[threadIdx.x + half];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    out[blockIdx.x] = tile[0];
  }
}

// bug: divergent-barrier
at::Tensor totals_bad(const at::Tensor& x) {
  check_vector(x, "totals");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  auto out = at::empty({blocks(n)}, xc.options());
  if (n == 0) {
    return out;
  }
  total_kernel_bad<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor totals(const at::Tensor& x) {
  check_vector(x, "totals");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  auto out = at::empty({blocks(n)}, xc.options());
  if (n == 0) {
    return out;
  }
  total_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

}  // namespace

TORCH_LIBRARY(gpu_blocks, m) {
  m.def("windowed_bad(Tensor x, int radius) -> Tensor");
  m.def("windowed(Tensor x, int radius) -> Tensor");
  m.def("turned_bad(Tensor x) -> Tensor");
  m.def("turned(Tensor x) -> Tensor");
  m.def("totals_bad(Tensor x) -> Tensor");
  m.def("totals(Tensor x) -> Tensor");
}

TORCH_LIBRARY_IMPL(gpu_blocks, CUDA, m) {
  m.impl("windowed_bad", windowed_bad);
  m.impl("windowed", windowed);
  m.impl("turned_bad", turned_bad);
  m.impl("turned", turned);
  m.impl("totals_bad", totals_bad);
  m.impl("totals", totals);
}

TORCH_LIBRARY_IMPL(gpu_blocks, Autograd, m) {
  for (const char* name : {
           "windowed_bad", "windowed", "turned_bad", "turned", "totals_bad", "totals",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
