package bom

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is defined with it; nothing rests on it
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// Project is what is known of a project's dependencies.
type Project struct {
	Name, Version   string
	Components      []Component
	Vulnerabilities []Vulnerability
	// Database is the advisory database that they were held against.
	Database string
	// Tool is the version of andiron.
	Tool string
	// Time is written as the document's, unless it is zero.
	Time time.Time
}

// Component is a package that the project depends on.
type Component struct {
	// ID is what edges and vulnerabilities call it, different from all others.
	ID string
	finding.Package

	Hashes  []string // of its files, "sha256:…"
	License string   // an SPDX expression; empty where it is not known
	Index   string   // where it is from
	Groups  []string // of the project that ask for it
	Status  finding.DependencyStatus
	Reason  string // why it is unauditable
	Range   string // where no version is fixed
	Where   finding.Where
	// Direct is true where the project itself asks for it.
	Direct bool
	// Requires are the IDs of what it depends on: nil where that is not known, empty
	// where it is nothing.
	Requires []string
}

// WriteProject writes the document of a project. It is an error of the caller's if an
// ID stands twice, or an edge or a vulnerability names one that no component has.
func WriteProject(w io.Writer, p Project) error {
	ids := map[string]*Component{}
	for i := range p.Components {
		c := &p.Components[i]
		if ids[ref(c.ID)] != nil {
			return fmt.Errorf("bom: component %q stands twice", c.ID)
		}
		ids[ref(c.ID)] = c
	}
	doc := cdx.NewBOM()
	doc.SpecVersion = cdx.SpecVersion1_6
	doc.JSONSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	doc.Metadata = p.metadata()
	doc.Components = p.components()
	var err error
	if doc.Dependencies, err = p.graph(ids); err != nil {
		return err
	}
	if doc.Vulnerabilities, err = p.vulnerabilities(ids); err != nil {
		return err
	}
	if doc.SerialNumber, err = serial(doc); err != nil {
		return err
	}
	if !p.Time.IsZero() { // after the serial number, which does not depend on it
		doc.Metadata.Timestamp = stamp(p.Time)
	}
	enc := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	enc.SetPretty(true)
	enc.SetEscapeHTML(false)
	return enc.EncodeVersion(doc, cdx.SpecVersion1_6)
}

const projectRef = "project"

// ref is the bom-ref of a component; the prefix keeps it apart from the project's.
func ref(id string) string { return "package:" + safetext.Valid(id) }

func (p *Project) metadata() *cdx.Metadata {
	var list properties
	list.add("andiron:advisories", p.Database)
	version := list.version(p.Version)
	return &cdx.Metadata{
		Component: &cdx.Component{
			BOMRef: projectRef, Type: cdx.ComponentTypeApplication, Name: safetext.Valid(p.Name), Version: version,
		},
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{
			Type: cdx.ComponentTypeApplication, Name: "andiron", Version: p.Tool,
		}}},
		Properties: list.orNil(),
	}
}

func (p *Project) components() *[]cdx.Component {
	list := make([]cdx.Component, 0, len(p.Components))
	for i := range p.Components {
		list = append(list, p.Components[i].component())
	}
	slices.SortFunc(list, func(a, b cdx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) })
	return &list
}

func (c *Component) component() cdx.Component {
	out := cdx.Component{
		BOMRef: ref(c.ID), Type: cdx.ComponentTypeLibrary,
		Name: safetext.Valid(c.Name), PackageURL: safetext.Valid(c.PURL),
	}
	var list properties
	out.Version = list.version(c.Version)
	if c.License != "" {
		out.Licenses = &cdx.Licenses{{Expression: safetext.Valid(c.License)}}
	}
	hashes, odd := c.hashes()
	if hashes != nil {
		out.Hashes = &hashes
	}
	list.add("andiron:status", string(c.Status))
	list.add("andiron:reason", c.Reason)
	list.add("andiron:requested", c.Range)
	list.add("andiron:index", c.Index)
	list.add("andiron:where", c.Where.String())
	for _, g := range compact(slices.Clone(c.Groups)) {
		list.add("andiron:group", g)
	}
	for _, h := range odd {
		list.add("andiron:hash", h)
	}
	out.Properties = list.orNil()
	return out
}

// algorithms of lock files that CycloneDX has too, by their length in bytes.
var algorithms = map[string]struct {
	name   cdx.HashAlgorithm
	length int
}{
	"md5": {cdx.HashAlgoMD5, 16}, "sha1": {cdx.HashAlgoSHA1, 20}, "sha256": {cdx.HashAlgoSHA256, 32},
	"sha384": {cdx.HashAlgoSHA384, 48}, "sha512": {cdx.HashAlgoSHA512, 64},
	"sha3_256": {cdx.HashAlgoSHA3_256, 32}, "sha3_384": {cdx.HashAlgoSHA3_384, 48}, "sha3_512": {cdx.HashAlgoSHA3_512, 64},
}

// hashes are sorted, each once; odd are those that CycloneDX cannot carry.
func (c *Component) hashes() (list []cdx.Hash, odd []string) {
	for _, h := range compact(slices.Clone(c.Hashes)) {
		name, value, _ := strings.Cut(h, ":")
		a, ok := algorithms[strings.ToLower(name)]
		if b, err := hex.DecodeString(value); !ok || err != nil || len(b) != a.length {
			odd = append(odd, h)
			continue
		}
		list = append(list, cdx.Hash{Algorithm: a.name, Value: strings.ToLower(value)})
	}
	return list, odd
}

// graph has an element for the project and for each component whose edges are known.
func (p *Project) graph(ids map[string]*Component) (*[]cdx.Dependency, error) {
	direct := []string{}
	list := make([]cdx.Dependency, 0, 1+len(p.Components))
	for i := range p.Components {
		c := &p.Components[i]
		if c.Direct {
			direct = append(direct, ref(c.ID))
		}
		if c.Requires == nil {
			continue
		}
		edges := make([]string, 0, len(c.Requires))
		for _, id := range c.Requires {
			if ids[ref(id)] == nil {
				return nil, fmt.Errorf("bom: component %q depends on %q, which is none", c.ID, id)
			}
			edges = append(edges, ref(id))
		}
		edges = compact(edges)
		list = append(list, cdx.Dependency{Ref: ref(c.ID), Dependencies: &edges})
	}
	slices.SortFunc(list, func(a, b cdx.Dependency) int { return strings.Compare(a.Ref, b.Ref) })
	direct = compact(direct)
	list = slices.Insert(list, 0, cdx.Dependency{Ref: projectRef, Dependencies: &direct})
	return &list, nil
}

// serial is a version 5 UUID of all that the document says.
func serial(doc *cdx.BOM) (string, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return "", err
	}
	h := sha1.New() //nolint:gosec // as above
	h.Write(namespace[:])
	h.Write(b)
	return "urn:uuid:" + version5(h), nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// properties are those that have a value.
type properties []cdx.Property

func (l *properties) add(name, value string) {
	if value != "" {
		*l = append(*l, cdx.Property{Name: name, Value: safetext.Valid(value)})
	}
}

// version returns a version, or makes a property of one that is longer than the schema
// lets it be.
func (l *properties) version(s string) string {
	const longest = 1024
	s = safetext.Valid(s)
	if len(s) <= longest {
		return s
	}
	l.add("andiron:version", s)
	return ""
}

func (l *properties) orNil() *[]cdx.Property {
	if len(*l) == 0 {
		return nil
	}
	return (*[]cdx.Property)(l)
}
