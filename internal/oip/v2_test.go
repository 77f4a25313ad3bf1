package oip

import (
	"strings"
	"testing"
)

const smallest = `{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[0.5,1],[-2e0,3.25]]}]}`

func TestJSON(t *testing.T) {
	r, err := ParseJSON([]byte(smallest), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[0.5,1.0,-2.0,3.25]}]}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	head, data, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %x", head, data)
	for _, bad := range []string{
		strings.Replace(smallest, "0.5", "NaN", 1),
		strings.Replace(smallest, "0.5", "1e39", 1),
		strings.Replace(smallest, "0.5", "01", 1),
		strings.Replace(smallest, "[0.5,1]", "[0.5,1,3]", 1),
		strings.Replace(smallest, "[0.5,1]", "7", 1),
		strings.Replace(smallest, "data", "Data", 1),
		strings.Replace(smallest, `"name"`, `"name":"y","name"`, 1),
		smallest + "x", smallest[:20], "", "[]", "{}",
	} {
		_, err := ParseJSON([]byte(bad), Options{})
		t.Log(err)
	}
}
