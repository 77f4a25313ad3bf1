// Planted bugs in kernels over elements, each with a correct twin behind it.
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

namespace {

constexpr int64_t kThreads = 128;

int64_t blocks(int64_t n) { return (n + kThreads - 1) / kThreads; }

void check_vector(const at::Tensor& x, const char* name) {
  TORCH_CHECK(x.is_cuda() && x.scalar_type() == at::kFloat && x.dim() == 1, name, " takes a vector of float32 on a GPU");
}

__global__ void gather_kernel(const float* x, const int64_t* index, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[index[i]];
  }
}

// bug: out-of-bounds-read
at::Tensor gathered_bad(const at::Tensor& x, const at::Tensor& index) {
  check_vector(x, "gathered");
  TORCH_CHECK(index.is_cuda() && index.scalar_type() == at::kLong && index.dim() == 1, "gathered takes a vector of int64 as index");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous(), ic = index.contiguous();
  auto out = at::empty({ic.numel()}, xc.options());
  const int64_t n = ic.numel();
  if (n == 0) {
    return out;
  }
  gather_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), ic.data_ptr<int64_t>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor gathered(const at::Tensor& x, const at::Tensor& index) {
  check_vector(x, "gathered");
  TORCH_CHECK(index.is_cuda() && index.scalar_type() == at::kLong && index.dim() == 1, "gathered takes a vector of int64 as index");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous(), ic = index.contiguous();
  auto out = at::empty({ic.numel()}, xc.options());
  const int64_t n = ic.numel();
  if (n == 0) {
    return out;
  }
  TORCH_CHECK(ic.min().item<int64_t>() >= 0 && ic.max().item<int64_t>() < xc.numel(), "index out of range");
  gather_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), ic.data_ptr<int64_t>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

__global__ void scatter_kernel(const int64_t* index, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[index[i]] = 1;
  }
}

