package ops

import "testing"

// Memory that a member holds is freed by those who free the member, and lost if nobody does.
func TestKept(t *testing.T) {
	const (
		owner  = "struct B { explicit B(size_t n) { data_ = new float[n]; } "
		class  = " float* data_ = nullptr; };"
		device = "struct B { explicit B(size_t n) { float* p = nullptr; C10_CUDA_CHECK(cudaMalloc(&p, n)); "
		buffer = "struct Buffer { void* data; size_t n; "
		state  = "struct State { float* buf; "
		stated = "s->buf = (float*)malloc(n); "
		global = "static float* buf = nullptr; static int64_t cap = 0; "
		tidy   = " void clear() { cudaFree(buf); buf = nullptr; } "
		filled = "Buffer b; b.data = malloc(n); fill(b.data); "
	)
	for _, tt := range []struct{ fires, quiet string }{
		{owner + class, owner + "~B() { delete[] data_; }" + class},
		{owner + "~B() { delete[] other_; }" + class, owner + "~B() { if (data_) { delete[] this->data_; } }" + class},
		{owner + class + " struct C { ~C() { delete[] data_; }" + class, owner + "~B();" + class + " B::~B() { delete[] data_; }"},
		{owner + "~B() { float* data_ = g(); delete[] data_; }" + class, "struct A { ~A() { delete[] data_; }" + class + owner[:9] + ": public A" + owner[8:] + " };"},
		{owner + "void clear() { data_ = nullptr; }" + class, owner + "void clear() { delete[] data_; data_ = nullptr; }" + class},
		{owner + "~B() { for (auto* p : other_) delete[] p; }" + class, owner + "~B() { auto* p = data_; delete[] p; }" + class},
		{owner + "void keep(B& o) { free(o.other_); }" + class, owner + class + " void destroy(B* b) { delete[] b->data_; delete b; }"},
		{"template <class T> struct B { void get(size_t n); T* data_; }; template <class T> void B<T>::get(size_t n) { data_ = (T*)malloc(n); }", "template <class T> struct B { void get(size_t n); void put(); T* data_; }; template <class T> void B<T>::get(size_t n) { data_ = (T*)malloc(n); } template <class T> void B<T>::put() { free(data_); }"},

		{device + "data_ = p; }" + class, device + "data_ = p; } ~B() { cudaFree(data_); }" + class},
		{device + "this->data_ = (float*)(p); }" + class, device + "this->data_ = (float*)(p); } ~B() { cudaFree(data_); }" + class},
		{device + "other_ = *p; } ~B() { cudaFree(data_); }" + class, device + "if (p) p += 1; data_ = static_cast<float*>(p); } ~B() { SAFE_FREE(data_); }" + class},
		{"struct B { B(size_t n) { cudaMalloc((void**)&data_, n); }" + class, "struct B { B(size_t n) { cudaMalloc((void**)&data_, n); } ~B() { cudaFree(data_); }" + class},
		{"struct B { B(size_t n) { cudaMalloc(&s_.p, n); } ~B() { cudaFree(s_.q); } S s_; };", "struct B { B(size_t n) { cudaMalloc(&s_.p, n); } ~B() { cudaFree(s_.p); } S s_; };"},

		// An object of the function frees it by its destructor, or goes on to somebody who does.
		{buffer + "}; void f(size_t n) { " + filled + "}", buffer + "~Buffer() { free(data); } }; void f(size_t n) { " + filled + "}"},
		{buffer + "void put() { free(data); } }; void f(size_t n) { " + filled + "}", buffer + "void put() { free(data); } }; void f(size_t n) { " + filled + "b.put(); }"},
		{buffer + "}; void put(Buffer* b) { free(b->data); } void f(size_t n) { " + filled + "}", buffer + "}; void put(Buffer* b) { free(b->data); } void f(size_t n) { " + filled + "put(&b); }"},
		{buffer + "}; Buffer f(size_t n) { " + filled + "return b; }", buffer + "}; void put(Buffer* b) { free(b->data); } Buffer f(size_t n) { " + filled + "return b; }"},
		{buffer + "}; void f(Buffer* b, size_t n) { b->data = malloc(n); }", buffer + "}; void put(Buffer* b) { free(b->data); } void f(Buffer* b, size_t n) { b->data = malloc(n); }"},

		{buffer + "}; void f(Buffer* b, size_t n) { b->data = malloc(n); }", "void f(Buffer* b, size_t n) { b->data = malloc(n); }"},

		// The class is that of what auto begins as, and frees its own members only.
		{state + "}; void f(size_t n) { auto* s = new State(); " + stated + "delete s; }", state + "~State() { free(buf); } }; void f(size_t n) { auto* s = new State(); " + stated + "delete s; }"},
		{state + "}; void f(size_t n) { auto s = std::make_unique<State>(); " + stated + "}", state + "~State() { free(buf); } }; void f(size_t n) { auto s = std::make_unique<State>(); " + stated + "}"},
		{state + "}; void f(size_t n) { std::vector<State> v(1); auto* s = &v.back(); " + stated + "}", "void f(size_t n) { auto* s = lib_new(); " + stated + "}"},
		{state + "}; struct O { float* buf; ~O() { free(buf); } }; void f(size_t n) { State* s = new State(); " + stated + "delete s; }", state + "}; void put(State* o) { free(o->buf); } void f(size_t n) { State* s = new State(); " + stated + "put(s); }"},
		{state + "}; struct O { float* buf; }; void put(O* o) { free(o->buf); } void f(State* s, size_t n) { " + stated + "}", state + "}; State* make(); void put(State* o) { free(o->buf); } void f(size_t n) { auto* s = make(); " + stated + "}"},

		// What throws before the object goes on loses it.
		{buffer + "}; void put(Buffer& b) { free(b.data); } void f(size_t n) { " + filled + "TORCH_CHECK(n > 0); put(b); }", buffer + "}; void put(Buffer& b) { free(b.data); } void f(size_t n) { TORCH_CHECK(n > 0); " + filled + "if (!b.data) return; put(b); }"},

		// A function that is not seen may free what the object holds that it gets last.
		{buffer + "}; void f(size_t n) { " + filled + "memset(&b, 0, n); }", buffer + "}; void f(size_t n) { " + filled + "lib_destroy(&b); }"},
		{state + "}; void f(size_t n) { auto* s = new State(); " + stated + "lib_run(s); delete s; }", state + "}; void f(size_t n) { auto* s = new State(); " + stated + "lib_free(s); }"},
		{buffer + "~Buffer() { use(data); } static void use(void* p) { g(p); } }; void f(size_t n) { " + filled + "}", buffer + "~Buffer() { put(data); } static void put(void* p) { free(p); } }; void f(size_t n) { " + filled + "}"},

		// A function that works on tensors runs more than once.
		{global + "void f(const at::Tensor& x) { cudaMalloc(&buf, 8); }" + tidy, global + "void f(size_t n) { cudaMalloc(&buf, 8); }" + tidy},
		{global + "void f(const at::Tensor& x) { if (x.numel() > cap) { cudaMalloc(&buf, 8); } }" + tidy, global + "void f(const at::Tensor& x) { if (x.numel() > cap) { cudaFree(buf); cudaMalloc(&buf, 8); } }" + tidy},
		{global + "void f(const at::Tensor& x) { buf = (float*)malloc(8); }" + tidy, global + "void f(const at::Tensor& x) { if (buf == nullptr) buf = (float*)malloc(8); }" + tidy},
		{global + "void f(const at::Tensor& x) { if (buf != nullptr) { buf = (float*)malloc(8); } }" + tidy, global + "void f(const at::Tensor& x) { if (buf) return; buf = (float*)malloc(8); }" + tidy},
		{global + "void f(const at::Tensor& x, bool train) { if (!train) { buf = (float*)malloc(8); } }" + tidy, global + "bool ready; void f(const at::Tensor& x) { if (!ready) { buf = (float*)malloc(8); ready = true; } }" + tidy},
		{global + "void f(const at::Tensor& x) { float* p = (float*)malloc(8); buf = p; }" + tidy, global + "void f(const at::Tensor& x) { float* old = buf; buf = (float*)malloc(8); free(old); }" + tidy},
		{global + tidy + "void grow() { cudaMalloc(&buf, 8); } void f(const at::Tensor& x) { grow(); }", global + tidy + "void grow() { cudaMalloc(&buf, 8); } void f(const at::Tensor& x) { if (!buf) grow(); }"},
		{global + tidy + "void f(const at::Tensor& x) { other(); cudaMalloc(&buf, 8); }", global + tidy + "void f(const at::Tensor& x) { clear(); cudaMalloc(&buf, 8); }"},
		{owner[:10] + "~B() { delete[] data_; } void f(const at::Tensor& x) { data_ = new float[8]; }" + class, owner[:10] + "~B() { delete[] data_; } B(const at::Tensor& x) { data_ = new float[8]; }" + class},

		// Who calls has it.
		{"void f(float* out, size_t n) { out = (float*)malloc(n); }", "void f(float** out, size_t n) { *out = (float*)malloc(n); }"},
		{"void f(float* out, size_t n) { cudaMalloc(&out, n); }", "void f(float** out, size_t n) { cudaMalloc((void**)out, n); }"},
		{"void f(float* out, size_t n) { float* p = new float[n]; *out = *p; }", "void f(float*& out, size_t n) { float* p = new float[n]; out = p; }"},
		{"float* cache; void f(size_t n) { cache = new float[n]; }", "float* cache; void f(size_t n) { cache = new float[n]; } void g() { delete[] cache; }"},
		{owner[:10] + "void f(size_t n) { data_ = new float[n]; TORCH_CHECK(n > 0); delete[] data_; }" + class, owner[:10] + "void f(size_t n) { data_ = new float[n]; TORCH_CHECK(n > 0); delete[] data_; } ~B() { delete[] data_; }" + class},
	} {
		const header = "#include <torch/extension.h>\n"
		if got := ofRule(scanned(t, map[string]string{"op.cu": header + tt.fires}), "OPS012"); len(got) != 1 {
			t.Errorf("%s\nhas %q, want one OPS012", tt.fires, got)
		}
		got := scanned(t, map[string]string{"op.cu": header + tt.quiet})
		if len(ofRule(got, "OPS012")) > 0 || len(ofRule(got, "OPS011")) == 0 {
			t.Errorf("%s\nhas %q, want OPS011 and no OPS012", tt.quiet, got)
		}
	}
}
