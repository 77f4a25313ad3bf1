package opreport

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ofProbe accepts the sources of the extensions that the logs are of.
func ofProbe(file string) (string, bool) {
	name := filepath.Base(file)
	return "csrc/" + name, name == "probe.cu" || name == "blocks.cu"
}

// deviceSays has a line for each kind of report in a log.
func deviceSays(t *testing.T, text string) (list []string, log DeviceLog) {
	t.Helper()
	log, err := ReadDevice(strings.NewReader(text), func(d DeviceReport) error {
		place, _ := d.Place(ofProbe)
		list = append(list, fmt.Sprintf("%s: %s; %s:%d by %s, call %d", d.Kind, d.Detail, place.File, place.Line, d.Caller(), d.Call))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Compact(list), log
}

// The logs are of compute-sanitizer 2025.3 on extensions with planted bugs, the frames of
// the dispatcher left out; paths.txt with --strip-paths no.
func TestReadDevice(t *testing.T) {
	want := map[string][]string{
		"initcheck":  {"poison: a kernel reads 4 bytes of global memory that nobody wrote; csrc/probe.cu:11 by probe.so, call -1"},
		"launch":     {"cuda-error: cudaLaunchKernel fails: invalid argument; csrc/probe.cu:23 by probe.so, call -1"},
		"racecheck":  {"race: threads of a block access the same shared memory without a barrier between them; csrc/probe.cu:9 by probe.so, call -1"},
		"read":       {"crash: a kernel makes an invalid read of 4 bytes in global memory; csrc/probe.cu:7 by probe.so, call -1"},
		"shared":     {"crash: a kernel makes an invalid write of 4 bytes in shared memory; csrc/probe.cu:10 by probe.so, call -1"},
		"synccheck":  {"barrier: a barrier is not reached by all threads that it waits for: Divergent thread(s) in warp; csrc/probe.cu:12 by probe.so, call -1"},
		"misaligned": {"crash: a kernel makes an invalid read of 8 bytes in global memory, at an address that is misaligned; csrc/probe.cu:8 by probe.so, call -1"},
		"write":      {"crash: a kernel makes an invalid write of 4 bytes in global memory; csrc/probe.cu:6 by probe.so, call -1"},
		"paths": {
			"crash: a kernel makes an invalid write of 4 bytes in shared memory; csrc/blocks.cu:25 by _C.cpython-312-x86_64-linux-gnu.so, call 0",
			"race: threads of a block access the same shared memory without a barrier between them; csrc/blocks.cu:77 by , call -1",
			"leak: 20 bytes of the GPU's memory are never freed; :0 by libc10_cuda.so, call -1",
		},
		"leak": {
			"leak: 1,024 bytes of the GPU's memory are never freed; :0 by libc10_cuda.so, call -1",
			"leak: 4,096 bytes of the GPU's memory are never freed; csrc/probe.cu:22 by probe.so, call -1",
			"leak: 1,024 bytes of the GPU's memory are never freed; csrc/probe.cu:24 by libc10_cuda.so, call -1",
			"leak: 4 bytes of the GPU's memory are never freed; :0 by libtorch_cuda.so, call -1",
		},
	}
	for _, name := range []string{"misaligned", "write"} { // what broke the kernel fails again for who waits for it
		for _, call := range []string{"cudaDeviceSynchronize", "cudaGetLastError"} {
			want[name] = append(want[name], "cuda-error: "+call+" fails: unspecified launch failure; :0 by libc10_cuda.so, call -1")
		}
	}
	files, err := filepath.Glob("testdata/device/*.txt")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%q, %v", files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, log := deviceSays(t, string(b))
		if diff := cmp.Diff(want[strings.TrimSuffix(filepath.Base(name), ".txt")], got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if !log.Begun || !log.Ended || log.Trouble != "" || (log.Unsaid > 0) != slices.Contains([]string{"initcheck", "read", "shared"}, strings.TrimSuffix(filepath.Base(name), ".txt")) {
			t.Errorf("%s: %+v", name, log)
		}
	}
}

// older is what the tool printed with CUDA 11, and what stands in logs besides.
const older = `========= COMPUTE-SANITIZER
========= Invalid __global__ write of size 4 bytes
=========     at 0x8f0 in /p/probe.cu:20:scatter(float *)
=========     by thread (63,0,0) in block (0,0,0)
=========     Address 0x7f8a00 is out of bounds
=========     Device Frame:/p/probe.cu:21:outer(float *) [0x8f0]
=========     Saved host backtrace up to driver entry point at kernel launch time
=========     Host Frame:/usr/lib/libcuda.so.1 (cuLaunchKernel + 0x2b8) [0x222dc8]
=========     Host Frame:scatter(at::Tensor) [0x36feb]
=========                in /p/probe.so
=========     Host Frame: andiron_call_17 in andiron_call_17.py:2
=========
========= Error: Race reported between Write access at sum(int*)+0x90 in /p/probe.cu:41
=========     and Read access at sum(int*)+0x100 in /p/probe.cu:51 [508 hazards]
=========
========= Warning: Race reported between Write access at other(int*)+0x90 in /p/probe.cu:1
=========
========= Warp Illegal Instruction
=========     at scatter(float *)+0x90
=========
========= Internal Sanitizer Error: The Sanitizer encountered an error while launching f
========= ERROR SUMMARY: 3 errors
========= ERROR SUMMARY: 12 errors were not printed. Use --print-limit option
`

func TestReadDeviceOlder(t *testing.T) {
	got, log := deviceSays(t, older)
	want := []string{
		"crash: a kernel makes an invalid write of 4 bytes in global memory; csrc/probe.cu:20 by probe.so, call 17",
		"race: threads of a block access the same shared memory without a barrier between them; csrc/probe.cu:41 by , call -1",
		"crash: Warp Illegal Instruction; :0 by , call -1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !log.Ended || log.Unsaid != 12 || !strings.HasPrefix(log.Trouble, "Internal Sanitizer Error: ") {
		t.Errorf("%+v", log)
	}
}

func TestDeviceAccess(t *testing.T) {
	for text, want := range map[string]string{
		"Invalid __global__ write of size 4 bytes\n": "WRITE of size 4",
		"Invalid __shared__ write of size 8 bytes\n": "write of size 8 in shared memory",
		"Uninitialized __global__ memory read\n":     "",
	} {
		if got := Access(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// A report that never ends, and lines that do not.
func TestReadDeviceBounds(t *testing.T) {
	text := "========= Invalid __global__ write of size 4 bytes\n" + strings.Repeat("=========     Host Frame: f [0x1] in x.so\n", 5000) +
		"=========     at " + strings.Repeat("x", 3*deviceLine) + "\n========= ERROR SUMMARY: 1 error\n"
	n := 0
	log, err := ReadDevice(strings.NewReader(text), func(d DeviceReport) error {
		if n++; len(d.Host) > 16*deviceFrames || len(d.Output) > deviceOutput*500 {
			t.Errorf("%d frames, %d bytes", len(d.Host), len(d.Output))
		}
		return nil
	})
	if n != 1 || err != nil || !log.Ended {
		t.Errorf("%d reports, %+v, %v", n, log, err)
	}
}

func FuzzDevice(f *testing.F) {
	files, _ := filepath.Glob("testdata/device/*.txt") // none is a fault of TestReadDevice
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(older)
	f.Fuzz(func(t *testing.T, text string) {
		end := int64(-1)
		_, _ = ReadDevice(strings.NewReader(text), func(d DeviceReport) error {
			if d.Offset <= end || d.Offset >= int64(len(text)) || d.Kind == "" || d.Call < -1 {
				t.Errorf("%+v", d)
			}
			end = d.Offset
			if len(d.Output) > deviceOutput*500 || len(d.Device) > deviceFrames {
				t.Error("a report is longer than the limit")
			}
			if p, ok := d.Place(ofProbe); ok && p.Line <= 0 {
				t.Errorf("%+v", p)
			}
			_ = d.Caller()
			return nil
		})
	})
}
