package oip

import "fmt"

// Code names a kind of fault. The list only grows.
type Code string

// The codes.
const (
	CodeLimit     Code = "AW-LIMIT"     // a limit was met
	CodeSyntax    Code = "AW-SYNTAX"    // no JSON as RFC 8259 has it, no protobuf
	CodeUTF8      Code = "AW-UTF8"      // text that is no UTF-8, half of a surrogate pair
	CodeDuplicate Code = "AW-DUPLICATE" // a member, field, parameter or name twice
	CodeMember    Code = "AW-MEMBER"    // a member or field that is not known
	CodeMissing   Code = "AW-MISSING"   // one that must be there is not
	CodeType      Code = "AW-TYPE"      // another type of value
	CodeName      Code = "AW-NAME"      // an empty name, or one with other characters than names have
	CodeDType     Code = "AW-DTYPE"     // a datatype that is not known, or not in this form
	CodeShape     Code = "AW-SHAPE"     // a size below 0, too many dimensions, a product beyond 63 bits
	CodeNesting   Code = "AW-NESTING"   // lists that are not as the shape says
	CodeCount     Code = "AW-COUNT"     // more or fewer elements than the shape says
	CodeNumber    Code = "AW-NUMBER"    // a number that the type does not have
	CodeText      Code = "AW-TEXT"      // elements of text whose lengths do not fit
	CodeSource    Code = "AW-SOURCE"    // no source of data, or two
	CodeSize      Code = "AW-SIZE"      // sizes that do not fit the body
	CodeParameter Code = "AW-PARAMETER" // a parameter that is not let through
	CodeMemory    Code = "AW-MEMORY"    // shared memory
	CodeForm      Code = "AW-FORM"      // the message cannot be written in this form
)

// Codes lists those that a reader gives, in the order of the specification.
func Codes() []Code {
	return []Code{
		CodeLimit, CodeSyntax, CodeUTF8, CodeDuplicate, CodeMember, CodeMissing, CodeType, CodeName, CodeDType, CodeShape, CodeNesting,
		CodeCount, CodeNumber, CodeText, CodeSource, CodeSize, CodeParameter, CodeMemory,
	}
}

// Error is a fault in a message. It has nothing of the message but names and one
// number.
type Error struct {
	Code   Code
	Offset int64  // in the body
	Path   string // such as inputs[0].data[17]; empty for the message as a whole
	Err    error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s at offset %d: %v", e.Code, e.Offset, e.Err)
	}
	return fmt.Sprintf("%s at offset %d, %s: %v", e.Code, e.Offset, e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
