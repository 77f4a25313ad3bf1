package enforce

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// mostHeld is how many models are kept as they are at a time.
const mostHeld = 256

// state says which file it is, and in which state.
type state struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

func stateOf(st *unix.Stat_t) state {
	return state{dev: uint64(st.Dev), ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim} //nolint:unconvert // signed on some architectures
}

// held is a model whose bytes do not change.
type held struct {
	state state
	at    uint64 // when it was last asked for

	done   chan struct{} // closed once the rest is known
	err    error
	sha256 string
	how    string // "verity", "lease", "copy", or "root": only root could write
	file   *os.File
	input  *sandbox.Input // but for root
}

// holder keeps models that were asked for.
type holder struct {
	maxCopy int64

	mu    sync.Mutex
	held  map[[2]uint64]*held
	clock uint64
}

func newHolder(maxCopy int64) *holder { return &holder{maxCopy: maxCopy, held: map[[2]uint64]*held{}} }

// get holds the file that f is open on, and works out its digest unless it is held
// already. It takes f.
func (k *holder) get(f *os.File, st *unix.Stat_t) (*held, error) {
	id, s := [2]uint64{uint64(st.Dev), st.Ino}, stateOf(st) //nolint:unconvert // signed on some architectures
	k.mu.Lock()
	h := k.held[id]
	known := h != nil && h.state == s && !h.changed()
	if !known {
		h = &held{state: s, done: make(chan struct{})}
		k.put(id, h)
	}
	k.clock++
	h.at = k.clock
	k.mu.Unlock()
	if known {
		_ = f.Close() // it was only read
		<-h.done
	} else {
		h.take(f, st, k.maxCopy)
		close(h.done)
	}
	if h.err != nil {
		k.drop(id, h)
	}
	return h, h.err
}

// put keeps a model in the place of an older one, and of the one that was asked for
// least lately where there are too many.
func (k *holder) put(id [2]uint64, h *held) {
	if old := k.held[id]; old != nil {
		old.leave()
	} else if len(k.held) >= mostHeld {
		var oldest [2]uint64
		least := ^uint64(0)
		for id, h := range k.held {
			if h.at < least {
				oldest, least = id, h.at
			}
		}
		k.held[oldest].leave()
		delete(k.held, oldest)
	}
	k.held[id] = h
}

// leaving is how long what is put out may still be handed out by who found it before.
const leaving = time.Minute

// leave closes a model after a while.
func (h *held) leave() {
	time.AfterFunc(leaving, func() {
		<-h.done
		if h.file != nil {
			_ = h.file.Close() // it was only read
		}
		if h.input != nil {
			_ = h.input.Close() // it was only read
		}
	})
}

func (k *holder) drop(id [2]uint64, h *held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[id] == h {
		delete(k.held, id)
	}
}

// release lets a file go that the program opens for writing: the lease would keep the
// supervisor itself waiting.
func (k *holder) release(st *unix.Stat_t) {
	id := [2]uint64{uint64(st.Dev), st.Ino} //nolint:unconvert // signed on some architectures
	k.mu.Lock()
	h := k.held[id]
	delete(k.held, id)
	k.mu.Unlock()
	if h == nil {
		return
	}
	<-h.done
	h.leave()
	if h.how == "lease" {
		_ = h.input.Close() // which gives the lease up
	}
}

// changed reports whether somebody asked to write to the file since it was held. A
// model whose digest is still worked out did not change.
func (h *held) changed() bool {
	select {
	case <-h.done:
		return h.how == "lease" && h.input.Unchanged() != nil
	default:
		return false
	}
}

// broken are the models that somebody wants to write to.
func (k *holder) broken() (list []*held) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, h := range k.held {
		if h.changed() {
			delete(k.held, id)
			h.leave()
			list = append(list, h)
		}
	}
	return list
}

// take works out the digest.
func (h *held) take(f *os.File, st *unix.Stat_t, maxCopy int64) {
	if st.Uid == 0 && st.Mode&0o022 == 0 && unix.Geteuid() != 0 {
		h.err = h.digest(f)
		return
	}
	in, err := sandbox.Hold(f, maxCopy)
	if err != nil {
		_ = f.Close() // it was only read
		h.err = err
		return
	}
	h.input, h.how = in, in.Kept
	if h.sha256, h.err = in.Digest(); h.err == nil {
		h.file, h.err = os.Open(in.Path())
	}
}

// digest reads a file in place.
func (h *held) digest(f *os.File) error {
	sum, err := sumOf(f, h.state.size)
	h.sha256, h.how, h.file = sum, "root", f
	return err
}

// sumOf is the digest of a file of so many bytes.
func sumOf(f io.ReaderAt, size int64) (string, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(f, 0, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("it had %d bytes, and now it has another number", size)
	}
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// again opens the same bytes once more.
func (h *held) again(flags int) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", h.file.Fd()), unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
}
