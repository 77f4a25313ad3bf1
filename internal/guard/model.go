package guard

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// protocol is a way to ask, in the words of wire.accept.
type protocol string

const (
	protoJSON       protocol = "v2-json"
	protoBinary     protocol = "v2-binary"
	protoGRPC       protocol = "v2-grpc"
	protoV1         protocol = "v1-json"
	protoTorchServe protocol = "torchserve"
	protoOpenAI     protocol = "openai"
)

var protocols = []protocol{protoJSON, protoBinary, protoGRPC, protoV1, protoTorchServe, protoOpenAI}

// model is a model with its schema. It does not change.
type model struct {
	name   string
	file   string
	schema *tensor.Schema
	shadow bool
	inputs []tensor.Field
	output []tensor.Field
	ask    oip.Options // how requests are read
	answer oip.Options // how answers are read
	drift  *drift
	meter  *modelMeter
}

func (m *model) accepts(p protocol) bool { return slices.Contains(m.schema.Wire.Accept, string(p)) }

// forward is what the server is asked in, when the client asked in p. Only the
// forms of V2 can be written in one another.
func (m *model) forward(p protocol) protocol {
	if to := protocol(m.schema.Wire.ForwardAs); to != "same" && p != protoV1 && p != protoTorchServe && p != protoOpenAI {
		return to
	}
	return p
}

// models are all of them, by name. A set is replaced as a whole.
type models map[string]*model

func (ms models) names() []string { return slices.Sorted(maps.Keys(ms)) }

// registry reads schemas, and reads them again.
type registry struct {
	c     *Config
	meter *meter
	now   atomic.Pointer[models]

	mu     sync.Mutex // of what follows, and of reading
	loaded []loaded   // one for each source
}

// loaded is a source as it was last read.
type loaded struct {
	seen  string   // the bytes of the file and of those that it names, readable or not
	good  string   // those that the model was made from
	names []string // the files that it names
	model *model
}

// find returns the model of a name, or nil.
func (r *registry) find(name string) *model { return (*r.now.Load())[name] }

func (r *registry) all() models { return *r.now.Load() }

// load reads all schemas. At the first time one that cannot be read is an error;
// later the one before is kept, and all errors are returned.
func (r *registry) load() (changed []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded == nil {
		r.loaded = make([]loaded, len(r.c.Schemas))
	}
	next := slices.Clone(r.loaded)
	var errs []error
	for i, s := range r.c.Schemas {
		fresh, err := r.read(&next[i], s)
		if fresh {
			changed = append(changed, next[i].model.name)
		}
		errs = append(errs, err)
	}
	set, twice := byName(next)
	if err = errors.Join(append(errs, twice)...); r.now.Load() == nil && err != nil {
		return nil, err
	}
	if twice != nil {
		return nil, err
	}
	r.loaded = next
	r.now.Store(&set)
	r.meter.schemas(set)
	return changed, err
}

// read reads a source again, and reports whether there is a new model.
func (r *registry) read(l *loaded, s Source) (fresh bool, err error) {
	b, err := r.c.Read(s.File)
	if err != nil {
		l.seen = r.bytes(s, l.names)
		return false, fmt.Errorf("%s: %w", s.File, err)
	}
	if seen := r.bytes(s, l.names); l.model != nil && l.good == seen {
		l.seen = seen
		return false, nil
	}
	var names []string
	schema, err := tensor.ParseFiles(b, func(name string) ([]byte, error) {
		if r.c.Beside == nil {
			return nil, errors.New("there are no files beside the schema")
		}
		names = append(names, name)
		return r.c.Beside(s.File, name)
	})
	l.names, l.seen = names, r.bytes(s, names)
	if err != nil {
		return false, fmt.Errorf("%s: %w", s.File, err)
	}
	m, err := r.model(s, schema)
	if err != nil {
		return false, err
	}
	l.model, l.good = m, l.seen
	return true, nil
}

// bytes are those of a schema and of the files that it names, one after another. A
// file that cannot be read is as if it were empty.
func (r *registry) bytes(s Source, names []string) string {
	b, _ := r.c.Read(s.File) // reading it again will say why
	var all strings.Builder
	fmt.Fprintf(&all, "%d:%s", len(b), b)
	for _, name := range names {
		b, _ := r.c.Beside(s.File, name) // the same
		fmt.Fprintf(&all, "%d:%s", len(b), b)
	}
	return all.String()
}

func byName(all []loaded) (models, error) {
	set := models{}
	for _, l := range all {
		if l.model == nil {
			continue
		}
		if had := set[l.model.name]; had != nil {
			return nil, fmt.Errorf("%s and %s are both schemas of model %q", had.file, l.model.file, had.name)
		}
		set[l.model.name] = l.model
	}
	return set, nil
}

// stale reports whether a file has other bytes than those last read.
func (r *registry) stale() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, s := range r.c.Schemas {
		if r.bytes(s, r.loaded[i].names) != r.loaded[i].seen {
			return true
		}
	}
	return false
}

func (r *registry) model(src Source, s *tensor.Schema) (*model, error) {
	name := cmp.Or(src.Model, s.Model)
	if name == "" {
		return nil, fmt.Errorf("%s: the schema names no model; say NAME=%s", src.File, src.File)
	}
	if !plain(name) || strings.Contains(name, ":") {
		return nil, fmt.Errorf("%s: %q cannot be part of a path; a model's name has letters, digits and ._-", src.File, name)
	}
	if name == "stats" {
		return nil, fmt.Errorf("%s: no model can have the name \"stats\": GET /v2/models/stats is Triton's statistics of all models; give it another", src.File)
	}
	m := &model{
		name: name, file: src.File, schema: s, shadow: s.Shadow || r.c.Shadow,
		inputs: s.Fields(tensor.Inputs), output: s.Fields(tensor.Outputs), meter: r.meter.model(name),
	}
	limits := oip.Limits{Body: r.c.Limits.Body}
	m.ask = oip.Options{Limits: limits, Parameters: s.Wire.Parameters, SharedMemory: s.Wire.UnseenMemory}
	m.answer = oip.Options{Limits: limits, DropParameters: true, SharedMemory: s.Wire.UnseenMemory}
	if err := r.possible(m); err != nil {
		return nil, fmt.Errorf("%s: %w", src.File, err)
	}
	m.drift = newDrift(s)
	return m, nil
}

// possible refuses a schema that asks for what this gateway cannot do: a check
// that is not made is no check.
func (r *registry) possible(m *model) error {
	to := protocol(m.schema.Wire.ForwardAs)
	if to == protoGRPC && r.c.BackendGRPC == "" {
		return errors.New("forward_as: v2-grpc needs the address of the server's gRPC port")
	}
	if (to == protoJSON || to == protoBinary) && r.c.Backend == "" {
		return fmt.Errorf("forward_as: %s needs the address of the server's HTTP port", to)
	}
	if m.schema.Wire.RawBinary && len(m.inputs) != 1 {
		return errors.New("raw_binary: allow needs a schema with one input")
	}
	return m.schema.CanNormalize()
}
