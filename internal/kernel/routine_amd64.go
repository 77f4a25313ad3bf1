//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

var best = choose(here())

// here is what the processor has, and the operating system keeps.
func here() feature {
	return feature{
		avx2:     cpu.X86.HasAVX2,
		avx512f:  cpu.X86.HasAVX512F,
		avx512bw: cpu.X86.HasAVX512BW,
		avx512vl: cpu.X86.HasAVX512VL,
	}
}

func choose(f feature) routines {
	switch {
	case f.avx2 && f.avx512f && f.avx512bw && f.avx512vl:
		return routines{name: "avx512", vector: 64, tops: tops16AVX2, by: [ops][4]routine{
			opPlain:     {plain8AVX512, plain16AVX512, plain32AVX512, plain64AVX512},
			opSplit:     {split8AVX512, split16AVX512, split32AVX512, split64AVX512},
			opSigned:    {signed8AVX512, signed16AVX512, signed32AVX512, signed64AVX512},
			opPlainTiny: {plainTiny8AVX512, plainTiny16AVX512, plainTiny32AVX512, plainTiny64AVX512},
			opSplitTiny: {splitTiny8AVX512, splitTiny16AVX512, splitTiny32AVX512, splitTiny64AVX512},
			opPlainSum:  {plainSum8AVX512, plainSum16AVX512, plainSum32AVX512, plainSum64AVX512},
			opTwice:     {twice8AVX512, twice16AVX512, twice32AVX512, twice64AVX512},
			opSplitSum:  {splitSum8AVX512, splitSum16AVX512, splitSum32AVX512, splitSum64AVX512},
		}}
	case f.avx2:
		return routines{name: "avx2", vector: 32, tops: tops16AVX2, by: [ops][4]routine{
			opPlain:     {plain8AVX2, plain16AVX2, plain32AVX2, plain64AVX2},
			opSplit:     {split8AVX2, split16AVX2, split32AVX2, split64AVX2},
			opSigned:    {signed8AVX2, signed16AVX2, signed32AVX2, signed64AVX2},
			opPlainTiny: {plainTiny8AVX2, plainTiny16AVX2, plainTiny32AVX2, plainTiny64AVX2},
			opSplitTiny: {splitTiny8AVX2, splitTiny16AVX2, splitTiny32AVX2, splitTiny64AVX2},
			opPlainSum:  {plainSum8AVX2, plainSum16AVX2, plainSum32AVX2, plainSum64AVX2},
			opTwice:     {twice8AVX2, twice16AVX2, twice32AVX2, twice64AVX2},
			opSplitSum:  {splitSum8AVX2, splitSum16AVX2, splitSum32AVX2, splitSum64AVX2},
		}}
	default:
		return routines{name: "portable"}
	}
}
