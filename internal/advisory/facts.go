package advisory

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/andiron-dev/andiron/internal/osv"
)

// Fact is what andiron knows of a vulnerability besides its record.
type Fact struct {
	// Class is what goes wrong: code-execution, weights-only-bypass, deserialization,
	// memory-safety, denial-of-service, correctness, by-design-rpc, malware.
	Class string `json:"class"`
	// Reach is what an attacker needs: "file" is a crafted model, "network" is to be
	// a peer, "code" is to decide about the program's own calls, their arguments or
	// the code that is compiled, and "install" is that the package is installed or
	// imported.
	Reach string `json:"reach"`
	Note  string `json:"note"`
}

// facts.json is an array of OSV records in our own words. Their database_specific
// holds a Fact and whether they are about malware. A record without packages only
// explains what other databases report.
//
//go:embed facts.json
var factsJSON []byte

// factList is the built-in facts, read.
type factList struct {
	records           []*osv.Record
	byID              map[string]Fact
	packages, malware map[string][]Advisory // by package; all, and those about malware
}

var builtinFacts = sync.OnceValue(func() *factList {
	list, err := readFacts(factsJSON)
	if err != nil {
		panic("advisory: internal error: facts.json: " + err.Error())
	}
	return list
})

func readFacts(b []byte) (*factList, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, err
	}
	list := &factList{byID: map[string]Fact{}, packages: map[string][]Advisory{}, malware: map[string][]Advisory{}}
	for _, text := range raw {
		if err := list.add(text); err != nil {
			return nil, fmt.Errorf("%.60s: %w", text, err)
		}
	}
	return list, nil
}

func (l *factList) add(text []byte) error {
	r, err := osv.Parse(text, osv.Limits{})
	if err != nil {
		return err
	}
	var own struct {
		Specific struct {
			Fact

			Malicious bool `json:"malicious"`
		} `json:"database_specific"`
	}
	if err := json.Unmarshal(text, &own); err != nil {
		return err
	}
	l.records = append(l.records, r)
	for _, id := range append([]string{r.ID}, r.Aliases...) {
		l.byID[id] = own.Specific.Fact
	}
	if len(r.Affected) == 0 {
		return nil
	}
	red, err := reduce(r)
	for _, e := range red.entries {
		e.adv.Malicious = own.Specific.Malicious
		l.packages[e.name] = append(l.packages[e.name], e.adv)
		if e.adv.Malicious {
			l.malware[e.name] = append(l.malware[e.name], e.adv)
		}
	}
	return err
}

// of returns what is known under one of the names of a vulnerability.
func (l *factList) of(id string, aliases []string) Fact {
	if f, ok := l.byID[id]; ok {
		return f
	}
	for _, a := range aliases {
		if f, ok := l.byID[a]; ok {
			return f
		}
	}
	return Fact{}
}

// incidents are the known malicious releases of a package, which count whatever a
// database says.
func (l *factList) incidents(name string) []Advisory { return l.malware[name] }

// Builtin is the database that is compiled in: facts about PyTorch and the malware
// that aimed at its users, and nothing else.
func Builtin() *DB { return builtin() }

var builtin = sync.OnceValue(func() *DB {
	var b Builder
	facts := builtinFacts()
	for _, r := range facts.records {
		if len(r.Affected) > 0 {
			b.Add(r)
		}
	}
	for _, list := range facts.malware {
		for _, a := range list {
			b.malicious(a.ID)
		}
	}
	info := Info{Source: "built-in facts about PyTorch", Builtin: true}
	for _, r := range facts.records {
		info.Current = max(info.Current, r.Modified)
	}
	info.Built = info.Current
	file, err := b.Build(info)
	if err == nil {
		var db *DB
		if db, err = Open(bytes.NewReader(file), int64(len(file)), Limits{}); err == nil {
			return db
		}
	}
	panic("advisory: internal error: " + err.Error())
})
