// Package bom writes CycloneDX bills of materials. That of a model has its files with
// their digests, what is known of its architecture, licence and origin, and what
// andiron found. That of a project has the packages that it depends on, the graph of
// them, and their vulnerabilities, with what a waiver says of each.
//
// # Security
//
// Text from model files, dependency files and advisories is data in it, never markup.
// Model cards and configurations are hostile: what in them is not of the expected
// kind is left out. A hash or a version that CycloneDX cannot carry becomes a property
// andiron:hash or andiron:version. A package that nobody could look at has
// andiron:status unauditable and andiron:reason; it is not to be read as clean.
//
// # Limits
//
// A model card is read for [maxFrontMatter] bytes, a configuration for
// [MaxConfig].
//
// # Specification
//
// CycloneDX 1.6 (ECMA-424), JSON; RFC 9562 §5.5 for the serial number. The same
// model gives the same document: there is a timestamp only if one is given.
package bom

import (
	"crypto/sha1" //nolint:gosec // UUID version 5 is defined with it; nothing rests on it
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/andiron-dev/andiron/finding"
)

// Model is what is known of a model.
type Model struct {
	Name  string
	Files []File // sorted by path
	Card  Card
	// Tool is the version of andiron.
	Tool string
	// Time is written as the document's, unless it is zero.
	Time time.Time
}

// File is a file of a model.
type File struct {
	Path   string // slash-separated, relative to the model
	Size   int64
	SHA256 string
	Model  *ModelFile // of files in the format of a model
}

// ModelFile is what andiron knows of a file in the format of a model.
type ModelFile struct {
	Format  string
	Verdict finding.Verdict
	// Tensors counts them; Parameters counts their elements, each only once where
	// tensors share a storage; DTypes are sorted.
	Tensors, Parameters int64
	DTypes              []string
}

// Write writes the document.
func Write(w io.Writer, m Model) error {
	doc := cdx.NewBOM()
	doc.SpecVersion = cdx.SpecVersion1_6
	doc.JSONSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	doc.SerialNumber = "urn:uuid:" + m.uuid()
	doc.Metadata = m.metadata()
	files, refs := m.components()
	doc.Components = &files
	doc.Dependencies = &[]cdx.Dependency{{Ref: modelRef, Dependencies: &refs}}
	enc := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	enc.SetPretty(true)
	enc.SetEscapeHTML(false)
	return enc.EncodeVersion(doc, cdx.SpecVersion1_6)
}

const modelRef = "model"

func (m *Model) metadata() *cdx.Metadata {
	meta := &cdx.Metadata{
		Component: m.component(),
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{
			Type: cdx.ComponentTypeApplication, Name: "andiron", Version: m.Tool,
		}}},
	}
	if !m.Time.IsZero() {
		meta.Timestamp = m.Time.UTC().Format(time.RFC3339)
	}
	return meta
}

// component is the model itself.
func (m *Model) component() *cdx.Component {
	c := &cdx.Component{
		BOMRef: modelRef, Type: cdx.ComponentTypeMachineLearningModel, Name: m.Name,
		Licenses: m.Card.licenses(), Pedigree: m.Card.pedigree(), Properties: m.properties(),
	}
	if p := m.Card.parameters(); p != nil {
		c.ModelCard = &cdx.MLModelCard{ModelParameters: p}
	}
	if len(m.Card.Tags) > 0 {
		c.Tags = &m.Card.Tags
	}
	return c
}

// properties sum up the model's files.
func (m *Model) properties() *[]cdx.Property {
	var sum ModelFile
	var formats []string
	for _, f := range m.Files {
		if f.Model == nil {
			continue
		}
		sum.Verdict = max(sum.Verdict, f.Model.Verdict)
		sum.Tensors += f.Model.Tensors
		sum.Parameters += f.Model.Parameters
		sum.DTypes = append(sum.DTypes, f.Model.DTypes...)
		formats = append(formats, f.Model.Format)
	}
	if formats == nil {
		return nil
	}
	sum.Format, sum.DTypes = strings.Join(compact(formats), ","), compact(sum.DTypes)
	return sum.properties()
}

func compact(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func (f *ModelFile) properties() *[]cdx.Property {
	list := []cdx.Property{
		{Name: "andiron:format", Value: f.Format},
		{Name: "andiron:verdict", Value: f.Verdict.String()},
	}
	if f.Tensors > 0 {
		list = append(list,
			cdx.Property{Name: "andiron:tensors", Value: strconv.FormatInt(f.Tensors, 10)},
			cdx.Property{Name: "andiron:parameters", Value: strconv.FormatInt(f.Parameters, 10)},
			cdx.Property{Name: "andiron:dtypes", Value: strings.Join(f.DTypes, ",")},
		)
	}
	return &list
}

// components are the files.
func (m *Model) components() (list []cdx.Component, refs []string) {
	for _, f := range m.Files {
		c := cdx.Component{
			BOMRef: "file:" + f.Path, Type: cdx.ComponentTypeFile, Name: f.Path,
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: f.SHA256}},
		}
		properties := []cdx.Property{{Name: "andiron:size", Value: strconv.FormatInt(f.Size, 10)}}
		if f.Model != nil {
			properties = append(properties, *f.Model.properties()...)
		}
		c.Properties = &properties
		list, refs = append(list, c), append(refs, c.BOMRef)
	}
	return list, refs
}

// namespace is the UUID of the bills of andiron, made at random once.
var namespace = [16]byte{0x1d, 0x6a, 0x0f, 0x5c, 0x8e, 0x3b, 0x4d, 0x27, 0x9a, 0x51, 0x76, 0xc4, 0xe2, 0x90, 0x3f, 0xb8}

// uuid is a version 5 UUID of the names and digests, so that the same model has
// the same one.
func (m *Model) uuid() string {
	h := sha1.New() //nolint:gosec // as above
	h.Write(namespace[:])
	_, _ = fmt.Fprintf(h, "%q\n", m.Name) // a hash takes everything
	for _, f := range m.Files {
		_, _ = fmt.Fprintf(h, "%q %s\n", f.Path, f.SHA256)
	}
	return version5(h)
}

// version5 makes a UUID of what was written to a SHA-1 hash.
func version5(h hash.Hash) string {
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 5<<4
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// IsCard reports whether a path is that of a model card.
func IsCard(p string) bool { return path.Base(p) == p && strings.EqualFold(p, "README.md") }

// IsConfig reports whether a path is that of a Hugging Face configuration.
func IsConfig(p string) bool { return p == "config.json" }
