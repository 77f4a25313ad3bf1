package deps

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"

	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// relocked says how a file is locked that andiron deps lock makes no lock of.
var relocked = map[manifest.Kind]string{
	manifest.PDMLock:       "pdm lock",
	manifest.Pipfile:       "pipenv lock",
	manifest.PipfileLock:   "pipenv lock",
	manifest.CondaEnv:      "lock the environment with conda-lock",
	manifest.CondaLock:     "lock the environment with conda-lock",
	manifest.CondaExplicit: "lock the environment with conda-lock",
	manifest.SetupCfg:      "list what is asked for here in a requirements.in beside it, and make its lock with andiron deps lock",
	manifest.SetupPy:       "list what is asked for here in a requirements.in beside it, and make its lock with andiron deps lock",
	manifest.Dockerfile:    "install a lock that andiron deps lock made, with pip install --require-hashes -r",
	manifest.Notebook:      "install a lock that andiron deps lock made, with pip install --require-hashes -r",
}

// relock is what locks what a file of a set asks for: the command, or else what to do, and
// empty where nothing is known of it. What other files name is locked with them, but a
// container file or a notebook has no lock, and has to install that of the file.
func (p *Project) relock(s *Set, f *manifest.File, flags string) string {
	if relocked[s.Kind] == "" {
		return p.command("lock", p.source(s), s.Kind, flags)
	}
	command := p.command("lock", f, f.Kind, flags)
	if f.Path == s.Path || command == "" {
		return relocked[s.Kind]
	}
	return fmt.Sprintf("%s, and have %s install %s with --require-hashes", command, path.Base(s.Path), path.Base(manifest.LockName(f.Path)))
}

// updates is what updates torch in a set that has it from an index, or empty where andiron
// cannot. The update asks the index that files name, and a lock names the one that it was
// made with, unless it is one of poetry.
func (p *Project) updates(s *Set, index string) string {
	of := p.source(s)
	command := p.command("update", of, s.Kind, "")
	switch {
	case relocked[s.Kind] != "" || command == "":
		return ""
	case index != "":
		return command
	case s.Kind == manifest.PoetryLock || s.Tool == "poetry":
		return p.command("update", of, s.Kind, " --index-url <the index that poetry installs from>")
	}
	return p.command("lock", of, s.Kind, "") + ", and then " + command
}

// command locks or updates a file whose lock has one form.
func (p *Project) command(verb string, of *manifest.File, form manifest.Kind, flags string) string {
	name := p.fromRoot(of.Path)
	if of.Kind != manifest.Requirements && of.Kind != manifest.PyProject || name == "" {
		return ""
	}
	switch {
	case of.Kind == form:
	case form == manifest.Requirements:
		flags += " --form requirements"
	case form == manifest.PyLock:
		flags += " --form pylock"
	}
	command := "andiron deps " + verb + flags + " --input " + safetext.Word(name)
	if p.Root != "." {
		command += " " + safetext.Word(filepath.ToSlash(p.Root))
	}
	return command
}

// source is what a lock was made of, or a file itself where it is no lock of another.
func (p *Project) source(s *Set) *manifest.File {
	if s.made == nil {
		for _, other := range p.Sets {
			if fixes(s.File, other.File) {
				s.made = other.File
				break
			}
		}
		s.made = cmp.Or(s.made, s.File)
	}
	return s.made
}
