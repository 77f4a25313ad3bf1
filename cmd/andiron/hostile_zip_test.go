package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"strings"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// hostileZips are archives: bombs, and directories that lie about sizes.
var hostileZips = []hostileFile{
	{name: "bomb_10g.pt", write: func(w *bufio.Writer) {
		size := uint64(10 << 30)
		put(w, string(testkit.TorchZip("archive", deflatedZeros("data.pkl", 10<<10, size), versionRecord)))
	}},
	{name: "bomb_in_storage.pt", write: func(w *bufio.Writer) {
		put(w, string(testkit.TorchZip("archive", testkit.ZipEntry{Name: "data.pkl", Data: []byte("\x80\x02}.")},
			deflatedZeros("data/0", 10<<10, 10<<30), versionRecord)))
	}},
	{name: "bomb_says_small.pt", write: func(w *bufio.Writer) {
		put(w, string(testkit.TorchZip("archive", deflatedZeros("data.pkl", 10<<10, 100), versionRecord)))
	}},
	{name: "bomb_pickle_then_zeros.pt", write: func(w *bufio.Writer) {
		size := uint64(10 << 30)
		packed := deflated([]byte("\x80\x02cos\nsystem\nX\x01\x00\x00\x00:\x85R")) + zeroBlocks(10<<10)
		put(w, string(testkit.TorchZip("archive", rawDeflate("data.pkl", packed, size), versionRecord)))
	}},
	{name: "bomb_nested.zip", write: func(w *bufio.Writer) { put(w, nestedZips(6, 10)) }},
	{name: "bomb_nested_deep.zip", write: func(w *bufio.Writer) { put(w, nestedZips(60, 1)) }},
	{name: "bomb_many_members.zip", write: func(w *bufio.Writer) {
		entries := make([]testkit.ZipEntry, 200)
		for i := range entries {
			entries[i] = deflatedZeros("m"+itoa(i)+".pkl", 16, 16<<20)
		}
		put(w, string(testkit.Zip(entries...)))
	}},
	{name: "overlap_60k.zip", write: func(w *bufio.Writer) { put(w, overlapping("m", ".pkl", 60_000)) }},
	{name: "overlap_10k.pt", write: func(w *bufio.Writer) { put(w, overlapping("archive/data/", "", 10_000)) }},
	{name: "overlap_code.pt", write: func(w *bufio.Writer) { put(w, overlapping("archive/code/m", ".py", 10_000)) }},
	{name: "overlap_stored.zip", write: func(w *bufio.Writer) { put(w, overlappingStored()) }},
	{name: "entries_65k.pt", write: func(w *bufio.Writer) { put(w, emptyEntries("archive/data/", 65_000)) }, clean: "harmless: every member is empty, and torch refuses the archive"},
	{name: "entries_8k_named_alike.pt", write: func(w *bufio.Writer) { put(w, emptyEntries("", 8_000)) }},
	{name: "entries_of_pickles.zip", write: func(w *bufio.Writer) {
		entries := make([]testkit.ZipEntry, 5_000)
		for i := range entries {
			entries[i] = testkit.ZipEntry{Name: "m" + itoa(i), Data: []byte("cos\nsystem\n(S':'\ntR.")}
		}
		put(w, string(testkit.Zip(entries...)))
	}},
	{name: "zip64_sizes_2e63.pt", write: func(w *bufio.Writer) {
		huge := uint64(1 << 63)
		e := testkit.ZipEntry{Name: "archive/data.pkl", Data: []byte("\x80\x02}."), Zip64: true, Size: &huge, Packed: &huge, LocalSize: &huge}
		put(w, string(testkit.ZipWith(testkit.ZipOptions{Zip64End: true}, e)))
	}},
	{name: "zip64_offset_2e63.pt", write: func(w *bufio.Writer) {
		huge := uint64(1<<63 - 1)
		e := testkit.ZipEntry{Name: "archive/data.pkl", Data: []byte("\x80\x02}."), Zip64: true, Offset: &huge}
		put(w, string(testkit.ZipWith(testkit.ZipOptions{Zip64End: true}, e)))
	}},
	{name: "directory_2e32_entries.pt", write: func(w *bufio.Writer) { put(w, lyingDirectory(1<<32, 0, 0)) }},
	{name: "directory_2e63_bytes.pt", write: func(w *bufio.Writer) { put(w, lyingDirectory(1, 1<<63, 0)) }},
	{name: "directory_at_2e63.pt", write: func(w *bufio.Writer) { put(w, lyingDirectory(1, 0, 1<<63)) }},
	{name: "ends_million.pt", write: func(w *bufio.Writer) {
		put(w, string(testkit.TorchZip("archive", testkit.ZipEntry{Name: "data.pkl", Data: []byte("\x80\x02}.")}, versionRecord)))
		repeat(w, "PK\x05\x06"+strings.Repeat("\x00", 18), 1_000_000)
	}},
	{name: "shard_of_12k_items.distcp", write: times("", string(testkit.TorchZip("archive", testkit.ZipEntry{Name: "data.pkl", Data: []byte("\x80\x02}.")}, versionRecord)), 12_000, "")},
	{name: "local_headers_million.pt", write: times("", "PK\x03\x04"+strings.Repeat("\x00", 26), 1_000_000, "")},
	{name: "signatures_16m.pt", write: times("", "PK\x03\x04", 16<<20, "")},
	{name: "central_signatures.pt", write: times("PK\x03\x04", "PK\x01\x02", 16<<20, "")},
	{name: "names_64k_long.zip", write: func(w *bufio.Writer) {
		entries := make([]testkit.ZipEntry, 150)
		for i := range entries {
			entries[i].Name = itoa(i) + strings.Repeat("../", 21_000)
		}
		put(w, string(testkit.Zip(entries...)))
	}},
	{name: "tensors_30k.pt", write: func(w *bufio.Writer) { put(w, manyTensors(30_000)) }, clean: readWhole},
	{name: "tensor_dimensions_100k.pt", write: func(w *bufio.Writer) {
		put(w, torchFile(tensorPickle(strings.Repeat("K\x01", 100_000), strings.Repeat("K\x01", 100_000)), []byte("1234")))
	}, clean: readWhole},
	{name: "tensor_shape_2e62.pt", write: func(w *bufio.Writer) {
		put(w, torchFile(tensorPickle("\x8a\x08"+le64(1<<62), "K\x00"), []byte("1234")))
	}, clean: "harmless to load: torch makes a view of one float with a stride of zero"},
	{name: "tensor_stride_2e62.pt", write: func(w *bufio.Writer) {
		put(w, torchFile(tensorPickle("J"+le32(1<<30), "\x8a\x08"+le64(1<<62)), []byte("1234")))
	}},
	{name: "shards_million.metadata", write: counted("\x80\x02}(", 300_000, func(i int) string {
		s := "__" + itoa(i) + "_0.distcp"
		return "X" + le32(uint32(len(s))) + s + "N"
	}, "u."), clean: "harmless: a dict of strings that names no shard of a checkpoint that exists"},
	{name: ".metadata", write: func(w *bufio.Writer) { put(w, dcpMetadata(20_000)) }, clean: "harmless: it names shards that are not there, and every name was read"},
}

