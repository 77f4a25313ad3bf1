package torchfile_test

import (
	"fmt"
	"log"
	"os"

	"github.com/andiron-dev/andiron/torchfile"
)

// What is in a checkpoint, without loading it.
func ExampleOpen() {
	f, err := os.Open("../testdata/golden/torch/torch-2.6/zip/shared_storage.pt")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		log.Fatal(err)
	}
	file, err := torchfile.Open(f, st.Size(), torchfile.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Format, file.Root)
	for _, t := range file.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape, t.Stride, "storage", file.Storage(t.Storage).Key)
	}
	// Output:
	// torch-zip shared_storage
	// base float32 [24] [1] storage 0
	// alias float32 [24] [1] storage 0
	// view_2x12 float32 [2 12] [12 1] storage 0
	// tail float32 [8] [1] storage 0
	// every_third float32 [8] [3] storage 0
	// other float32 [2] [1] storage 1
}
