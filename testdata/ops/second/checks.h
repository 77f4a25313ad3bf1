// Checks that the second set shares.
#pragma once

#include <torch/extension.h>

#define CHECK_CPU(x) TORCH_CHECK(x.device().is_cpu(), #x " must lie on the processor")
#define CHECK_CONTIGUOUS(x) TORCH_CHECK(x.is_contiguous(), #x " must be contiguous")
#define CHECK_INPUT(x) \
  CHECK_CPU(x);        \
  CHECK_CONTIGUOUS(x)
#define CHECK_RANK(x, n) TORCH_CHECK((x).dim() == (n), #x " must have " #n " dimensions")
