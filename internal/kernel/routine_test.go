package kernel

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// Each routine finds what a loop without tricks finds, whatever the length and
// the alignment.
func TestRoutines(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	types := map[int]DType{8: Float8E5M2, 16: Float16, 32: Float32, 64: Float64}
	for width, d := range types {
		for n := 1; n < 258; n++ {
			data := fill(rng, d, n+3, n%kinds)[1:]
			data = data[:n*width/8]
			plus := rng.Uint64() & (1<<width - 1) >> rng.IntN(width)
			for o := range ops {
				a, b, least := slow(o, width, data, plus)
				for _, r := range all() {
					gotA, gotB, gotLeast := r.run(o, uint(bits.TrailingZeros(uint(width/8))), data, plus)
					if o != opPlainTiny && o != opSplitTiny {
						gotLeast = least
					}
					if gotA != a || gotB != b || gotLeast != least {
						t.Fatalf("%s: op %d, %d elements of %d bits, plus %#x: got %#x, %#x, %#x, want %#x, %#x, %#x",
							r.name, o, n, width, plus, gotA, gotB, gotLeast, a, b, least)
					}
				}
			}
		}
	}
}

// The routine for upper halves finds what that for elements of 16 bits finds of them.
func TestTops(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, r := range all() {
		if r.tops == nil {
			continue
		}
		for n := few / 4; n < 600; n++ {
			data := fill(rng, Float32, n+1, n%kinds)[1:]
			data = data[:4*n]
			plus := rng.Uint64() & 0xffff
			var upper []byte
			for i := 2; i < len(data); i += 4 {
				upper = append(upper, data[i:i+2]...)
			}
			x, y, _ := slow(opSplitSum, 16, upper, plus)
			gotX, gotY, _ := r.tops(data, plus*ones[1])
			if gotX != x || gotY != y {
				t.Fatalf("%s: %d elements, plus %#x: got %#x and %#x, want %#x and %#x", r.name, n, plus, gotX, gotY, x, y)
			}
		}
	}
}

func slow(o op, width int, data []byte, plus uint64) (a, b, least uint64) {
	elements := make([]uint64, len(data)*8/width)
	widen(elements, data, width/8)
	sign, all := uint64(1)<<(width-1), uint64(1)<<width-1
	if o == opPlainSum {
		_, greatest, _ := slow(opPlain, width, data, 0)
		a, _, _ = slow(opPlain, width, added(elements, plus, width), 0)
		return a, greatest, 0
	}
	if o == opTwice {
		for i, v := range elements {
			elements[i] = v << 1 & all
		}
		_, a, _ = slow(opPlain, width, put(width/8, elements...), 0)
		b, _, _ = slow(opPlain, width, added(elements, all, width), 0)
		return a, b, 0
	}
	if o == opSplitSum {
		return slow(opSplit, width, added(elements, plus, width), 0)
	}
	umin, umax, smin, smax, least := elements[0], elements[0], elements[0], elements[0], all
	for _, v := range elements {
		umin, umax = min(umin, v), max(umax, v)
		if v^sign < smin^sign {
			smin = v
		}
		if v^sign > smax^sign {
			smax = v
		}
		least = min(least, (v&^sign-1)&all)
	}
	switch o {
	case opSplit, opSplitTiny:
		return umax, smax, least
	case opSigned:
		return smin, smax, least
	default:
		return umin, umax, least
	}
}

// added has a number added to each element.
func added(elements []uint64, plus uint64, width int) []byte {
	for i := range elements {
		elements[i] += plus
	}
	return put(width/8, elements...)
}

// The assembly is that of the generator as it is; its own tests compare every
// byte.
func TestAssemblyIsFresh(t *testing.T) {
	h := sha256.New()
	for _, name := range []string{"asm/gen.go", "asm/main.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	want := fmt.Sprintf("// SHA-256 of asm/gen.go and asm/main.go: %x\n", h.Sum(nil))
	for _, name := range []string{"avx2_amd64.s", "avx512_amd64.s", "../testkit/rawread/avx2_amd64.s", "../testkit/rawread/avx512_amd64.s"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), want) {
			t.Errorf("%s: run go run . in internal/kernel/asm", name)
		}
	}
}
