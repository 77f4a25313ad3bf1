package main

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every routine, on a machine of our own, does what its doc says. The tests of
// package kernel run the routines on the processor at hand; this one is for
// processors that are not.
func TestOnMachine(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	ran := 0
	for _, set := range []isa{avx2, avx512} {
		code := parse(string(files["../"+strings.ToLower(set.name)+"_amd64.s"]))
		of := routines
		if set == avx2 {
			of = append(slices.Clone(of), tops)
		}
		for _, r := range of {
			for width := 8; width <= 64; width *= 2 {
				if r.has(upper) && width != 16 {
					continue
				}
				name := fmt.Sprintf("%s%d%s", r.name, width, set.name)
				body, ok := code[name]
				if !ok {
					t.Fatalf("there is no %s", name)
				}
				step, size := r.step(set), width/8
				if r.has(upper) {
					size *= 2
				}
				for n := step; n <= 2*unroll*step+3*step; n += max(size, 8*rng.IntN(9)) {
					data := random(rng, width, n/(width/8))
					plus := rng.Uint64() & (1<<width - 1) >> rng.IntN(width)
					want := answer(r.accs, width, data, plus)
					got, err := execute(body, data, fill(width, plus))
					if err != nil || !slices.Equal(got, want) {
						t.Fatalf("%s, %d bytes: got %#x and %v, want %#x", name, len(data), got, err, want)
					}
					ran++
				}
			}
		}
	}
	t.Logf("%d runs", ran)
}

// random makes elements that are often near the ends of their types.
func random(rng *rand.Rand, width, n int) []byte {
	var data []byte
	shift := rng.IntN(width)
	sign := rng.Uint64()
	for range n {
		v := rng.Uint64() & (1<<width - 1) >> shift
		if sign&1 == 1 && rng.IntN(3) > 0 {
			v = ^v
		}
		if rng.IntN(50) == 0 {
			v = []uint64{0, 1, 1 << (width - 1), 1<<(width-1) | 1, 1<<(width-1) - 1, 1<<width - 1}[rng.IntN(6)]
		}
		data = append(data, binary.LittleEndian.AppendUint64(nil, v)[:width/8]...)
	}
	return data
}

func lanes(b []byte, width int) []uint64 {
	var v []uint64
	for ; len(b) > 0; b = b[width/8:] {
		var word [8]byte
		copy(word[:], b[:width/8])
		v = append(v, binary.LittleEndian.Uint64(word[:]))
	}
	return v
}

// fill has v as often as it is in 64 bits.
func fill(width int, v uint64) uint64 {
	for ; width < 64; width *= 2 {
		v |= v << width
	}
	return v
}

func answer(accs []acc, width int, data []byte, plus uint64) []uint64 {
	got := make([]uint64, 3)
	top, all := uint64(1)<<(width-1), uint64(1)<<width-1
	for i, a := range accs {
		elements := lanes(data, width)
		for j, v := range elements {
			switch a.view {
			case sum:
				elements[j] = (v + plus) & all
			case less:
				elements[j] = (v&^top - 1) & all
			case twice:
				elements[j] = v << 1 & all
			case twiceLess:
				elements[j] = (v<<1 - 1) & all
			case upper:
				elements[j] = (elements[j|1] + plus) & all
				if j&1 == 1 {
					elements[j] = elements[j-1]
				}
			case whole:
			}
		}
		switch a.extreme {
		case umin:
			got[i] = slices.Min(elements)
		case umax:
			got[i] = slices.Max(elements)
		case smin, smax:
			for j := range elements {
				elements[j] ^= top
			}
			got[i] = slices.Min(elements) ^ top
			if a.extreme == smax {
				got[i] = slices.Max(elements) ^ top
			}
		}
	}
	return got
}

type command struct {
	op   string
	args []string
}

type body struct {
	lines  []command
	labels map[string]int
}

