package record

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const (
	maxLine  = 1 << 20
	maxLines = 10_000_000
)

// genesis is what the first entry has for the digest of the one before it.
var genesis = strings.Repeat("0", 2*sha256.Size)

// Entry is one line of a record.
type Entry struct {
	Seq  int64  // from 1
	Time string // RFC 3339, UTC, seconds
	Kind Kind
	Body json.RawMessage
	Prev string // SHA-256 of the line before, without its end

	// Meaning is what the body says, where the kind is known: a pointer to Scan,
	// Finding, Decision, Remediation, Release, Test, Repair or Audit.
	Meaning any
	Digest  string // SHA-256 of this line
}

// Draft is an entry before it has a place.
type Draft struct {
	Kind Kind
	Body any // Scan, Finding, …
}

// Summary is what reading a record found.
type Summary struct {
	Entries int64
	Head    string // digest of the last entry; zeros of an empty record
	Bytes   int64  // of whole lines
}

// ErrTorn says that the last line has no end, as a crash while writing leaves it.
var ErrTorn = errors.New("the last line is incomplete")

// LineError says which line is wrong.
type LineError struct {
	Line int64 // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap gives what is wrong.
func (e *LineError) Unwrap() error { return e.Err }

// Read reads a record and hands out its entries, which it holds to their form and
// their chain.
func Read(r io.Reader, each func(*Entry) error) (Summary, error) {
	s := Summary{Head: genesis}
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		var err error
		line, err = readLine(br, line[:0])
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return s, nil
		}
		if errors.Is(err, io.EOF) {
			err = ErrTorn
		}
		if err == nil && s.Entries >= maxLines {
			err = bounded.Exceeded("lines", maxLines)
		}
		if err != nil {
			return s, &LineError{s.Entries + 1, err}
		}
		e, err := parse(line)
		if err == nil {
			err = e.follows(s)
		}
		if err != nil {
			return s, &LineError{s.Entries + 1, err}
		}
		if err := each(e); err != nil {
			return s, err
		}
		s = Summary{e.Seq, e.Digest, s.Bytes + int64(len(line)) + 1}
	}
}

// readLine reads to the end of a line, which it leaves out.
func readLine(br *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, bounded.Exceeded("bytes of a line", maxLine)
		}
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// follows holds an entry against what comes before it.
func (e *Entry) follows(s Summary) error {
	if e.Seq != s.Entries+1 {
		return fmt.Errorf("seq is %d where %d is next: entries are missing, or stand twice", e.Seq, s.Entries+1)
	}
	if e.Prev != s.Head {
		return fmt.Errorf("the chain is broken: prev is %.16q…, and the line before has the digest %.16q…", e.Prev, s.Head)
	}
	return nil
}

// parse reads one line. It has one form only, in which it is also written.
func parse(line []byte) (*Entry, error) {
	e, ok := frame(line)
	if !ok {
		return nil, errors.New("not an entry in the form in which entries are written")
	}
	if t, err := time.Parse(time.RFC3339, e.Time); err != nil || t.UTC().Format(time.RFC3339) != e.Time {
		return nil, fmt.Errorf("time %.40q is not RFC 3339 in UTC", e.Time)
	}
	if !isDigest(e.Prev) {
		return nil, fmt.Errorf("prev %.80q is not a SHA-256", e.Prev)
	}
	if !kindForm(e.Kind) {
		return nil, fmt.Errorf("kind %.80q is not a word", e.Kind)
	}
	if err := e.understand(); err != nil {
		return nil, fmt.Errorf("body of kind %s: %w", e.Kind, err)
	}
	sum := sha256.Sum256(line)
	e.Digest = hex.EncodeToString(sum[:])
	return e, nil
}

// The parts of a line between its values.
const (
	beforeSeq  = `{"seq":`
	beforeTime = `,"time":"`
	beforeKind = `","kind":"`
	beforeBody = `","body":`
	beforePrev = `,"prev":"`
	theEnd     = `"}`
)