// versionRecord is what every archive of torch.save ends with.
var versionRecord = testkit.ZipEntry{Name: "version", Data: []byte("3\n")}

// zeroBlocks are deflate blocks of n MiB of zeros, without an end. A flushed
// block ends on a byte and can be repeated.
func zeroBlocks(n int) string {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	zeros := make([]byte, 1<<20)
	_, _ = z.Write(zeros) // into memory
	_ = z.Flush()
	first := b.Len()
	_, _ = z.Write(zeros)
	_ = z.Flush()
	all := b.String()
	return all[:first] + strings.Repeat(all[first:], n-1)
}

// deflated are flushed deflate blocks of data, without an end.
func deflated(data []byte) string {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	_, _ = z.Write(data) // into memory
	_ = z.Flush()
	return b.String()
}

// lastBlock is an empty last block of deflate.
const lastBlock = "\x03\x00"

func rawDeflate(name, packed string, size uint64) testkit.ZipEntry {
	method, flags, crc := uint16(8), uint16(0), uint32(0)
	return testkit.ZipEntry{
		Name: name, Data: []byte(packed + lastBlock), RawMethod: &method, Flags: &flags, CRC: &crc, Size: &size, Zip64: true,
	}
}

// deflatedZeros is a member of n MiB of zeros that says it has size bytes.
func deflatedZeros(name string, n int, size uint64) testkit.ZipEntry {
	return rawDeflate(name, zeroBlocks(n), size)
}

