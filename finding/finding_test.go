package finding

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestWhereString(t *testing.T) {
	file := Where{Path: "model.pt"}
	tests := []struct {
		where Where
		want  string
	}{
		{file, "model.pt"},
		{file.In("archive/data.pkl").At(0x1f), "model.pt!archive/data.pkl@0x1f"},
		{file.In("a.zip").In("b.pkl").At(0), "model.pt!a.zip!b.pkl@0x0"},
		{Where{Path: "train.py"}.Line1(12, 5), "train.py:12:5"},
		{Where{Path: "train.py"}.Line1(12, 0), "train.py:12"},
	}
	for _, tt := range tests {
		if got := tt.where.String(); got != tt.want {
			t.Errorf("String = %q, want %q", got, tt.want)
		}
	}
}

func TestCompare(t *testing.T) {
	at := func(path string, off int64, s Severity) Finding {
		return Finding{Where: Where{Path: path}.At(off), Severity: s}
	}
	want := []Finding{at("a", 1, High), at("a", 1, Low), at("a", 2, Critical), at("b", 0, Info)}
	got := []Finding{want[3], want[1], want[2], want[0]}
	slices.SortFunc(got, Compare)
	for i := range want {
		if Compare(got[i], want[i]) != 0 {
			t.Errorf("finding %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestNames(t *testing.T) {
	for _, v := range Verdicts() {
		b, err := json.Marshal(v)
		var back Verdict
		if err != nil || json.Unmarshal(b, &back) != nil || back != v {
			t.Errorf("%v becomes %s and %v", v, b, back)
		}
		if want := v == Safe || v == Framework; v.Passes() != want {
			t.Errorf("%v passes: %v, want %v", v, v.Passes(), want)
		}
	}
	var s Severity
	if err := s.UnmarshalText([]byte("worst")); err == nil {
		t.Error("a severity of no name is read")
	}
	if Severities()[0] != Critical || len(Strategies()) != 8 {
		t.Error("the worst severity is not first, or the strategies are not eight")
	}
}
