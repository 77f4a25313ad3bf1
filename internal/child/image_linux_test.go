package child

import (
	"os"
	"testing"
)

// What was placed cannot be changed before it is started.
func TestUnnamedIsSealed(t *testing.T) {
	path, done, err := unnamed(&Image{Name: "inner", Program: []byte("program")})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("x"), 0)
		if err == nil {
			t.Error("it can be written to")
		}
		if err := f.Truncate(0); err == nil {
			t.Error("it can be cut")
		}
		_ = f.Close()
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "program" {
		t.Errorf("%q, %v", b, err)
	}
}
