// ROI max pooling on the CPU, forward and backward.
#include <torch/extension.h>

#include <cstdio>
#include <cstring>

static char last_error[64];

// features: [B, C, H, W] float, rois: [N, 5] float (batch, x1, y1, x2, y2)
torch::Tensor roi_pool_forward(torch::Tensor features, torch::Tensor rois, int ph, int pw) {
  int channels = features.size(1);
  int height = features.size(2);
  int width = features.size(3);
  int n = rois.size(0);

  float* feat = features.data_ptr<float>();
  float* roi = rois.data_ptr<float>();

  int total = n * channels * ph * pw;
  float* buf = (float*)malloc(total * sizeof(float));

  for (int i = 0; i < n; i++) {
    int b = roi[i * 5 + 0];
    int x1 = roi[i * 5 + 1];
    int y1 = roi[i * 5 + 2];
    int x2 = roi[i * 5 + 3];
    int y2 = roi[i * 5 + 4];
    float bin_h = (float)(y2 - y1 + 1) / ph;
    float bin_w = (float)(x2 - x1 + 1) / pw;

    for (int c = 0; c < channels; c++) {
      float* plane = feat + (b * channels + c) * height * width;
      for (int py = 0; py < ph; py++) {
        for (int px = 0; px < pw; px++) {
          int ys = y1 + (int)(py * bin_h);
          int ye = y1 + (int)((py + 1) * bin_h);
          int xs = x1 + (int)(px * bin_w);
          int xe = x1 + (int)((px + 1) * bin_w);
          float best = -1e30f;
          for (int y = ys; y <= ye; y++)
            for (int x = xs; x <= xe; x++)
              if (plane[y * width + x] > best) best = plane[y * width + x];
          buf[((i * channels + c) * ph + py) * pw + px] = best;
        }
      }
    }
  }

  return torch::from_blob(buf, {n, channels, ph, pw}, torch::kFloat);
}

torch::Tensor roi_pool_backward(torch::Tensor grad, torch::Tensor argmax, std::vector<int64_t> shape) {
  auto out = torch::empty(shape, grad.options());
  float* g = grad.data_ptr<float>();
  float* o = out.data_ptr<float>();
  int* idx = argmax.data_ptr<int>();
  for (int i = 0; i < grad.numel(); i++) o[idx[i]] += g[i];
  return out;
}

// Reads rois that the labelling tool exported: int32 count, then count * 5 floats.
torch::Tensor load_rois(const std::string& path) {
  FILE* f = fopen(path.c_str(), "rb");
  if (!f) {
    sprintf(last_error, "cannot open %s", path.c_str());
    throw std::runtime_error(last_error);
  }
  int count;
  fread(&count, sizeof(int), 1, f);
  auto out = torch::empty({count, 5});
  char* buf = new char[count * 5 * 4];
  fread(buf, 4, count * 5, f);
  memcpy(out.data_ptr(), buf, count * 5 * 4);
  return out;
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("forward", &roi_pool_forward, "ROI max pooling");
  m.def("backward", &roi_pool_backward, "ROI max pooling, gradient");
  m.def("load_rois", &load_rois, "rois from a file");
}