// parse takes the assembly apart, by function.
func parse(s string) map[string]*body {
	code := map[string]*body{}
	var b *body
	for l := range strings.Lines(s) {
		l, _, _ = strings.Cut(strings.TrimSpace(l), "//")
		op, rest, _ := strings.Cut(l, " ")
		switch {
		case op == "TEXT":
			name, _, _ := strings.Cut(strings.TrimPrefix(rest, "·"), "(")
			b = &body{labels: map[string]int{}}
			code[name] = b
		case b == nil || l == "":
		case strings.HasSuffix(l, ":"):
			b.labels[strings.TrimSuffix(l, ":")] = len(b.lines)
		default:
			var args []string
			for a := range strings.SplitSeq(rest, ",") {
				args = append(args, strings.TrimSpace(a))
			}
			b.lines = append(b.lines, command{op, args})
		}
	}
	return code
}

// machine has the registers. The slice begins at address 0. An address below
// or above it is an error.
type machine struct {
	data    []byte
	plus    uint64
	general map[string]uint64
	vectors [32][64]byte
	results map[string]uint64
	x, y    uint64 // what was compared or subtracted last
}

func execute(b *body, data []byte, plus uint64) (results []uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	m := &machine{data: data, plus: plus, general: map[string]uint64{}, results: map[string]uint64{}}
	for i := 0; ; {
		l := b.lines[i]
		i++
		switch l.op {
		case "RET":
			return []uint64{m.results["a+32(FP)"], m.results["b+40(FP)"], m.results["least+48(FP)"]}, nil
		case "JMP", "JB", "JAE", "JZ":
			if l.op == "JMP" || l.op == "JB" && m.x < m.y || l.op == "JAE" && m.x >= m.y || l.op == "JZ" && m.x == m.y {
				i = b.labels[l.args[0]]
			}
		default:
			m.step(l)
		}
	}
}

func (m *machine) step(l command) {
	a := l.args
	last := a[len(a)-1]
	switch l.op {
	case "MOVQ":
		if strings.HasSuffix(last, "(FP)") {
			m.results[last] = m.value(a[0])
			return
		}
		m.general[last] = m.value(a[0])
	case "ADDQ":
		m.general[last] += m.value(a[0])
	case "SUBQ":
		m.x, m.y = m.general[last], m.value(a[0])
		m.general[last] = m.x - m.y
	case "XORQ":
		m.general[last] ^= m.value(a[0])
	case "BTCQ":
		m.general[last] ^= 1 << m.value(a[0])
	case "CMPQ":
		m.x, m.y = m.value(a[0]), m.value(a[1])
	case "TESTQ":
		m.x, m.y = m.value(a[0])&m.value(a[1]), 0
	case "MOVBLZX":
		m.general[last] = uint64(uint8(m.general[full(a[0])]))
	case "MOVWLZX":
		m.general[last] = uint64(uint16(m.general[full(a[0])]))
	case "PREFETCHT0", "PCALIGN":
	case "VZEROUPPER":
		for i := range m.vectors[:16] {
			clear(m.vectors[i][16:])
		}
	default:
		m.vector(l)
	}
}

// full is the register of which AL and its like are the low byte.
func full(name string) string {
	if len(name) == 2 && name[1] == 'L' {
		return name[:1] + "X"
	}
	return name
}

func (m *machine) value(arg string) uint64 {
	if imm, ok := strings.CutPrefix(arg, "$"); ok {
		v, err := strconv.ParseUint(imm, 0, 64)
		if err != nil {
			panic(err)
		}
		return v
	}
	switch arg {
	case "data_base+0(FP)":
		return 0
	case "data_len+8(FP)":
		return uint64(len(m.data))
	case "plus+24(FP)":
		return m.plus
	}
	v, ok := m.general[arg]
	if !ok {
		panic("nothing is in " + arg)
	}
	return v
}

func register(arg string) (n, size int) {
	size = map[byte]int{'X': 16, 'Y': 32, 'Z': 64}[arg[0]]
	n, err := strconv.Atoi(arg[1:])
	if size == 0 || err != nil {
		panic("not a vector: " + arg)
	}
	return n, size
}

// bytes is what is in a vector register or, of that size, in memory.
func (m *machine) bytes(arg string, size int) []byte {
	if !strings.Contains(arg, "(") {
		n, own := register(arg)
		if own != size {
			panic(arg + " has another size")
		}
		return slices.Clone(m.vectors[n][:size])
	}
	disp, rest, _ := strings.Cut(arg, "(")
	at, _ := strconv.Atoi(disp) // none is 0
	for r := range strings.SplitSeq(strings.NewReplacer(")(", " ", ")", "", "*1", "").Replace(rest), " ") {
		at += int(m.value(r))
	}
	return slices.Clone(m.data[at : at+size])
}

