// A device whose memory the host cannot touch: PrivateUse1, with tensors on pages
// without any right. What a GPU would do to an operator that takes a pointer of a
// tensor without asking for its device, this does without a GPU: the first access
// ends the process with SIGSEGV, and a line on standard error that says so.
#include <ATen/ATen.h>
#include <ATen/InferSize.h>
#include <ATen/TensorUtils.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Logging.h>
#include <torch/library.h>
#include <torch/version.h>

#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 5)
template <class T>
using Optional = std::optional<T>;
#else
template <class T>
using Optional = c10::optional<T>;
#endif

constexpr auto kDevice = c10::DeviceType::PrivateUse1;

// Ranges are looked at in a signal handler: no lock, no allocation.
struct Range {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
};
constexpr int kRanges = 4096;
Range ranges[kRanges];

void remember(uintptr_t begin, uintptr_t end) {
  for (auto& r : ranges) {
    uintptr_t none = 0;
    if (r.end.load() == 0 && r.begin.compare_exchange_strong(none, begin)) {
      r.end = end;
      return;
    }
  }
}

void forget(uintptr_t begin) {
  for (auto& r : ranges) {
    if (r.begin == begin) {
      r.end = 0;
      r.begin = 0;
      return;
    }
  }
}

struct Pages {
  void* at;
  size_t size;
};

void release(void* context) {
  auto* p = static_cast<Pages*>(context);
  forget(reinterpret_cast<uintptr_t>(p->at));
  munmap(p->at, p->size);
  delete p;
}

at::Tensor allocate(c10::IntArrayRef sizes, c10::IntArrayRef strides, c10::ScalarType type) {
  const caffe2::TypeMeta dtype = c10::scalarTypeToTypeMeta(type);
  uint64_t elements = 1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    TORCH_CHECK(sizes[i] >= 0, "a size is negative");
    if (sizes[i] == 0) {
      elements = 0;
      break;
    }
    uint64_t span = 0;
    TORCH_CHECK(
        !__builtin_mul_overflow(static_cast<uint64_t>(sizes[i] - 1), static_cast<uint64_t>(strides[i]), &span) &&
            !__builtin_add_overflow(elements, span, &elements),
        "the tensor is too large");
  }
  uint64_t bytes = 0;
  TORCH_CHECK(!__builtin_mul_overflow(elements, static_cast<uint64_t>(dtype.itemsize()), &bytes), "the tensor is too large");
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  TORCH_CHECK(bytes < (uint64_t{1} << 40), "the tensor is too large");
  const uint64_t size = (bytes / page + 1) * page;
  void* at = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(at != MAP_FAILED, "there is no room for the tensor");
  const auto begin = reinterpret_cast<uintptr_t>(at);
  remember(begin, begin + size);
  const c10::Device device(kDevice, 0);
  c10::DataPtr data(at, new Pages{at, size}, release, device);
  c10::Storage storage(c10::Storage::use_byte_size_t(), bytes, std::move(data), nullptr, false);
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), dtype);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides);
  return tensor;
}

at::Tensor empty(
    c10::IntArrayRef size,
    Optional<at::ScalarType> dtype,
    Optional<at::Layout>,
    Optional<at::Device>,
    Optional<bool>,
    Optional<at::MemoryFormat>) {
  c10::SmallVector<int64_t, 8> strides(size.size());
  int64_t next = 1;
  for (size_t i = size.size(); i-- > 0;) {
    strides[i] = next;
    next *= size[i] > 1 ? size[i] : 1;
  }
  return allocate(size, strides, dtype.value_or(at::kFloat));
}

at::Tensor empty_strided(
    c10::IntArrayRef size,
    c10::IntArrayRef stride,
    Optional<at::ScalarType> dtype,
    Optional<at::Layout>,
    Optional<at::Device>,
    Optional<bool>) {
  return allocate(size, stride, dtype.value_or(at::kFloat));
}

// strided gives another view of the same pages: what view(), t() and expand() need.
at::Tensor strided(const at::Tensor& self, c10::IntArrayRef size, c10::IntArrayRef stride, Optional<int64_t> offset) {
  auto storage = self.storage();
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), self.dtype());
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride);
  tensor.unsafeGetTensorImpl()->set_storage_offset(offset.value_or(self.storage_offset()));
  return tensor;
}

at::Tensor view(const at::Tensor& self, c10::IntArrayRef size) {
  const auto sizes = at::infer_size(size, self.numel());
  const auto strides = at::detail::computeStride(self.sizes(), self.strides(), sizes);
  TORCH_CHECK(strides.has_value(), "view size is not compatible with the strides of the tensor");
  return strided(self, sizes, *strides, self.storage_offset());
}

// There is one device, and it has one stream.
struct Guard final : public c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override {
    return kDevice;
  }
  c10::Device exchangeDevice(c10::Device) const override {
    return c10::Device(kDevice, 0);
  }
  c10::Device getDevice() const override {
    return c10::Device(kDevice, 0);
  }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device d) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, d);
  }
  c10::Stream exchangeStream(c10::Stream) const noexcept override {
    return c10::Stream(c10::Stream::DEFAULT, c10::Device(kDevice, 0));
  }
  c10::DeviceIndex deviceCount() const noexcept override {
    return 1;
  }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override {
    return true;
  }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

// told gets a handler of SIGSEGV that says when the address is one of these pages.
void told(int, siginfo_t* info, void*) {
  const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
  for (auto& r : ranges) {
    const uintptr_t begin = r.begin, end = r.end;
    if (begin != 0 && begin <= at && at < end) {
      static const char text[] = "andiron tripwire: the host touched the memory of a tensor of another device\n";
      (void)!write(STDERR_FILENO, text, sizeof text - 1);
      void* frames[64];
      backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
      break;
    }
  }
  signal(SIGSEGV, SIG_DFL); // the access is made again, and ends the process
}

void arm() {
  void* frame[1];
  backtrace(frame, 1); // the first call loads a library, which a handler must not
  struct sigaction act;
  std::memset(&act, 0, sizeof act);
  act.sa_sigaction = told;
  act.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &act, nullptr);
}

// untraced makes exceptions without the stack of C++, which nobody reads here. In torch
// 1.13 each looks up its frames by name, and that takes a hundred times as long as all
// else.
void untraced() {
  c10::SetStackTraceFetcher([] { return std::string(); });
}

} // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("as_strided", strided);
  m.impl("view", view);
}

// arm() sets the handler, in place of that of whoever came before. tensor() gives a
// tensor without what torch.empty(device="privateuseone") asks for since torch 2.1, a
// Python module of that name.
TORCH_LIBRARY(andiron_tripwire, m) {
  m.def("tensor(int[] size, int[] stride, ScalarType dtype) -> Tensor", allocate);
  m.def("arm() -> ()", arm);
  m.def("untraced() -> ()", untraced);
}
