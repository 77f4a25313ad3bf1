package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/imagechild"
)

// faultyMain is the program with a decoder that has a fault: there are images that
// end it.
func faultyMain() {
	if !imagechild.Asked(os.Args) {
		main()
	}
	err := imagechild.Serve(os.Stdin, os.Stdout, func(q dataset.Request) (dataset.Picture, error) {
		switch {
		case bytes.Contains(q.Image, []byte("crash")):
			panic("this is the fault")
		case bytes.Contains(q.Image, []byte("lie")):
			return dataset.Picture{Width: 3, Height: 3, Channels: 1, Values: make([]byte, 9)}, nil
		case bytes.Contains(q.Image, []byte("file")):
			_, err := os.ReadFile(os.Args[0])
			return dataset.Picture{}, err
		}
		return dataset.Decode(q)
	})
	if err != nil {
		panic(err)
	}
	os.Exit(0)
}

// pictured writes a PNG of a gray and a size: pictured FILE GRAY WIDTH HEIGHT [TEXT]
// TEXT is put behind it, where no reader looks. With a width or height of which there
// are not as many pixels as it says: pictured -says WIDTH HEIGHT FILE
func pictured(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: pictured FILE GRAY WIDTH HEIGHT [TEXT], or pictured -says WIDTH HEIGHT FILE")
	}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		ts.Check(err)
		return n
	}
	if args[0] == "-says" {
		name := ts.MkAbs(args[3])
		b, err := os.ReadFile(name)
		ts.Check(err)
		ts.Check(os.WriteFile(name, saying(b, uint32(number(args[1])), uint32(number(args[2]))), 0o644))
		return
	}
	img := image.NewGray(image.Rect(0, 0, number(args[2]), number(args[3])))
	for i := range img.Pix {
		img.Pix[i] = byte(number(args[1]) + i%7)
	}
	img.SetGray(0, 0, color.Gray{Y: 255})
	var b bytes.Buffer
	ts.Check(png.Encode(&b, img))
	for _, text := range args[4:] {
		b.WriteString(text)
	}
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, b.Bytes(), 0o644))
}

// saying writes another size into the header of a PNG, which is its first chunk.
func saying(b []byte, width, height uint32) []byte {
	binary.BigEndian.PutUint32(b[16:], width)
	binary.BigEndian.PutUint32(b[20:], height)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}
