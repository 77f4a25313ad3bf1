package hostile

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

var results = []Attack{
	{ID: "O1", Name: "an end without tensors", Seen: Stopped, Do: says(done("x"))},
	{ID: "O1", Name: "an end that nobody understands", Seen: Stopped, Do: says("\xff\xfe{")},
	{ID: "O1", Name: "an end of another type", Seen: Stopped, Do: says(`{"done":{"weights_only":"yes","type":7}}`)},
	{ID: "O1", Name: "an unknown word", Seen: Stopped, Do: says(`{"other":1}`)},
	{ID: "O1", Name: "two words at once", Seen: Stopped, Do: forged(tensors(), `{"done":{"weights_only":true,"type":"x"},"failed":{"kind":"x","text":"y"}}`)},
	{ID: "O1", Name: "a word behind the end", Seen: Stopped, Do: forged(tensors(), done("x")+done("y"))},
	{ID: "O2", Name: "no header", Seen: Stopped, Do: result([]byte("\xff\xff\xff"))},
	{ID: "O2", Name: "a header that is too long", Seen: Stopped, Do: result(binary.LittleEndian.AppendUint64(nil, 1<<62))},
	{ID: "O2", Name: "a name twice", Seen: Stopped, Do: result(header(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1))},
	{ID: "O2", Name: "tensors over each other", Seen: Stopped, Do: result(header(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3))},
	{ID: "O2", Name: "a hole", Seen: Stopped, Do: result(header(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3))},
	{ID: "O2", Name: "a shape beyond all numbers", Seen: Stopped, Do: result(header(`{"a":{"dtype":"U8","shape":[4294967296,4294967296,1],"data_offsets":[0,0]}}`, 0))},
	{ID: "O2", Name: "bytes behind the end", Seen: Stopped, Do: result(header(`{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 9))},
	{ID: "O2", Name: "a tensor beyond the end", Seen: Stopped, Do: result(header(`{"w":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, 1))},
	{ID: "O3", Name: "keep the result in memory", Seen: "mmap", Namespaces: Inside, Landlock: Inside, Do: mapped(0, out, unix.MAP_SHARED)},
	{ID: "O3", Name: "keep it in another way", Seen: "mmap", Namespaces: Inside, Landlock: Inside, Do: mapped(0, out, unix.MAP_SHARED_VALIDATE)},
	{ID: "O4", Name: "seal it first", Seen: "fcntl", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_FCNTL, out, unix.F_ADD_SEALS, unix.F_SEAL_SEAL)},
	{ID: "O5", Name: "write behind the end", Seen: Either, Do: func(w *Worker) error {
		_, _ = unix.Write(out, tensors()) // then there is no result
		w.say(done("x"))
		for {
			_, _ = unix.Seek(out, 0, 0)            // until it is sealed
			_, _ = unix.Write(out, []byte("evil")) // or ended
		}
	}},
	{ID: "O6", Name: "a worker that was changed", Seen: Clean, Do: forged(header(`{"forged":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4), done("x"))},
	{ID: "O7", Name: "a pickle beside the tensors", Seen: Clean, Do: forged(header(`{"__metadata__":{"andiron.tree":"cos\nsystem\n(S'echo'\ntR."},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), done("x"))},
	{ID: "O8", Name: "an end with 0", Seen: Stopped, Do: func(*Worker) error { exit(0); return nil }},
	{ID: "O8", Name: "an end with 7", Seen: Clean, Do: func(w *Worker) error {
		_, _ = unix.Write(out, tensors()) // then there is no result
		w.say(done("x"))
		exit(7)
		return nil
	}},
	{ID: "O9", Name: "the filter again", Seen: Stopped, Do: says(locked)},
	{ID: "O9", Name: "ready again", Seen: Stopped, Do: says(`{"ready":{"torch":"x","python":"y"}}`)},
	{ID: "O9", Name: "an empty word", Seen: Stopped, Do: says("")},
	{ID: "O9", Name: "half a word", Seen: Stopped, Do: says(`{"done":{"weights_only":true,`)},
	{ID: "O9", Name: "a long word", Seen: Stopped, Do: says(`{"done":{"weights_only":true,"type":"` + strings.Repeat("x", 1<<17) + `"}}`)},
	{ID: "O9", Name: "a filter without a listener", Seen: Protocol, Early: true, Do: says(locked)},
	{ID: "O9", Name: "a listener that is none", Seen: Protocol, Early: true, Do: func(w *Worker) error {
		_ = w.sendFiles(locked, source) // it is refused
		return nil
	}},
	{ID: "O9", Name: "two listeners", Seen: Protocol, Early: true, Do: func(w *Worker) error {
		_ = w.sendFiles(locked, w.install(), source) // it is refused
		return nil
	}},
	{ID: "O9", Name: "ten listeners", Seen: Protocol, Early: true, Do: func(w *Worker) error {
		_ = w.sendFiles(locked, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // it is refused
		return nil
	}},
	{ID: "O9", Name: "an end before the beginning", Seen: Protocol, Early: true, Do: says(done("x"))},
	{ID: "O9", Name: "something else before the beginning", Seen: Protocol, Early: true, Do: says("locked")},
	{ID: "O10", Name: "a good result behind a call", Seen: "mkdirat", Namespaces: Inside, Landlock: Inside, Do: func(w *Worker) error {
		_ = unix.Mkdir(w.Marker, 0o700) // it is refused
		return nil
	}},
	{ID: "O10", Name: "nothing", Seen: Clean, Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error { return nil }},
}

// says is the attack that says something, and ends.
func says(text string) func(*Worker) error {
	return func(w *Worker) error {
		w.say(text)
		exit(0)
		return nil
	}
}

// result is the attack that writes something else than tensors.
func result(b []byte) func(*Worker) error { return forged(b, done("x")) }

func forged(b []byte, text string) func(*Worker) error {
	return func(w *Worker) error {
		_, _ = unix.Write(out, b) // then there is no result
		return says(text)(w)
	}
}
