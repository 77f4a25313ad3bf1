package pickle

import (
	"iter"

	"github.com/andiron-dev/andiron/internal/scratch"
)

// Limits bound the work on one stream. A zero field means its default.
type Limits struct {
	MaxOps    int64 // opcodes; 64 Mi
	MaxValues int64 // values, and depth of the stack; 1 Mi + size/8, at most 32 Mi
	MaxEvents int64 // imports, calls and changes; 256 Ki + size/16, or MaxValues where that is set
	MaxMemo   int64 // memo entries; as MaxValues
	MaxText   int64 // longest string that is handed out, in bytes; 1 MiB
}

// Options say where and how a stream is run. The zero value runs from offset 0
// with default limits.
type Options struct {
	Limits Limits
	Start  int64
	// Scratch, when set, is where values lie that are not in use, so that memory does
	// not grow with the stream. Its Err is to be asked in the end.
	Scratch *scratch.Space
	// AfterBuild, when set, is called after every BUILD. It returns how many raw
	// bytes to skip in the stream: joblib's NumpyArrayWrapper interleaves the
	// bytes of arrays with opcodes.
	AfterBuild func(t *Trace, object, state Value, next int64) (skip int64, err error)
}

// A Trace is what running one stream does.
type Trace struct {
	Start        int64 // where the stream starts in the input
	End          int64 // after STOP, or where the stream broke
	Proto        int   // the last PROTO seen, -1 if none
	HighestProto int   // the lowest protocol that has every opcode seen
	Ops          [256]int64
	Result       Value // what STOP returned; zero if STOP was not reached
	Err          error // nil after STOP; a *SyntaxError, which may wrap bounded.ErrLimit
	Notes        []Note

	st     store
	events *scratch.Array[event]
	ends   []int64 // where else a loader may stand after STOP: behind a frame, or by another reading
}

// EventKind says what an event does.
type EventKind uint8

// The kinds of events.
const (
	EventImport     EventKind = iota + 1 // GLOBAL, STACK_GLOBAL, INST, EXT with a known code: Target is the Global
	EventCall                            // REDUCE, INST, OBJ: Target(*Args) gives Result
	EventNew                             // NEWOBJ, NEWOBJ_EX: Target.__new__(Target, *Args) gives Result
	EventBuild                           // BUILD: Target.__setstate__(Args), or an update of its __dict__
	EventSetItem                         // SETITEM(S) on what is not a dict: Args is a (key, value) tuple
	EventAppend                          // APPEND(S) on what is not a list: Args is the item
	EventAddItem                         // ADDITEMS on what is not a set: Args is the item
	EventPersistent                      // PERSID, BINPERSID: persistent_load(Args) gives Result
	EventExtension                       // EXT1, EXT2, EXT4: Args is the code, Result the Ext or Global
	EventBuffer                          // NEXT_BUFFER, READONLY_BUFFER: Result is the Buffer
)

// An Event is one thing that loading the stream would do.
type Event struct {
	Offset int64
	Kind   EventKind
	Op     Code

	target, args, result uint32 // values of t
	t                    *Trace
}

// event is an Event as a trace keeps it.
type event struct {
	off                  int64
	target, args, result uint32
	kind                 EventKind
	op                   Code
}

var eventCodec = scratch.Codec[event]{
	Size: 24,
	Put: func(b []byte, e *event) {
		le.PutUint64(b, uint64(e.off))
		putRefs(b[8:], e.target, e.args, e.result)
		b[20], b[21], b[22], b[23] = byte(e.kind), byte(e.op), 0, 0
	},
	Get: func(b []byte, e *event) {
		e.off, e.target, e.args, e.result = int64(le.Uint64(b)), le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:])
		e.kind, e.op = EventKind(b[20]), Code(b[21])
	},
}

// Len returns how many events there are.
func (t *Trace) Len() int { return t.events.Len() }

// Event returns event number i.
func (t *Trace) Event(i int) Event {
	e := t.events.At(i)
	return Event{Offset: e.off, Kind: e.kind, Op: e.op, target: e.target, args: e.args, result: e.result, t: t}
}