// nestedZips is depth levels of archives of width archives.
func nestedZips(depth, width int) string {
	inner := testkit.Zip(deflatedZeros("zeros.pkl", 64, 64<<20))
	for range depth {
		entries := make([]testkit.ZipEntry, width)
		for i := range entries {
			entries[i] = testkit.ZipEntry{Name: itoa(i) + ".zip", Data: inner, Method: 8}
		}
		inner = testkit.Zip(entries...)
	}
	return string(inner)
}

// overlapping is a directory of n names for one member of 16 MiB.
func overlapping(prefix, suffix string, n int) string {
	entries := []testkit.ZipEntry{deflatedZeros(prefix+"0"+suffix, 16, 16<<20)}
	for i := 1; i < n; i++ {
		e := entries[0]
		e.Name, e.NoLocal, e.Offset = prefix+itoa(i)+suffix, true, new(uint64)
		packed := uint64(len(e.Data))
		e.Data, e.Packed = nil, &packed
		entries = append(entries, e)
	}
	return string(testkit.Zip(entries...))
}

// overlappingStored is a directory of 60,000 names for one pickle of 1 MiB.
func overlappingStored() string {
	body := append(append([]byte("\x80\x02"), bytes.Repeat([]byte("N0"), 512<<10)...), "N."...)
	size := uint64(len(body))
	entries := []testkit.ZipEntry{{Name: "0.pkl", Data: body}}
	for i := 1; i < 60_000; i++ {
		entries = append(entries, testkit.ZipEntry{Name: itoa(i) + ".pkl", NoLocal: true, Offset: new(uint64), Size: &size, Packed: &size})
	}
	return string(testkit.Zip(entries...))
}

func emptyEntries(prefix string, n int) string {
	entries := make([]testkit.ZipEntry, n)
	for i := range entries {
		if entries[i].Name = prefix + itoa(i); prefix == "" {
			entries[i].Name = "archive/data.pkl"
		}
	}
	return string(testkit.Zip(entries...))
}

// lyingDirectory is an archive whose zip64 end record is wrong where a value is
// given.
func lyingDirectory(count, size, offset uint64) string {
	opt := testkit.ZipOptions{Zip64End: true, Count: &count}
	if size != 0 {
		opt.DirSize = &size
	}
	if offset != 0 {
		opt.DirOffset = &offset
	}
	return string(testkit.ZipWith(opt, testkit.TorchEntries("archive", testkit.ZipEntry{Name: "data.pkl", Data: []byte("\x80\x02}.")}, versionRecord)...))
}

func torchFile(pkl string, storage []byte) string {
	return string(testkit.TorchZip("archive", testkit.ZipEntry{Name: "data.pkl", Data: []byte(pkl)},
		testkit.ZipEntry{Name: "data/0", Data: storage}, versionRecord))
}

// tensorPickle is a tensor of shape and stride over the one float of storage 0.
func tensorPickle(shape, stride string) string {
	return "\x80\x02" + tensorOf(shape, stride) + "."
}

func tensorOf(shape, stride string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00(" +
		shape + "t(" + stride + "t\x89ccollections\nOrderedDict\n)RtR"
}

// manyTensors is a dict of n tensors over one storage.
func manyTensors(n int) string {
	return torchFile(string(written(counted("\x80\x02}(", n, func(i int) string {
		return "J" + le32(uint32(i)) + tensorOf("K\x01", "K\x01")
	}, "u."))), []byte("1234"))
}

// dcpMetadata is the .metadata of a distributed checkpoint of n shards.
func dcpMetadata(n int) string {
	text := func(s string) string { return "X" + le32(uint32(len(s))) + s }
	return string(written(counted(
		"\x80\x02ctorch.distributed.checkpoint.metadata\nMetadata\n)\x81}("+
			text("state_dict_metadata")+"}"+text("planner_data")+"}"+text("storage_data")+"}(", n, func(i int) string {
			return "ctorch.distributed.checkpoint.metadata\nMetadataIndex\n)\x81}(" + text("fqn") + text("w"+itoa(i)) + text("offset") + "N" + text("index") + "Nub" +
				"ctorch.distributed.checkpoint.filesystem\n_StorageInfo\n)\x81}(" + text("relative_path") + text("__"+itoa(i)+"_0.distcp") +
				text("offset") + "K\x00" + text("length") + "K\x10ub"
		}, "uub.")))
}
