package bom

import (
	"bytes"
	"encoding/json"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"go.yaml.in/yaml/v3"
)

// maxFrontMatter is how far a model card's front matter may reach.
const maxFrontMatter = 1 << 20

// MaxConfig is the size of the largest configuration that is read.
const MaxConfig = 8 << 20

// Card is what a model says of itself, in its model card and its configuration.
type Card struct {
	Architectures []string // classes, such as LlamaForCausalLM
	Family        string   // such as llama
	Task          string   // such as text-generation
	Licenses      []string
	BaseModels    []string
	Datasets      []string
	Tags          []string
}

// ReadCard takes over what the front matter of a README.md says. One that cannot
// be read says nothing: a bill of materials is no place to judge it.
func (c *Card) ReadCard(text []byte) {
	var front struct {
		License  list   `yaml:"license"`
		Name     list   `yaml:"license_name"`
		Base     list   `yaml:"base_model"`
		Datasets list   `yaml:"datasets"`
		Tags     list   `yaml:"tags"`
		Task     scalar `yaml:"pipeline_tag"`
	}
	if yaml.Unmarshal(frontMatter(text), &front) != nil {
		return
	}
	c.Licenses = front.License
	// The Hub has other licences as "other" with a license_name beside it.
	if len(front.License) == 1 && front.License[0] == "other" && len(front.Name) > 0 {
		c.Licenses = front.Name
	}
	c.BaseModels, c.Datasets, c.Tags, c.Task = front.Base, front.Datasets, front.Tags, string(front.Task)
}

// frontMatter is the YAML between the first two lines of dashes.
func frontMatter(text []byte) []byte {
	text = bytes.ReplaceAll(text[:min(len(text), maxFrontMatter)], []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(text, []byte("---\n"))
	if !ok {
		return nil
	}
	front, _, ok := bytes.Cut(rest, []byte("\n---"))
	if !ok {
		return nil
	}
	return front
}

// ReadConfig takes over what a config.json says.
func (c *Card) ReadConfig(text []byte) {
	var config struct {
		Architectures any `json:"architectures"`
		Family        any `json:"model_type"`
	}
	if len(text) > MaxConfig || json.Unmarshal(text, &config) != nil {
		return
	}
	if names, ok := config.Architectures.([]any); ok {
		for _, n := range names {
			if s, ok := n.(string); ok {
				c.Architectures = append(c.Architectures, s)
			}
		}
	}
	c.Family, _ = config.Family.(string)
}

// list is a string or a list of strings; what is neither is left out.
type list []string

// UnmarshalYAML never fails: one odd field shall not cost the others.
func (l *list) UnmarshalYAML(n *yaml.Node) error {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	for _, item := range nodes {
		if item.Kind == yaml.ScalarNode && item.Value != "" && item.Tag != "!!null" {
			*l = append(*l, item.Value)
		}
	}
	return nil
}

type scalar string

// UnmarshalYAML never fails.
func (s *scalar) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		*s = scalar(n.Value)
	}
	return nil
}

func (c *Card) parameters() *cdx.MLModelParameters {
	p := &cdx.MLModelParameters{
		Task: c.Task, ArchitectureFamily: c.Family, ModelArchitecture: strings.Join(c.Architectures, ","),
	}
	if len(c.Datasets) > 0 {
		var sets []cdx.MLDatasetChoice
		for _, name := range c.Datasets {
			sets = append(sets, cdx.MLDatasetChoice{ComponentData: &cdx.ComponentData{Type: cdx.ComponentDataTypeDataset, Name: name}})
		}
		p.Datasets = &sets
	}
	if *p == (cdx.MLModelParameters{}) {
		return nil
	}
	return p
}

// pedigree says what the model was made from.
func (c *Card) pedigree() *cdx.Pedigree {
	var ancestors []cdx.Component
	for _, name := range c.BaseModels {
		ancestors = append(ancestors, cdx.Component{Type: cdx.ComponentTypeMachineLearningModel, Name: name})
	}
	if ancestors == nil {
		return nil
	}
	return &cdx.Pedigree{Ancestors: &ancestors}
}

// spdx are the licences of the Hub that are SPDX licences too, under the name
// that SPDX has for them. Any other is given by its name alone, since CycloneDX
// lets only SPDX identifiers stand as such.
var spdx = map[string]string{
	"afl-3.0": "AFL-3.0", "agpl-3.0": "AGPL-3.0-only", "apache-2.0": "Apache-2.0", "artistic-2.0": "Artistic-2.0",
	"bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "bsd-3-clause-clear": "BSD-3-Clause-Clear",
	"bsl-1.0": "BSL-1.0", "cc-by-2.0": "CC-BY-2.0", "cc-by-2.5": "CC-BY-2.5", "cc-by-3.0": "CC-BY-3.0",
	"cc-by-4.0": "CC-BY-4.0", "cc-by-nc-2.0": "CC-BY-NC-2.0", "cc-by-nc-3.0": "CC-BY-NC-3.0",
	"cc-by-nc-4.0": "CC-BY-NC-4.0", "cc-by-nc-nd-3.0": "CC-BY-NC-ND-3.0", "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0",
	"cc-by-nc-sa-2.0": "CC-BY-NC-SA-2.0", "cc-by-nc-sa-3.0": "CC-BY-NC-SA-3.0", "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
	"cc-by-nd-4.0": "CC-BY-ND-4.0", "cc-by-sa-3.0": "CC-BY-SA-3.0", "cc-by-sa-4.0": "CC-BY-SA-4.0",
	"cc0-1.0": "CC0-1.0", "cdla-permissive-1.0": "CDLA-Permissive-1.0", "cdla-permissive-2.0": "CDLA-Permissive-2.0",
	"cdla-sharing-1.0": "CDLA-Sharing-1.0", "ecl-2.0": "ECL-2.0", "epl-1.0": "EPL-1.0", "epl-2.0": "EPL-2.0",
	"eupl-1.1": "EUPL-1.1", "eupl-1.2": "EUPL-1.2", "gfdl": "GFDL-1.3-only", "gpl-2.0": "GPL-2.0-only",
	"gpl-3.0": "GPL-3.0-only", "isc": "ISC", "lgpl-2.1": "LGPL-2.1-only", "lgpl-3.0": "LGPL-3.0-only",
	"lppl-1.3c": "LPPL-1.3c", "mit": "MIT", "mpl-2.0": "MPL-2.0", "ms-pl": "MS-PL", "ncsa": "NCSA",
	"odbl": "ODbL-1.0", "ofl-1.1": "OFL-1.1", "osl-3.0": "OSL-3.0", "pddl": "PDDL-1.0", "postgresql": "PostgreSQL",
	"unlicense": "Unlicense", "wtfpl": "WTFPL", "zlib": "Zlib",
}

func (c *Card) licenses() *cdx.Licenses {
	var list cdx.Licenses
	for _, name := range c.Licenses {
		l := &cdx.License{Name: name}
		if id, ok := spdx[name]; ok {
			l = &cdx.License{ID: id}
		}
		list = append(list, cdx.LicenseChoice{License: l})
	}
	if list == nil {
		return nil
	}
	return &list
}
