package pickle

import "github.com/andiron-dev/andiron/internal/scratch"

// memo maps indices to values. Picklers count up from 0 or 1, so indices near
// those in use lie in an array and the others in maps: what a huge index costs is
// one map entry.
type memo struct {
	dense   *scratch.Array[uint32]
	sparse  map[int64]uint32
	huge    map[string]uint32 // indices that do not fit 64 bits, as digits
	count   int64
	highest int64
}

func (m *memo) reset() {
	m.dense.Reset()
	*m = memo{dense: m.dense, highest: -1}
}

func (m *memo) get(i int64) uint32 {
	if uint64(i) < uint64(m.dense.Len()) {
		if ref := m.dense.At(int(i)); ref != 0 {
			return ref
		}
	}
	return m.sparse[i]
}

// put sets an index that is not negative and reports whether it was set before.
func (m *memo) put(i int64, ref uint32) (old bool) {
	old = m.get(i) != 0
	if !old {
		m.count++
	}
	m.highest = max(m.highest, i)
	if i < 4*(m.count+64) {
		m.dense.Extend(int(i) + 1)
		m.dense.Set(int(i), ref)
		return old
	}
	if m.sparse == nil {
		m.sparse = map[int64]uint32{}
	}
	m.sparse[i] = ref
	return old
}

func (m *memo) putHuge(digits string, ref uint32) {
	if m.huge == nil {
		m.huge = map[string]uint32{}
	}
	if m.huge[digits] == 0 {
		m.count++
	}
	m.huge[digits] = ref
}

// holes reports whether indices are left out. Old picklers count from 1.
func (m *memo) holes() bool { return m.highest > m.count || len(m.huge) > 0 }