// Events yields in order what ran, also before a break. Where a frame ends inside
// an instruction, what other ways to read the file do from there on follows, and
// a Note says where. What is yielded holds until the next is.
func (t *Trace) Events() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		var e Event
		for i := range t.Len() {
			if e = t.Event(i); !yield(&e) {
				return
			}
		}
	}
}

// Value returns the value that Key identifies.
func (t *Trace) Value(key uint32) Value { return Value{t: t}.to(key) }

// DropEvents lets the events go, to make room.
func (t *Trace) DropEvents() { t.events = nil }

// Target is the imported Global, the callee, the object.
func (e *Event) Target() Value { return Value{t: e.t}.to(e.target) }

// Args is the args tuple, state, (key, value) tuple, item, persistent id or
// extension code.
func (e *Event) Args() Value { return Value{t: e.t}.to(e.args) }

// Result is that of Import, Call, New, Persistent, Extension and Buffer.
func (e *Event) Result() Value { return Value{t: e.t}.to(e.result) }

// NoteKind classifies an oddity.
type NoteKind uint8

// The kinds of notes.
const (
	NoteFrameShort      NoteKind = iota + 1 // an opcode crosses the end of its frame: C runs on, Python stops
	NoteFrameOverrun                        // a frame is longer than what is left, or than the stream
	NoteFrameNested                         // a frame starts inside another: C runs on, Python stops
	NoteOddText                             // text that one implementation reads and the other refuses, or an odd spelling
	NoteTruncatedLine                       // the last line has no newline: Python drops its last character, C stops
	NoteMemoHole                            // PUT indices leave holes
	NoteMixedMemo                           // PUT and MEMOIZE in one stream
	NoteOverwrittenMemo                     // a memo index is written twice
	NoteUnusedValue                         // the stack is not empty after STOP
	NoteDuplicateProto                      // PROTO stands twice, or not at the start
	NoteOddTarget                           // an opcode works on a type that no pickler writes it for
	NoteDisagree                            // C and Python differ in another way
	NoteMore                                // there are more notes than are kept
)

// A Note is an oddity: something that no pickler writes, or that loaders read
// differently.
type Note struct {
	Kind   NoteKind
	Offset int64
	Text   string
}

// Global is an imported name.
type Global struct {
	Module, Name       string // after the Python 2 name mapping of protocols below 3
	RawModule, RawName string // as written
	Dotted             bool   // Name holds a dot: protocols 4 and 5 walk attributes
	Computed           bool   // STACK_GLOBAL on what is not a constant; the names are empty
}

// String returns "module.name".
func (g Global) String() string {
	if g.Computed {
		return "<computed>"
	}
	return g.Module + "." + g.Name
}

// Imports yields every import in order: its offset and the Global.
func (t *Trace) Imports() iter.Seq2[int64, Value] {
	return func(yield func(int64, Value) bool) {
		for e := range t.Events() {
			if e.Kind == EventImport && !yield(e.Offset, e.Target()) {
				return
			}
		}
	}
}

var eventNames = [...]string{EventImport: "import", EventCall: "call", EventNew: "new", EventBuild: "build", EventSetItem: "setitem", EventAppend: "append", EventAddItem: "additem", EventPersistent: "persistent", EventExtension: "extension", EventBuffer: "buffer"}

// String returns the kind in one word.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return ""
}

var noteNames = [...]string{NoteFrameShort: "frame-short", NoteFrameOverrun: "frame-overrun", NoteFrameNested: "frame-nested", NoteOddText: "odd-text", NoteTruncatedLine: "truncated-line", NoteMemoHole: "memo-hole", NoteMixedMemo: "mixed-memo", NoteOverwrittenMemo: "overwritten-memo", NoteUnusedValue: "unused-value", NoteDuplicateProto: "duplicate-proto", NoteOddTarget: "odd-target", NoteDisagree: "disagree", NoteMore: "more"}

// String returns the kind in one word.
func (k NoteKind) String() string {
	if int(k) < len(noteNames) {
		return noteNames[k]
	}
	return ""
}
