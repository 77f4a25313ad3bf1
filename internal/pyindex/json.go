package pyindex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// object keeps the names of its members apart by case, which encoding/json does not
// when it fills a struct. Of two members with one name the last counts, as in
// Python.
type object map[string]json.RawMessage

func objectOf(raw json.RawMessage) (o object, ok bool) {
	return o, len(raw) > 0 && json.Unmarshal(raw, &o) == nil && o != nil
}

// text is a member that is a string, or "".
func (o object) text(names ...string) string {
	for _, n := range names {
		var s string
		if json.Unmarshal(o[n], &s) == nil {
			return s
		}
	}
	return ""
}

func (o object) list(name string) (list []string) {
	if json.Unmarshal(o[name], &list) != nil {
		return nil
	}
	return list
}

func (p *reader) json(b []byte) error {
	var root object
	if err := json.Unmarshal(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), &root); err != nil {
		return fmt.Errorf("the page is not JSON: %w", err)
	}
	meta, _ := objectOf(root["meta"])
	p.page.API = meta.text("api-version")
	p.page.Name = root.text("name")
	p.page.Versions = root.list("versions")
	p.page.Tracks = slices.Concat(meta.list("tracks"), root.list("tracks"))
	p.page.Alternates = slices.Concat(root.list("alternate-locations"), meta.list("alternate-locations"))
	p.status(root, meta)
	if _, ok := root["files"]; !ok {
		return errors.New(`the page has no "files"`)
	}
	var files []json.RawMessage
	if err := json.Unmarshal(root["files"], &files); err != nil {
		return errors.New(`"files" of the page is not a list`)
	}
	for i, raw := range files {
		f, err := p.file(raw)
		if err != nil {
			p.problem("entry %d of the files: %v", i+1, err)
			continue
		}
		if err := p.add(f); err != nil {
			return err
		}
	}
	return nil
}

// status is that of PEP 792, an object of its own; indexes from before it was final
// have it with the meta data.
func (p *reader) status(root, meta object) {
	for _, raw := range []json.RawMessage{root["project-status"], meta["project-status"]} {
		if o, ok := objectOf(raw); ok {
			p.page.Status, p.page.Reason = o.text("status"), o.text("reason")
			return
		}
		if json.Unmarshal(raw, &p.page.Status) == nil && p.page.Status != "" {
			p.page.Reason = meta.text("project-status-reason")
			return
		}
	}
}

func (p *reader) file(raw json.RawMessage) (f File, err error) {
	o, ok := objectOf(raw)
	if !ok {
		return f, errors.New("not an object")
	}
	address := o.text("url")
	if address == "" {
		return f, errors.New("no address")
	}
	if err := p.locate(&f, address); err != nil {
		return f, err
	}
	if name := o.text("filename"); name != f.Name {
		p.problem("a file is called %.120q and lies at %.120q", name, f.Name)
		if name != "" {
			f.Name = name // what the index says it is; nothing is written under this name
		}
	}
	if hashes, ok := objectOf(o["hashes"]); ok {
		f.Hashes = nil // a fragment has no meaning here
		for _, name := range slices.Sorted(maps.Keys(hashes)) {
			h, good := hashOf(name, hashes.text(name))
			if !good {
				p.problem("%.120q: a digest of %.40q that is none", f.Name, name)
				continue
			}
			f.Hashes = addHash(f.Hashes, h)
		}
	} else {
		p.problem("%.120q: no object of digests", f.Name)
	}
	f.RequiresPython = o.text("requires-python")
	f.Provenance = o.text("provenance")
	f.Upload = o.text("upload-time")
	f.Yanked, f.YankedReason = truth(o["yanked"])
	f.Size = number(o["size"])
	p.metadata(&f, o)
	return f, nil
}

func (p *reader) metadata(f *File, o object) {
	raw, ok := o["core-metadata"]
	if !ok {
		raw = o["dist-info-metadata"]
	}
	if set, ok := objectOf(raw); ok {
		f.Metadata = true
		for name := range set {
			if h, good := hashOf(name, set.text(name)); good {
				f.MetadataHashes = addHash(f.MetadataHashes, h)
			}
		}
		return
	}
	f.Metadata, _ = truth(raw)
}

// truth is a member that is a boolean, or a string that says why.
func truth(raw json.RawMessage) (yes bool, why string) {
	if json.Unmarshal(raw, &yes) == nil {
		return yes, ""
	}
	if json.Unmarshal(raw, &why) == nil {
		return true, why
	}
	return false, ""
}

// number is a member that is a whole number from 0, or 0.
func number(raw json.RawMessage) int64 {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
	if err != nil || n < 0 || n == math.MaxInt64 {
		return 0
	}
	return n
}
