package signing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// MaxBundle is the size of the largest bundle that is read. A model of a hundred
// thousand files has one of about 25 MB.
const MaxBundle = 32 << 20

const maxDepth = 32

// What is signed has four values for each file; around it there are few.
const (
	maxValues        = 100_000
	maxPayloadValues = 4_000_000
)

// decode reads one JSON document of at most limit values into v. It refuses what
// readers disagree about: keys that stand twice, and keys that are one of names in
// another spelling, which encoding/json would take for it. Keys that nobody knows
// are ignored.
func decode(b []byte, limit int, names []string, v any) error {
	if len(b) > MaxBundle {
		return fmt.Errorf("%d bytes are more than the %d that are read", len(b), MaxBundle)
	}
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	s := scanner{dec: json.NewDecoder(bytes.NewReader(b)), names: names, left: limit}
	s.dec.UseNumber() // 1e999 is no number that can be held
	if err := s.value(0); err != nil {
		return err
	}
	if _, err := s.dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the document at offset %d", s.dec.InputOffset())
	}
	return json.Unmarshal(b, v)
}

type scanner struct {
	dec   *json.Decoder
	names []string
	left  int // values
}

func (s *scanner) value(depth int) error {
	t, err := s.dec.Token()
	if err != nil {
		return s.fault(err)
	}
	if s.left--; s.left < 0 {
		return fmt.Errorf("too many values, at offset %d", s.dec.InputOffset())
	}
	if depth > maxDepth {
		return fmt.Errorf("nested more than %d deep at offset %d", maxDepth, s.dec.InputOffset())
	}
	switch t {
	case json.Delim('{'):
		return s.object(depth)
	case json.Delim('['):
		for s.dec.More() {
			if err := s.value(depth + 1); err != nil {
				return err
			}
		}
		return s.end()
	}
	return nil
}

func (s *scanner) object(depth int) error {
	seen := make(map[string]bool, 4)
	for s.dec.More() {
		t, err := s.dec.Token()
		if err != nil {
			return s.fault(err)
		}
		name, _ := t.(string) // the decoder lets nothing else be a key
		if seen[name] {
			return fmt.Errorf("key %q stands twice, again at offset %d", name, s.dec.InputOffset())
		}
		seen[name] = true
		if want := s.misspelt(name); want != "" {
			return fmt.Errorf("key %q at offset %d: it is %q", name, s.dec.InputOffset(), want)
		}
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	return s.end()
}

// misspelt returns the name that a key would be taken for, if any.
func (s *scanner) misspelt(key string) string {
	found := ""
	for _, name := range s.names {
		if key == name {
			return ""
		}
		if strings.EqualFold(key, name) {
			found = name
		}
	}
	return found
}

func (s *scanner) end() error {
	_, err := s.dec.Token()
	return s.fault(err)
}

func (s *scanner) fault(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("ends early, at offset %d", s.dec.InputOffset())
	}
	return err
}