// set clears what is above, as every instruction with a VEX or EVEX prefix does.
func (m *machine) set(arg string, b []byte) {
	n, _ := register(arg)
	clear(m.vectors[n][:])
	copy(m.vectors[n][:], b)
}

func (m *machine) vector(l command) {
	a := l.args
	last := a[len(a)-1]
	if l.op == "VMOVQ" || l.op == "VMOVD" {
		m.move(a[0], last, map[string]int{"VMOVQ": 8, "VMOVD": 4}[l.op])
		return
	}
	_, size := register(last)
	switch l.op {
	case "VMOVDQU", "VMOVDQA", "VMOVDQU64", "VMOVDQA64":
		m.set(last, m.bytes(a[0], size))
	case "VPBROADCASTQ":
		var b []byte
		for range size / 8 {
			b = append(b, m.bytes(a[0], 16)[:8]...)
		}
		m.set(last, b)
	case "VEXTRACTI128", "VEXTRACTI64X4":
		m.set(last, m.bytes(a[1], 2*size)[size*int(m.value(a[0])):][:size])
	case "VPSRLDQ":
		m.set(last, append(m.bytes(a[1], 16)[m.value(a[0]):], make([]byte, m.value(a[0]))...))
	case "VPBLENDW":
		mask, x, y := m.value(a[0]), m.bytes(a[1], size), m.bytes(a[2], size)
		for i := 0; i < size; i += 2 {
			if mask>>(i/2%8)&1 == 1 {
				copy(y[i:i+2], x[i:i+2])
			}
		}
		m.set(last, y)
	case "VBLENDVPD":
		mask, x, y := m.bytes(a[0], size), m.bytes(a[1], size), m.bytes(a[2], size)
		for i := 0; i < size; i += 8 {
			if mask[i+7]>>7 == 1 {
				copy(y[i:i+8], x[i:i+8])
			}
		}
		m.set(last, y)
	default:
		m.set(last, m.lanewise(l.op, m.bytes(a[0], size), m.bytes(a[1], size)))
	}
}

func (m *machine) move(from, to string, size int) {
	if _, ok := m.general[from]; ok && size == 8 {
		m.set(to, binary.LittleEndian.AppendUint64(nil, m.general[from]))
		return
	}
	var word [8]byte
	copy(word[:], m.bytes(from, 16)[:size])
	m.general[to] = binary.LittleEndian.Uint64(word[:])
}

// lanewise has the operands in the order of Go's assembler.
func (m *machine) lanewise(op string, x, y []byte) []byte {
	var do func(x, y uint64) uint64
	width := 64
	switch op {
	case "VPAND", "VPANDQ":
		do = func(x, y uint64) uint64 { return x & y }
	case "VPXOR":
		do = func(x, y uint64) uint64 { return x ^ y }
	default:
		width = map[byte]int{'B': 8, 'W': 16, 'D': 32, 'Q': 64}[op[len(op)-1]]
		top := uint64(1) << (width - 1)
		do = map[string]func(x, y uint64) uint64{
			"VPADD":  func(x, y uint64) uint64 { return x + y },
			"VPMINU": func(x, y uint64) uint64 { return min(x, y) },
			"VPMAXU": func(x, y uint64) uint64 { return max(x, y) },
			"VPMINS": func(x, y uint64) uint64 { return min(x^top, y^top) ^ top },
			"VPMAXS": func(x, y uint64) uint64 { return max(x^top, y^top) ^ top },
			"VPCMPGT": func(x, y uint64) uint64 {
				_, less := bits.Sub64(x^top, y^top, 0) // y > x
				return -less
			},
		}[op[:len(op)-1]]
	}
	if do == nil {
		panic("no instruction " + op)
	}
	var to []byte
	xs, ys := lanes(x, width), lanes(y, width)
	for i := range xs {
		to = append(to, binary.LittleEndian.AppendUint64(nil, do(xs[i], ys[i]))[:width/8]...)
	}
	return to
}