// frame takes a line apart. The body is not looked at.
func frame(line []byte) (*Entry, bool) {
	head, body, ok := strings.Cut(string(line), beforeBody)
	end := len(body) - len(beforePrev) - len(genesis) - len(theEnd)
	if !ok || end < 0 {
		return nil, false
	}
	head, isEntry := strings.CutPrefix(head, beforeSeq)
	number, rest, hasTime := strings.Cut(head, beforeTime)
	at, kind, hasKind := strings.Cut(rest, beforeKind)
	body, prev := body[:end], body[end:]
	prev, hasPrev := strings.CutPrefix(prev, beforePrev)
	prev, ends := strings.CutSuffix(prev, theEnd)
	seq, err := strconv.ParseInt(number, 10, 64)
	if !isEntry || !hasTime || !hasKind || !hasPrev || !ends || err != nil || strconv.FormatInt(seq, 10) != number {
		return nil, false
	}
	return &Entry{Seq: seq, Time: at, Kind: Kind(kind), Body: json.RawMessage(body), Prev: prev}, true
}

func (e *Entry) line() []byte {
	return fmt.Appendf(nil, "%s%d%s%s%s%s%s%s%s%s%s", beforeSeq, e.Seq, beforeTime, e.Time, beforeKind, e.Kind, beforeBody, e.Body, beforePrev, e.Prev, theEnd)
}

// understand reads the body. What does not come out the same when it is written again
// could be read in two ways.
func (e *Entry) understand() error {
	m := meaning(e.Kind)
	if m == nil { // of a newer andiron
		if again, err := marshal(e.Body); err != nil || !bytes.Equal(again, e.Body) {
			return errNotTheForm
		}
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(e.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return err
	}
	if again, err := marshal(m); err != nil || !bytes.Equal(again, e.Body) {
		return errNotTheForm
	}
	e.Meaning = m
	return m.check()
}

var errNotTheForm = errors.New("not in the form in which it is written")

// encode makes the lines that follow s.
func encode(s Summary, now time.Time, drafts []Draft) ([]byte, Summary, error) {
	var out []byte
	for _, d := range drafts {
		body, err := marshal(d.Body)
		if err != nil {
			return nil, s, err
		}
		e := Entry{Seq: s.Entries + 1, Time: now.UTC().Format(time.RFC3339), Kind: d.Kind, Body: body, Prev: s.Head}
		line := e.line()
		if len(line) >= maxLine {
			return nil, s, fmt.Errorf("an entry of kind %s: %w", d.Kind, bounded.Exceeded("bytes of a line", maxLine))
		}
		read, err := parse(line) // what is written can be read
		if err != nil {
			return nil, s, fmt.Errorf("an entry of kind %s: %w", d.Kind, err)
		}
		out = append(append(out, line...), '\n')
		s = Summary{e.Seq, read.Digest, s.Bytes + int64(len(line)) + 1}
	}
	return out, s, nil
}

// tail reads the last line.
func tail(r io.ReaderAt, size int64) (Summary, error) {
	if size == 0 {
		return Summary{Head: genesis}, nil
	}
	n := min(size, maxLine+1)
	b, err := bounded.ReadRange(r, size, size-n, n, maxLine+1)
	if err != nil {
		return Summary{}, err
	}
	if b[n-1] != '\n' {
		return Summary{}, fmt.Errorf("%w; nothing was added", ErrTorn)
	}
	b = b[:n-1]
	start := bytes.LastIndexByte(b, '\n') + 1
	if start == 0 && n < size {
		return Summary{}, fmt.Errorf("the last line: %w", bounded.Exceeded("bytes of a line", maxLine))
	}
	e, err := parse(b[start:])
	if err == nil && e.Seq < 1 {
		err = fmt.Errorf("seq is %d", e.Seq)
	}
	if err != nil {
		return Summary{}, fmt.Errorf("the last line: %w; nothing was added", err)
	}
	return Summary{e.Seq, e.Digest, size}, nil
}

// marshal writes JSON on one line, with <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func digestOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}

func kindForm(k Kind) bool {
	return k != "" && len(k) <= 40 && strings.Trim(string(k), "abcdefghijklmnopqrstuvwxyz-") == ""
}
