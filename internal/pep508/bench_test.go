package pep508

import "testing"

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(`nvidia-cublas-cu12==12.1.3.1 ; platform_system == "Linux" and platform_machine == "x86_64"`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	m, env := mustParse(b, `python_full_version >= "3.9" and sys_platform == "linux"`), environment(b, "3.11", "linux-x86_64")
	b.ReportAllocs()
	for b.Loop() {
		m.Eval(env)
	}
}