// bug: out-of-bounds-write
at::Tensor scattered_bad(const at::Tensor& index, int64_t size) {
  TORCH_CHECK(index.is_cuda() && index.scalar_type() == at::kLong && index.dim() == 1 && size >= 0, "scattered takes a vector of int64, and a size");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(index));
  const auto ic = index.contiguous();
  auto out = at::zeros({size}, ic.options().dtype(at::kFloat));
  const int64_t n = ic.numel();
  if (n == 0) {
    return out;
  }
  scatter_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(ic.data_ptr<int64_t>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor scattered(const at::Tensor& index, int64_t size) {
  TORCH_CHECK(index.is_cuda() && index.scalar_type() == at::kLong && index.dim() == 1 && size >= 0, "scattered takes a vector of int64, and a size");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(index));
  const auto ic = index.contiguous();
  auto out = at::zeros({size}, ic.options().dtype(at::kFloat));
  const int64_t n = ic.numel();
  if (n == 0) {
    return out;
  }
  TORCH_CHECK(ic.min().item<int64_t>() >= 0 && ic.max().item<int64_t>() < size, "index out of range");
  scatter_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(ic.data_ptr<int64_t>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

__global__ void triple_kernel_bad(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  out[i] = 3 * x[i];
}

__global__ void triple_kernel(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = 3 * x[i];
  }
}

// bug: kernel-bound
at::Tensor tripled_bad(const at::Tensor& x) {
  check_vector(x, "tripled");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  triple_kernel_bad<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor tripled(const at::Tensor& x) {
  check_vector(x, "tripled");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  triple_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// bug: contiguity
at::Tensor stretched_bad(const at::Tensor& x) {
  TORCH_CHECK(x.is_cuda() && x.scalar_type() == at::kFloat, "stretched takes float32 on a GPU");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  auto out = at::empty(x.sizes(), x.options());
  const int64_t n = x.numel();
  if (n == 0) {
    return out;
  }
  triple_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(x.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor stretched(const at::Tensor& x) {
  TORCH_CHECK(x.is_cuda() && x.scalar_type() == at::kFloat, "stretched takes float32 on a GPU");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty(xc.sizes(), xc.options());
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  triple_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

__global__ void add_kernel(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] += x[i];
  }
}

// bug: uninitialised-output
at::Tensor accumulated_bad(const at::Tensor& x) {
  check_vector(x, "accumulated");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  add_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor accumulated(const at::Tensor& x) {
  check_vector(x, "accumulated");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::zeros_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  add_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

__global__ void pair_kernel_bad(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    const float2 pair = reinterpret_cast<const float2*>(x)[i];
    out[i] = pair.x + pair.y;
  }
}

__global__ void pair_kernel(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[2 * i] + x[2 * i + 1];
  }
}

// bug: misaligned
at::Tensor paired_bad(const at::Tensor& x) {
  check_vector(x, "paired");
  TORCH_CHECK(x.numel() % 2 == 0, "paired takes an even number of elements");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  const int64_t n = xc.numel() / 2;
  auto out = at::empty({n}, xc.options());
  if (n == 0) {
    return out;
  }
  pair_kernel_bad<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor paired(const at::Tensor& x) {
  check_vector(x, "paired");
  TORCH_CHECK(x.numel() % 2 == 0, "paired takes an even number of elements");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  const int64_t n = xc.numel() / 2;
  auto out = at::empty({n}, xc.options());
  if (n == 0) {
    return out;
  }
  pair_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// bug: leak-on-throw
at::Tensor faded_bad(const at::Tensor& x, double by) {
  check_vector(x, "faded");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  if (n == 0) {
    return at::empty_like(xc);
  }
  float* scratch = nullptr;
  C10_CUDA_CHECK(cudaMalloc(&scratch, n * sizeof(float)));
  TORCH_CHECK(by >= 0 && by <= 1, "faded takes a part of one");
  triple_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), scratch, n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  auto out = at::from_blob(scratch, {n}, xc.options()).mul(by);
  C10_CUDA_CHECK(cudaFree(scratch));
  return out;
}

// twin
at::Tensor faded(const at::Tensor& x, double by) {
  check_vector(x, "faded");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  const int64_t n = xc.numel();
  if (n == 0) {
    return at::empty_like(xc);
  }
  auto scratch = at::empty_like(xc);
  TORCH_CHECK(by >= 0 && by <= 1, "faded takes a part of one");
  triple_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), scratch.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return scratch.mul(by);
}

__global__ void ones_kernel_bad(uint8_t* out, int64_t n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = 1;
  }
}

__global__ void ones_kernel(uint8_t* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = 1;
  }
}

// bug: int32-overflow
at::Tensor marked_bad(const at::Tensor& like, int64_t n) {
  TORCH_CHECK(like.is_cuda() && n >= 0, "marked takes a tensor on a GPU and a number that is not negative");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(like));
  auto out = at::empty({n}, like.options().dtype(at::kByte));
  if (n == 0) {
    return out;
  }
  ones_kernel_bad<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(out.data_ptr<uint8_t>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor marked(const at::Tensor& like, int64_t n) {
  TORCH_CHECK(like.is_cuda() && n >= 0, "marked takes a tensor on a GPU and a number that is not negative");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(like));
  auto out = at::empty({n}, like.options().dtype(at::kByte));
  if (n == 0) {
    return out;
  }
  ones_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(out.data_ptr<uint8_t>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// bug: launch
at::Tensor scaled_bad(const at::Tensor& x) {
  check_vector(x, "scaled");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  triple_kernel<<<blocks(n), kThreads>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  return out;
}

// twin
at::Tensor scaled(const at::Tensor& x) {
  check_vector(x, "scaled");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  triple_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

__global__ void shift_kernel(const float* x, const float* by, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[i] + by[0];
  }
}

// bug: device
at::Tensor shifted_bad(const at::Tensor& x, const at::Tensor& by) {
  check_vector(x, "shifted");
  TORCH_CHECK(by.scalar_type() == at::kFloat && by.numel() == 1, "shifted takes one number of float32");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous(), number = by.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  shift_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), number.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor shifted(const at::Tensor& x, const at::Tensor& by) {
  check_vector(x, "shifted");
  TORCH_CHECK(by.is_cuda() && by.scalar_type() == at::kFloat && by.numel() == 1, "shifted takes one number of float32 on a GPU");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous(), number = by.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  shift_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), number.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

__global__ void softsign_kernel_bad(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[i] / (1 + x[i]);
  }
}

__global__ void softsign_kernel(const float* x, float* out, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    out[i] = x[i] / (1 + fabsf(x[i]));
  }
}

at::Tensor softsign_on_cpu(const at::Tensor& x) {
  TORCH_CHECK(x.scalar_type() == at::kFloat && x.dim() == 1, "softsign takes a vector of float32");
  return x / (1 + x.abs());
}

// bug: wrong-result
at::Tensor softsign_bad(const at::Tensor& x) {
  check_vector(x, "softsign");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  softsign_kernel_bad<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

// twin
at::Tensor softsign(const at::Tensor& x) {
  check_vector(x, "softsign");
  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));
  const auto xc = x.contiguous();
  auto out = at::empty_like(xc);
  const int64_t n = xc.numel();
  if (n == 0) {
    return out;
  }
  softsign_kernel<<<blocks(n), kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(xc.data_ptr<float>(), out.data_ptr<float>(), n);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return out;
}

}  // namespace

