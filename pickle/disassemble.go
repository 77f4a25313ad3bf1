package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Op is one instruction.
type Op struct {
	Code      Code
	Offset    int64 // of the opcode
	Size      int64 // of the whole instruction
	ArgOffset int64 // of the payload: text without its newline, bytes without their length
	ArgLen    int64
	// Int is a small integer argument, a memo index, the length of a payload, an
	// extension code, and for GLOBAL and INST the length of the first line.
	Int int64
}

// SyntaxError says where a stream breaks and why.
type SyntaxError struct {
	Offset int64
	Op     string // the opcode's name; empty where there is none
	Err    error
}

func (e *SyntaxError) Error() string {
	if e.Op == "" {
		return fmt.Sprintf("pickle: at offset %#x: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("pickle: at offset %#x: %s: %v", e.Offset, e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Disassemble yields the operations of the stream at start. It ends after STOP
// or with the first error, a *SyntaxError.
func Disassemble(r io.ReaderAt, size, start int64, lim Limits) iter.Seq2[Op, error] {
	return func(yield func(Op, error) bool) {
		lim = lim.withDefaults(size)
		d := decoder{in: window{r: r, size: size}, pos: start}
		for range lim.MaxOps {
			var op Op
			err := d.next(&op)
			if err == nil && d.cut > 0 {
				err = errNoNewline
			}
			if err != nil {
				yield(op, &SyntaxError{op.Offset, d.opName(&op), err})
				return
			}
			if !yield(op, nil) || op.Code == STOP {
				return
			}
		}
		yield(Op{Offset: d.pos}, &SyntaxError{d.pos, "", bounded.Exceeded("pickle opcodes", lim.MaxOps)})
	}
}

var (
	errNoStop    = fmt.Errorf("the stream ends without STOP: %w", io.ErrUnexpectedEOF)
	errArgument  = fmt.Errorf("the argument is cut short: %w", io.ErrUnexpectedEOF)
	errNoNewline = fmt.Errorf("the line has no newline: %w", io.ErrUnexpectedEOF)
	errNegative  = errors.New("the length is negative")
	errStart     = errors.New("the start lies outside of the input")
)

// A decoder cuts the input into instructions.
type decoder struct {
	in  window
	pos int64
	// cut is not zero when the last line of the argument has no newline because
	// the input ends: 1 for the first line, 2 for the second.
	cut int
	// second is where the second line of GLOBAL or INST lies, and its length.
	second, secondLen int64
	// file is set in the readings of a file, where a frame may end inside an
	// instruction.
	file *fileReading
}

// opName is the name for an error at op.
func (d *decoder) opName(op *Op) string {
	if op.Size == 0 {
		return ""
	}
	return op.Code.String()
}

// next decodes the instruction at d.pos and moves behind it.
func (d *decoder) next(op *Op) error {
	err := d.contiguous(op)
	if d.file != nil {
		return d.fromFile(op, err)
	}
	return err
}

// contiguous decodes the instruction at d.pos as it lies in the input.
func (d *decoder) contiguous(op *Op) error {
	*op = Op{Offset: d.pos}
	d.cut = 0
	if d.pos < 0 || d.pos > d.in.size {
		return errStart
	}
	b, err := d.in.at(d.pos, 9)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return errNoStop
	}
	op.Code = Code(b[0])
	info := &codes[b[0]]
	if info.name == "" {
		return fmt.Errorf("%#02x is not an opcode", b[0])
	}
	op.Size = 1
	if info.arg != argNone {
		if info.arg == argLine || info.arg == argLine2 {
			err = d.lines(op, info.arg)
		} else {
			err = d.binary(op, info.arg, b[1:])
		}
		if err != nil {
			return err
		}
	}
	d.pos += op.Size
	return nil
}

// headLen is how many bytes stand between an opcode and its payload.
var headLen = [...]int{argNone: 0, argU1: 1, argU2: 2, argI4: 4, argU4: 4, argU8: 8, argF8: 0, argLine: 0, argLine2: 0, argN1: 1, argNS4: 4, argN4: 4, argN8: 8}

// binary decodes an argument of fixed length or with a length in front; b is
// what follows the opcode.
func (d *decoder) binary(op *Op, arg argKind, b []byte) error {
	head := headLen[arg]
	if len(b) < head {
		return errArgument
	}
	op.ArgOffset = op.Offset + 1
	op.ArgLen = int64(head)
	switch head {
	case 1:
		op.Int = int64(b[0])
	case 2:
		op.Int = int64(binary.LittleEndian.Uint16(b))
	case 4:
		op.Int = int64(binary.LittleEndian.Uint32(b))
		if arg == argI4 || arg == argNS4 {
			op.Int = int64(int32(op.Int))
		}
	case 8:
		u := binary.LittleEndian.Uint64(b)
		if u > math.MaxInt64 {
			return fmt.Errorf("the length %d does not fit a signed size", u)
		}
		op.Int = int64(u)
	}
	switch arg {
	case argN1, argNS4, argN4, argN8:
		op.ArgOffset += int64(head)
		op.ArgLen = op.Int
	case argF8:
		op.ArgLen = 8
	}
	if op.ArgLen < 0 {
		return errNegative
	}
	if left := d.in.size - op.ArgOffset; op.ArgLen > left {
		return fmt.Errorf("the argument has %d bytes, %d are left: %w", op.ArgLen, left, io.ErrUnexpectedEOF)
	}
	op.Size = op.ArgOffset + op.ArgLen - op.Offset
	return nil
}

// lines decodes an argument of one or two lines.
func (d *decoder) lines(op *Op, arg argKind) error {
	op.ArgOffset = op.Offset + 1
	end, found, err := d.in.lineEnd(op.ArgOffset)
	if err != nil {
		return err
	}
	op.Int = end - op.ArgOffset
	d.second, d.secondLen = end, 0
	if !found {
		d.cut = 1
	} else if arg == argLine2 {
		d.second = end + 1
		end, found, err = d.in.lineEnd(end + 1)
		if err != nil {
			return err
		}
		d.secondLen = end - d.second
		if !found {
			d.cut = 2
		}
	}
	op.ArgLen = end - op.ArgOffset
	op.Size = end - op.Offset
	if found {
		op.Size++
	}
	return nil
}
