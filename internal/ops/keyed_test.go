package ops

import "testing"

// The key of a map may be any value, and what is no map is indexed.
func TestMapKeys(t *testing.T) {
	for _, tt := range []struct {
		head, before, body string
		quiet              bool
	}{
		{"", "std::unordered_map<int64_t, int64_t> m;", "m[q[i]]++;", true},
		{"", "std::map<int64_t, int64_t> m;", "int64_t v = q[i]; if (m.count(v) == 0) m[v] = i; s += m[v];", true},
		{"", "robin_hood::unordered_flat_map<int64_t, float> m; auto& r = m;", "s += r[q[i]];", true},
		{"", "auto m = phmap::flat_hash_map<int64_t, float>();", "m[q[i]] = 1;", true},
		{"", "std::unordered_map<int64_t, int64_t>* m = &g();", "(*m)[q[i]]++;", true},
		{"", "std::vector<std::unordered_map<int64_t, int64_t>> m(4);", "m[0][q[i]]++; auto& one = m[1]; one[q[i]]++; for (auto& each : m) each[q[i]]++;", true},
		{"", "std::map<int64_t, std::vector<float>> m;", "m[q[i]].push_back(1); m[q[i]][0] = 1;", true},
		{"", "std::map<int64_t, std::map<int64_t, int>> m;", "m[i][q[i]] = 1;", true},
		{"", "std::map<int64_t, std::vector<std::vector<float>>> m;", "m[q[i]][0][1] = 1;", true},
		{"", "using Map = std::unordered_map<int64_t, int64_t>; Map m;", "m[q[i]]++;", true},
		{"typedef std::map<int64_t, int64_t> Seen;\n", "Seen m;", "m[q[i]]++;", true},
		{"template <class V> using Map = absl::flat_hash_map<int64_t, V>;\n", "Map<float> m;", "m[q[i]]++;", true},
		{"static std::unordered_map<int64_t, int64_t> known;\n", "", "known[q[i]]++;", true},
		{"", "std::unordered_map<int64_t, int64_t> m;", "s += p[m[q[i]]]; int64_t k = m.at(q[i]); s += p[k];", true}, // what was put in is not what was asked for
		{"", "std::unordered_map<int64_t, int64_t> m;", "m[row] = i;", true},

		{"", "std::unordered_map<int64_t, int64_t> m; int64_t next = 0;", "if (!m.count(q[i])) m[q[i]] = next++; s += p[m[q[i]]];", true},
		{"", "std::unordered_map<int64_t, int64_t> m;", "m[i] = std::clamp<int64_t>(q[i], 0, n - 1); s += p[m[i]];", true},
		{"", "ska::flat_hash_map<int64_t, int64_t> m;", "m[q[i]]++;", true},
		{"namespace ska { template <class K, class V> class flat_hash_map { K k; }; }\n", "ska::flat_hash_map<int64_t, int64_t> m;", "m[q[i]]++;", true},

		{"", "std::unordered_map<int64_t, int64_t> m;", "m[i] = q[i]; s += p[m[i]];", false},
		{"", "std::unordered_map<int64_t, int64_t> m;", "m.emplace(i, q[i]); auto k = m.at(i); s += p[k];", false},
		{"", "std::unordered_map<int64_t, int64_t> m;", "m.insert({i, q[i]}); auto it = m.find(i); s += p[it->second];", false},
		{"template <class K, int N> struct sparse_map { K v[N]; K& operator[](int64_t i) { return v[i]; } };\n", "sparse_map<float, 64> m;", "m[q[i]] += 1;", false},
		{"struct A { std::unordered_map<int64_t, int64_t> bins; }; struct B { int64_t* bins; };\n", "", "bins[q[i]]++;", false},
		{"struct B { std::vector<int64_t> bins; }; struct A { std::unordered_map<int64_t, int64_t> bins; };\n", "", "bins[q[i]]++;", false},
		{"struct B { std::unordered_map<int64_t, int64_t> bins; }; struct A { std::unordered_map<int64_t, int64_t> bins; };\n", "", "bins[q[i]]++;", true},
		{"", "std::vector<int64_t> m(n);", "m[q[i]]++;", false},
		{"", "std::array<int64_t, 8> m;", "m[q[i]]++;", false},
		{"", "std::unordered_map<int64_t, int64_t> seen; int64_t m[8];", "seen[q[i]]++; m[q[i]]++;", false},
		{"", "std::unordered_map<int64_t, int64_t>* m = g();", "m[q[i]][0]++;", false},
		{"", "std::vector<std::unordered_map<int64_t, int64_t>> m(4);", "m[q[i]][0]++;", false},
		{"", "std::vector<std::unordered_map<int64_t, int64_t>> m(4);", "auto& one = m[q[i]]; one[0]++;", false},
		{"", "std::unordered_map<int64_t, int64_t> m[4];", "m[q[i]][0]++;", false},
		{"", "std::map<int64_t, std::vector<float>> m;", "m[0][q[i]] = 1;", false},
		{"", "std::map<int64_t, std::map<int64_t, float*>> m;", "m[0][1][q[i]] = 1;", false},
		{"", "Eigen::Map<Eigen::VectorXf> m(p, n);", "m[q[i]] = 1;", false},
		{"", "using Map = std::vector<int64_t>; Map m(n);", "m[q[i]]++;", false},
		{"static std::unordered_map<int64_t, int64_t> m;\n", "std::vector<int64_t> m(n);", "m[q[i]]++;", false},
		{"", "std::unordered_map<int64_t, int64_t> m;", "m[0] = 1; s += p[q[i]];", false},
		{"", "std::unordered_map<int64_t, int64_t> m;", "s += p[m[0] + q[i]];", false},
		{"", "std::unordered_map<int64_t, int64_t> m;", "m[0] = p[row];", false},
		{"", "std::vector<std::unordered_map<int64_t, int64_t>> m(4);", "m[row][0] = 1;", false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + tt.head + "float f(const at::Tensor& x, const at::Tensor& idx, int64_t row) {\n" +
			"auto p = x.data_ptr<float>(); auto q = idx.data_ptr<int64_t>(); auto n = x.size(0); float s = 0;\n" + tt.before +
			"\nfor (int64_t i = 0; i < idx.size(0); ++i) { " + tt.body + " }\nreturn s;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS006", "OPS007")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s%s %s: %q", tt.head, tt.before, tt.body, got)
		}
	}
}