TORCH_LIBRARY(gpu_elements, m) {
  m.def("gathered_bad(Tensor x, Tensor index) -> Tensor");
  m.def("gathered(Tensor x, Tensor index) -> Tensor");
  m.def("scattered_bad(Tensor index, int size) -> Tensor");
  m.def("scattered(Tensor index, int size) -> Tensor");
  m.def("tripled_bad(Tensor x) -> Tensor");
  m.def("tripled(Tensor x) -> Tensor");
  m.def("stretched_bad(Tensor x) -> Tensor");
  m.def("stretched(Tensor x) -> Tensor");
  m.def("accumulated_bad(Tensor x) -> Tensor");
  m.def("accumulated(Tensor x) -> Tensor");
  m.def("paired_bad(Tensor x) -> Tensor");
  m.def("paired(Tensor x) -> Tensor");
  m.def("faded_bad(Tensor x, float by) -> Tensor");
  m.def("faded(Tensor x, float by) -> Tensor");
  m.def("marked_bad(Tensor like, int n) -> Tensor");
  m.def("marked(Tensor like, int n) -> Tensor");
  m.def("scaled_bad(Tensor x) -> Tensor");
  m.def("scaled(Tensor x) -> Tensor");
  m.def("shifted_bad(Tensor x, Tensor by) -> Tensor");
  m.def("shifted(Tensor x, Tensor by) -> Tensor");
  m.def("softsign_bad(Tensor x) -> Tensor");
  m.def("softsign(Tensor x) -> Tensor");
}

TORCH_LIBRARY_IMPL(gpu_elements, CUDA, m) {
  m.impl("gathered_bad", gathered_bad);
  m.impl("gathered", gathered);
  m.impl("scattered_bad", scattered_bad);
  m.impl("scattered", scattered);
  m.impl("tripled_bad", tripled_bad);
  m.impl("tripled", tripled);
  m.impl("stretched_bad", stretched_bad);
  m.impl("stretched", stretched);
  m.impl("accumulated_bad", accumulated_bad);
  m.impl("accumulated", accumulated);
  m.impl("paired_bad", paired_bad);
  m.impl("paired", paired);
  m.impl("faded_bad", faded_bad);
  m.impl("faded", faded);
  m.impl("marked_bad", marked_bad);
  m.impl("marked", marked);
  m.impl("scaled_bad", scaled_bad);
  m.impl("scaled", scaled);
  m.impl("shifted_bad", shifted_bad);
  m.impl("shifted", shifted);
  m.impl("softsign_bad", softsign_bad);
  m.impl("softsign", softsign);
}

TORCH_LIBRARY_IMPL(gpu_elements, CPU, m) {
  m.impl("softsign_bad", softsign_on_cpu);
  m.impl("softsign", softsign_on_cpu);
}

TORCH_LIBRARY_IMPL(gpu_elements, Autograd, m) {
  for (const char* name : {
           "gathered_bad", "gathered", "scattered_bad", "scattered", "tripled_bad", "tripled", "stretched_bad", "stretched",
           "accumulated_bad", "accumulated", "paired_bad", "paired", "faded_bad", "faded", "marked_bad", "marked",
           "scaled_bad", "scaled", "shifted_bad", "shifted", "softsign_bad", "softsign",
       }) {
    m.impl(name, torch::autograd::autogradNotImplementedFallback());
  }
}
