package tensor

import (
	"fmt"
	"strconv"
	"strings"
)

// Code names a kind of violation. The list only grows.
type Code string

// The codes.
const (
	CodeInputs     Code = "AT-INPUTS"
	CodeUnknown    Code = "AT-UNKNOWN"
	CodeDuplicate  Code = "AT-DUPLICATE"
	CodeMissing    Code = "AT-MISSING"
	CodeElements   Code = "AT-ELEMENTS"
	CodeBytes      Code = "AT-BYTES"
	CodeDType      Code = "AT-DTYPE"
	CodeRank       Code = "AT-RANK"
	CodeShape      Code = "AT-SHAPE"
	CodeDim        Code = "AT-DIM"
	CodeConstraint Code = "AT-CONSTRAINT"
	CodeSize       Code = "AT-SIZE"
	CodeFraming    Code = "AT-FRAMING"
	CodeNaN        Code = "AT-NAN"
	CodeInf        Code = "AT-INF"
	CodeTiny       Code = "AT-TINY"
	CodeRange      Code = "AT-RANGE"
	CodeToken      Code = "AT-TOKEN"
	CodeBool       Code = "AT-BOOL"
	CodeValue      Code = "AT-VALUE"
	CodeFlat       Code = "AT-FLAT"
	CodeMean       Code = "AT-MEAN"
	CodeStd        Code = "AT-STD"
	CodeNorm       Code = "AT-NORM"
	CodeDrift      Code = "AT-DRIFT"
	CodeBalance    Code = "AT-BALANCE"
	CodeTextSize   Code = "AT-TEXT-SIZE"
	CodeTextUTF8   Code = "AT-TEXT-UTF8"
	CodeTextChar   Code = "AT-TEXT-CHAR"
	CodeTextMatch  Code = "AT-TEXT-PATTERN"
)

// Codes lists them in the order of the specification, which is that of the
// elements' violations.
func Codes() []Code {
	return []Code{
		CodeInputs, CodeElements, CodeBytes, CodeUnknown, CodeDuplicate, CodeMissing, CodeDType, CodeRank, CodeShape, CodeSize, CodeDim, CodeConstraint,
		CodeFraming, CodeNaN, CodeInf, CodeTiny, CodeRange, CodeToken, CodeBool, CodeValue, CodeFlat, CodeMean, CodeStd, CodeNorm,
		CodeTextSize, CodeTextUTF8, CodeTextChar, CodeTextMatch, CodeDrift, CodeBalance,
	}
}

// Violation is one way in which tensors are not as the schema says.
type Violation struct {
	Code  Code    `json:"code"`
	Input string  `json:"input,omitempty"` // the tensor; empty for the request as a whole
	Index []int64 `json:"index,omitempty"` // the first offender
	Flat  int64   `json:"flat_index"`      // its number in row-major order, or -1
	Got   string  `json:"got"`
	Want  string  `json:"want"`
	Count int64   `json:"count,omitempty"` // offenders, of Of
	Of    int64   `json:"of,omitempty"`
	Hint  string  `json:"hint,omitempty"`
	Alert bool    `json:"alert,omitempty"` // nothing is refused for it: drift with "action: alert"
}

// String is the message. It has no more of the data than one number.
func (v Violation) String() string {
	var b strings.Builder
	b.WriteString(string(v.Code))
	if v.Input != "" {
		b.WriteString(" " + strconv.Quote(v.Input))
	}
	if len(v.Index) > 0 {
		b.WriteString(sizes(v.Index))
	}
	fmt.Fprintf(&b, ": got %s, want %s", v.Got, v.Want)
	if v.Of > 0 {
		fmt.Fprintf(&b, " (%d of %d)", v.Count, v.Of)
	}
	if v.Hint != "" {
		b.WriteString("; hint: " + v.Hint)
	}
	return b.String()
}

// sizes spells a shape or an index, of which it shows as much as a schema can have.
func sizes(shape []int64) string {
	var b strings.Builder
	for i, n := range shape {
		if i == maxRank {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return "[" + b.String() + "]"
}

// unravel turns a number in row-major order into an index.
func unravel(flat int64, shape []int64) []int64 {
	index := make([]int64, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		index[i] = flat % shape[i]
		flat /= shape[i]
	}
	return index
}
